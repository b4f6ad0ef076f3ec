"""What pages and the command line ask of the past: SQLAlchemy Core statements, run on the driver's connection.

Imported at the first question, because SQLAlchemy is heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Select, select
from sqlalchemy.dialects import sqlite

from agent.acts import Act
from agent.store import rows
from agent.store.codec import decode
from agent.store.connection import LISTED, Connection
from agent.store.records import Attempt, Delivery, Ping
from agent.store.tables import acts, attempts, deliveries, mentions, pings, transitions
from rules.model import Transition

_DIALECT = sqlite.dialect(paramstyle="named")


def _rows(connection: Connection, statement: Select[Any]) -> list[Any]:
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return connection.execute(str(compiled), compiled.params).fetchall()


def read_transitions(
    connection: Connection, limit: int, target: str | None, since: int | None, fingerprint: str | None
) -> list[Transition]:
    """At most `limit` transitions, the newest first; `since` is in UTC microseconds, itself included."""
    table = transitions.c
    statement = select(table.record).order_by(table.id.desc()).limit(limit)
    if target is not None:
        statement = statement.where(table.target == target)
    if since is not None:
        statement = statement.where(table.at >= since)
    if fingerprint is not None:
        statement = statement.where(table.fingerprint == fingerprint)
    return [decode(Transition, row["record"]) for row in _rows(connection, statement)]


_OPEN_AT = (
    "SELECT record, id FROM transitions WHERE id IN"
    " (SELECT max(id) FROM transitions WHERE at < :start GROUP BY fingerprint) AND after NOT IN ('inactive', 'pending')"
)
_TAKEN = (
    "SELECT record, id FROM transitions AS one WHERE event = 'acknowledged' AND at < :end AND NOT EXISTS"
    " (SELECT 1 FROM transitions AS later WHERE later.fingerprint = one.fingerprint AND later.id > one.id"
    "  AND later.at < :start AND later.after IN ('inactive', 'pending'))"
)
_CHANGED = (
    "SELECT record, id FROM transitions WHERE at >= :start AND at < :end"
    " AND event IN ('firing', 'resolved', 'raised', 'lowered', 'acknowledged')"
)


def read_changes(connection: Connection, start: int, end: int, targets: Sequence[str] | None) -> list[Transition]:
    """In order of what happened: those of `start` to `end`, and before it those that tell how open alerts stood."""
    sql = f"{_OPEN_AT} UNION {_TAKEN} UNION {_CHANGED}"
    if targets is not None:
        sql = f"{_TAKEN} AND target IN {LISTED.replace('?', ':targets')}"
    given = {"start": start, "end": end, "targets": orjson.dumps(targets).decode()}
    found = connection.execute(f"{sql} ORDER BY id", given)
    return [decode(Transition, row["record"]) for row in found]


_MOVES = "('pending', 'firing', 'recovering', 'resolved', 'inactive')"
_NOTED = (
    "SELECT record FROM transitions WHERE target = :target AND at < :end AND ("
    "at >= :start OR id IN (SELECT max(id) FROM transitions"
    f" WHERE target = :target AND at < :start AND event IN {_MOVES} GROUP BY fingerprint)) ORDER BY id"
)


def read_noted(connection: Connection, target: str, start: int, end: int) -> list[Transition]:
    """What a target's alerts did from `start` to `end` (exclusive), in order; before it the last move of each."""
    found = connection.execute(_NOTED, {"target": target, "start": start, "end": end})
    return [decode(Transition, row["record"]) for row in found]


_OF_CORRECTIONS = (
    "SELECT record FROM transitions WHERE target = :target AND at >= :start AND at <= :end"
    " AND event IN ('correction', 'escalated', 'uncorrected') ORDER BY id"
)


def read_said(connection: Connection, target: str, start: int, end: int) -> list[Transition]:
    """What was said of a target's corrections and escalations, in order."""
    found = connection.execute(_OF_CORRECTIONS, {"target": target, "start": start, "end": end})
    return [decode(Transition, row["record"]) for row in found]


def read_deliveries(connection: Connection, limit: int, fingerprint: str | None) -> list[Delivery]:
    """At most `limit` deliveries, the newest first; `fingerprint`: those about an alert or group, or naming it."""
    statement = select(deliveries).order_by(deliveries.c.id.desc()).limit(limit)
    if fingerprint is not None:
        named = select(mentions.c.delivery).where(mentions.c.fingerprint == fingerprint)
        statement = statement.where((deliveries.c.fingerprint == fingerprint) | deliveries.c.key.in_(named))
    return [rows.delivery_of(row) for row in _rows(connection, statement)]


def read_delivery(connection: Connection, key: str) -> Delivery | None:
    """The delivery of that idempotency key; None if there is none (any more)."""
    found = _rows(connection, select(deliveries).where(deliveries.c.key == key))
    return rows.delivery_of(found[0]) if found else None


def read_attempts(connection: Connection, delivery_id: int) -> list[Attempt]:
    """The tries to send a delivery, the first one first."""
    statement = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    return [rows.attempt_of(row) for row in _rows(connection, statement)]


def read_acts(connection: Connection, limit: int, since: int | None) -> list[Act]:
    """At most `limit` acts of people, the newest first; `since` is in UTC microseconds, itself included."""
    statement = select(acts).order_by(acts.c.id.desc()).limit(limit)
    if since is not None:
        statement = statement.where(acts.c.at >= since)
    return [rows.act_of(row) for row in _rows(connection, statement)]


def read_pings(connection: Connection, source: str, limit: int) -> list[Ping]:
    """At most `limit` calls of a check-in source, the newest first."""
    statement = select(pings).where(pings.c.source == source).order_by(pings.c.id.desc()).limit(limit)
    return [rows.ping_of(row) for row in _rows(connection, statement)]
