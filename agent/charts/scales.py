"""Ticks and their words: numbers with thousands separated, dates as people say them in the target's zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

from rules.model import DAY, HOUR, MINUTE, SECOND
from rules.words import number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGE = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
_SPANS = tuple(n * SECOND for n in (1, 2, 5, 10, 15, 30)) + tuple(n * MINUTE for n in (1, 2, 5, 10, 15, 30))
_HOURS = (1, 2, 3, 4, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)

Tick = tuple[int, str]
"""Time in UTC microseconds, and what stands under it (two lines where the day or year begins)."""


def figure_text(value: float, unit: str = "") -> str:
    """A number for a label; from ten million on in millions, billions or trillions."""
    size = abs(value)
    for scale, letter in _LARGE:
        if size >= scale and size >= 1e7 and size < 1e15:
            text = number(round(value / scale, 2 if size < 100 * scale else 0)) + letter
            return f"{text} {unit}" if unit else text
    if size >= 1000:
        value = round(value)
    return number(value, unit)


def number_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers from low to high, about so many of them."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    magnitude = 10.0 ** floor(log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def local(micros: int, zone: str) -> datetime:
    """The wall time in a zone."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(ZoneInfo(zone))


def _micros(moment: datetime) -> int:
    return round((moment - _EPOCH) / timedelta(microseconds=1))


def date_ticks(start: int, end: int, zone: str, most: int = 8) -> list[Tick]:
    """At most `most` ticks at round local times with start <= time <= end; the first tells the day if no other does."""
    ticks = list(_ticks(start, end, zone, most))
    if ticks and end - start < 3 * DAY and not any("\n" in words for _, words in ticks):
        time, words = ticks[0]
        ticks[0] = time, f"{words}\n{_day(local(time, zone))}"
    return ticks


def _ticks(start: int, end: int, zone: str, most: int) -> Iterable[Tick]:
    span = end - start
    for step in _SPANS:
        if span <= step * most:
            return _clock_ticks(start, end, zone, step)
    for hours in _HOURS:
        if span <= hours * HOUR * most:
            return _hour_ticks(start, end, zone, hours)
    for days in _DAYS:
        if span <= days * DAY * (most - 0.5):
            return _day_ticks(start, end, zone, days)
    months = next((m for m in _MONTHS if span <= m * 30.5 * DAY * most), _MONTHS[-1])
    return _month_ticks(start, end, zone, months)


def _clock_ticks(start: int, end: int, zone: str, step: int) -> list[Tick]:
    form = "%H:%M:%S" if step < MINUTE else "%H:%M"
    first = -(-start // step) * step
    return [(time, f"{local(time, zone):{form}}") for time in range(first, end + 1, step)]


def _hour_ticks(start: int, end: int, zone: str, hours: int) -> Iterator[Tick]:
    first = -(-start // (HOUR // 2)) * (HOUR // 2)  # zones with half hours exist
    for time in range(first, end + 1, HOUR // 2):
        moment = local(time, zone)
        if moment.minute == 0 and moment.hour % hours == 0:
            yield time, f"{moment:%H:%M}" + (f"\n{_day(moment)}" if moment.hour == 0 else "")


def _day_ticks(start: int, end: int, zone: str, days: int) -> Iterator[Tick]:
    day = local(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while _micros(day) <= end:
        early_enough = days == 1 or day.day <= 29 - days // 2 or (day + timedelta(days=days)).month == day.month
        if (day.day - 1) % days == 0 and early_enough and _micros(day) >= start:
            yield _micros(day), _day(day)
        day = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=day.tzinfo)


def _month_ticks(start: int, end: int, zone: str, months: int) -> Iterator[Tick]:
    first = local(start, zone)
    index = first.year * 12 + first.month - 1
    while True:
        month = datetime(index // 12, index % 12 + 1, 1, tzinfo=ZoneInfo(zone))
        time = _micros(month)
        if time > end:
            return
        if time >= start and index % months == 0:
            yield time, f"{month:%b}\n{month:%Y}" if month.month == 1 else f"{month:%b}"
        index += 1


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


def moment_text(micros: int, zone: str, span: int) -> str:
    """A single time, as exactly as a chart over `span` needs it."""
    moment = local(micros, zone)
    if span > 3 * DAY:
        return _day(moment)
    return f"{moment:%H:%M:%S}" if span < 10 * MINUTE else f"{moment:%H:%M}"
