"""Decides and commits: readings, polls and due times come in, and are answered once they are committed.

What arrives while a batch is being committed makes the next batch, so that many polls share one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import structlog

from agent.acts import Act
from agent.alerts.notices import Notices
from agent.clock import Clock
from agent.corrections.called import answered
from agent.deciding.decided import Decision
from agent.deciding.decision import Decider, sorting_out, taking_in
from agent.deciding.memory import Memory
from agent.deciding.recall import recall, say_missing
from agent.deciding.spool import Spool, batches
from agent.deciding.steps import in_steps
from agent.deciding.works import Work
from agent.dispatcher import Settle, is_withheld
from agent.store.records import Commit, Delivery, Ping, Receipt
from agent.store.store import Store, StoreUnavailable
from connectors.base import ConnectorError
from rules import corrections
from rules.breaker import REMEMBERED
from rules.engine import Batch
from rules.model import (
    SECOND,
    Acknowledgement,
    Correction,
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    Silence,
    SourceState,
)
from rules.retiring import retire
from rules.specs import Specs
from rules.starting import to_look_at
from rules.steps import in_parts

if TYPE_CHECKING:
    from agent.metrics import Metrics

log = structlog.get_logger()
T = TypeVar("T")

_ENDED_RUNS = 10_000
_STOP_SECONDS = 5.0
_RETRY_SECONDS = (0.2, 1.0, 5.0)
_CORRECTED = SECOND  # a clock that steps back so far is being corrected: nothing that counts was let go of
_PATIENCE_SECONDS = 2.0  # without an answer of the database, after which polls go on without it


@dataclass(slots=True)
class Pipeline:
    """One process's decisions, one batch after another."""

    clock: Clock
    store: Store
    metrics: Metrics
    wake_dispatcher: Callable[[], None]
    shards: Mapping[int, int] = field(default_factory=dict)
    memory: Memory = field(init=False)
    decider: Decider = field(init=False)
    failed: asyncio.Future[None] = field(init=False)
    spool: Spool = field(init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _worker: asyncio.Task[None] | None = None
    unstored_since: int | None = None
    unstored: str = ""  # why the last commit could not be stored
    _hanging: bool = False  # the database does not answer, and does not say no either
    _meanwhile: list[Reading] | None = None  # what is stored while a reload reads what was stored before
    _read_by: int = 0  # the latest time by which the history holds what it does

    async def start(self, specs: Specs, notices: Notices) -> None:
        """Takes up what is remembered, and looks at every instance once: what began or ended meanwhile is noticed."""
        now = self.clock.now()
        self.spool = Spool(self.clock, lambda: self.store.transactions)
        cooldown = max((rule.cooldown for one in specs.targets.values() for rule in one.correct), default=0)
        ended = await self.store.corrections(_ENDED_RUNS, since=now - max(REMEMBERED, cooldown))
        calls = await self.store.calls(now - corrections.LONGEST_BUDGET)
        self.memory = Memory(await self.store.load(), reversed(ended), calls, now)
        self.failed = asyncio.get_running_loop().create_future()
        await self.use(specs, notices)
        self._worker = asyncio.create_task(self._run(), name="pipeline")
        self._worker.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.failed.done():
            self.failed.set_exception(task.exception() or RuntimeError("the pipeline ended"))

    async def stop(self) -> None:
        """Commits what waits, then ends."""
        if self._worker is None:
            return
        if not self._worker.done():
            with suppress(TimeoutError):  # a database that can't be written is not waited for
                await asyncio.wait_for(self.spool.join(), _STOP_SECONDS)
            self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)

    @property
    def healthy(self) -> bool:
        """Whether the last batch could be committed."""
        return self.unstored_since is None

    # what comes in

    async def handle(self, readings: Sequence[Reading], polled: Polled) -> None:
        """Decides on one poll's readings; returns once they are committed, or kept while nothing can be."""
        work = self._enqueue(readings=readings, polled=polled, kept=True)
        if self.spool.full or (self.healthy and not self._hanging):
            await work.done

    async def receive(
        self, source: str, readings: Sequence[Reading], pings: Sequence[Ping] = (), message: str | None = None
    ) -> bool:
        """Decides on readings that were sent to a source; returns once they are committed.

        False if the `message` of that id was taken before; nothing of it is taken again. Raises StoreUnavailable where
        nothing can be stored and enough waits already.
        """
        if not self.healthy and self.spool.full:
            raise StoreUnavailable(self.unstored)
        work = self._enqueue(
            readings=readings,
            polled=Polled(source, self.clock.now()),
            pings=pings,
            message=(source, message) if message else None,
        )
        await work.done
        return not work.repeated

    def tick(self, now: int) -> None:
        """Looks again, soon, at what time alone may have changed."""
        due, looks = self.memory.take_due(now), self.memory.groups.take_due(now)
        if due or looks or self.memory.due_runs(now):
            self._enqueue(due=due, looks=looks)

    def _enqueue(self, **what: Any) -> Work:
        if self.failed.done():
            self.failed.result()
        return self.spool.put(**what)

    # deciding

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[int]:
        """Nobody else decides from now on. What counts by a clock that was set back is read first, as by a restart."""
        async with self._lock:
            now = self.clock.now()
            if now < self._read_by - _CORRECTED:  # some of it was let go since
                history, known = self.decider.history, self.memory.instances
                history.become(await self._insist(lambda: recall(self.store, history.specs, known, now)))
                self._read_by = now
            self._read_by = max(self._read_by, now)
            yield now

    async def _run(self) -> None:
        while True:
            try:
                works = await self.spool.take()
                async with self._turn() as now:  # nothing newer is decided on between what waited
                    for batch, as_of in batches(works, now):
                        await self._decide(batch, as_of)
            except BaseException as error:
                self.spool.give_up(error)
                raise
            self.spool.over()

    async def _decide(self, works: Sequence[Work], now: int) -> None:
        works, receipts = await self._new(works, now)
        readings, fresh = await self._sorted_out((reading for work in works for reading in work.readings), now)
        polls = [work.polled for work in works if work.polled is not None]
        due = [key for work in works for key in work.due]
        looks = [name for work in works for name in work.looks]
        decision = await in_steps(self.decider.deciding(Batch(fresh, polls, due), now, looks=looks))
        pings = [ping for work in works for ping in work.pings]
        await self._commit(decision, readings=readings, pings=pings, receipts=receipts)
        self.memory.looked_at(due)
        self.memory.groups.looked_at(looks)

    async def _new(self, works: Sequence[Work], now: int) -> tuple[Sequence[Work], Sequence[Receipt]]:
        """The works but for messages taken before, and the receipts of those that are new."""
        asked = [work.message for work in works if work.message is not None]
        if not asked:
            return works, ()
        known = await self._insist(lambda: self.store.received(asked))
        receipts = []
        for work in works:
            if work.message is not None:
                work.repeated = work.message in known
                known.add(work.message)
                if not work.repeated:
                    receipts.append(Receipt(*work.message, now))
        return [work for work in works if not work.repeated], receipts

    async def _sorted_out(self, readings: Iterable[Reading], now: int) -> tuple[list[Reading], list[Reading]]:
        """Those to store, and of these those to decide on. What is known already is neither."""
        store, fresh = await in_steps(sorting_out(self.decider.history, readings, now))
        if self._meanwhile is not None:
            self._meanwhile += store
        return store, fresh

    async def _commit(
        self,
        decision: Decision,
        *,
        readings: Sequence[Reading] = (),
        pings: Sequence[Ping] = (),
        receipts: Sequence[Receipt] = (),
        forget: Sequence[InstanceKey] = (),
        settle: Settle | None = None,
    ) -> None:
        sources = self.memory.sources_to_store(decision.sources.values())
        commit = Commit(
            decision.now,
            self.shards,
            readings,
            pings,
            await in_steps(in_parts(decision.instances.values(), self.memory.instances_to_store)),
            sources,
            decision.transitions,
            decision.deliveries,
            tuple(decision.runs.values()),
            forget,
            receipts,
            decision.groups.groups,
            decision.groups.members,
            decision.silences,
            decision.acts,
            decision.switches,
            troubles=tuple(decision.troubles.values()),
        )
        if commit.says_something or settle is not None:
            started = self.clock.monotonic()
            if not await self._store(commit, settle):
                return
            self.metrics.committed(len(readings), self.clock.monotonic() - started)
        await in_steps(taking_in(self.memory, decision, sources))
        self.memory.forget(forget)
        self._report(decision)
        if decision.deliveries:
            self.wake_dispatcher()

    async def _store(self, commit: Commit, settle: Settle | None) -> bool:
        """Commits; nothing decided is dropped. False if what was to be settled with it no longer can be."""
        if settle is not None:
            return await self._insist(lambda: settle(commit))
        await self._insist(lambda: self.store.commit(commit))
        return True

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """While the store does not work, tries again until it does."""
        attempt = 0
        while True:
            patience = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._go_on)
            try:
                answer = await ask()
            except StoreUnavailable as error:
                if self.unstored_since is None:
                    log.error("store.unavailable", error=str(error))  # noqa: TRY400 - the words say it all
                    self.unstored_since = self.clock.now()
                    self.spool.let_go()
                self.unstored = str(error)
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
            else:
                if self.unstored_since is not None:
                    log.info("store.available", attempts=attempt)
                self.unstored_since = None
                self._hanging = False
                return answer
            finally:
                patience.cancel()

    def _go_on(self) -> None:
        self._hanging = True
        self.spool.let_go()

    def _report(self, decision: Decision) -> None:
        for transition in decision.transitions:
            log.info(
                "alert",
                change=transition.event,
                alert=transition.alert,
                target=transition.key.target or None,
                labels=dict(transition.labels),
                detail=transition.detail or None,
            )
        for action, state in decision.came_to:
            self.metrics.correction(action, state)
        for run in decision.runs.values():
            if run.undoes and run.state in corrections.ENDED_BADLY and decision.instance(run.key) is None:
                facts = {"target": run.key.target, "alert": run.alert, "why": run.detail}
                log.warning("correction.not_undone", action=run.action, **facts)  # no alert is left that could say so
        for action in decision.tripped:
            log.warning("breaker.tripped", action=action)
        for name, switch in decision.switches.items():
            log.warning("switched", what=name, on=switch.on, by=switch.by, note=switch.note or None)

    # acts

    async def called(
        self, delivery: Delivery, answer: str | None, error: ConnectorError | None, settle: Settle
    ) -> None:
        """Takes in how a corrective call ended, in one transaction with the delivery's own outcome."""
        found = answered(_run_of(delivery), answer, error, withheld=is_withheld(delivery, error))
        async with self._turn() as now:
            decision = self.decider.decide(Batch(), now, [found])
            await self._commit(decision, settle=settle)

    def stopped(self, delivery: Delivery) -> str | None:
        """Why a corrective call in the outbox must not be made after all."""
        why = self.decider.corrector.stopped(_run_of(delivery), self.clock.now())
        # One that was given out before may have been made already, just before the daemon went away.
        return f"{why}, and whether it was made before is not known" if why and delivery.fence > 1 else why

    async def act(self, change: Callable[[Decision], T]) -> T:
        """Commits what a person's act changes, one after another; returns what it says."""
        async with self._turn() as now:
            decision, said = self.decider.act(change, now)
            await self._commit(decision)
        return said

    async def acknowledge(
        self, alerts: Iterable[tuple[InstanceKey, str]], sources: Iterable[str], acts: Sequence[Act]
    ) -> None:
        """Marks open alerts, of instances (key and rule) and of sources, as taken by the person of the acts."""
        async with self._turn() as now:
            taken = Acknowledgement(acts[0].person.name, now, acts[0].note, acts[0].person.id)
            decision = self.decider.acknowledge(alerts, sources, taken)
            decision.acts += acts
            await self._commit(decision)

    async def silence(self, silence: Silence, act: Act) -> None:
        """Keeps a silence, new or changed."""
        async with self._turn() as now:
            decision = self.decider.silence(silence, now)
            decision.acts.append(act)
            await self._commit(decision)

    async def use(self, specs: Specs, notices: Notices, in_force: Callable[[], None] = lambda: None) -> None:
        """Decides by another configuration, once `in_force`. What it no longer knows is ended, which is told."""
        async with self._lock:  # what is decided on now is stored by then
            meanwhile = self._meanwhile = list[Reading]()
        read_by = self.clock.now()
        history = await recall(self.store, specs, self.memory.instances, read_by)
        await say_missing(self.store, specs, read_by)
        async with self._turn() as now:
            self._meanwhile = None
            for reading in meanwhile:
                history.add(reading, now)
            self.memory.resume(now)
            retired = retire(specs, self.memory.states, now, history)
            ending = getattr(self, "decider", None) or Decider(specs, notices, self.memory, history)
            decision = ending.retire(retired.transitions, now, notices.config.actions)
            decision.instances.update({state.key: state for state in retired.instances})
            new = self.memory.schedule((n for n, one in notices.config.sources.items() if one.cron is not None), now)
            decision.sources.update({state.name: state for state in (*retired.sources, *new)})
            await self._commit(decision, forget=retired.forget)
            self.decider, self._read_by = Decider(specs, notices, self.memory, history), read_by
            in_force()
            await self._commit(self.decider.adopt(now))
            old, groups = ending.specs if self._worker else None, self.memory.groups
            due = to_look_at(specs, old, self.memory.states, history)
            # What muted the groups of one alert that wait may have gone meanwhile; each says all of it in one message.
            looks = [*groups.waiting(), *(() if old else groups.take_due(now))]  # a start looks at all that is due
            await self._commit(await in_steps(self.decider.deciding(Batch(due=due), now, looks=looks, starts=not old)))
            groups.looked_at(looks)
        await self._insist(self.store.shrink)

    # what is known

    def instances(self) -> Mapping[InstanceKey, InstanceState]:
        """Every instance by key."""
        return self.memory.instances

    def sources(self) -> Mapping[str, SourceState]:
        """Every source by name."""
        return self.memory.sources

    def open_corrections(self) -> Sequence[Correction]:
        """The corrections not ended."""
        return list(self.memory.open_runs.values())


def _run_of(delivery: Delivery) -> str:
    """The id of the correction that a call is made for."""
    return str(orjson.loads(delivery.payload)["run"])
