"""The daemon with a clock that a test steps and with instants at which it kills itself.

It is the daemon of `setpoint run`: the same composition, sockets, database and signals. Only what says the time is
another, and what ticks, and the store and the outbox have fault points. Nothing of this is in the product.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import agent.app
import agent.config.changes
import agent.deciding.memory
import agent.pipeline
import agent.process
import agent.reports.reporter
import agent.store.postgres_link
import connectors.pace
import connectors.slack_api  # slack-sdk is heavy: once, before the forks
from agent import log
from agent.app import Setpoint
from agent.clock import Clock
from agent.deciding.spool import Spool
from agent.deciding.works import Work
from agent.dispatcher import Dispatcher
from agent.polling.shards import SHARDS
from agent.runtime import Reloaded
from agent.sending.outgoing import Outgoing
from agent.settings import Settings, read_settings
from agent.store.postgres_connection import PostgresConnection
from agent.store.records import Attempt, Commit, Delivery
from agent.store.sqlite_link import SqliteLink
from agent.store.store import Store
from rules.model import MINUTE, SECOND
from tests.crash.scenario import LATE

POINTS = ("asked", "BEGIN", "COMMIT", "committed", "claimed", "before-send", "after-send", "settled")
"""Where it can kill itself: before a transaction is asked for, before its BEGIN, with its jobs done before its COMMIT,
after it before who asked goes on; after a claim, before a send, after the receiver's answer, after that is recorded."""


class Points:
    """Counts how often each fault point was crossed; at the `nth` crossing from `arm` on the process is no more."""

    def __init__(self) -> None:
        self.crossed: Counter[str] = Counter()
        self._armed: tuple[str, int] | None = None

    def arm(self, point: str, nth: int) -> None:
        self._armed = point, self.crossed[point] + nth

    def cross(self, point: str) -> None:
        self.crossed[point] += 1
        if self._armed == (point, self.crossed[point]):
            os.kill(os.getpid(), signal.SIGKILL)


class SteppedClock(Clock):
    """Stands still until it is set."""

    def __init__(self, now: int) -> None:
        self.time = now
        self.gone = 0.0

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.gone


class Loop(asyncio.SelectorEventLoop):
    """Its time goes on as ever, and jumps with the clock: whoever sleeps until then wakes up."""

    ahead = 0.0
    on_turn: Callable[[float], None] | None = None

    def time(self) -> float:
        return super().time() + self.ahead

    def _run_once(self) -> None:
        before = time.thread_time()
        super()._run_once()  # type: ignore[misc] # one turn, which asyncio tells nobody of
        if self.on_turn is not None:
            self.on_turn(time.thread_time() - before)


class TurnLag:
    """Tells the metric of the loop's lag how long each turn took of the processor: what else runs here is no lag."""

    def __init__(self, on_lag: Callable[[float], None]) -> None:
        self._on_lag = on_lag

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        loop.on_turn = self._on_lag

    def stop(self) -> None: ...


class SteppedScheduler:
    """Ticks each shard when it is told to."""

    now: ClassVar[SteppedScheduler]

    def __init__(self, clock: Clock, on_tick: Callable[[int, int], None], on_lag: Callable[[float], None]) -> None:
        self._clock, self._on_tick = clock, on_tick
        self._jobs: dict[str, tuple[int, int, Callable[[], Awaitable[None]]]] = {}
        SteppedScheduler.now = self

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def every(self, name: str, seconds: int, job: Callable[[], Awaitable[None]]) -> None:
        self._jobs[name] = self._clock.now() + MINUTE, seconds, job

    async def tick(self) -> None:
        now = self._clock.now()
        for shard in range(SHARDS):
            self._on_tick(shard, now)
        for name, (due, seconds, job) in self._jobs.items():
            if due <= now:
                self._jobs[name] = now + seconds * SECOND, seconds, job
                await job()


class Faulty:
    """A database connection that crosses the points of its transactions; all else is the connection's."""

    def __init__(self, connection: Any, points: Points) -> None:
        self._connection, self._points = connection, points

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "BEGIN IMMEDIATE":
            self._points.cross("BEGIN")
        elif sql == "COMMIT":
            self._points.cross("COMMIT")
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class FaultyPostgres(PostgresConnection):
    """A session that crosses the points of its transactions; only the one that writes has any."""

    points: ClassVar[Points]

    def command(self, sql: str) -> None:
        if sql in {"BEGIN", "COMMIT"}:
            if sql == "COMMIT":
                self.flush()
            self.points.cross(sql)
        super().command(sql)


