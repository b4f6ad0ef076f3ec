"""When: APScheduler says each second, in which each shard ticks once, and runs calendar jobs. Imported here only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from agent.clock import Clock
from agent.store.commits import SHARDS
from agent.store.errors import StoreUnavailable
from rules.model import MINUTE, SECOND
from rules.periods import EPOCH, to_micros

log = structlog.get_logger()

TICK = SECOND
_TOGETHER = 4
"""Shards that tick at one time, so four times a second: what is read together is decided on and stored together."""

_SET = 2.0  # seconds the wall clock may move against the monotonic one within a second before it counts as set


class Scheduler:
    """Calls `on_tick(shard, time)` each second, each four shards a quarter later, `time` being when it was due."""

    def __init__(self, clock: Clock, on_tick: Callable[[int, int], None], on_lag: Callable[[float], None]) -> None:
        """`on_lag` is told how many seconds after it was due each tick began."""
        self._clock = clock
        self._on_tick = on_tick
        self._on_lag = on_lag
        self._expected: dict[int, float] = {}  # monotonic seconds at which a shard's next tick is due
        self._ticked: dict[int, int] = {}  # the time each shard was told last
        self._stopped = False
        self._jobs: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {}
        self._watching: asyncio.TimerHandle | None = None
        logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)  # what fails is said here, once
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC,
            # None: a run that is late runs once, however late.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Begins to tick, in the running event loop."""
        self._set_ticks()
        self._scheduler.start()
        self._watch(self._offset())

    def every(self, name: str, seconds: int, job: Callable[[], Awaitable[None]]) -> None:
        """Runs a job each so many seconds, first after a minute; one of the same name is replaced."""
        self._jobs[name] = seconds, job
        first = self._clock.now() + min(seconds * SECOND, MINUTE)
        self._scheduler.add_job(job, _Grid(first, seconds * SECOND), id=name, replace_existing=True)

    def stop(self) -> None:
        """Ticks no more; a job that runs is cancelled."""
        if self._watching is not None:
            self._watching.cancel()
        self._scheduler.shutdown(wait=False)
        self._stopped = True

    def _set_ticks(self) -> None:
        now = self._clock.now()
        begin = now // TICK * TICK + TICK
        for shard in range(SHARDS):
            self._expect(shard, begin + _shift(shard) - now)
        self._scheduler.add_job(self._spread, _Grid(begin, TICK), args=(begin,), id="ticks", replace_existing=True)

    def _expect(self, shard: int, wait: int) -> None:
        self._expected[shard] = self._clock.monotonic() + wait / SECOND

    async def _spread(self, begin: int) -> None:
        """Has each shard tick at its own time of this second; jobs of APScheduler would cost twenty times as much."""
        now, loop = self._clock.now(), asyncio.get_running_loop()
        second = begin + (now - begin) // TICK * TICK
        for shard in range(SHARDS):
            due = second + _shift(shard)
            loop.call_later(max(due - now, 0) / SECOND, self._tick, shard, due)

    def _tick(self, shard: int, begin: int) -> None:
        if self._stopped:
            return
        now = self._clock.now()
        due = begin + (now - begin) // TICK * TICK
        if due == self._ticked.get(shard):
            return  # the tick before was so late that it was told this time already
        self._ticked[shard] = due
        # By the monotonic clock: a wall clock that is set makes no tick late.
        self._on_lag(max(self._clock.monotonic() - self._expected[shard], 0.0))
        self._expect(shard, due + TICK - now)
        try:
            self._on_tick(shard, due)
        except Exception:
            log.exception("job.failed", job=f"tick-{shard}")

    def _offset(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic()

    def _watch(self, offset: float) -> None:
        """Sets all times anew when the wall clock was set back: APScheduler would wait until it is there again."""
        now = self._offset()
        self._watching = asyncio.get_running_loop().call_later(1, self._watch, now)
        if abs(now - offset) > _SET:
            log.warning("clock.set", seconds=round(now - offset, 1))
        if now < offset - _SET:
            self._set_ticks()
            for name, (seconds, job) in self._jobs.items():
                self.every(name, seconds, job)


def _shift(shard: int) -> int:
    """How far into each second a shard ticks, in microseconds."""
    return shard // _TOGETHER * _TOGETHER * TICK // SHARDS


class _Grid(BaseTrigger):  # type: ignore[misc]
    """Fires at `begin` and each `step` microseconds from it; what was missed is left out, not counted one by one.

    APScheduler's own interval goes through every missed time, which after a clock jumped by years takes minutes.
    """

    def __init__(self, begin: int, step: int) -> None:
        self._begin = begin
        self._step = step

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The first time of the grid after `previous`, and after `now` if something fired before."""
        after = to_micros(now) - 1 if previous is None else max(to_micros(previous), to_micros(now))
        passed = max(after - self._begin, -1) // self._step + 1
        return EPOCH + timedelta(microseconds=self._begin + passed * self._step)


def _report(event: JobExecutionEvent) -> None:
    if isinstance(event.exception, StoreUnavailable):  # that is said once, and not here
        log.warning("job.put_off", job=event.job_id, error=str(event.exception))
    elif not isinstance(event.exception, asyncio.CancelledError):  # stopped
        log.error("job.failed", job=event.job_id, exc_info=event.exception)
