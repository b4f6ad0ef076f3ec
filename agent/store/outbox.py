"""Claiming and settling deliveries. What writes runs in the writer's thread, inside its transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from agent.sending.coalescing import REMEMBERED, Told, coalesced, held_until
from agent.store import rows
from agent.store.connection import Connection
from agent.store.records import Attempt, Delivery, DeliveryKind, DeliveryState, Manner, OutboxStats, ReceiverState

# Only the first queued delivery of a lane may go out. Those under a lease take their receiver's places first.
_HEADS = "(SELECT min(id) AS id FROM deliveries WHERE state = 'queued' GROUP BY lane) AS first"
_CLAIMABLE = f"""
SELECT d.*, t.reference, t.starts_at IS NOT DISTINCT FROM d.starts_at AS same,
       EXISTS (SELECT 1 FROM deliveries n WHERE n.state = 'queued' AND n.lane = d.lane AND n.id > d.id) AS followed
FROM (
  SELECT id, next_at, kind, next_at <= :now AND coalesce(lease_until, 0) <= :now AS due,
         row_number() OVER (PARTITION BY kind, receiver, position
                            ORDER BY coalesce(lease_until, 0) > :now DESC, next_at, id) AS place
  FROM deliveries JOIN {_HEADS} USING (id)
) head
JOIN deliveries d ON d.id = head.id
LEFT JOIN threads t ON t.receiver = d.receiver AND t.position = d.position AND t.fingerprint = d.fingerprint
                    AND d.kind = 'notice'
WHERE head.due AND head.place <= :per_receiver
AND (CAST(:kind AS TEXT) IS NULL OR (head.kind = 'call') = (:kind = 'call'))
ORDER BY head.next_at, head.id LIMIT :limit
"""
_TOLD = (
    "SELECT payload, settled_at FROM deliveries "
    "WHERE fingerprint = ? AND lane = ? AND state = 'sent' AND settled_at > ? ORDER BY id"
)
_WAITING = "SELECT id, key, payload, next_at FROM deliveries WHERE state = 'queued' AND lane = ? ORDER BY id"
_SUPERSEDE = "UPDATE deliveries SET state = 'superseded', settled_at = ? WHERE id = ?"
_CARRY = "UPDATE deliveries SET payload = ?, next_at = ? WHERE id = ?"
_MENTION = rows.insert("mentions", rows.MENTION, rows.MENTION)
_HOLD = "UPDATE deliveries SET next_at = ? WHERE id = ?"
_HURRY = "UPDATE deliveries SET next_at = ? WHERE lane = ? AND state = 'queued' AND attempts = 0 AND next_at > ?"
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
_LEASED = "SELECT 1 FROM deliveries WHERE id = ? AND fence = ? AND state = 'queued'"
_MOVE = "UPDATE deliveries SET next_at = next_at + ?, lease_until = lease_until + ? WHERE state = 'queued'"
_NEXT = (
    "SELECT min(due) FROM (SELECT CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END AS due "
    f"FROM deliveries JOIN {_HEADS} USING (id)) AS head WHERE due > ?"
)

# The newest error of each notifier, and the first since its last success.
_FAILING = """
WITH tries AS (
  SELECT d.receiver, d.position, a.at, a.error FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
  WHERE d.kind <> ?
), good AS (SELECT receiver, position, max(at) AS at FROM tries WHERE error IS NULL GROUP BY receiver, position)
SELECT receiver, position, since, error FROM (
  SELECT t.receiver, t.position, t.error, min(t.at) OVER notifier AS since,
         row_number() OVER (PARTITION BY t.receiver, t.position ORDER BY t.at DESC, t.error DESC) AS place
  FROM tries t LEFT JOIN good g ON g.receiver = t.receiver AND g.position = t.position
  WHERE t.error IS NOT NULL AND (g.at IS NULL OR t.at > g.at) WINDOW notifier AS (PARTITION BY t.receiver, t.position)
) AS bad WHERE place = 1 ORDER BY receiver, position
"""


def claim(connection: Connection, until: int, wanted: Mapping[str, Any]) -> tuple[list[Delivery], Counter[str]]:
    """Leases what is due until `until`; also says how many of each receiver a newer one took the place of.

    `wanted` has now, kind, limit and per_receiver.
    """
    superseded: Counter[str] = Counter()
    claimable = connection.execute(_CLAIMABLE, wanted).fetchall()
    while any([_gives_way(connection, row, wanted["now"], superseded) for row in claimable]):  # noqa: C419 - all of them
        claimable = connection.execute(_CLAIMABLE, wanted).fetchall()
    found = [rows.delivery_of(row, row["reference"], same=bool(row["same"])) for row in claimable]
    claimed = [
        replace(one, fence=one.fence + 1)
        for one in found
        if connection.execute(_CLAIM, (until, one.id, one.fence)).rowcount
    ]
    return claimed, superseded


def _gives_way(connection: Connection, head: Any, now: int, superseded: Counter[str]) -> bool:
    """Whether the head of a lane does not go out now: a newer notice takes its place, or it has to wait."""
    if head["manner"] == Manner.EVERY or head["lease_until"] is not None:
        return False
    told = _told(connection, head["fingerprint"], head["lane"], now)
    thinned = _thin_out(connection, head, now, known=bool(told)) if head["followed"] else 0
    if thinned:
        superseded[head["receiver"]] += thinned
        return True
    if head["manner"] != Manner.CALM:
        return False
    until = held_until(orjson.loads(head["payload"]), told, now)
    return until > now and bool(connection.execute(_HOLD, (until, head["id"])).rowcount)


def _thin_out(connection: Connection, head: Any, now: int, *, known: bool) -> int:
    """How many of a lane's deliveries a newer one takes the place of."""
    waiting = connection.execute(_WAITING, (head["lane"],)).fetchall()
    place, notice = coalesced([orjson.loads(row["payload"]) for row in waiting], known=known)
    if place == 0:
        return 0
    connection.executemany(_SUPERSEDE, [(now, row["id"]) for row in waiting[:place]])
    taken = waiting[place]
    due = min(taken["next_at"], head["next_at"])
    connection.execute(_CARRY, (orjson.dumps(notice).decode(), due, taken["id"]))
    connection.executemany(_MENTION, rows.mentioned(taken["key"], notice))
    return place


