"""Reads each source when it is due, one source independent of all others, and hands what comes to the pipeline."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import structlog

from agent.clock import Clock
from agent.config.configuration import SourceEntry
from agent.polling.lanes import Lane
from agent.polling.schedule import Schedule
from agent.runtime import Unknown
from agent.store.errors import StoreError
from connectors.base import ConnectorError, PartialAnswer, Source, TimedOut
from connectors.deadlines import Deadlines
from rules.model import SECOND, Polled, Reading

log = structlog.get_logger()

AT_ONCE = 2_000  # polls in flight
_CROWD = 20  # sources that may all start together
_GRACE = 1.0  # seconds in which a source's own timeout, which says more, comes first
_TURN = 60.0
_FREE = nullcontext()
Handle = Callable[[Sequence[Reading], Polled], Awaitable[None]]
OnPoll = Callable[[str, str, float], None]


@dataclass(slots=True, eq=False)
class Due:
    """A polled source and when it is read next."""

    entry: SourceEntry
    source: Source
    schedule: Schedule
    lane: Lane | None
    patience: float  # seconds a poll may take in all
    at: int
    waits: int = 0  # no poll before
    failures: int = 0  # in a row
    task: asyncio.Task[None] | None = None
    taken: Sequence[Reading] | None = None  # what was handed on and may come again: the very same says nothing new

    def __lt__(self, other: Due) -> bool:
        return self.at < other.at

    def held(self, time: int) -> bool:
        """Whether it failed so often that it is not its turn yet."""
        return self.failures > 0 and time < self.waits


class Poller:
    """The polled sources of this process by shard."""

    def __init__(self, clock: Clock, handle: Handle, on_poll: OnPoll) -> None:
        """`on_poll(source, outcome, seconds)` is told `ok`, `failed` or `skipped` (the poll before still runs)."""
        self._clock = clock
        self._handle = handle
        self._on_poll = on_poll
        self._log = log.bind()  # one that is not bound is put together anew for each line, also for those not wanted
        self._due: dict[str, Due] = {}
        self._heaps: dict[int, list[Due]] = {}
        self._ticked: dict[int, int] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._deadlines = Deadlines()
        self._lanes: dict[str, Lane] = {}
        self._failing: set[str] = set()

    def replace(
        self,
        sources: Mapping[str, tuple[SourceEntry, Source]],
        shards: Mapping[str, int],
        last: Mapping[str, int | None],
    ) -> None:
        """Polls these sources from now on; those that stay as they are keep their times.

        `last` are the times of their last success, or since when they are known: a cron run missed since then is made
        up for once.
        """
        now = self._clock.now()
        crowd = len(sources) > _CROWD
        for name, due in self._due.items():
            if due.task is not None and (name not in sources or sources[name][1] is not due.source):
                due.task.cancel()
        kept = {name: due for name, due in self._due.items() if name in sources and sources[name][1] is due.source}
        self._due = {
            name: kept.get(name) or self._made(entry, source, Schedule(entry, now, last.get(name), crowd=crowd))
            for name, (entry, source) in sources.items()
        }
        used = {due.lane.origin for due in self._due.values() if due.lane is not None}
        self._lanes = {origin: lane for origin, lane in self._lanes.items() if origin in used}
        self._heaps = {}
        for name, due in self._due.items():
            self._heaps.setdefault(shards[name], []).append(due)
        self._order()

    def _made(self, entry: SourceEntry, source: Source, schedule: Schedule) -> Due:
        origin: str = getattr(source, "origin", "")
        lane = self._lanes.setdefault(origin, Lane(origin)) if origin else None
        # The second poll is on the grid too, but not right after the first.
        second = schedule.first + (entry.every or 0) // 2
        return Due(entry, source, schedule, lane, _patience(entry), schedule.first, waits=second)

    def _order(self) -> None:
        for heap in self._heaps.values():
            heapq.heapify(heap)

    def next_polls(self) -> Mapping[str, int]:
        """When each source is read next, in UTC microseconds."""
        return {
            name: due.schedule.after(due.waits - 1) if due.held(due.at) else due.at for name, due in self._due.items()
        }

    def given_up(self) -> Sequence[str]:
        """The hosts that are not asked now, but by one source from time to time, since none got a connection."""
        return [lane.origin for lane in self._lanes.values() if lane.is_open]

    def tick(self, shard: int, time: int) -> None:
        """Starts the polls of a shard that are due at a time."""
        heap = self._heaps.get(shard)
        if not heap:
            return
        if time < self._ticked.get(shard, time):
            self._set_back(heap, time)
        self._ticked[shard] = time
        while heap[0].at <= time:
            due = heap[0]
            held = due.held(time)
            often = (due.entry.every or SECOND) < SECOND and not held
            due.at = time + SECOND if often else due.schedule.after(max(time, due.waits - 1))
            heapq.heapreplace(heap, due)
            if often:
                self._begin_often(due, time)
            elif not held:
                self._begin(due)

    def _begin(self, due: Due) -> None:
        if due.task is not None:
            self._on_poll(due.entry.name, "skipped", 0.0)
        else:
            due.task = asyncio.create_task(self._poll(due))

    def _begin_often(self, due: Due, time: int) -> None:
        """Each tick is for a second, in which it is due several times."""
        loop, at = asyncio.get_running_loop(), due.schedule.after(time - 1)
        while at < time + SECOND:
            loop.call_later((at - time) / SECOND, self._begin_again, due)
            at = due.schedule.after(at)

    def _begin_again(self, due: Due) -> None:
        if self._heaps and self._due.get(due.entry.name) is due and not due.held(self._clock.now()):
            self._begin(due)

    def _set_back(self, heap: list[Due], time: int) -> None:
        """The clock was set back: nothing waits longer than its interval or schedule for it to catch up."""
        for due in heap:
            due.at, due.waits = min(due.at, due.schedule.after(time)), 0
        heapq.heapify(heap)

    async def _poll(self, due: Due) -> None:
        try:
            # The turn at the host first: who waits for one keeps no room from the sources of other hosts.
            async with due.lane.turns if due.lane is not None else _FREE, self._room:
                await self._read(due)
        finally:
            due.task = None

    async def _read(self, due: Due) -> None:
        name, started = due.entry.name, self._clock.monotonic()
        now = self._clock.now()
        readings: Sequence[Reading] = ()
        error: ConnectorError | None = None
        partly: str | None = None
        try:
            if due.lane is not None:
                due.lane.enter(name, started)
            readings = await self._fetch(due, now)
        except PartialAnswer as answer:
            readings, partly = answer.readings, str(answer)
        except ConnectorError as failed:
            error = failed.with_traceback(None)  # else only a look for garbage frees what its frames hold
        took = self._clock.monotonic() - started
        self._note(due, error, now, started)
        words = None if error is None else str(error)
        self._on_poll(name, "ok" if error is None else "failed", took)
        self._log.debug("poll", source=name, readings=len(readings), seconds=took, error=words)
        self._say(name, words or partly)
        try:
            await self._handle(() if readings is due.taken else readings, Polled(name, now, words, partly))
        except StoreError as ended:  # the daemon ends with it, and says it then
            log.debug("poll.lost", source=name, error=str(ended))
        else:
            due.taken = readings if readings is getattr(due.source, "remembered", None) else None

    def _note(self, due: Due, error: ConnectorError | None, now: int, started: float) -> None:
        """A source that fails is read less often, and at its interval again once it was read.

        The one that is to try whether its host is back does so in time. The poll began at `now`, which is `started`.
        """
        if error is not None:
            due.failures += 1
            pause = due.schedule.pause(due.failures, error.retry_after)
            turn = due.lane.turn(due.entry.name) if due.lane is not None else None
            due.waits = now + (pause if turn is None else min(pause, round((turn - started) * SECOND)))
        elif due.failures:
            due.failures = due.waits = 0

    async def _fetch(self, due: Due, now: int) -> Sequence[Reading]:
        """What the source answers. Raises ConnectorError and nothing else: one source is no trouble of the others."""
        try:
            readings = await self._answer(due, now)
        except BaseException as error:
            self._leave(due, error)
            raise
        self._leave(due, None)
        return readings

    def _leave(self, due: Due, error: BaseException | None) -> None:
        """The turn at its host is over; a host that is back is asked by all who waited for it."""
        if due.lane is not None and due.lane.leave(due.entry.name, error, self._clock.monotonic()):
            self._resume([other for other in self._due.values() if other.lane is due.lane])

    def _resume(self, dues: Sequence[Due]) -> None:
        """They are due on their interval again, whatever they waited for."""
        now = self._clock.now()
        for due in dues:
            due.waits = 0
            due.at = min(due.at, due.schedule.after(now))
        self._order()

    async def _answer(self, due: Due, now: int) -> Sequence[Reading]:
        try:
            with self._deadlines.within(due.patience):
                return await due.source.read(now)
        except ConnectorError:
            raise
        except TimeoutError:
            raise TimedOut(f"no answer within {due.patience:g} s") from None
        except Exception as unexpected:
            log.exception("poll.crashed", source=due.entry.name)
            raise ConnectorError(f"unexpected {type(unexpected).__name__}; see the log") from unexpected

    def _say(self, name: str, error: str | None) -> None:
        """Logs once when a source begins to fail, and once when it works again."""
        if error is not None and name not in self._failing:
            self._failing.add(name)
            log.warning("source.failing", source=name, error=error)
        elif error is None and name in self._failing:
            self._failing.discard(name)
            log.info("source.back", source=name)

    async def poll_now(self, name: str) -> Sequence[Reading]:
        """Reads a source now, besides its schedule. Raises Unknown or ConnectorError.

        What can be read of a partly bad answer is kept all the same.
        """
        due = self._due.get(name)
        if due is None:
            raise Unknown(f"no polled source {name!r}")
        now = self._clock.now()
        try:
            readings = await self._fetch(due, now)
        except PartialAnswer as partial:
            self._back(due)
            await self._handle(partial.readings, Polled(name, now, partly=str(partial)))
            raise
        self._back(due)
        await self._handle(readings, Polled(name, now))
        return readings

    def _back(self, due: Due) -> None:
        if due.failures:
            due.failures = 0
            self._resume([due])

    async def close(self) -> None:
        """Polls no more; polls in flight are given up, they come again after the next start."""
        self._heaps = {}
        tasks = [due.task for due in self._due.values() if due.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _patience(entry: SourceEntry) -> float:
    """Seconds a poll may take in all: its timeout, and what it may have to wait for a turn at its gateway."""
    return entry.timeout / SECOND + (_TURN if getattr(entry.config, "gateway", None) else _GRACE)


def allow_open_files() -> None:
    """Takes as many open files as the system allows: each polled host has a connection."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1_048_576 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
