"""A period cut into buckets: whole days in the zone for a week and longer, hours for a day, minutes for less.

A local day is one bucket on the days the clocks change too, and a bucket's slot is its weekday or hour on the clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.model import DAY, HOUR, MINUTE, CalendarPeriod, Period
from rules.periods import bounds, to_local, to_micros

_AT_LEAST, _MOST = 5, 1_000  # buckets in a period


class Grid(NamedTuple):
    """How a period is cut: `slots` buckets make a cycle, after `season` buckets the course is alike (0: never)."""

    width: int
    slots: int
    season: int


class Cut(NamedTuple):
    """The edges of a period's buckets, one more than there are buckets, and the slot of each bucket."""

    edges: Sequence[int]
    slots: Sequence[int]


@lru_cache(maxsize=256)  # one that all of them share
def grid_of(length: int) -> Grid:
    """The widest natural bucket of which a period of this length has at least five; no more than `_MOST` of any."""
    if length > _MOST * DAY:
        return Grid(length // _MOST, 1, 0)
    if length >= _AT_LEAST * DAY:
        return Grid(DAY, 7, 364)
    if length >= _AT_LEAST * HOUR:
        return Grid(HOUR, 24, 7 * 24)
    for width in (5 * MINUTE, MINUTE):
        if length >= _AT_LEAST * width:
            return Grid(width, 1, 0)
    return Grid(max(length // 30, 1), 1, 0)


@lru_cache(maxsize=1024)  # many instances have the same periods
def cut(start: int, end: int, grid: Grid, zone: str) -> Cut:
    """The buckets from `start` to `end`; the first and the last may be shorter than the others."""
    if grid.width != DAY:
        edges = [*range(start, end, grid.width), end]
        return Cut(edges, [_hour(edge, zone) for edge in edges[:-1]] if grid.width == HOUR else [0] * (len(edges) - 1))
    first, last = to_local(start, zone).date(), to_local(end - 1, zone).date()
    edges = [start]
    for year in range(first.year, last.year + 1):
        days = midnights(year, zone)
        edges += days[bisect_right(days, start) : bisect_right(days, end - 1)]
    weekday = first.weekday()
    return Cut([*edges, end], [(weekday + i) % 7 for i in range(len(edges))])


@lru_cache(maxsize=256)
def midnights(year: int, zone: str) -> list[int]:
    """The start of each day of a year; where the clocks skip midnight, the instant of the change."""
    first, tz = date(year, 1, 1), ZoneInfo(zone)
    days = (first + timedelta(i) for i in range((date(year + 1, 1, 1) - first).days))
    return [to_micros(datetime(day.year, day.month, day.day, tzinfo=tz)) for day in days]


def _hour(micros: int, zone: str) -> int:
    return to_local(micros, zone).hour


@lru_cache(maxsize=1024)
def before(per: Period, start: int, end: int, zone: str) -> tuple[int, int]:
    """The period before the one from `start` to `end`: the calendar's, else one of the same length."""
    if isinstance(per, CalendarPeriod):
        return bounds(per, start - 1, zone)
    return start - (end - start), start
