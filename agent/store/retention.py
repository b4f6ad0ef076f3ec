"""Forgetting what is old but for readings, a little at a time, so that nobody waits for it.

Each step is one job of the writer and says how many rows it removed; it is repeated until it removes none. What is
queued and what belongs to an open alert stay.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from agent.store.connection import LISTED, Connection
from agent.store.reports import forget
from agent.store.rows import ENDED

CHUNK = 5_000
Step = Callable[[Connection], int]

_OPEN = (
    "SELECT fingerprint FROM transitions WHERE id IN (SELECT max(id) FROM transitions GROUP BY fingerprint) "
    "AND after <> 'inactive' UNION SELECT id FROM groups"
)
_NOT_OPEN = f"fingerprint NOT IN {LISTED}"


def open_fingerprints(connection: Connection) -> str:
    """The alerts that are not over, and the groups they are in, as a JSON list."""
    return orjson.dumps([row[0] for row in connection.execute(_OPEN)]).decode()


def steps(before: int, open_alerts: str) -> list[Step]:
    """What there is to do; `before` is in UTC microseconds."""
    return [
        lambda connection: _deliveries(connection, before, open_alerts),
        _rows("transitions", "id", "at", before, open_alerts),
        _rows("threads", "(receiver, position, fingerprint)", "updated", before, open_alerts),
        lambda connection: _corrections(connection, before, open_alerts),
        lambda connection: connection.execute("DELETE FROM acts WHERE at < ?", (before,)).rowcount,
        lambda connection: forget(connection, before),
        lambda connection: connection.execute("DELETE FROM silences WHERE ends < ?", (before,)).rowcount,
        lambda connection: (
            connection.execute(
                f"DELETE FROM pings WHERE id IN (SELECT id FROM pings WHERE at < ? LIMIT {CHUNK})", (before,)
            ).rowcount
        ),
    ]


def _rows(table: str, key: str, time: str, before: int, open_alerts: str) -> Step:
    columns = key.strip("()")
    sql = (
        f"DELETE FROM {table} WHERE {key} IN "
        f"(SELECT {columns} FROM {table} WHERE {time} < ? AND {_NOT_OPEN} LIMIT {CHUNK})"
    )
    return lambda connection: connection.execute(sql, (before, open_alerts)).rowcount


def _corrections(connection: Connection, before: int, open_alerts: str) -> int:
    sql = (
        "DELETE FROM corrections WHERE id IN (SELECT id FROM corrections WHERE updated < ? "
        f"AND state IN {ENDED} AND {_NOT_OPEN} LIMIT {CHUNK})"
    )
    return connection.execute(sql, (before, open_alerts)).rowcount


def _deliveries(connection: Connection, before: int, open_alerts: str) -> int:
    sql = (
        "SELECT id FROM deliveries WHERE settled_at < ? AND state <> 'queued' "
        f"AND {_NOT_OPEN} ORDER BY settled_at LIMIT {CHUNK}"
    )
    old = [tuple(row) for row in connection.execute(sql, (before, open_alerts))]
    connection.executemany("DELETE FROM mentions WHERE delivery = (SELECT key FROM deliveries WHERE id = ?)", old)
    connection.executemany("DELETE FROM attempts WHERE delivery_id = ?", old)
    connection.executemany("DELETE FROM deliveries WHERE id = ?", old)
    return len(old)
