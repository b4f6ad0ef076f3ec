"""Time intervals: whether the calendar says that nothing is to be told now.

Source: https://prometheus.io/docs/alerting/latest/configuration/#time_interval-0. One thing is more than there: a time
range whose end is before its start goes on over midnight, and belongs to the day it began on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from rules.model import HOUR, MINUTE
from rules.periods import to_local

Range = tuple[int, int]  # both included, but for the end of a time range

_DAY_MINUTES = 24 * 60
_AHEAD = 25  # hours, so that it passes one of every boundary of a day


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """All fields that are given must hold, of each at least one range.

    Times are minutes of the day, weekdays count from Sunday = 0, negative days of the month from its end.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    zone: str = "UTC"


def contains(interval: TimeInterval, at: int) -> bool:
    """Whether the time (UTC microseconds) lies in the interval."""
    local = to_local(at, interval.zone)
    minute, today = local.hour * 60 + local.minute, local.date()
    if not interval.times:
        return _on(interval, today)
    for start, end in interval.times:
        if start < end:
            if start <= minute < end and _on(interval, today):
                return True
        elif (minute >= start and _on(interval, today)) or (minute < end and _on(interval, today - timedelta(days=1))):
            return True
    return False


def _on(interval: TimeInterval, day: date) -> bool:
    return (
        _within(interval.weekdays, day.isoweekday() % 7)
        and _within(interval.months, day.month)
        and _within(interval.years, day.year)
        and (not interval.days_of_month or any(_in_month(days, day) for days in interval.days_of_month))
    )


def _within(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(
        first <= value <= last if first <= last else value >= first or value <= last for first, last in ranges
    )


def _in_month(days: Range, day: date) -> bool:
    length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    first, last = (length + 1 + number if number < 0 else number for number in days)
    return first <= day.day <= last


def active(intervals: Iterable[TimeInterval], at: int) -> bool:
    """Whether one of them holds."""
    return any(contains(interval, at) for interval in intervals)


def look_again(intervals: tuple[TimeInterval, ...], at: int) -> int:
    """When what `active` says of them may change next: the first time it does, at most a day ahead."""
    now = active(intervals, at)
    latest = at - at % HOUR + _AHEAD * HOUR
    # Clocks change on the hour or, in Newfoundland and on Lord Howe Island, at half past.
    moments = {at - at % HOUR + halves * HOUR // 2 for halves in range(1, 2 * _AHEAD)}
    for interval in intervals:
        local = to_local(at, interval.zone)
        midnight = at - (local.hour * 60 + local.minute) * MINUTE - at % MINUTE
        for minute in {0, *(edge for span in interval.times for edge in span)}:
            # On a day the clocks change, midnight was up to two hours earlier or later than it seems: that is at Troll.
            days = {midnight + (d * _DAY_MINUTES + minute) * MINUTE for d in (0, 1, 2)}
            moments |= {moment + halves * HOUR // 2 for moment in days for halves in range(-4, 5)}
    later = sorted(moment for moment in moments if at < moment < latest)
    return next((moment for moment in later if active(intervals, moment) != now), latest)


def local_minute(text: str) -> int:
    """Minutes of the day of `HH:MM`, 24:00 included. Raises ValueError."""
    hour, _, minute = text.partition(":")
    if not (len(hour) == len(minute) == 2 and text.replace(":", "").isdecimal()):
        raise ValueError(f"{text!r} is not a time of day; write for example 09:30")
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > _DAY_MINUTES:
        raise ValueError(f"{text!r} is not a time of day; the last one is 24:00")
    return found