class FaultyStore(Store):
    """The store with fault points; it knows when the dispatcher has looked and found nothing to send."""

    points: ClassVar[Points]
    looked: ClassVar[asyncio.Event]
    _found = 0
    found_nothing = False

    @classmethod
    async def open(cls, url: str, now: int) -> FaultyStore:
        store = await super().open(url, now)
        assert isinstance(store, FaultyStore)
        assert store._writer is not None
        link = store._writer._link
        if isinstance(link, SqliteLink):
            link._connection = Faulty(link._connection, cls.points)
        return store

    async def commit(self, commit: Commit) -> None:
        self.points.cross("asked")
        await super().commit(commit)
        self.points.cross("committed")

    async def settle(self, delivery: Delivery, attempt: Attempt, **outcome: Any) -> bool:
        self.points.cross("asked")
        kept = await super().settle(delivery, attempt, **outcome)
        self.points.cross("settled")
        return kept

    async def claim(self, *wanted: Any, **more: Any) -> list[Delivery]:
        found = await super().claim(*wanted, **more)
        self._found += len(found)
        if found:
            self.points.cross("claimed")
        return found

    async def next_delivery_at(self, after: int = -1) -> int | None:
        at = await super().next_delivery_at(after)
        self.found_nothing, self._found = self._found == 0, 0
        self.looked.set()
        return at


class SteppedSpool(Spool):
    """Gives what was read in a step at once and by name: which answer was faster decides nothing."""

    def __init__(self, clock: Clock, commits: Callable[[], int]) -> None:
        super().__init__(clock, commits)
        self.read: set[str] = set()  # sources, since the gate was closed
        self.came, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    def put(self, **what: Any) -> Work:
        work = super().put(**what)
        if work.polled is not None:
            self.read.add(work.polled.source)
            self.came.set()
        return work

    async def take(self) -> list[Work]:
        await self._came.wait()
        await self.gate.wait()
        self._taken = sorted(self._waiting, key=lambda work: work.polled.source if work.polled else "")
        self._waiting = []
        self._came.clear()
        return self._taken


