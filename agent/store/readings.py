"""Reading back readings: straight from the driver, by range of the primary key."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from agent.store.connection import LISTED, Connection
from agent.store.rows import labels_text, series_of
from rules.model import Reading, Series

Held = tuple[Series, tuple[int, ...], tuple[float | None, ...]]  # a series, times that rise, values
_SERIES = f"SELECT id, name, labels FROM series WHERE name IN {LISTED}"
_NEWEST = "SELECT time, value FROM readings WHERE series_id = ? ORDER BY time DESC LIMIT 1"
_NEWEST_VALUE = (
    "SELECT time, value FROM readings WHERE series_id = ? AND time < ? AND value IS NOT NULL ORDER BY time DESC LIMIT 1"
)
_NEWEST_OF = (
    "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT ?"
)
_VALUES_SINCE = "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND value IS NOT NULL ORDER BY time"
_RANGE = "SELECT time, value FROM readings WHERE series_id = ? AND time >= ? AND time < ? ORDER BY time"


def _named(connection: Connection, names: Iterable[str]) -> list[tuple[Series, int]]:
    found = connection.execute(_SERIES, (orjson.dumps(list(names)).decode(),))
    return sorted((series_of(row["name"], row["labels"]), row["id"]) for row in found)


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


def before(connection: Connection, names: Iterable[str], time: int) -> list[Reading]:
    """The newest reading with a value of each series, earlier than `time`."""
    out = []
    for series, number in _named(connection, names):
        row = connection.execute(_NEWEST_VALUE, (number, time)).fetchone()
        if row is not None:
            out.append(Reading(series, *row))
    return out


def sample(connection: Connection, series: Series, since: int, most: int) -> list[Reading]:
    """The readings with a value from `since` on, in order; of more than `most` every so many, the newest too."""
    number = _number(connection, series)
    found = [] if number is None else connection.execute(_VALUES_SINCE, (number, since)).fetchall()
    return [Reading(series, *pair) for pair in found[:: -max(1, -(-len(found) // most))]][::-1]


def _number(connection: Connection, series: Series) -> int | None:
    key = (series.name, labels_text(series.labels))
    row = connection.execute("SELECT id FROM series WHERE name = ? AND labels = ?", key).fetchone()
    return None if row is None else row["id"]


def points(connection: Connection, series: Series, span: tuple[int, int], limit: int) -> list[Reading]:
    """At most `limit` readings of a span, in order: all of them, or the lowest and highest of even stretches."""
    start, end = span
    number = _number(connection, series)
    if number is None or limit <= 0:
        return []
    found = connection.execute(f"{_RANGE} LIMIT ?", (number, start, end, limit + 1)).fetchall()
    if len(found) > limit:
        width = max(1, -(-(end - start) // max(1, limit // 2)))
        found = sorted(set(connection.extremes((number, start, end), width)))
    return [Reading(series, *pair) for pair in found][:limit]
