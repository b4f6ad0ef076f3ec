"""The real APScheduler: tests wait for ticks, on intervals of a second; what needs hours is put to the trigger itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from agent.clock import Clock
from agent.scheduler import TICK, Scheduler, Upcoming, grid
from agent.store.commits import SHARDS
from rules.cron import next_run
from rules.model import DAY, HOUR, MINUTE, SECOND
from rules.periods import to_local, to_micros
from tests.rules.world import at

T0 = at("2026-11-24 12:00")


class Shifted(Clock):
    """The real clock, set back or forward by a test."""

    def __init__(self) -> None:
        self.shift = 0

    def now(self) -> int:
        return super().now() + self.shift


class World:
    """A scheduler whose ticks are kept."""

    def __init__(self) -> None:
        self.clock = Shifted()
        self.ticks: list[tuple[int, int]] = []
        self.lags: list[float] = []
        self.more = asyncio.Condition()
        self.on_tick: Callable[[int, int], Awaitable[None]] | None = None
        self.scheduler = Scheduler(self.clock, self._tick, self.lags.append)

    async def _tick(self, shard: int, time: int) -> None:
        async with self.more:
            self.ticks.append((shard, time))
            self.more.notify_all()
        if self.on_tick is not None:
            await self.on_tick(shard, time)

    async def until(self, enough: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds), self.more:
            await self.more.wait_for(enough)

    def of(self, shard: int) -> list[int]:
        return [time for number, time in self.ticks if number == shard]

    def put_off(self, name: str, to: int) -> None:
        """As if the job's next run had been worked out at another time."""
        self.scheduler._scheduler.modify_job(name, next_run_time=to_local(to, "UTC"))

    def next_run(self, name: str) -> int:
        return to_micros(self.scheduler._scheduler.get_job(name).next_run_time)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    made.scheduler.start()
    yield made
    made.scheduler.stop()