class Even(random.Random):
    """Spreads nothing: what is tried again is so at the same time in each run."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class EvenDispatcher(Dispatcher):
    def __init__(self, *wanted: Any) -> None:
        super().__init__(*wanted, rng=Even())


class FaultyOutgoing(Outgoing):
    """What leaves, with fault points."""

    points: ClassVar[Points]

    async def notify(self, delivery: Delivery) -> Mapping[str, Any] | None:
        return await self._cross(super().notify(delivery))

    async def call(self, delivery: Delivery) -> str:
        return str(await self._cross(super().call(delivery)))

    async def _cross(self, sending: Awaitable[Any]) -> Any:
        self.points.cross("before-send")
        try:
            return await sending
        finally:
            self.points.cross("after-send")


class Stepped(Setpoint):
    """The daemon as the driver at the other end of a pipe moves it on."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], clock: SteppedClock, pipe: Connection) -> None:
        super().__init__(settings, environ, clock)
        self.stepped, self.pipe = clock, pipe
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: set[str] = set()

    async def start(self, *given: Any) -> None:
        await super().start(*given)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.pipe.fileno(), self._take_up)
        loop.call_soon(self._say, "up")  # when the signals are heard

    def _say(self, what: str, *more: Any) -> None:
        self.pipe.send((what, dict(FaultyStore.points.crossed), *more))

    def _take_up(self) -> None:
        what, *how = self.pipe.recv()
        task = asyncio.create_task(getattr(self, f"do_{what}")(*how))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """One that failed ends the daemon: its driver would wait for nothing."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            traceback.print_exception(task.exception())
            sys.stderr.flush()
            os._exit(70)

    async def do_clock(self, now: int, gone: float, kill: tuple[str, int] | None) -> None:
        """Sets the clock, `gone` seconds of which really passed."""
        self.stepped.time = now
        self.stepped.gone += gone
        asyncio.get_running_loop().ahead += gone
        if kill is not None:
            FaultyStore.points.arm(*kill)
        self._say("set")

    async def do_tick(self) -> None:
        """What time alone brings about comes first, and its calls are made: else whether a poll was faster decides."""
        now = self.stepped.now()
        for _ in range(5):  # what was due may make more due at once
            self.pipeline.tick(now)
            await self._settle()
            if (self.pipeline.memory.next_due() or now + 1) > now:
                break
        spool = self.pipeline.spool
        assert isinstance(spool, SteppedSpool)
        spool.gate.clear()
        spool.read.clear()
        await SteppedScheduler.now.tick()
        await self._read_all(spool)
        spool.gate.set()
        await self.do_settle()

    async def _read_all(self, spool: SteppedSpool) -> None:
        """Returns once each source that is being polled has handed on what it said."""
        tasks = {name: due.task for name, due in self.poller._due.items() if due.task is not None}
        for task in tasks.values():
            task.add_done_callback(lambda _task: spool.came.set())
        while any(not task.done() and name not in spool.read for name, task in tasks.items()):
            spool.came.clear()
            await spool.came.wait()

    async def do_late(self, key: str) -> None:
        """A receiver has taken a delivery and will not answer; once nothing else is on its way, it is given up."""
        self._late.add(key)
        self._give_up_late()

    def _give_up_late(self) -> None:
        waiting = {delivery.key for delivery in self.dispatcher._in_flight.values()}
        if waiting and waiting <= self._late:
            asyncio.get_running_loop().ahead += LATE
            self._late -= waiting

    async def do_settle(self) -> None:
        """Says when nothing is left to do at this time."""
        await self._settle()
        self._say("quiet")

    async def _settle(self) -> None:
        while not await self._is_quiet():
            pass

    async def _is_quiet(self) -> bool:
        polls = [due.task for due in self.poller._due.values() if due.task is not None]
        report = self.reporter._task
        if report is not None and not report.done():
            polls.append(report)
        if polls:
            await asyncio.wait(polls)
            return False
        await self.pipeline.spool.join()
        if self.dispatcher._in_flight:
            self._give_up_late()
            await asyncio.wait(set().union(*self.dispatcher._sends.values()), return_when=asyncio.FIRST_COMPLETED)
            return False
        FaultyStore.looked.clear()
        self.dispatcher.wake()
        await FaultyStore.looked.wait()
        store = self.store
        assert isinstance(store, FaultyStore)
        return store.found_nothing and not self.dispatcher._woken.is_set() and not self.dispatcher._in_flight

    async def reload(self) -> Reloaded:
        done = await super().reload()
        self._say("reloaded", done.errors)
        return done


async def _watch_nothing(_path: Path, _reload: Callable[[], None], stopping: asyncio.Event) -> None:
    """A changed file is noticed at an instant nobody chose: here it is SIGHUP that says so."""
    await stopping.wait()


async def _at_once(*_asked: Any) -> None: ...


def main(pipe: Connection, environ: dict[str, str], folder: str, now: int, kill: tuple[str, int] | None) -> None:
    """Runs in a process of its own until it is killed or stopped."""
    os.chdir(folder)
    said = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(environ)
    points = FaultyStore.points = FaultyOutgoing.points = FaultyPostgres.points = Points()
    FaultyStore.looked = asyncio.Event()
    if kill is not None:
        points.arm(*kill)
    clock = SteppedClock(now)
    agent.app.Store, agent.app.Outgoing, agent.app.Scheduler = FaultyStore, FaultyOutgoing, SteppedScheduler
    agent.app.Dispatcher, agent.pipeline.Spool, agent.app.LoopLag = EvenDispatcher, SteppedSpool, TurnLag
    agent.store.postgres_link.PostgresConnection = FaultyPostgres
    agent.process.Setpoint = lambda settings, given: Stepped(settings, given, clock, pipe)
    agent.config.changes.watch_files = _watch_nothing
    # How fast Slack may be called is counted in seconds of the process, of which none pass within a step.
    connectors.pace.Pace.turn = _at_once  # type: ignore[method-assign]
    # A time stored a minute ago makes an alert wait for the first poll after a restart, be it by a millisecond: and so
    # miss the message of its group that is due in that very instant.
    agent.deciding.memory._SOURCE_EVERY = 0
    # Sources are read before a start makes a report or a call that is due; here they are read within the first step.
    agent.deciding.memory._READ_FIRST = agent.reports.reporter._SETTLE = 0
    settings = read_settings()
    log.configure(settings.log_format, settings.log_level, settings.secrets)
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(agent.process.run(settings, os.environ))
