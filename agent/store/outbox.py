"""Claiming and settling deliveries. What writes runs in the writer's thread, inside its transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from agent.store import rows
from agent.store.records import Attempt, Delivery, DeliveryKind, DeliveryState, OutboxStats

# Only the first queued delivery of a lane may go out. Those under a lease take their receiver's places first.
_HEADS = "(SELECT min(id) AS id FROM deliveries WHERE state = 'queued' GROUP BY lane)"
_CLAIMABLE = f"""
SELECT d.*, t.reference, t.starts_at IS d.starts_at AS same FROM (
  SELECT id, next_at, kind, next_at <= :now AND coalesce(lease_until, 0) <= :now AS due,
         row_number() OVER (PARTITION BY kind, receiver, position
                            ORDER BY coalesce(lease_until, 0) > :now DESC, next_at, id) AS place
  FROM deliveries JOIN {_HEADS} USING (id)
) head
JOIN deliveries d ON d.id = head.id
LEFT JOIN threads t ON t.receiver = d.receiver AND t.position = d.position AND t.fingerprint = d.fingerprint
                    AND d.kind = 'notice'
WHERE head.due AND head.place <= :per_receiver AND (:kind IS NULL OR (head.kind = 'call') = (:kind = 'call'))
ORDER BY head.next_at, head.id LIMIT :limit
"""
_CLAIM = "UPDATE deliveries SET lease_until = ?, fence = fence + 1 WHERE id = ? AND fence = ? AND state = 'queued'"
_SETTLE = (
    "UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, error = ?, settled_at = ?, lease_until = NULL "
    "WHERE id = ? AND fence = ? AND state = 'queued'"
)
_ATTEMPT = rows.insert("attempts", rows.ATTEMPT, ("delivery_id", "number"), replace=True)
_THREAD = (
    "INSERT INTO threads (receiver, position, fingerprint, starts_at, reference, updated) "
    "SELECT receiver, position, fingerprint, starts_at, ?, ? FROM deliveries WHERE id = ? "
    "ON CONFLICT (receiver, position, fingerprint) DO UPDATE SET "
    "starts_at = excluded.starts_at, reference = excluded.reference, updated = excluded.updated"
)
_MOVE = "UPDATE deliveries SET next_at = next_at + ?, lease_until = lease_until + ? WHERE state = 'queued'"
_NEXT = (
    f"SELECT min(max(next_at, coalesce(lease_until, 0))) FROM deliveries JOIN {_HEADS} USING (id) "
    "WHERE max(next_at, coalesce(lease_until, 0)) > ?"
)


def claim(connection: sqlite3.Connection, until: int, wanted: Mapping[str, Any]) -> list[Delivery]:
    """Leases what is due until `until`. `wanted` has now, kind, limit and per_receiver."""
    claimable = connection.execute(_CLAIMABLE, wanted)
    found = [rows.delivery_of(row, row["reference"], same=bool(row["same"])) for row in claimable]
    return [
        replace(one, fence=one.fence + 1)
        for one in found
        if connection.execute(_CLAIM, (until, one.id, one.fence)).rowcount
    ]


def settle(connection: sqlite3.Connection, delivery: Delivery, attempt: Attempt, outcome: Mapping[str, Any]) -> bool:
    """Records how a try ended. `outcome` has now, sent, retry_at and thread. False if the lease was lost."""
    now, retry_at = outcome["now"], outcome["retry_at"]
    if outcome["sent"]:
        state = DeliveryState.SENT
    else:
        state = DeliveryState.FAILED if retry_at is None else DeliveryState.QUEUED
    done = state is not DeliveryState.QUEUED
    changed = (
        state.value,
        attempt.number,
        delivery.next_at if done else retry_at,
        attempt.error,
        now if done else None,
    )
    if not connection.execute(_SETTLE, (*changed, delivery.id, delivery.fence)).rowcount:
        return False
    connection.execute(_ATTEMPT, rows.attempt_row(attempt))
    if outcome["thread"] is not None:
        connection.execute(_THREAD, (orjson.dumps(outcome["thread"]).decode(), now, delivery.id))
    return True


def move_queued(connection: sqlite3.Connection, by: int) -> None:
    """Moves what is queued, and its leases, in time."""
    connection.execute(_MOVE, (by, by))


def next_at(connection: sqlite3.Connection, after: int) -> int | None:
    """When the next delivery becomes claimable, later than `after`."""
    found: int | None = connection.execute(_NEXT, (after,)).fetchone()[0]
    return found


def stats(connection: sqlite3.Connection) -> OutboxStats:
    """What is queued."""
    row = connection.execute("SELECT count(*), min(created) FROM deliveries WHERE state = 'queued'").fetchone()
    return OutboxStats(row[0], row[1])


def calls(connection: sqlite3.Connection, since: int) -> list[tuple[str, int]]:
    """(action, time) of the calls decided on since, made or not, oldest first."""
    sql = "SELECT receiver, created FROM deliveries WHERE kind = ? AND created >= ? ORDER BY id"
    return [(row[0], row[1]) for row in connection.execute(sql, (DeliveryKind.CALL.value, since))]
