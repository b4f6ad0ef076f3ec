"""After a pause nothing polled is told before it was read: its number may be back. What can't be read is told still."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.alerts.unread import READ_WITHIN
from rules.inhibition import InhibitRule
from rules.intervals import TimeInterval
from rules.matchers import parse_alert_matchers
from rules.model import HOUR, MINUTE, SECOND, Polled
from rules.routing import Route
from tests.agent.test_pipeline_muting import APP, DB, RULE, Plant, configured, notify

DAWN = {"night": (TimeInterval(times=((6 * 60, 12 * 60 + 30),)),)}  # it is noon
TEAM = notify(APP, "team")
INHIBIT = InhibitRule(parse_alert_matchers("severity=critical"), parse_alert_matchers("severity=warning"))


class Away(Plant):
    """A daemon that is away for an hour in which what kept an alert from being told comes to its end."""

    async def ticks(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.time += SECOND
            self.pipeline.tick(self.clock.time)
            await self.pipeline.spool.join()

    async def fail(self) -> None:
        await self.pipeline.handle((), Polled("a", self.clock.time, "no connection"))


async def silence(plant: Plant) -> None:
    await plant.begin(TEAM)
    await plant.silence("target=app", 10 * MINUTE)
    await plant.see(x=11)


async def interval(plant: Plant) -> None:
    await plant.begin(replace(TEAM, mute=("night",)), intervals=DAWN)
    await plant.see(x=11)


async def silence_in_a_group(plant: Plant) -> None:
    await plant.begin(APP, route=Route("team", group_by=("target",)))
    await plant.silence("target=app", 10 * MINUTE)
    await plant.see(x=11)
    await plant.wait(MINUTE)


async def group_wait(plant: Plant) -> None:
    await plant.begin(APP, route=Route("team", group_by=("target",)))
    await plant.see(x=11)


async def inhibition(plant: Plant) -> None:
    """By another configuration it is not muted any more: it waits for no time of its own."""
    await plant.begin(TEAM, notify(DB, "oncall"), inhibit=(INHIBIT,))
    await plant.see(x=11, db=11)
    plant.config = configured(TEAM, notify(DB, "oncall"))


MUTED = [silence, interval, silence_in_a_group, group_wait, inhibition]
Begin = Callable[[Plant], Awaitable[None]]


@pytest.fixture
async def away(tmp_path: Path):
    made = Away(tmp_path)
    made.config = configured()
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("begin", MUTED)
async def test_a_number_that_is_back_is_told_to_nobody(away: Away, begin: Begin) -> None:
    await begin(away)
    known = await away.told()
    await away.restart(after=HOUR)
    await away.ticks(10)
    assert await away.told() == known
    await away.see(x=1)
    await away.ticks(2 * READ_WITHIN // SECOND)
    assert await away.told() == known


@pytest.mark.parametrize("begin", MUTED)
async def test_one_that_is_not_is_told_once_it_was_read(away: Away, begin: Begin) -> None:
    await begin(away)
    known = await away.told()
    await away.restart(after=HOUR)
    await away.ticks(5)
    await away.see(x=11, after=SECOND)
    await away.ticks(1)
    assert (await away.told())[len(known) :] == ["team: firing: x firing"]
    await away.ticks(2 * READ_WITHIN // SECOND)
    assert len(await away.told()) == len(known) + 1


@pytest.mark.parametrize("begin", MUTED)
async def test_a_source_that_hangs_is_waited_for_half_a_minute(away: Away, begin: Begin) -> None:
    await begin(away)
    known = await away.told()
    await away.restart(after=HOUR)
    await away.ticks(READ_WITHIN // SECOND - 1)
    assert await away.told() == known
    await away.ticks(1)
    assert (await away.told())[len(known) :] == ["team: firing: x firing"]


async def test_one_that_fails_until_it_is_down(away: Away) -> None:
    await silence(away)
    await away.restart(after=HOUR)
    for _ in range(2):
        await away.ticks(3)
        assert await away.told() == []
        await away.fail()
    await away.ticks(1)
    assert "team: firing: x firing" in await away.told()


async def test_one_that_is_called_is_waited_for_by_nobody(away: Away) -> None:
    await away.begin(TEAM)
    called = replace(away.config.sources["a"], every=None, rule=replace(RULE, every=None))
    away.config = replace(away.config, sources={"a": called})
    await away.pipeline.use(*away.compiled())
    await away.silence("target=app", 10 * MINUTE)
    await away.see(x=11)
    await away.restart(after=HOUR)
    assert await away.told() == ["team: firing: x firing"]


async def test_nobody_is_reminded_before_it_was_read(away: Away) -> None:
    await away.begin(notify(APP, "team", repeat=30 * MINUTE))
    await away.see(x=11)
    await away.restart(after=HOUR)
    await away.ticks(5)
    await away.see(x=1)
    assert await away.told() == ["team: firing: x firing", "team: resolved: x resolved"]


async def test_a_machine_that_slept_was_away_too(away: Away) -> None:
    await silence(away)
    away.clock.time += HOUR
    await away.ticks(5)
    assert await away.told() == []
    await away.see(x=11, after=SECOND)
    await away.ticks(1)
    assert await away.told() == ["team: firing: x firing"]


async def test_one_that_slept_for_some_seconds_was_away_as_long_as_a_source_was_not_read(away: Away) -> None:
    await silence(away)
    often = replace(away.config.sources["a"], every=SECOND, rule=replace(RULE, every=SECOND))
    away.config = replace(away.config, sources={"a": often})
    await away.pipeline.use(*away.compiled())
    await away.ticks(10 * MINUTE // SECOND - 20)
    await away.see(x=11, after=SECOND)
    away.clock.time += 15 * SECOND
    await away.ticks(5)
    assert await away.told() == []
    await away.see(x=1, after=SECOND)
    await away.ticks(2 * READ_WITHIN // SECOND)
    assert await away.told() == []


async def test_a_restart_that_takes_no_time_delays_nothing(away: Away) -> None:
    await silence(away)
    await away.see(x=11, after=10 * MINUTE - 5 * SECOND)
    await away.restart(after=5 * SECOND)
    assert await away.told() == ["team: firing: x firing"]


async def test_what_waits_is_told_in_time_by_a_clock_that_is_set_back(away: Away) -> None:
    await silence(away)
    await away.restart(after=3 * HOUR)
    await away.ticks(1)
    away.clock.time -= HOUR
    await away.ticks(READ_WITHIN // SECOND + 1)
    assert await away.told() == ["team: firing: x firing"]


async def test_what_is_held_for_what_it_depends_on_waits_as_ever(away: Away) -> None:
    await away.begin(replace(TEAM, depends_on=("db",)), notify(DB, "oncall"))
    await away.see(db=11)
    await away.see(x=11)
    away.config = configured(TEAM, notify(DB, "oncall"))
    await away.restart(after=HOUR)
    await away.ticks(5)
    assert (await away.told())[1:] == []
    await away.see(x=11)
    assert (await away.told())[1:] == ["team: firing: x firing"]


async def test_a_silence_that_a_person_ends_waits_for_no_poll(away: Away) -> None:
    await away.begin(TEAM)
    await away.silence("target=app", 3 * HOUR)
    await away.see(x=11)
    await away.restart(after=HOUR)
    await away.silence("target=app", 0)
    assert await away.told() == ["team: firing: x firing"]


async def test_a_group_that_was_told_without_its_source_is_not_looked_at_out_of_turn_with_the_next_poll(
    away: Away,
) -> None:
    await group_wait(away)
    await away.restart(after=HOUR)
    await away.ticks(READ_WITHIN // SECOND)
    assert await away.told() == ["team: firing: x firing"]
    await away.see(x=11, y=11)
    await away.ticks(MINUTE // SECOND)
    assert len(await away.told()) == 1
    await away.ticks(5 * MINUTE // SECOND)
    assert (await away.told())[1:] == ["team: firing: x,y firing"]
