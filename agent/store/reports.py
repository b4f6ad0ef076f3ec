"""What reports ask of the store. Plain statements on the driver's connection."""

from __future__ import annotations

from agent.store.codec import decode
from agent.store.connection import Connection
from agent.store.records import ReportRun
from rules.model import Transition

_NEWEST = (
    "WITH known AS (SELECT * FROM reports WHERE scheduled <= ?) SELECT record FROM known k "
    "WHERE scheduled = (SELECT max(scheduled) FROM known WHERE name = k.name) "
    "OR scheduled = (SELECT max(scheduled) FROM known WHERE name = k.name AND made IS NOT NULL) ORDER BY scheduled"
)
_CHANGES = (
    "SELECT record FROM transitions WHERE at > ? AND at <= ? AND event IN ('firing', 'resolved') "
    "ORDER BY id DESC LIMIT ?"
)
_OLD = (
    "DELETE FROM reports AS r WHERE scheduled < ? "
    "AND scheduled <> (SELECT max(scheduled) FROM reports WHERE name = r.name) "
    "AND scheduled IS DISTINCT FROM (SELECT max(scheduled) FROM reports WHERE name = r.name AND made IS NOT NULL)"
)


def newest(connection: Connection, until: int) -> list[ReportRun]:
    """Of each report what was noted last until a time and the last that was made, in order of their times."""
    return [decode(ReportRun, row[0]) for row in connection.execute(_NEWEST, (until,))]


def changes(connection: Connection, start: int, end: int, most: int) -> list[Transition]:
    """Alerts that fired or resolved with start < at <= end, the newest first."""
    return [decode(Transition, row[0]) for row in connection.execute(_CHANGES, (start, end, most))]


def forget(connection: Connection, before: int) -> int:
    """Removes what no later report needs; returns how many rows."""
    return connection.execute(_OLD, (before,)).rowcount
