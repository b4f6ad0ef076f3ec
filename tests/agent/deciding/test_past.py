"""What is usual is learned from what is stored, once, and kept over a restart."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from rules.model import DAY, HOUR, MINUTE, AlertRule, Polled, Reading, Sign, Standing
from rules.unusual import learn
from tests.agent.test_pipeline import KEY, TARGET, World
from tests.rules.world import series

ODD = replace(TARGET, goal=None, alerts=(AlertRule("odd", Sign.UNUSUAL, notify=("team",)),))
NAME = series("temperature")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).start()
    yield made
    await made.stop()


async def store(world: World, days: int, step: int) -> list[Reading]:
    """Stores readings that end now."""
    noise = random.Random(1)
    now = world.clock.time
    times = range(now - days * DAY, now + 1, step)
    readings = [Reading(NAME, time, 20 + noise.uniform(-1, 1)) for time in times]
    for start in range(0, len(readings), 1000):
        await world.pipeline.handle(readings[start : start + 1000], Polled("a", now))
    return readings


async def test_a_new_alert_knows_what_was_usual_before_it_came(world: World) -> None:
    past = await store(world, 10, HOUR)
    assert world.pipeline.instances()[KEY].usual is None
    await world.use(ODD)
    state = world.pipeline.instances()[KEY]
    usual = None
    for reading in past:
        usual = learn(usual, world.pipeline.decider.specs.learned_of["room"], "UTC", reading.time, reading.value or 0)
    assert state.usual == usual
    assert state.assessment.standing is Standing.IN_BAND
    await world.read(60, after=HOUR)
    assert await world.told() == ["team firing odd"]


async def test_of_very_many_readings_some_are_learned_and_the_newest_is_one_of_them(world: World) -> None:
    past = await store(world, 14, 2 * MINUTE)
    await world.use(ODD)
    usual = world.pipeline.instances()[KEY].usual
    assert usual is not None
    assert 2000 < usual.seen <= 3000
    assert (usual.time, usual.started) == (past[-1].time, past[(len(past) - 1) % 4].time)


async def test_a_restart_and_a_reload_learn_nothing_anew(world: World) -> None:
    await store(world, 14, 2 * MINUTE)  # more than are learned again
    await world.use(ODD)
    for _ in range(5):
        await world.read(20.5, after=2 * MINUTE)
    before = world.pipeline.instances()[KEY]
    await world.restart()
    assert world.pipeline.instances()[KEY].usual == before.usual
    await world.use(ODD)
    assert world.pipeline.instances()[KEY].usual == before.usual
