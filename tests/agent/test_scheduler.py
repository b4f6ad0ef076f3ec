"""The real scheduler in a running loop. Where the wall clock is set, ours and APScheduler's are set together."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import apscheduler.schedulers.base
import pytest
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

import agent.scheduler
from agent.clock import Clock
from agent.scheduler import Scheduler, _Grid, _report
from agent.store.commits import SHARDS
from agent.store.errors import StoreUnavailable
from rules.model import SECOND
from rules.periods import EPOCH, to_micros

QUICK = SECOND // 20


class SetClock(Clock):
    """The system's clock, moved by as much as the test says."""

    moved = 0  # microseconds

    def now(self) -> int:
        return super().now() + self.moved


@pytest.fixture
def clock(monkeypatch) -> SetClock:
    made = SetClock()

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(microseconds=made.moved)

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Shifted)
    return made


class Ticks:
    """What was ticked; `until` waits for it, and fails after some seconds."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.lags: list[float] = []
        self.raises: dict[int, BaseException] = {}
        self._moved = asyncio.Event()

    def tick(self, shard: int, time: int) -> None:
        self.seen.append((shard, time))
        self._moved.set()
        if shard in self.raises:
            raise self.raises[shard]

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(8):
            while not done():
                self._moved.clear()
                await self._moved.wait()

    async def more(self, ticks: int) -> None:
        wanted = len(self.seen) + ticks
        await self.until(lambda: len(self.seen) >= wanted)

    def counts(self) -> Counter[int]:
        return Counter(shard for shard, _ in self.seen)


@pytest.fixture
async def ticks():
    return Ticks()


@pytest.fixture
async def scheduler(clock, ticks):
    made = Scheduler(clock, ticks.tick, ticks.lags.append)
    yield made
    if made._scheduler.running:
        made.stop()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(agent.scheduler, "TICK", QUICK)


async def test_each_shard_ticks_each_second_four_at_a_time(scheduler, ticks, clock):
    began = clock.now()
    scheduler.start()
    await ticks.until(lambda: len(ticks.counts()) == SHARDS and min(ticks.counts().values()) == 2)
    for shard in range(SHARDS):
        first, second, *_ = [time for of, time in ticks.seen if of == shard]
        assert second - first == SECOND
        assert first % SECOND == shard // 4 * SECOND // 4
        assert began < first <= began + 2 * SECOND
    assert [shard for shard, _ in ticks.seen[:SHARDS]] == list(range(SHARDS))
    assert all(0 <= lag < 5 for lag in ticks.lags)


async def test_a_tick_that_fails_is_said_once_and_the_next_comes(quick, scheduler, ticks, caplog):
    ticks.raises[2] = ValueError("broken")
    with capture_logs() as said:
        scheduler.start()
        await ticks.until(lambda: ticks.counts()[2] >= 3)
    failed = [line for line in said if line["event"] == "job.failed"]
    assert {line["job"] for line in failed} == {"tick-2"}
    assert 1 <= len(failed) <= ticks.counts()[2]
    assert failed[0]["exc_info"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_tick_that_comes_late_is_told_for_the_latest_time_and_its_whole_lag(quick, scheduler, ticks, clock):
    scheduler.start()
    await ticks.more(SHARDS)
    _block(clock, 4 * QUICK)
    before = len(ticks.seen)
    await ticks.more(SHARDS)
    assert max(ticks.lags[before:]) >= 3 * QUICK / SECOND
    for shard, time in ticks.seen[before : before + SHARDS]:
        earlier = max(at for of, at in ticks.seen[:before] if of == shard)
        assert (time - earlier) % QUICK == 0
        assert time - earlier >= 3 * QUICK  # once, not once for each that was missed


def _block(clock: Clock, span: int) -> None:
    """Holds the whole loop up, as a long computation does."""
    until = clock.now() + span
    while clock.now() < until:
        pass


@pytest.mark.parametrize("years", [0, 30])
async def test_a_clock_set_forward_makes_one_tick_and_no_lag(quick, scheduler, ticks, clock, years):
    """Thirty years: a small computer without a battery that learns the time from the network."""
    scheduler.start()
    await ticks.more(SHARDS)
    clock.moved = years * 365 * 86_400 * SECOND + 3_600 * SECOND
    before = len(ticks.seen)
    await ticks.more(3 * SHARDS)
    assert clock.now() - ticks.seen[-1][1] < 5 * SECOND
    for shard in range(SHARDS):
        times = [time for of, time in ticks.seen[before:] if of == shard]
        assert times == sorted(set(times))
    assert max(ticks.lags) < 5


async def test_a_clock_set_back_keeps_ticking(quick, scheduler, ticks, clock):
    scheduler.start()
    await ticks.more(SHARDS)
    with capture_logs() as said:
        clock.moved = -3_600 * SECOND
        await ticks.more(3 * SHARDS)
    assert abs(clock.now() - ticks.seen[-1][1]) < 5 * SECOND
    assert [round(line["seconds"]) for line in said if line["event"] == "clock.set"] == [-3600]
    assert max(ticks.lags) < 8


class TestEvery:
    async def test_a_job_runs_and_runs_again(self, scheduler, clock):
        scheduler.start()
        ran: asyncio.Queue[int] = asyncio.Queue()

        async def job() -> None:
            ran.put_nowait(clock.now())

        scheduler.every("it", 1, job)
        async with asyncio.timeout(8):
            first, second = await ran.get(), await ran.get()
        assert 0.5 * SECOND < second - first < 3 * SECOND

    async def test_one_of_the_same_name_is_replaced(self, scheduler):
        scheduler.start()
        ran: asyncio.Queue[str] = asyncio.Queue()

        async def old() -> None:
            ran.put_nowait("old")

        async def new() -> None:
            ran.put_nowait("new")

        scheduler.every("it", 1, old)
        scheduler.every("it", 1, new)
        async with asyncio.timeout(8):
            assert [await ran.get(), await ran.get()] == ["new", "new"]

    async def test_a_run_missed_for_long_runs_once(self, quick, scheduler, ticks, clock):
        scheduler.start()
        ran = []

        async def job() -> None:
            ran.append(clock.now())

        scheduler.every("it", 6 * 3600, job)
        await ticks.more(SHARDS)
        clock.moved = 20 * 3600 * SECOND  # three runs and a grace of an hour ago
        await ticks.more(5 * SHARDS)
        assert len(ran) == 1

    async def test_a_clock_set_back_does_not_put_it_off(self, quick, scheduler, ticks, clock):
        clock.moved = 400 * 86_400 * SECOND
        scheduler.start()
        ran = asyncio.Event()

        async def job() -> None:
            ran.set()

        scheduler.every("it", 1, job)
        clock.moved = 0
        async with asyncio.timeout(8):
            await ran.wait()


async def test_nothing_ticks_after_stop(quick, scheduler, ticks):
    scheduler.start()
    await ticks.until(lambda: ticks.counts()[3] == 1 and len(ticks.seen) >= SHARDS)
    with capture_logs() as said:
        scheduler.stop()
        for _ in range(5):
            await asyncio.sleep(0)
        count = len(ticks.seen)
        await asyncio.get_running_loop().run_in_executor(None, _block, Clock(), 3 * QUICK)
    assert len(ticks.seen) == count
    assert said == []


async def test_it_can_be_stopped_at_once(clock, ticks):
    made = Scheduler(clock, ticks.tick, ticks.lags.append)
    made.start()
    made.stop()
    await asyncio.sleep(0)
    assert ticks.seen == []


moments = st.integers(0, 4_000_000_000 * SECOND)


@given(begin=moments, step=st.integers(1, 10**12), now=moments, previous=st.none() | moments)
def test_the_grid_gives_the_first_time_that_is_not_over(begin, step, now, previous):
    found = _Grid(begin, step).get_next_fire_time(None if previous is None else _at(previous), _at(now))
    at = to_micros(found)
    earliest = now if previous is None else max(previous, now) + 1
    assert at >= begin
    assert (at - begin) % step == 0
    assert at >= earliest
    assert at == begin or at - step < earliest


def _at(micros: int) -> datetime:
    moment = EPOCH + timedelta(microseconds=micros)
    assert moment.tzinfo is UTC
    return moment


@pytest.mark.parametrize(("error", "event"), [(StoreUnavailable("away"), "job.put_off"), (ValueError(), "job.failed")])
def test_a_job_that_the_database_keeps_from_its_work_is_no_error_of_ours(error, event):
    with capture_logs() as said:
        _report(JobExecutionEvent(EVENT_JOB_ERROR, "retention", "default", None, exception=error))
    assert [line["event"] for line in said] == [event]
