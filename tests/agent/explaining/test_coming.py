"""What is said to come next comes, and when it was said: messages, calls and what they wait for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.explaining.present import Known
from rules.explain import Coming
from rules.model import HOUR, MINUTE, SECOND, RunState, SeverityStep
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, House
from tests.agent.people import by_ann
from tests.agent.test_pipeline import World
from tests.agent.test_pipeline_muting import APP, ROUTE, Plant, notify


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


def coming(world: World, target: str) -> Sequence[Coming]:
    (found,) = Known(world.pipeline.decider, ()).explained(target, world.clock.time)
    return found.found.coming


async def test_the_first_message_of_a_group_and_its_reminders(plant: Plant) -> None:
    await plant.begin(APP, route=replace(ROUTE, repeat_interval=12 * MINUTE))
    await plant.see(x=11)
    await plant.wait(10 * SECOND)
    for what, told in [("slow is told to team", 1), ("team is reminded of slow", 2)]:
        (said,) = coming(plant, "app")
        assert said.what == what
        await plant.wait(said.at - plant.clock.time - 1)
        assert len(await plant.told()) == told - 1
        await plant.wait(1)
        assert len(await plant.told()) == told


async def test_nobody_is_said_to_be_reminded_of_what_a_person_took_or_what_is_muted(plant: Plant) -> None:
    await plant.begin(notify(APP, "oncall", repeat=HOUR))
    await plant.see(x=11)
    (said,) = coming(plant, "app")
    assert (said.at, said.what) == (plant.clock.time + HOUR, "oncall is reminded of slow")
    await plant.silence('site="x"', MINUTE)
    assert coming(plant, "app") == ()
    await plant.wait(MINUTE)
    (key,) = plant.pipeline.instances()
    await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge", "")])
    assert coming(plant, "app") == ()


async def test_nothing_is_said_of_an_alert_after_its_end(plant: Plant) -> None:
    await plant.begin(notify(APP, "oncall", repeat=HOUR, keep_firing_for=MINUTE))
    await plant.see(x=11)
    await plant.see(x=1)
    assert [one.what for one in coming(plant, "app")] == ["slow is resolved"]


async def test_a_severity_that_is_lowered(plant: Plant) -> None:
    steps = (SeverityStep("critical", at_most=100.0),)
    await plant.begin(notify(APP, "oncall", worse=steps, keep_firing_for=5 * MINUTE))
    await plant.see(x=200)
    await plant.see(x=11)
    (said,) = coming(plant, "app")
    assert (said.at, said.what) == (plant.clock.time + 5 * MINUTE, "slow becomes less grave")


async def test_a_proposal_lapses(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    said = Coming(house.clock.time + HOUR, "Correction cool lapses, unless somebody approves it")
    assert coming(house, "room") == (said,)
    await house.passes(HOUR)
    assert house.state is RunState.SKIPPED


async def test_a_call_is_verified_until_then_and_made_again(house: House) -> None:
    await house.begin(AUTO)
    await house.read(25)
    await house.send()
    called = house.clock.time
    assert coming(house, "room") == (Coming(called + MINUTE, "Correction cool has not helped, if hot still fires"),)
    await house.passes(MINUTE)
    assert coming(house, "room") == (Coming(called + AUTO.cooldown, "Correction cool may be called, attempt 2"),)
    await house.switch_corrections(False, ANN)
    assert coming(house, "room") == ()