async def test_each_shard_ticks_each_second_on_its_own_part_of_it(world: World) -> None:
    started = world.clock.now()
    await world.until(lambda: all(len(world.of(shard)) >= 2 for shard in range(SHARDS)))
    for shard in range(SHARDS):
        times = world.of(shard)
        assert all(time % TICK == shard * TICK // SHARDS for time in times)
        assert times[0] < times[1]  # by a second, where the machine is not busy
        assert started < times[0] <= started + TICK
    assert len(world.lags) >= 2 * SHARDS
    assert all(0 <= lag < 5 for lag in world.lags)


async def test_a_machine_that_slept_for_days_ticks_once_and_goes_on(world: World) -> None:
    now = world.clock.now()
    world.scheduler._due[3] = now - 3 * DAY
    world.put_off("tick-3", now - 3 * DAY)
    await world.until(lambda: len(world.of(3)) >= 2)
    first, second = world.of(3)[:2]
    assert now - TICK < first <= world.clock.now()
    assert second > first
    assert 3 * 86_400 <= max(world.lags) < 3 * 86_400 + 60


async def test_a_clock_set_back_does_not_stop_the_ticks(world: World) -> None:
    world.put_off("tick-5", world.clock.now() + HOUR)  # what APScheduler waits for once the clock is an hour earlier
    world.scheduler.every("nightly", 6 * 3600, job_of(world))
    world.put_off("nightly", world.clock.now() + 7 * HOUR)
    world.clock.shift = -HOUR
    with capture_logs() as logs:
        await world.until(lambda: len(world.of(5)) >= 1)
    assert [(line["event"], line["seconds"]) for line in logs] == [("clock.set_back", 3600)]
    assert world.next_run("nightly") < world.clock.now() + HOUR + 6 * HOUR + SECOND
    assert min(world.lags) >= 0


async def test_a_clock_set_forward_is_told_as_lag_once(world: World) -> None:
    world.clock.shift = HOUR
    await world.until(lambda: len(world.of(0)) >= 3)
    assert sum(lag > 3000 for lag in world.lags) <= SHARDS
    assert world.of(0) == sorted(set(world.of(0)))


def job_of(world: World) -> Callable[[], Awaitable[None]]:
    async def job() -> None:
        async with world.more:
            world.ticks.append((-1, world.clock.now()))
            world.more.notify_all()

    return job


async def test_a_late_calendar_job_runs_once_however_late(world: World) -> None:
    world.scheduler.cron("report", "0 9 * * mon", "Europe/Amsterdam", job_of(world))
    due = world.next_run("report")
    assert due == next_run("0 9 * * mon", "Europe/Amsterdam", world.clock.now())
    world.put_off("report", world.clock.now() - 60 * DAY)
    await world.until(lambda: len(world.of(-1)) >= 1)
    assert world.next_run("report") == due
    await world.until(lambda: len(world.of(0)) >= 2)
    assert len(world.of(-1)) == 1


async def test_a_job_of_the_same_name_is_replaced_and_ticks_keep_their_phase(world: World) -> None:
    before = [world.next_run(f"tick-{shard}") % TICK for shard in range(SHARDS)]
    world.scheduler.every("retention", 3600, job_of(world))
    assert world.next_run("retention") - world.clock.now() <= MINUTE
    world.scheduler.every("retention", 10, job_of(world))
    assert world.next_run("retention") - world.clock.now() <= 10 * SECOND
    world.scheduler.cron("retention", "30 3 * * *", "UTC", job_of(world))
    assert world.next_run("retention") % DAY == 3 * HOUR + 30 * MINUTE
    assert [world.next_run(f"tick-{shard}") % TICK for shard in range(SHARDS)] == before


async def test_a_tick_that_fails_is_logged_once_and_the_next_one_comes(world: World) -> None:
    async def fail(shard: int, _time: int) -> None:
        if shard == 2:
            raise ZeroDivisionError("oops")

    world.on_tick = fail
    with capture_logs() as logs:
        await world.until(lambda: len(world.of(2)) >= 2)
    assert {(line["event"], line["job"], str(line["exc_info"])) for line in logs} == {("job.failed", "tick-2", "oops")}


async def test_a_tick_that_hangs_is_not_started_again_and_holds_up_no_other(world: World) -> None:
    release = asyncio.Event()

    async def hang(shard: int, _time: int) -> None:
        if shard == 7:
            await release.wait()

    world.on_tick = hang
    await world.until(lambda: len(world.of(7)) >= 1 and len(world.of(8)) >= 3)
    assert len(world.of(7)) == 1
    release.set()
    await world.until(lambda: len(world.of(7)) >= 2)


async def test_stop_ends_the_ticks_and_says_nothing(world: World) -> None:
    held = asyncio.Event()

    async def hang(_shard: int, _time: int) -> None:
        await held.wait()

    world.on_tick = hang
    await world.until(lambda: len(world.ticks) >= 1)
    with capture_logs() as logs:
        world.scheduler.stop()
        count = len(world.ticks)
        for _ in range(10):
            await asyncio.sleep(0)
    assert (len(world.ticks), logs) == (count, [])
    world.scheduler = Scheduler(world.clock, world._tick, world.lags.append)
    world.scheduler.start()  # for the fixture to stop


@pytest.mark.parametrize(
    ("expression", "before", "runs"),
    [
        ("30 2 * * *", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),  # the clocks go forward
        ("30 2 * * *", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),  # and back
    ],
)
def test_cron_on_the_days_the_clocks_change(expression: str, before: str, runs: list[str]) -> None:
    trigger = Upcoming(lambda now: next_run(expression, "Europe/Amsterdam", now))
    moment = to_local(at(before), "UTC")
    for run in runs:
        moment = trigger.get_next_fire_time(None, moment)
        assert to_micros(moment) == at(run)


def test_a_missed_time_is_not_counted_through() -> None:
    asked = []

    def after(now: int) -> int:
        asked.append(now)
        return grid(TICK, 0)(now)

    now = to_local(T0, "UTC")
    assert Upcoming(after).get_next_fire_time(now - timedelta(days=400), now) == now + timedelta(seconds=1)
    assert asked == [T0]


@pytest.mark.parametrize("start", [T0, T0 + 90 * DAY, 0, 62_500])
def test_the_grid_is_always_later_by_at_most_a_step(start: int) -> None:
    after = grid(TICK, start)
    for now in (T0, T0 + 1, T0 + 62_500, T0 + TICK - 1):
        assert now < after(now) <= now + TICK
        assert (after(now) - start) % TICK == 0
