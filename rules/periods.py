"""Where a period begins and ends, in a zone, on the days the clocks change too."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.model import DAY, HOUR, MINUTE, SECOND, CalendarPeriod, FixedPeriod, Period, RollingPeriod

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_UNSURE = 3 * HOUR  # of a day's beginning the clock may be set back to the day before
_latest: dict[
    tuple[str, str], tuple[int, int]
] = {}  # the period asked for last, by unit and zone: mostly it is so again


def to_micros(moment: datetime) -> int:
    """UTC microseconds of an aware datetime. A local time that the clocks skip means the instant of the change."""
    return (moment.astimezone(UTC) - EPOCH) // MICROSECOND


def to_local(micros: int, zone: str) -> datetime:
    """The aware local datetime of UTC microseconds."""
    seconds, rest = divmod(micros, SECOND)
    moment = datetime.fromtimestamp(seconds, ZoneInfo(zone))  # by a float it would be rounded
    return moment.replace(microsecond=rest) if rest else moment


def bounds(period: Period, now: int, zone: str) -> tuple[int, int]:
    """Start (inclusive) and end (exclusive) of the period that `now` is in, in UTC microseconds."""
    if isinstance(period, FixedPeriod):
        return period.start, period.end
    if isinstance(period, CalendarPeriod):
        known = _latest.get((period.unit, zone))
        if period.unit == "hour":
            if known is None or not known[0] <= now < known[1]:
                known = _latest["hour", zone] = _hour(now // MINUTE, zone)
            return known
        if known is not None and known[0] + _UNSURE <= now < known[1]:
            return known
        found = _of_day(period.unit, now, zone)
        if now >= found[1]:  # the clock was set back to the day before: the new day, once begun, goes on
            found = _of_day(period.unit, found[1], zone)
        _latest[period.unit, zone] = found
        return found
    return now - period.length, now


def period_name(unit: str, start: int, zone: str) -> str:
    """What the calendar period that begins at `start` is called; an hour has no name.

    `2026-01-31`, `2026-W05` (ISO 8601), `2026-01`, `2026-Q1`, `2026`.
    """
    day = to_local(start, zone)
    if unit == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04}-W{week:02}"
    if unit == "quarter":
        return f"{day.year:04}-Q{(day.month + 2) // 3}"
    return {"day": f"{day:%Y-%m-%d}", "month": f"{day:%Y-%m}"}.get(unit, f"{day.year:04}")


_NAMES = {
    "day": re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9][0-9])-(?P<day>[0-9][0-9])"),
    "week": re.compile(r"(?P<year>[0-9]{4})-W(?P<week>[0-9][0-9])"),
    "month": re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9][0-9])"),
    "quarter": re.compile(r"(?P<year>[0-9]{4})-Q(?P<quarter>[1-4])"),
    "year": re.compile(r"(?P<year>[0-9]{4})"),
}


def is_period_name(unit: str, text: str) -> bool:
    """Whether a calendar period of this kind may be called so."""
    match = _NAMES[unit].fullmatch(text) if unit in _NAMES else None
    if match is None:
        return False
    said = {name: int(number) for name, number in match.groupdict().items()}
    try:
        if unit == "week":
            datetime.fromisocalendar(said["year"], said["week"], 1)
        else:
            datetime(said["year"], said.get("month", 1), said.get("day", 1), tzinfo=UTC)
    except ValueError:
        return False
    return True


def shifted(now: int, back: int, zone: str) -> int:
    """The instant `back` before now: whole days are days of the zone's calendar, the rest is absolute.

    So seven days ago is the same local time, also across a change of the clocks. Of a local time that was there
    twice the first is meant, one that was skipped moves on by what was skipped.
    """
    days, rest = divmod(back, DAY)
    if days:
        now = to_micros(to_local(now, zone).replace(fold=0) - timedelta(days=days))
    return now - rest


@lru_cache(maxsize=1024)
def _hour(minute: int, zone: str) -> tuple[int, int]:
    """From one full hour on the clock to the next: where the clocks change by half an hour, that takes 90 minutes."""
    now = minute * MINUTE
    start = _full_hour(now, _ahead(now, zone))
    end = start + HOUR
    if not _is_full(start, zone):  # the clocks changed since
        start = _full_hour(now, _ahead(start, zone))
        start -= 0 if _is_full(start, zone) else HOUR
    if not _is_full(end, zone):  # they change before
        end = _full_hour(now, _ahead(end, zone)) + HOUR
        end += 0 if _is_full(end, zone) else HOUR
    return start, end


def _full_hour(now: int, ahead: int) -> int:
    return (now + ahead) // HOUR * HOUR - ahead


def _is_full(micros: int, zone: str) -> bool:
    return (micros + _ahead(micros, zone)) % HOUR == 0


def _ahead(micros: int, zone: str) -> int:
    """How far the clock of the zone is ahead of UTC then."""
    return (to_local(micros, zone).utcoffset() or timedelta()) // MICROSECOND


def _of_day(unit: str, now: int, zone: str) -> tuple[int, int]:
    local = to_local(now, zone)
    return _days(unit, local.year, local.month, local.day, zone)


@lru_cache(maxsize=4096)
def _days(unit: str, year: int, month: int, day: int, zone: str) -> tuple[int, int]:
    tz = ZoneInfo(zone)
    first = _first_day(unit, datetime(year, month, day, tzinfo=tz))
    return to_micros(first), to_micros(_next_first_day(unit, first))


def _first_day(unit: str, day: datetime) -> datetime:
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1)


def _next_first_day(unit: str, first: datetime) -> datetime:
    if unit in {"day", "week"}:
        return first + timedelta(days=1 if unit == "day" else 7)
    months = first.month - 1 + {"month": 1, "quarter": 3, "year": 12}[unit]
    return first.replace(year=first.year + months // 12, month=months % 12 + 1)


def look_within(now: int, per: Period, start: int | None, end: int | None, newest: int | None) -> int | None:
    """A period's pace falls while nothing comes in; it is looked at about 200 times a period, and when it is over."""
    if start is None or end is None:
        return None
    soon = next_look(now, look_every(start, end), newest)
    return soon if end <= now or isinstance(per, RollingPeriod) else min(soon, end)


def look_every(start: int, end: int) -> int:
    """How far apart the looks at a period are."""
    return min(max((end - start) // 200, 10 * SECOND), 15 * MINUTE)


def next_look(now: int, every: int, newest: int | None) -> int:
    """The first look after `now` while no reading comes: they are `every` so long from the time of the newest one on.

    So one that comes beside them, as after a restart, moves none of them. Without a reading they are counted from 1970.
    """
    return now + every - (now - (newest or 0)) % every


def last_look(before: int, every: int, newest: int | None) -> int:
    """The last of the same looks before a time."""
    return next_look(before - 1 - every, every, newest)


def told(time: int, gap: int, zone: str) -> int:
    """Up to when a reading tells: to the end of its day or hour where there is about one of each, else to the next."""
    if abs(gap - HOUR) <= HOUR // 10:
        return bounds(CalendarPeriod("hour"), time, zone)[1]
    if gap < DAY - DAY // 10:
        return time + gap
    # Of the clock: a day on which the clocks change is covered by its reading too.
    local, days = to_local(time, zone), timedelta(microseconds=gap)
    if abs(gap - DAY) <= DAY // 10:
        local, days = local.replace(hour=0, minute=0, second=0, microsecond=0), timedelta(days=1)
    return to_micros(local + days)