def hurry(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Ends the pause of lanes in which a new delivery must not wait."""
    for delivery in deliveries:
        if delivery.manner is Manner.CALM:
            notice, now = orjson.loads(delivery.payload), delivery.created
            if held_until(notice, _told(connection, notice["fingerprint"], delivery.lane, now), now) <= now:
                connection.execute(_HURRY, (now, delivery.lane, now))


def _told(connection: Connection, about: str, lane: str, now: int) -> list[Told]:
    """What was sent in a lane lately."""
    found = connection.execute(_TOLD, (about, lane, now - REMEMBERED))
    told = [(orjson.loads(row["payload"]), row["settled_at"]) for row in found]
    return [Told(notice.get("reason"), notice.get("severity") or "", at) for notice, at in told]


def settle(connection: Connection, delivery: Delivery, attempt: Attempt, outcome: Mapping[str, Any]) -> bool:
    """Records how a try ended. `outcome` has now, sent, retry_at and thread. False if the lease was lost."""
    now, retry_at = outcome["now"], outcome["retry_at"]
    if outcome["sent"]:
        state = DeliveryState.SENT
    elif attempt.withheld:
        state = DeliveryState.WITHHELD
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


def remember(connection: Connection, delivery: Delivery, reference: Mapping[str, Any]) -> None:
    """Keeps what is known of a message while its delivery is still being sent, unless the lease was lost."""
    if connection.execute(_LEASED, (delivery.id, delivery.fence)).fetchone():
        connection.execute(_THREAD, (orjson.dumps(reference).decode(), delivery.next_at, delivery.id))


def move_queued(connection: Connection, by: int) -> None:
    """Moves what is queued, and its leases, in time."""
    connection.execute(_MOVE, (by, by))


def next_at(connection: Connection, after: int) -> int | None:
    """When the next delivery becomes claimable, later than `after`."""
    found: int | None = connection.execute(_NEXT, (after,)).fetchone()[0]
    return found


def stats(connection: Connection) -> OutboxStats:
    """What is queued."""
    row = connection.execute("SELECT count(*), min(created) FROM deliveries WHERE state = 'queued'").fetchone()
    return OutboxStats(row[0], row[1])


def references(connection: Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    """The thread references about alerts and groups of these fingerprints and ids."""
    found = (connection.execute("SELECT reference FROM threads WHERE fingerprint = ?", (name,)) for name in names)
    return [orjson.loads(row[0]) for rows_ in found for row in rows_]


def failing(connection: Connection) -> list[ReceiverState]:
    """The notifiers whose last try failed."""
    return [ReceiverState(*row) for row in connection.execute(_FAILING, (DeliveryKind.CALL.value,))]


def calls(connection: Connection, since: int) -> list[tuple[str, int]]:
    """(action, time) of the calls decided on since, but for those that were withheld; oldest first."""
    sql = "SELECT receiver, created FROM deliveries WHERE kind = ? AND created >= ? AND state <> ? ORDER BY id"
    wanted = (DeliveryKind.CALL.value, since, DeliveryState.WITHHELD.value)
    return [(row[0], row[1]) for row in connection.execute(sql, wanted)]
