"""Rolling up old readings, a little at a time, so that nobody waits for it.

What there is to do is found by a reading connection. Each step is one job of the writer, in one transaction: what it
removes is in the roll-up then, or both are as before. It takes what is there when it runs, so it may run twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import NamedTuple

from agent.store.connection import Connection
from agent.store.keeping import Retention
from agent.store.rollups import PUT, Known, Rollup, folded, within
from agent.store.rows import series_of
from rules.held import NEWEST
from rules.model import DAY, HOUR, Series
from rules.specs import Reach
from rules.tracks import PAST_MOST

CHUNK = 2_000
"""How many readings one transaction rolls up or removes, or those of one hour or day, if it has more.

A roll-up of an hour is as much work as `FEW` of them.
"""

FEW = 4
"""So many readings take less room as they are than the roll-up of their hour or day, so they stay for another age."""

_BEGINNING = -(2**63)
_FLOOR = "{0} - (({0} % :width) + :width) % :width"  # % takes the sign of the time
_FOUND = (
    "SELECT start, sum(raw) AS raw, sum(hours) AS hours FROM ("
    f" SELECT {_FLOOR.format('time')} AS start, 1 AS raw, 0 AS hours FROM readings"
    "  WHERE series_id = :series AND time >= :first AND time < :raw_end AND time <> :held UNION ALL"
    f" SELECT {_FLOOR.format('start')} AS start, 0 AS raw, 1 AS hours FROM rollups"
    "  WHERE series_id = :series AND width < :width AND start >= :first AND start < :end"
    f") AS found GROUP BY start HAVING sum(raw) > {FEW} OR sum(hours) > 0 OR EXISTS ("
    " SELECT 1 FROM rollups WHERE series_id = :series AND width = :width AND start = found.start) ORDER BY start"
)
_RAW = "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND time < ? AND time <> ? ORDER BY time"
_REMOVE_RAW = "DELETE FROM readings WHERE series_id = ? AND time >= ? AND time < ? AND time <> ?"
_REMOVE_HOURS = "DELETE FROM rollups WHERE series_id = ? AND width < ? AND start >= ? AND start < ?"
_NTH = "SELECT min(time) FROM (SELECT time FROM readings WHERE series_id = ? ORDER BY time DESC LIMIT ?) AS newest"
_NTH_VALUE = _NTH.replace("ORDER", "AND value IS NOT NULL ORDER")
_PAST = (
    "SELECT min(time) FROM (SELECT time FROM readings WHERE series_id = ? AND time >= ? AND time < ?"
    f" ORDER BY time DESC LIMIT {PAST_MOST + 1}) AS past"
)
_HELD = "SELECT time FROM readings WHERE series_id = ? AND time < ? AND value IS NOT NULL ORDER BY time DESC LIMIT 1"
_OLD = "SELECT 1 FROM readings WHERE series_id = ? AND time < ? AND time <> ? LIMIT 1"
_REMOVE_OLD = (
    "DELETE FROM readings WHERE series_id = :series AND time IN (SELECT time FROM readings"
    f" WHERE series_id = :series AND time < :before AND time <> :held ORDER BY time LIMIT {CHUNK})"
)
_OLD_ROLLUPS = "SELECT 1 FROM rollups WHERE series_id = ? AND start + width <= ? LIMIT 1"
_REMOVE_ROLLUPS = "DELETE FROM rollups WHERE series_id = ? AND start + width <= ?"

Step = Callable[[Connection], int]
Keep = Callable[[Series], Retention]


class Held(NamedTuple):
    """Readings that stay as they are: those since `needed`, those since `newest`, and the one at `value`."""

    needed: int
    newest: int
    value: int


class Stretch(NamedTuple):
    """Hours or days of a series, one after another, that are rolled up together, but for what is held."""

    series: int
    width: int
    start: int
    end: int
    held: Held

    @property
    def raw(self) -> tuple[int, int, int, int]:
        """The readings in it, as statements have them."""
        return self.series, self.start, min(self.end, self.held.newest), self.held.value


def all_series(connection: Connection) -> list[tuple[int, Series]]:
    """The numbers of all series, in order."""
    rows = connection.execute("SELECT id, name, labels FROM series ORDER BY id")
    return [(row[0], series_of(row[1], row[2])) for row in rows]


def steps(connection: Connection, series: int, kept: Retention, now: int, reach: Reach | None) -> list[Step]:
    """What there is to do for a series, each until it gives 0. What is within `reach` before `now` stays as it is."""
    held = _held(connection, series, now, reach)
    found = list(_removing(connection, series, now - kept.daily, held))
    by_day = _floor(min(held.needed, now - kept.hourly), DAY)
    spans = [(DAY, now - kept.daily, by_day)] if kept.daily > kept.hourly else []
    spans += [(HOUR, by_day, _floor(min(held.needed, now - kept.raw), HOUR))] if kept.hourly > kept.raw else []
    for width, first, end in spans:
        whole = Stretch(series, width, _floor(first, width), end, held)
        found += [partial(_roll_up, stretch) for stretch in _stretches(connection, whole)]
    return found


def _floor(time: int, width: int) -> int:
    return max(time - time % width, _BEGINNING)


def _held(connection: Connection, series: int, now: int, reach: Reach | None) -> Held:
    """What a restart reads; of a series that nothing needs its newest reading and its newest value."""
    many = 1 if reach is None else NEWEST
    firsts = [connection.execute(sql, (series, many)).fetchone()[0] for sql in (_NTH, _NTH_VALUE)[: 2 if reach else 1]]
    newest = min((int(first) for first in firsts if first is not None), default=_BEGINNING)
    needed, valued_before = now, newest + 1
    if reach is not None:
        start = now - reach.horizon
        past = connection.execute(_PAST, (series, now - max(reach), start)).fetchone()[0]
        needed = valued_before = start if past is None else int(past)
    value = connection.execute(_HELD, (series, valued_before)).fetchone()
    return Held(needed, newest, _BEGINNING if value is None else int(value[0]))


def _removing(connection: Connection, series: int, before: int, held: Held) -> Iterator[Step]:
    old = {"series": series, "before": min(before, held.needed, held.newest), "held": held.value}
    if connection.execute(_OLD, tuple(old.values())).fetchone():
        yield lambda connection: connection.execute(_REMOVE_OLD, old).rowcount
    if connection.execute(_OLD_ROLLUPS, (series, before)).fetchone():
        yield lambda connection: connection.execute(_REMOVE_ROLLUPS, (series, before)).rowcount


def _stretches(connection: Connection, whole: Stretch) -> Iterator[Stretch]:
    """The parts of a span that are to be rolled up, none with much more than CHUNK readings."""
    series, width, first, end, held = whole
    given = {"series": series, "width": width, "first": first, "end": end}
    given |= {"raw_end": min(end, held.newest), "held": held.value}
    start = last = _BEGINNING
    size = 0
    for begin, raw, hours in map(tuple, connection.execute(_FOUND, given)):
        if size and (begin != last or size + raw + FEW * hours > CHUNK):
            yield Stretch(series, width, start, last, held)
            size = 0
        start, last = begin if not size else start, begin + width
        size += raw + FEW * hours or 1
    if size:
        yield Stretch(series, width, start, last, held)


def _roll_up(stretch: Stretch, connection: Connection) -> int:
    """Puts roll-ups where readings and narrower roll-ups were; returns how many of those are gone."""
    series, width, first, end, _ = stretch
    rows = list(connection.values(_RAW, stretch.raw))
    rolled = within(connection, series, width, (first, end))
    if not rows and all(wide == width for wide, _ in rolled):
        return 0
    readings: Mapping[int, list[Known]] = {
        start: [(time, value) for time, value in some if value is not None]
        for start, some in groupby(rows, lambda row: _floor(row[0], width))
    }
    known = {one.start: one for wide, one in rolled if wide == width}
    hours: dict[int, list[Rollup]] = {}
    for wide, one in rolled:
        if wide < width:
            hours.setdefault(_floor(one.start, width), []).append(one)
    made = (
        folded(start, readings.get(start, ()), hours.get(start, ()), known.get(start))
        for start in sorted(readings.keys() | hours)
    )
    connection.execute(_REMOVE_RAW, stretch.raw)
    connection.execute(_REMOVE_HOURS, (series, width, first, end))
    connection.executemany(PUT, [(series, width, *one) for one in made if one is not None])
    return len(rows) + sum(map(len, hours.values()))
