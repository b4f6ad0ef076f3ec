"""When: APScheduler ticks each shard once a second and runs calendar jobs. Only this module imports it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from agent.clock import Clock
from agent.store.commits import SHARDS
from rules.model import SECOND

log = structlog.get_logger()

TICK = SECOND
_LATE_IS_FINE = 3_600  # seconds; a run that is late runs once, however late


class Scheduler:
    """Calls `on_tick(shard, time)` each second, shard i shifted by i/SHARDS of it, `time` being when it was due."""

    def __init__(
        self, clock: Clock, on_tick: Callable[[int, int], Awaitable[None]], on_lag: Callable[[float], None]
    ) -> None:
        """`on_lag` is told how many seconds after it was due each tick began."""
        self._clock = clock
        self._on_tick = on_tick
        self._on_lag = on_lag
        self._watching: asyncio.TimerHandle
        self._scheduler: Any = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": _LATE_IS_FINE},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def start(self) -> None:
        """Begins to tick, in the running event loop."""
        self._set_ticks()
        self._scheduler.start()
        self._watch(self._offset())

    def _set_ticks(self) -> None:
        second = self._clock.now() // TICK * TICK + TICK
        for shard in range(SHARDS):
            begin = second + shard * TICK // SHARDS
            self._scheduler.add_job(
                self._tick,
                IntervalTrigger(seconds=TICK // SECOND, start_date=_moment(begin), timezone=UTC),
                args=(shard, begin),
                id=f"tick-{shard}",
                replace_existing=True,
            )

    def _offset(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic()

    def _watch(self, offset: float) -> None:
        """Sets the ticks anew when the wall clock was set back: APScheduler would wait until it is there again."""
        now = self._offset()
        if now < offset - 2:
            log.warning("clock.set_back", seconds=round(offset - now, 1))
            self._set_ticks()
        self._watching = asyncio.get_running_loop().call_later(1, self._watch, now)

    def every(self, name: str, seconds: int, job: Callable[[], Awaitable[None]]) -> None:
        """Runs a job each so many seconds, first after a minute; one of the same name is replaced."""
        first = _moment(self._clock.now()) + timedelta(seconds=min(seconds, 60))
        trigger = IntervalTrigger(seconds=seconds, start_date=first, timezone=UTC)
        self._scheduler.add_job(job, trigger, id=name, replace_existing=True)

    def stop(self) -> None:
        """Ticks no more; what runs is left to end."""
        self._watching.cancel()
        self._scheduler.shutdown(wait=False)

    async def _tick(self, shard: int, begin: int) -> None:
        now = self._clock.now()
        due = begin + (now - begin) // TICK * TICK
        self._on_lag((now - due) / SECOND)
        await self._on_tick(shard, due)


def _report(event: JobExecutionEvent) -> None:
    error = getattr(event, "exception", None)
    if error is not None:
        log.error("job.failed", job=event.job_id, exc_info=error)
    else:
        log.warning("job.missed", job=event.job_id)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / SECOND, UTC)
