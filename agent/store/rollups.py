"""What is left of readings that were rolled up: a row for each hour or day (UTC) of a series.

Every reading is in one place: as it came, in the roll-up of its hour, or in that of its day. Readings without a value
are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import itemgetter
from typing import NamedTuple

from agent.store.connection import Connection
from agent.store.rows import insert
from rules.model import DAY, HOUR

Known = tuple[int, float]
_TIME, _VALUE = itemgetter(0), itemgetter(1)


class Rollup(NamedTuple):
    """The readings of one stretch that begins at `start`: how many, their sum, and four of them with their times.

    `sum` is None where it is no number. Of several lowest or highest it has the earliest.
    """

    start: int
    readings: int
    sum: float | None
    low: float
    low_at: int
    high: float
    high_at: int
    first: float
    first_at: int
    last: float
    last_at: int

    @property
    def times(self) -> frozenset[int]:
        """Those that are still known."""
        return frozenset((self.low_at, self.high_at, self.first_at, self.last_at))


KEY = ("series_id", "width", "start")
COLUMNS = (*KEY, *Rollup._fields[1:])
PUT = insert("rollups", COLUMNS, KEY, replace=True)
_SELECT = f"SELECT width, {', '.join(Rollup._fields)} FROM rollups WHERE series_id = ?"
_WITHIN = f"{_SELECT} AND width <= ? AND start >= ? AND start < ? ORDER BY start, width"
_OVER = f"{_SELECT} AND start > ? AND start < ? ORDER BY start, width"


def within(connection: Connection, series: int, widest: int, span: tuple[int, int]) -> list[tuple[int, Rollup]]:
    """Those that begin in a span and are no wider than that, with their widths."""
    return [(row[0], Rollup(*row[1:])) for row in map(tuple, connection.execute(_WITHIN, (series, widest, *span)))]


def over(connection: Connection, series: int, span: tuple[int, int]) -> list[Rollup]:
    """Those that reach into a span, in order."""
    rows = map(tuple, connection.execute(_OVER, (series, span[0] - DAY, span[1])))
    return [Rollup(*row[1:]) for row in rows if row[1] + row[0] > span[0]]


def summed(start: int, readings: Sequence[Known]) -> Rollup:
    """The roll-up of at least one reading."""
    low, high = min(readings, key=lambda one: (one[1], one[0])), min(readings, key=lambda one: (-one[1], one[0]))
    first, last = min(readings, key=_TIME), max(readings, key=_TIME)
    return Rollup(
        start, len(readings), _sum(map(_VALUE, readings)),
        low[1], low[0], high[1], high[0], first[1], first[0], last[1], last[0],
    )  # fmt: skip


def _sum(values: Iterable[float]) -> float | None:
    try:
        total = math.fsum(values)
    except (OverflowError, ValueError):  # too large, or infinite in both directions
        return None
    return None if math.isnan(total) else total


def joined(one: Rollup, other: Rollup) -> Rollup:
    """That of the readings of both. At the same time the reading of the second counts."""
    low = min((one.low, one.low_at), (other.low, other.low_at))
    high = min((-one.high, one.high_at), (-other.high, other.high_at))
    first = min(other, one, key=lambda each: each.first_at)
    last = max(other, one, key=lambda each: each.last_at)
    total = None if one.sum is None or other.sum is None else _sum((one.sum, other.sum))
    return Rollup(
        min(one.start, other.start), one.readings + other.readings, total, *low, -high[0], high[1],
        first.first, first.first_at, last.last, last.last_at,
    )  # fmt: skip


def with_late(known: Rollup, late: Sequence[Known]) -> Rollup:
    """A roll-up after readings came whose stretch was rolled up before.

    Whether one of them revises one that is gone can't be known. Where they hold a time that is still known, they are
    taken for the same readings told again: as many, or more, take its place, fewer only widen it. All others are new.
    """
    if not late:
        return known
    fresh = summed(known.start, late)
    if known.times.isdisjoint(map(_TIME, late)):
        return joined(known, fresh)
    if fresh.readings >= known.readings:
        return fresh
    return joined(known, fresh)._replace(readings=known.readings, sum=known.sum)


def folded(start: int, readings: Sequence[Known], hours: Sequence[Rollup], known: Rollup | None) -> Rollup | None:
    """The roll-up of a stretch: of what was rolled up of it `known`, of its hours, and of its readings.

    None if there are none of them.
    """
    parts = []
    for hour in hours:
        parts.append(with_late(hour, [one for one in readings if hour.start <= one[0] < hour.start + HOUR]))
        readings = [one for one in readings if not hour.start <= one[0] < hour.start + HOUR]
    if known is not None:
        parts.append(with_late(known, readings))
    elif readings:
        parts.append(summed(start, readings))
    return reduce(joined, parts)._replace(start=start) if parts else None
