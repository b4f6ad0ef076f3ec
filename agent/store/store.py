"""The store: everything Setpoint remembers, in one database.

Every method raises StoreError when the database can't be used, StoreUnavailable (a StoreError) when trying again can
help. Times are UTC microseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from agent.acts import Act
from agent.store import keys, outbox, readings, reports, retention, rolling
from agent.store.codec import decode
from agent.store.commits import SHARDS, Committer, take_receipts, take_shards
from agent.store.connection import Connection, Database, Link
from agent.store.databases import database_of
from agent.store.errors import Fenced, StoreAway, StoreError, StoreInUse, StoreUnavailable
from agent.store.readers import Readers
from agent.store.records import (
    Attempt,
    Commit,
    Delivery,
    DeliveryKind,
    OutboxStats,
    Ping,
    Receipt,
    ReceiverState,
    Remembered,
    ReportRun,
)
from agent.store.rows import ENDED
from agent.store.writer import Writer
from rules.model import (
    Correction,
    Group,
    InstanceState,
    Member,
    Reading,
    Series,
    Silence,
    SourceState,
    Switch,
    Transition,
    Trouble,
)
from rules.specs import Reach

T = TypeVar("T")

__all__ = ["SHARDS", "Fenced", "Store", "StoreAway", "StoreError", "StoreInUse", "StoreUnavailable"]


class Store:
    """Opened by `open` (one daemon) or `open_readonly` (anybody)."""

    def __init__(self, database: Database, writing: Link | None) -> None:
        self.place = database.place  # where it is, for people
        self.folder = database.folder  # whose disk can run full; a server looks after its own
        self._database = database
        self._committer = Committer()
        self._readers = Readers(database)
        self._writer = None if writing is None else Writer(writing, self._committer.forget)

    @classmethod
    async def open(cls, url: str, now: int) -> Store:
        """Takes the database, creating its schema, and bringing a file's up to date, where needed.

        Raises StoreInUse if another daemon has it, StoreError if it can't be used.
        """
        database = database_of(url)
        return cls(database, await asyncio.to_thread(database.take, now))

    @classmethod
    async def open_readonly(cls, url: str) -> Store:
        """For looking only, also while a daemon runs. Creates and migrates nothing."""
        database = database_of(url)
        await asyncio.to_thread(database.check)
        return cls(database, None)

    async def close(self) -> None:
        """Writes what is waiting and lets go of the database."""
        await self._readers.close()
        if self._writer is not None:
            await self._writer.close()

    @property
    def damage(self) -> str:
        """What was found to be damaged since it was opened, in words; empty if nothing was."""
        return self._database.damage

    @property
    def transactions(self) -> int:
        """How many transactions were committed since it was opened."""
        return 0 if self._writer is None else self._writer.transactions

    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreError("the database was opened for reading only")
        return self._writer

    async def take_shards(self, holder: str, now: int) -> dict[int, int]:
        """Takes all shards (0 to SHARDS - 1) and returns their versions, one higher than before.

        Leases on deliveries are dropped: whoever had them no longer runs.
        """
        return await self._write().run(lambda connection: take_shards(connection, holder, now))

    async def commit(self, commit: Commit) -> None:
        """Returns once all of it is on disk. Raises Fenced if a shard was lost; then nothing is written."""
        await self._write().run(lambda connection: self._committer.apply(connection, commit))

    async def key(self, name: str, now: int) -> bytes:
        """The daemon's own key of that name: 32 random bytes, made when it is first asked for."""
        return await self._write().run(lambda connection: keys.key_of(connection, name, now))

    async def load(self) -> Remembered:
        """What a starting daemon goes on with."""
        return await self._readers.run(_load)

    async def shrink(self) -> None:
        """Gives back the memory that a large commit took."""
        await self._write().run(lambda connection: connection.shrink())

    # Readings

    async def latest(self, names: Iterable[str]) -> list[Reading]:
        """The newest reading of each series of these names; where it has no value, also the newest that has one."""
        return await self._readers.run(readings.latest, tuple(names))

    async def received(self, messages: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the (source, id of a message) that were taken in lately."""
        return await self._readers.run(readings.received, tuple(messages))

    async def take_receipt(self, receipt: Receipt) -> bool:
        """Remembers that a message was taken in; False if it was before."""
        return bool(await self._write().run(lambda connection: take_receipts(connection, [receipt], receipt.at)))

    async def window(self, names: Iterable[str], start: int, end: int) -> list[Reading]:
        """Their readings with start <= time < end, ordered by series, then time."""
        return await self._readers.run(readings.window, tuple(names), start, end)

    async def newest_of(self, names: Iterable[str], start: int, end: int, most: int) -> list[Reading]:
        """The newest readings with start <= time < end, at most so many of a series; by series, then time."""
        return await self._readers.run(readings.newest_of, tuple(names), (start, end), most)

    async def newest_values_of(self, names: Iterable[str], end: int, most: int) -> list[Reading]:
        """The newest readings with a value earlier than `end`, at most so many of a series; by series, then time."""
        return await self._readers.run(readings.newest_values_of, tuple(names), end, most)

    async def reaching(self, names: Iterable[str], span: tuple[int, int, int], most: int) -> list[readings.Held]:
        """Times and values of each series: all since span[1], before that as far as span[0] the newest so many.

        The newest value before span[1] is among them however old it is. Ends with span[2] (exclusive).
        """
        return await self._readers.run(readings.reaching, tuple(names), span, most)

    async def sample(self, series: Series, since: int, most: int) -> list[Reading]:
        """Its readings with a value from `since` on, in order; of more than `most` every so many, the newest too."""
        return await self._readers.run(readings.sample, series, since, most)

    async def rolled_up(self, names: Iterable[str], start: int, end: int) -> list[readings.Gone]:
        """Of each series the span in which its readings from `start` to `end` are no more, only roll-ups."""
        return await self._readers.run(readings.rolled_up, tuple(names), (start, end))

    async def points(self, series: Series, start: int, end: int, limit: int) -> list[Reading]:
        """At most `limit` readings for a chart: all that are kept, or the lowest and highest of even stretches."""
        return await self._readers.run(readings.points, series, (start, end), limit)

    # Deliveries

    async def claim(
        self,
        now: int,
        lease: int,
        limit: int,
        kind: DeliveryKind | None = None,
        per_receiver: int = 2**31,
        on_superseded: Callable[[str, int], None] = lambda _receiver, _count: None,
    ) -> list[Delivery]:
        """Leases what is due for `lease` microseconds: the first queued delivery of each lane, at most `limit`.

        Of `kind` notice are reports too. No notifier (or action) gets more than `per_receiver` at a time, those under a
        lease counted. `on_superseded` is told of how many deliveries of a receiver a newer one took the place.
        """
        wanted = {"now": now, "kind": kind and kind.value, "limit": limit, "per_receiver": per_receiver}
        claimed, superseded = await self._write().run(lambda one: outbox.claim(one, now + lease, wanted))
        for receiver, count in superseded.items():
            on_superseded(receiver, count)
        return claimed

    async def settle(
        self,
        delivery: Delivery,
        attempt: Attempt,
        *,
        now: int,
        sent: bool,
        retry_at: int | None = None,
        thread: Mapping[str, Any] | None = None,
        commit: Commit | None = None,
    ) -> bool:
        """Records how a try ended, the thread reference and a commit that belongs to it, in one transaction.

        Not sent and without `retry_at` it failed for good. False if the lease was lost; then nothing is written.
        Raises Fenced as `commit` does.
        """
        outcome = {"now": now, "sent": sent, "retry_at": retry_at, "thread": thread}

        def job(connection: Connection) -> bool:
            if not outbox.settle(connection, delivery, attempt, outcome):
                return False
            if commit is not None:
                self._committer.apply(connection, commit)
            return True

        return await self._write().run(job)

    async def remember(self, delivery: Delivery, reference: Mapping[str, Any]) -> None:
        """Keeps a thread reference before the outcome of its sending, which may take a while, is known."""
        await self._write().run(lambda connection: outbox.remember(connection, delivery, reference))

    async def move_queued(self, by: int) -> None:
        """Moves the times at which what is queued may be sent, and its leases, by so many microseconds."""
        await self._write().run(lambda connection: outbox.move_queued(connection, by))

    async def next_delivery_at(self, after: int = -1) -> int | None:
        """When the next delivery can be claimed, later than `after`."""
        return await self._readers.run(outbox.next_at, after)

    async def outbox(self) -> OutboxStats:
        """How much is queued."""
        return await self._readers.run(outbox.stats)

    async def references(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """What notifiers remember of their messages about alerts and groups, by fingerprints and ids."""
        return await self._readers.run(outbox.references, tuple(names))

    async def failing(self) -> list[ReceiverState]:
        """The notifiers of receivers whose last try failed."""
        return await self._readers.run(outbox.failing)

    async def calls(self, since: int) -> list[tuple[str, int]]:
        """(action, time) of the corrective calls decided on since, but for those withheld; oldest first."""
        return await self._readers.run(outbox.calls, since)

    # History

    async def deliveries(self, limit: int, fingerprint: str | None = None) -> list[Delivery]:
        """At most `limit` deliveries, the newest first; `fingerprint`: those about an alert or group, or naming it."""
        from agent.store.history import read_deliveries

        return await self._readers.run(read_deliveries, limit, fingerprint)

    async def delivery(self, key: str) -> Delivery | None:
        """The delivery of that idempotency key; None if there is none (any more)."""
        from agent.store.history import read_delivery

        return await self._readers.run(read_delivery, key)

    async def attempts(self, delivery_id: int) -> list[Attempt]:
        """The tries of a delivery, in order."""
        from agent.store.history import read_attempts

        return await self._readers.run(read_attempts, delivery_id)

    async def transitions(
        self, limit: int, target: str | None = None, since: int | None = None, fingerprint: str | None = None
    ) -> list[Transition]:
        """At most `limit` transitions, the newest first, of a target or an alert; `since` is in UTC microseconds."""
        from agent.store.history import read_transitions

        return await self._readers.run(read_transitions, limit, target, since, fingerprint)

    async def changes(self, start: int, end: int, targets: Sequence[str] | None) -> list[Transition]:
        """What alerts did from `start` to `end` (exclusive), in order; before it, how those stood that were open.

        With `targets` only what persons took of theirs.
        """
        from agent.store.history import read_changes

        return await self._readers.run(read_changes, start, end, targets)

    async def noted(self, target: str, start: int, end: int) -> list[Transition]:
        """What a target's alerts did from `start` to `end` (exclusive), in order; before it the last move of each."""
        from agent.store.history import read_noted

        return await self._readers.run(read_noted, target, start, end)

    async def silences(self) -> list[Silence]:
        """Those that hold, will hold, or are over but remembered."""
        return await self._readers.run(_silences)

    async def corrections(
        self, limit: int, target: str | None = None, since: int | None = None, until: int | None = None
    ) -> list[Correction]:
        """Newest first, ended ones too; `since` compares with the last change, `until` with the beginning."""
        given = {"target": target, "since": since, "until": until}
        return await self._readers.run(
            _corrections, limit, {name: one for name, one in given.items() if one is not None}
        )

    async def said(self, target: str, start: int, end: int) -> list[Transition]:
        """What was said of a target's corrections and escalations from `start` to `end`, in order."""
        from agent.store.history import read_said

        return await self._readers.run(read_said, target, start, end)

    async def acts(self, limit: int, since: int | None = None) -> list[Act]:
        """What people did, newest first."""
        from agent.store.history import read_acts

        return await self._readers.run(read_acts, limit, since)

    async def report_runs(self) -> list[ReportRun]:
        """Of each report what was noted last and the last that was made, in order of their times."""
        return await self._readers.run(reports.newest)

    async def forget_reports(self, now: int) -> None:
        """Forgets what was noted of reports at a time later than now."""
        await self._write().run(lambda connection: reports.forget_after(connection, now))

    async def alert_changes(self, start: int, end: int, most: int) -> list[Transition]:
        """Alerts that fired or resolved with start < at <= end, the newest first."""
        return await self._readers.run(reports.changes, start, end, most)

    async def pings(self, source: str, limit: int) -> list[Ping]:
        """Calls of a check-in, newest first."""
        from agent.store.history import read_pings

        return await self._readers.run(read_pings, source, limit)

    async def prune(self, before: int) -> int:
        """Forgets what is older than `before`, but for readings, a little at a time; returns how many rows.

        What is queued and what belongs to an open alert stay.
        """
        return await self._steps(retention.steps(before, await self._readers.run(retention.open_fingerprints)))

    async def roll_up(self, now: int, kept: rolling.Keep, needed: Mapping[str, Reach]) -> int:
        """Rolls up or removes readings as old as `kept` says of their series; returns how many rows are gone.

        The newest readings of each series stay as they are, and of series named in `needed` those within that reach
        before `now`.
        """
        removed = 0
        for number, series in await self._readers.run(rolling.all_series):
            given = number, kept(series), now, needed.get(series.name)
            removed += await self._steps(await self._readers.run(rolling.steps, *given))
        return removed

    async def _steps(self, steps: Iterable[Callable[[Connection], int]]) -> int:
        removed = 0
        for step in steps:
            while gone := await self._write().run(step):
                removed += gone
        return removed


def _load(connection: Connection) -> Remembered:
    def records(kind: type[T], sql: str) -> Iterator[T]:
        """One after another, since all texts at once would take as much memory as what is made of them."""
        return (decode(kind, row[0]) for row in connection.execute(sql))

    runs = f"SELECT record FROM corrections WHERE state NOT IN {ENDED} ORDER BY created, id"
    return Remembered(
        instances={state.key: state for state in records(InstanceState, "SELECT record FROM instances")},
        sources={state.name: state for state in records(SourceState, "SELECT record FROM sources")},
        corrections=tuple(records(Correction, runs)),
        groups=tuple(records(Group, "SELECT record FROM groups")),
        members=tuple(records(Member, "SELECT record FROM members")),
        silences=tuple(_silences(connection)),
        switches={name: decode(Switch, text) for name, text in connection.execute("SELECT name, record FROM switches")},
        troubles=tuple(records(Trouble, "SELECT record FROM troubles")),
    )


_WHICH = {"target": "target = :target", "since": "updated >= :since", "until": "created <= :until"}


def _corrections(connection: Connection, limit: int, given: Mapping[str, object]) -> list[Correction]:
    """Asked at every start, which therefore needs no SQLAlchemy."""
    where = " AND ".join(["true", *map(_WHICH.__getitem__, given)])
    sql = f"SELECT record FROM corrections WHERE {where} ORDER BY created DESC, id DESC LIMIT :limit"
    return [decode(Correction, row[0]) for row in connection.execute(sql, {**given, "limit": limit})]


def _silences(connection: Connection) -> list[Silence]:
    """All that are stored, in the order in which they were made."""
    found = [decode(Silence, row[0]) for row in connection.execute("SELECT record FROM silences")]
    return sorted(found, key=lambda one: (one.created, one.id))
