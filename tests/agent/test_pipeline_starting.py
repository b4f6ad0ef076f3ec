"""The look at everything that a start makes, between two polls: it changes nothing that would not have changed without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.alerts.unread import READ_WITHIN
from agent.config.configuration import NotifierEntry
from rules.model import HOUR, SECOND, AlertRule, Goal, Measure, RollingPeriod, Standing
from rules.routing import Route
from tests.agent.test_pipeline import KEY, TARGET, World, configuration

LOW = replace(
    TARGET,
    goal=Goal(
        Measure.SUM, at_least=11, per=RollingPeriod(55 * SECOND)
    ),  # of 2 every 10 s: 12 at a poll, 10 just before
    alerts=(AlertRule("low", Standing.MISSED, notify=("team",)),),
)


@pytest.fixture
async def world(tmp_path: Path):
    made = World(tmp_path)
    made.config = configuration(LOW)
    await made.start()
    for _ in range(8):
        await made.read(2)
    assert made.pipeline.instances()[KEY].assessment.standing is Standing.MET
    yield made
    await made.stop()


async def told_since(world: World) -> list[str]:
    """What was told once the window was full: before, the target was low."""
    return (await world.told())[len(["firing", "resolved"]) :]


async def test_between_two_polls_it_neither_begins_nor_ends_anything(world: World) -> None:
    before = world.pipeline.instances()[KEY]
    await world.restart(after=7 * SECOND)
    assert world.pipeline.instances()[KEY] == before
    await world.read(2, after=3 * SECOND)
    after = world.pipeline.instances()[KEY]
    assert (after.assessment.standing, after.since) == (Standing.MET, before.since)
    assert await told_since(world) == []


async def test_what_is_due_is_found_at_once(world: World) -> None:
    await world.restart(after=10 * SECOND)
    assert await told_since(world) == ["team firing low"]


async def test_a_group_whose_time_has_come_is_told_with_what_is_found(world: World) -> None:
    """As by a tick: what is found moves corrections on too, which are to be told of as they are then."""
    grouped = replace(LOW, alerts=(replace(LOW.alerts[0], notify=()),))
    source = world.config.sources["a"]
    called = replace(source, every=None, rule=replace(source.rule, every=None))  # no poll of it is waited for
    route, receivers = Route("all", group_by=()), {"all": (NotifierEntry("console", None),)}
    world.config = replace(configuration(grouped), sources={"a": called}, receivers=receivers, route=route)
    await world.pipeline.use(*world.compiled())
    before = len(await world.told())
    for _ in range(3):  # it is missed with the first one
        await world.read(0)
    assert (await world.told())[before:] == []
    await world.restart(after=10 * SECOND)
    assert (await world.told())[before:] == ["all firing low"]


async def test_what_is_due_before_a_poll_is_found_when_it_is_due(world: World) -> None:
    await world.restart(after=7 * SECOND)
    await world.wait(3 * SECOND)
    assert await told_since(world) == ["team firing low"]


async def test_the_next_look_is_when_it_was_to_be(world: World) -> None:
    due = world.pipeline.instances()[KEY].wake
    await world.restart(after=3 * SECOND)
    assert world.pipeline.instances()[KEY].wake == due


@pytest.mark.parametrize("polled", [True, False])
async def test_what_another_configuration_makes_of_it_is_told_with_the_first_poll_or_soon(
    world: World, *, polled: bool
):
    await world.use(TARGET)
    await world.read(22)
    world.config = configuration(replace(TARGET, goal=Goal(at_most=20)))
    entry = world.config.sources["a"]
    world.config.sources["a"] = replace(entry, rule=replace(entry.rule, every=HOUR))  # else it is told by a poll only
    await world.restart()
    assert await told_since(world) == []
    if polled:
        await world.read(22, after=SECOND)
    else:
        await world.wait(READ_WITHIN)
    assert await told_since(world) == ["team firing hot"]


async def test_a_reload_between_two_polls_neither_begins_nor_ends_anything(world: World) -> None:
    before = world.pipeline.instances()[KEY]
    await world.wait(7 * SECOND)
    await world.use(LOW)
    assert world.pipeline.instances()[KEY] == before
    await world.read(2, after=3 * SECOND)
    assert world.pipeline.instances()[KEY].assessment.standing is Standing.MET
    assert await told_since(world) == []


async def test_a_reload_leaves_the_look_that_is_due_to_its_time(world: World) -> None:
    await world.wait(7 * SECOND)
    await world.use(LOW)
    await world.wait(3 * SECOND)
    assert await told_since(world) == ["team firing low"]
