"""Reading back readings: straight from the driver, by range of the primary key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import orjson

from agent.store import rollups
from agent.store.connection import LISTED, Connection, Value
from agent.store.rollups import Rollup
from agent.store.rows import labels_text, series_of
from rules.model import HOUR, Reading, Series

Held = tuple[Series, tuple[int, ...], tuple[float | None, ...]]  # a series, times that rise, values
Gone = tuple[Series, int, int]  # a series, since when and until when its readings are rolled up
_SERIES = f"SELECT id, name, labels FROM series WHERE name IN {LISTED}"
_END_OF_TIME = 2**63 - 1
_NEWEST = "SELECT time, value FROM readings WHERE series_id = ? ORDER BY time DESC LIMIT 1"
_NEWEST_VALUE = (
    "SELECT time, value FROM readings WHERE series_id = ? AND time < ? AND value IS NOT NULL ORDER BY time DESC LIMIT 1"
)
_NEWEST_OF = (
    "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT ?"
)
_NEWEST_VALUES = _NEWEST_VALUE.replace("LIMIT 1", "LIMIT ?")
_VALUES_SINCE = "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND value IS NOT NULL ORDER BY time"
_RANGE = "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND time < ? ORDER BY time"


def _named(connection: Connection, names: Iterable[str]) -> list[tuple[Series, int]]:
    own = {name: name for name in names}  # thousands of series are kept: with the very names that are asked for
    found = connection.execute(_SERIES, (orjson.dumps(list(own)).decode(),))
    return sorted((series_of(own[row["name"]], row["labels"]), row["id"]) for row in found)


def received(connection: Connection, messages: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (source, id of a message) that were taken in."""
    sql = "SELECT 1 FROM receipts WHERE source = ? AND message = ?"
    return {message for message in messages if connection.execute(sql, message).fetchone()}


def latest(connection: Connection, names: Iterable[str]) -> list[Reading]:
    """The newest reading of each series; where it has no value, the newest that has one comes before it."""
    out: list[Reading] = []
    for series, number in _named(connection, names):
        newest = connection.execute(_NEWEST, (number,)).fetchone()
        if newest is None:
            continue
        if newest["value"] is None:
            known = connection.execute(_NEWEST_VALUE, (number, newest["time"])).fetchone()
            if known is not None:
                out.append(Reading(series, *known))
        out.append(Reading(series, *newest))
    return out


def window(connection: Connection, names: Iterable[str], start: int, end: int) -> list[Reading]:
    """All readings with start <= time < end, by series, then time."""
    out: list[Reading] = []
    for series, number in _named(connection, names):
        rows = connection.values(_RANGE, (number, start, end))
        out += [Reading(series, time, value) for time, value in rows]
    return out


def newest_of(connection: Connection, names: Iterable[str], span: tuple[int, int], most: int) -> list[Reading]:
    """The newest readings of a span, at most `most` of each series, by series, then time."""
    out: list[Reading] = []
    for series, number in _named(connection, names):
        rows = list(connection.values(_NEWEST_OF, (number, *span, most)))
        out += [Reading(series, time, value) for time, value in reversed(rows)]
    return out


def newest_values_of(connection: Connection, names: Iterable[str], end: int, most: int) -> list[Reading]:
    """The newest readings with a value earlier than `end`, at most `most` of each series, by series, then time."""
    out: list[Reading] = []
    for series, number in _named(connection, names):
        rows = connection.values(_NEWEST_VALUES, (number, end, most))
        out += [Reading(series, time, value) for time, value in reversed(list(rows))]
    return out


def reaching(connection: Connection, names: Iterable[str], span: tuple[int, int, int], most: int) -> list[Held]:
    """What is held of each series: all since span[1], before that as far as span[0] the newest `most`.

    The newest value before span[1] is among them however old it is. Ends with span[2] (exclusive).
    """
    past, first, end = span
    out: list[Held] = []
    for series, number in _named(connection, names):
        rows = list(connection.values(_NEWEST_OF, (number, past, first, most))) if past < first else []
        rows.reverse()
        if all(value is None for _, value in rows):
            rows = [*connection.values(_NEWEST_VALUE, (number, rows[0][0] if rows else first)), *rows]
        rows += connection.values(_RANGE, (number, first, end))
        if rows:
            times, values = zip(*rows, strict=True)
            out.append((series, times, values))
    connection.shrink()  # nothing of so many pages is read again soon
    return out


def sample(connection: Connection, series: Series, since: int, most: int) -> list[Reading]:
    """The readings with a value from `since` on, in order; of more than `most` every so many, the newest too.

    Where some are rolled up, the first of each hour or day, so that none counts for more because it is newer.
    """
    number = _number(connection, series)
    if number is None:
        return []
    found: list[Value] = list(connection.values(_VALUES_SINCE, (number, since)))
    rolled = rollups.over(connection, number, (since, _END_OF_TIME))
    if rolled:
        firsts = [(one.first_at, one.first) for one in rolled if one.first_at >= since]
        found = sorted(firsts + [next(some) for _, some in groupby(found, lambda pair: pair[0] // HOUR)])
    return [Reading(series, *pair) for pair in found[:: -max(1, -(-len(found) // most))]][::-1]


def _number(connection: Connection, series: Series) -> int | None:
    key = (series.name, labels_text(series.labels))
    row = connection.execute("SELECT id FROM series WHERE name = ? AND labels = ?", key).fetchone()
    return None if row is None else row["id"]


def points(connection: Connection, series: Series, span: tuple[int, int], limit: int) -> list[Reading]:
    """At most `limit` readings of a span, in order: all of them, or the lowest and highest of even stretches.

    Of what was rolled up the lowest and the highest of each roll-up are among them.
    """
    start, end = span
    number = _number(connection, series)
    if number is None or limit <= 0:
        return []
    found: list[Value] = list(connection.values(f"{_RANGE} LIMIT ?", (number, start, end, limit + 1)))
    rolled = list(_extremes(rollups.over(connection, number, span), span))
    if len(found) + len(rolled) > limit:
        width = max(1, -(-(end - start) // max(1, limit // 2)))
        if len(found) > limit:
            found = sorted(set(connection.extremes((number, start, end), width)))
        if rolled:
            found = _thinned([*found, *rolled], start, width)
    else:
        found = sorted([*found, *rolled], key=itemgetter(0))
    return [Reading(series, *pair) for pair in found][:limit]


def _extremes(rolled: Iterable[Rollup], span: tuple[int, int]) -> Iterator[tuple[int, float]]:
    for one in rolled:
        yield from sorted(
            {pair for pair in ((one.low_at, one.low), (one.high_at, one.high)) if span[0] <= pair[0] < span[1]}
        )


def _thinned(found: Iterable[Value], start: int, width: int) -> list[Value]:
    """The lowest and the highest of each stretch, in order."""
    known = sorted((time, value) for time, value in found if value is not None)
    kept: set[Value] = set()
    for _, some in groupby(known, lambda pair: (pair[0] - start) // width):
        stretch = list(some)
        kept |= {min(stretch, key=itemgetter(1)), max(stretch, key=itemgetter(1))}
    return sorted(kept, key=itemgetter(0))


def rolled_up(connection: Connection, names: Iterable[str], span: tuple[int, int]) -> list[Gone]:
    """Of each series the span in which its readings of this one are no more."""
    out: list[Gone] = []
    for series, number in _named(connection, names):
        rolled = [one for one in rollups.over(connection, number, span) if one.last_at >= span[0]]
        if rolled:
            out.append((series, min(one.first_at for one in rolled), max(one.last_at for one in rolled)))
    return out
