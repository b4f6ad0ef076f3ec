"""Reads each source when it is due, one source independent of all others, and hands what comes to the pipeline."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from agent.clock import Clock
from agent.config.configuration import SourceEntry
from agent.runtime import Unknown
from connectors.base import ConnectorError, PartialAnswer, Source, TimedOut
from rules.cron import next_run
from rules.model import SECOND, Polled, Reading

log = structlog.get_logger()

AT_ONCE = 2_000  # polls in flight
SPREAD = 10 * SECOND  # over which the first polls after a start are spread, so that many sources don't start together
_GRACE = 1.0  # seconds in which a source's own timeout, which says more, comes first
_TURN = 60.0
Handle = Callable[[Sequence[Reading], Polled], Awaitable[None]]
OnPoll = Callable[[str, str, float], None]


@dataclass(slots=True, eq=False)
class Due:
    """A polled source and when it is read next."""

    entry: SourceEntry
    source: Source
    at: int
    task: asyncio.Task[None] | None = None
    taken: Sequence[Reading] | None = None  # what was handed on last: the very same again says nothing new

    def __lt__(self, other: Due) -> bool:
        return self.at < other.at


class Poller:
    """The polled sources of this process by shard."""

    def __init__(self, clock: Clock, handle: Handle, on_poll: OnPoll) -> None:
        """`on_poll(source, outcome, seconds)` is told `ok`, `failed` or `skipped` (the poll before still runs)."""
        self._clock = clock
        self._handle = handle
        self._on_poll = on_poll
        self._due: dict[str, Due] = {}
        self._heaps: dict[int, list[Due]] = {}
        self._ticked: dict[int, int] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._failing: set[str] = set()

    def replace(
        self,
        sources: Mapping[str, tuple[SourceEntry, Source]],
        shards: Mapping[str, int],
        last: Mapping[str, int | None],
    ) -> None:
        """Polls these sources from now on; those that stay as they are keep their times.

        `last` are the times of their last success: a cron run missed since then is made up for once.
        """
        now = self._clock.now()
        crowd = len(sources) > 20
        for name, due in self._due.items():
            if due.task is not None and (name not in sources or sources[name][1] is not due.source):
                due.task.cancel()
        kept = {name: due for name, due in self._due.items() if name in sources and sources[name][1] is due.source}
        self._due = {
            name: kept.get(name) or Due(entry, source, _first(entry, now, last.get(name), crowd=crowd))
            for name, (entry, source) in sources.items()
        }
        self._heaps = {}
        for name, due in self._due.items():
            self._heaps.setdefault(shards[name], []).append(due)
        for heap in self._heaps.values():
            heapq.heapify(heap)

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
            due.at = _next(due.entry, due.at, time)
            heapq.heapreplace(heap, due)
            if due.task is not None:
                self._on_poll(due.entry.name, "skipped", 0.0)
                continue
            due.task = asyncio.create_task(self._poll(due))

    def _set_back(self, heap: list[Due], time: int) -> None:
        """The clock was set back: nothing waits longer than its interval or schedule for it to catch up."""
        for due in heap:
            due.at = min(due.at, _next(due.entry, time, time))
        heapq.heapify(heap)

    async def _poll(self, due: Due) -> None:
        try:
            async with self._room:
                await self._read(due)
        finally:
            due.task = None

    async def _read(self, due: Due) -> None:
        name, started = due.entry.name, self._clock.monotonic()
        now = self._clock.now()
        readings: Sequence[Reading] = ()
        error: str | None = None
        partly: str | None = None
        try:
            readings = await self._fetch(due, now)
        except PartialAnswer as answer:
            readings, partly = answer.readings, str(answer)
        except ConnectorError as failed:
            error = str(failed)
        took = self._clock.monotonic() - started
        self._on_poll(name, "ok" if error is None else "failed", took)
        log.debug("poll", source=name, readings=len(readings), seconds=took, error=error)
        self._say(name, error or partly)
        await self._handle(() if readings is due.taken else readings, Polled(name, now, error, partly))
        due.taken = readings

    async def _fetch(self, due: Due, now: int) -> Sequence[Reading]:
        """What the source answers. Raises ConnectorError and nothing else: one source is no trouble of the others."""
        try:
            async with asyncio.timeout(_patience(due.entry)):
                return await due.source.read(now)
        except ConnectorError:
            raise
        except TimeoutError:
            raise TimedOut(f"no answer within {_patience(due.entry):g} s") from None
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
            await self._handle(partial.readings, Polled(name, now, partly=str(partial)))
            raise
        await self._handle(readings, Polled(name, now))
        return readings

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


def _first(entry: SourceEntry, now: int, last: int | None, *, crowd: bool) -> int:
    """The first poll: at once where there are few sources, else spread; a cron source waits unless it missed a run."""
    if entry.cron is not None:
        due = next_run(entry.cron, entry.zone, last if last is not None else now)
        return now if due <= now else due
    spread = min(entry.every or SPREAD, SPREAD)
    return now + _phase(entry.name, spread) // SECOND * SECOND if crowd else now


def _next(entry: SourceEntry, due: int, now: int) -> int:
    """The next time after `now` on the source's own grid, counted from `due`; what was missed is not made up for."""
    if entry.cron is not None:
        return next_run(entry.cron, entry.zone, now)
    every = entry.every or SECOND
    return due + ((now - due) // every + 1) * every


def _phase(name: str, every: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % every


def allow_open_files() -> None:
    """Takes as many open files as the system allows: each polled host has a connection."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1_048_576 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
