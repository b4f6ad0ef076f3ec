"""When: APScheduler ticks each shard once a second and runs calendar jobs. Only this module imports it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from agent.clock import Clock
from agent.store.commits import SHARDS
from rules.cron import next_run
from rules.model import MINUTE, SECOND
from rules.periods import to_local, to_micros

log = structlog.get_logger()

TICK = SECOND
_WATCH = 1.0  # seconds between two looks at the wall clock
_SET_BACK = 2 * SECOND  # what is less is waited for

After = Callable[[int], int]
"""The first time a job is due after a time."""


class Scheduler:
    """Calls `on_tick(shard, time)` each second, shard i shifted by i/SHARDS of it, `time` being when it was due.

    What was missed, however long, because the loop was busy or the machine slept, is one run.
    """

    def __init__(
        self, clock: Clock, on_tick: Callable[[int, int], Awaitable[None]], on_lag: Callable[[float], None]
    ) -> None:
        """`on_lag` is told how many seconds after it was due each tick began."""
        self._clock = clock
        self._on_tick = on_tick
        self._on_lag = on_lag
        self._due: dict[int, int] = {}
        self._watching: asyncio.TimerHandle
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR)
        logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)  # would say it a second time

    def start(self) -> None:
        """Begins to tick, in the running event loop."""
        for shard in range(SHARDS):
            after = grid(TICK, shard * TICK // SHARDS)
            self._due[shard] = after(self._clock.now())
            self._add(f"tick-{shard}", after, self._tick, shard, after)
        self._scheduler.start()
        self._watch(self._offset())

    def every(self, name: str, seconds: int, job: Callable[[], Awaitable[None]]) -> None:
        """Runs a job each so many seconds, first after a minute at most; one of the same name is replaced."""
        first = self._clock.now() + min(seconds * SECOND, MINUTE)
        self._add(name, grid(seconds * SECOND, first), job)

    def cron(self, name: str, expression: str, zone: str, job: Callable[[], Awaitable[None]]) -> None:
        """Runs a job when a cron expression comes round in a zone; one of the same name is replaced."""
        self._add(name, lambda now: next_run(expression, zone, now), job)

    def stop(self) -> None:
        """Runs no more; a job that is running is cancelled."""
        self._watching.cancel()
        self._scheduler.shutdown(wait=False)

    def _add(self, name: str, after: After, job: Callable[..., Awaitable[None]], *args: Any) -> None:
        self._scheduler.add_job(job, Upcoming(after), args=args, id=name, replace_existing=True)

    async def _tick(self, shard: int, after: After) -> None:
        now = self._clock.now()
        following = after(now)
        self._on_lag(max(now - self._due[shard], 0) / SECOND)
        self._due[shard] = following
        await self._on_tick(shard, following - TICK)

    def _offset(self) -> int:
        return self._clock.now() - round(self._clock.monotonic() * SECOND)

    def _watch(self, offset: int) -> None:
        """Looks again what is due when the wall clock was set back: APScheduler would wait until it is there again."""
        now = self._offset()
        if now < offset - _SET_BACK:
            log.warning("clock.set_back", seconds=(offset - now) // SECOND)
            for job in self._scheduler.get_jobs():
                job.reschedule(job.trigger)
        self._watching = asyncio.get_running_loop().call_later(_WATCH, self._watch, now)


class Upcoming(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at what a function says comes after now, so that time that was slept through is not counted through."""

    __slots__ = ("_after",)

    def __init__(self, after: After) -> None:
        self._after = after

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """APScheduler asks for the run after a missed one until it is in the future, which this one is at once."""
        return to_local(self._after(to_micros(now)), "UTC")


def grid(step: int, start: int) -> After:
    """The times `start` plus or minus a whole number of steps."""
    return lambda now: now + step - (now - start) % step


def _report(event: JobExecutionEvent) -> None:
    if not isinstance(event.exception, asyncio.CancelledError):
        log.error("job.failed", job=event.job_id, exc_info=event.exception)
