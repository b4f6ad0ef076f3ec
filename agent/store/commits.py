"""How a commit is written. Runs in the writer's thread, inside its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.store import outbox, rows
from agent.store.connection import Connection
from agent.store.errors import Fenced
from agent.store.records import Commit, Receipt
from rules.model import DAY, Reading, Series

SHARDS = 16
RECEIPTS_KEPT = 7 * DAY  # senders give up after one to three days, and sign each try anew

_INSTANCE = rows.insert("instances", rows.INSTANCE, ("target", "labels"), replace=True)
_SOURCE = rows.insert("sources", rows.SOURCE, ("name",), replace=True)
_PING = rows.insert("pings", rows.PING)
_RECEIPT = rows.insert("receipts", rows.RECEIPT, ("source", "message"))
_TRANSITION = rows.insert("transitions", rows.TRANSITION, ("key",))
_CORRECTION = rows.insert("corrections", rows.CORRECTION, ("id",), replace=True)
_DELIVERY = rows.insert("deliveries", rows.DELIVERY, ("key",))
_GROUP = rows.insert("groups", rows.GROUP, ("id",), replace=True)
_MEMBER = rows.insert("members", rows.MEMBER, ("group_id", "fingerprint"), replace=True)
_MENTION = rows.insert("mentions", rows.MENTION, rows.MENTION)
_SILENCE = rows.insert("silences", rows.SILENCE, ("id",), replace=True)
_SWITCH = rows.insert("switches", rows.SWITCH, ("name",), replace=True)
_TROUBLE = rows.insert("troubles", rows.TROUBLE, ("cause",), replace=True)
_ACT = rows.insert("acts", rows.ACT)
_REPORT = rows.insert("reports", rows.REPORT, ("name", "scheduled"), replace=True)
_FORGET = "DELETE FROM instances WHERE target = ? AND labels = ?"


class Committer:
    """Writes commits; knows the numbers of the series it has met."""

    def __init__(self) -> None:
        self._ids: dict[Series, int] = {}

    def forget(self) -> None:
        """After a rollback: numbers given in it don't exist."""
        self._ids.clear()

    def apply(self, connection: Connection, commit: Commit) -> None:
        """Writes all of it. Raises Fenced."""
        check_shards(connection, commit.shards)
        if commit.readings:
            connection.put(self._readings(connection, commit.readings))
        if commit.pings:
            connection.executemany(_PING, map(rows.ping_row, commit.pings))
        if commit.receipts:
            take_receipts(connection, commit.receipts, commit.now)
        if commit.instances:
            connection.executemany(_INSTANCE, map(rows.instance_row, commit.instances))
        if commit.forget:
            gone = [(key.target, rows.labels_text(key.labels)) for key in commit.forget]
            connection.executemany(_FORGET, gone)
        if commit.sources:
            connection.executemany(_SOURCE, map(rows.source_row, commit.sources))
        if commit.transitions:
            connection.executemany(_TRANSITION, map(rows.transition_row, commit.transitions))
        if commit.corrections:
            connection.executemany(_CORRECTION, map(rows.correction_row, commit.corrections))
        if commit.deliveries:
            outbox.hurry(connection, commit.deliveries)
            connection.executemany(_DELIVERY, map(rows.delivery_row, commit.deliveries))
            connection.executemany(_MENTION, [row for one in commit.deliveries for row in rows.mention_rows(one)])
        _apply_told(connection, commit)

    def _readings(self, connection: Connection, readings: Sequence[Reading]) -> list[tuple[int, int, float | None]]:
        ids = self._ids
        new = list(dict.fromkeys(reading.series for reading in readings if reading.series not in ids))
        if new:
            keys = [(series.name, rows.labels_text(series.labels)) for series in new]
            ids.update(zip(new, connection.series(keys), strict=True))
        return [(ids[series], time, value) for series, time, value in readings]


def take_receipts(connection: Connection, receipts: Sequence[Receipt], now: int) -> int:
    """Writes receipts, and forgets old ones; returns how many are new."""
    connection.execute("DELETE FROM receipts WHERE at < ?", (now - RECEIPTS_KEPT,))
    return sum(connection.execute(_RECEIPT, rows.receipt_row(one)).rowcount for one in receipts)


def _apply_told(connection: Connection, commit: Commit) -> None:
    if commit.switches:
        connection.executemany(_SWITCH, [rows.switch_row(*item) for item in commit.switches.items()])
    if commit.acts:
        connection.executemany(_ACT, map(rows.act_row, commit.acts))
    if commit.reports:
        connection.executemany(_REPORT, map(rows.report_row, commit.reports))
    if commit.silences:
        connection.executemany(_SILENCE, map(rows.silence_row, commit.silences))
    if commit.troubles:
        connection.executemany(_TROUBLE, map(rows.trouble_row, commit.troubles))
    if not commit.groups and not commit.members:
        return
    changed = commit.groups.items()
    connection.executemany(_GROUP, [rows.group_row(group) for _, group in changed if group is not None])
    connection.executemany("DELETE FROM groups WHERE id = ?", [(name,) for name, group in changed if group is None])
    members = [(name, *item) for name, inside in commit.members.items() for item in inside.items()]
    connection.executemany(_MEMBER, [rows.member_row(member) for _, _, member in members if member is not None])
    gone = [(name, fingerprint) for name, fingerprint, member in members if member is None]
    connection.executemany("DELETE FROM members WHERE group_id = ? AND fingerprint = ?", gone)


def check_shards(connection: Connection, shards: Mapping[int, int]) -> None:
    """Raises Fenced unless every shard still has the version its holder knows."""
    if not shards:
        return
    stored = connection.shards()
    for shard, version in shards.items():
        if stored.get(shard) != version:
            raise Fenced(shard)


def take_shards(connection: Connection, holder: str, now: int) -> dict[int, int]:
    """Takes every shard and returns their versions; leases of the holder before are dropped, since it is gone."""
    sql = (
        "INSERT INTO shards (shard, version, holder, taken_at) VALUES (?, 1, ?, ?) ON CONFLICT (shard) "
        "DO UPDATE SET version = shards.version + 1, holder = excluded.holder, taken_at = excluded.taken_at"
    )
    connection.executemany(sql, [(shard, holder, now) for shard in range(SHARDS)])
    # The fence grows too: what the holder before still hands in late is refused.
    connection.execute(
        "UPDATE deliveries SET lease_until = NULL, fence = fence + 1 WHERE state = 'queued' AND lease_until IS NOT NULL"
    )
    return connection.shards()
