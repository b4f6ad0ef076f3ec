"""What reports ask of the store. Plain statements on the driver's connection."""

from __future__ import annotations

from agent.store.codec import decode
from agent.store.connection import Connection
from agent.store.records import ReportRun
from rules.model import Transition

_NEWEST = (
    "SELECT record FROM reports k WHERE scheduled = (SELECT max(scheduled) FROM reports WHERE name = k.name) "
    "OR scheduled = (SELECT max(scheduled) FROM reports WHERE name = k.name AND made IS NOT NULL) ORDER BY scheduled"
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


def newest(connection: Connection) -> list[ReportRun]:
    """Of each report what was noted last and the last that was made, in order of their times."""
    return [decode(ReportRun, row[0]) for row in connection.execute(_NEWEST)]


def changes(connection: Connection, start: int, end: int, most: int) -> list[Transition]:
    """Alerts that fired or resolved with start < at <= end, the newest first."""
    return [decode(Transition, row[0]) for row in connection.execute(_CHANGES, (start, end, most))]


def forget_after(connection: Connection, now: int) -> None:
    """Removes what was noted at a time later than now."""
    connection.execute("DELETE FROM reports WHERE scheduled > ?", (now,))


def forget(connection: Connection, before: int) -> int:
    """Removes what no later report needs; returns how many rows."""
    return connection.execute(_OLD, (before,)).rowcount
