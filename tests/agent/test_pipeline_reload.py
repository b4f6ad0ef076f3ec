"""What a reload, or a configuration changed while the daemon was away, may not lose, forget or do twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.config.configuration import ActionEntry
from agent.store.readings import Held
from agent.store.records import DeliveryKind
from connectors.base import Unreachable
from rules.matchers import parse_alert_matchers
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CalendarPeriod,
    Goal,
    InstanceKey,
    Matcher,
    Measure,
    NoData,
    Often,
    Polled,
    Reading,
    RollingPeriod,
    RunState,
    Selector,
    Silence,
    SourceRule,
    Standing,
)
from tests.agent.people import by_ann
from tests.agent.test_pipeline import CORRECT, KEY, TARGET, World
from tests.rules.world import series


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).start()
    yield made
    await made.stop()


async def test_readings_that_come_while_a_reload_reads_the_past_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = replace(TARGET, goal=Goal(Measure.SUM, at_least=1000, per=CalendarPeriod("day")))
    await world.use(total)
    await world.read(1)
    read, stored, reaching = asyncio.Event(), asyncio.Event(), world.store.reaching

    async def slow(*args: Any) -> list[Held]:
        found = await reaching(*args)
        read.set()
        await stored.wait()
        return found

    monkeypatch.setattr(world.store, "reaching", slow)
    reload = asyncio.create_task(world.use(total))
    await read.wait()
    await world.read(2)
    stored.set()
    await reload
    assert world.pipeline.instances()[KEY].assessment.value == 3
    await world.read(4)
    assert world.pipeline.instances()[KEY].assessment.value == 7


async def test_a_split_target_that_is_new_is_judged_by_the_readings_there_are(world: World) -> None:
    now = world.clock.time
    await world.pipeline.handle([Reading(series("temperature", room="attic"), now, 30.0)], Polled("a", now))
    await world.use(replace(TARGET, by=("room",)))
    attic = InstanceKey("room", (("room", "attic"),))
    assert world.pipeline.instances()[attic].assessment.standing is Standing.OUT_OF_BAND
    assert orjson.loads((await world.outbox())[-1].payload)["labels"]["room"] == "attic"


class TestCorrections:
    target = replace(TARGET, correct=(CORRECT,))

    async def test_a_target_that_was_away_is_corrected_again(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.answer()
        await world.use(None)
        world.clock.time += SECOND
        await world.use(self.target)
        world.clock.time += 10 * MINUTE
        await world.read(25)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2
        assert len(await world.store.corrections(10)) == 2
        said = orjson.loads((await world.outbox())[-1].payload)
        assert not any("no longer configured" in line for line in said["details"])

    async def test_every_call_fills_the_budget_also_one_that_failed(self, world: World) -> None:
        await world.use(self.target)
        world.config = replace(world.config, actions={"cool": ActionEntry("cool", "webhook", None, (2, 3600))})
        await world.pipeline.use(*world.compiled())
        await world.read(25)
        await world.answer(Unreachable("refused"))
        await world.wait(10 * SECOND)
        await world.answer(Unreachable("refused"))
        assert world.run().state is RunState.ESCALATED
        await world.restart()
        await world.read(22)
        await world.read(25)
        await world.wait(10 * MINUTE)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2
        await world.wait(3600 * SECOND)
        assert len(await world.outbox(DeliveryKind.CALL)) == 3


async def test_an_instance_that_a_new_selector_leaves_out_is_resolved_and_forgotten(world: World) -> None:
    split = replace(TARGET, by=("room",))
    await world.use(split)
    now = world.clock.time
    rooms = [Reading(series("temperature", room=room), now, 30.0) for room in ("attic", "cellar")]
    await world.pipeline.handle(rooms, Polled("a", now))
    await world.use(replace(split, selector=Selector("temperature", (Matcher("room", "=", "attic"),))))
    assert [key.labels for key in world.pipeline.instances()] == [(("room", "attic"),)]
    assert (await world.told())[2:] == ["team resolved hot"]
    assert orjson.loads((await world.outbox())[-1].payload)["labels"]["room"] == "cellar"


async def test_a_clock_that_was_set_back_over_a_restart_hides_no_reading(world: World) -> None:
    await world.use(replace(TARGET, by=("room",), goal=Goal(Measure.MAX, at_most=23, per=RollingPeriod(DAY))))
    now = world.clock.time
    await world.pipeline.handle([Reading(series("temperature", room="attic"), now, 30.0)], Polled("a", now))
    await world.restart(after=-30 * DAY)
    assert len(world.pipeline.instances()) == 1
    assert "team resolved hot" not in await world.told()


async def test_very_many_readings_ahead_hide_none_of_now_from_a_restart(world: World) -> None:
    of_two = replace(TARGET.alerts[0], for_=0, often=Often(2, 4))
    await world.use(replace(TARGET, alerts=(of_two,)))
    for _ in range(40):
        await world.read(21, after=SECOND)
    await world.wait(-HOUR)
    await world.read(25)
    await world.read(25)
    await world.restart(after=SECOND)
    await world.read(21)
    assert await world.told() == ["team firing hot"]
    held = world.pipeline.decider.history.members(KEY).tracks[0]
    assert len(held.upto(world.clock.time).times) == 3
    await world.read(21)
    await world.read(21)
    assert await world.told() == ["team firing hot", "team resolved hot"]


async def test_what_began_and_ended_while_it_was_away_makes_one_message(world: World) -> None:
    """A silence ended and nobody approved of the call: said together, as by a daemon that was there."""
    await world.use(replace(TARGET, correct=(replace(CORRECT, approve_within=MINUTE, escalate_to=()),)))
    now = world.clock.time
    silence = Silence("s", parse_alert_matchers("target=room"), "ann", "work", now, now + MINUTE, now, now)
    await world.pipeline.silence(silence, by_ann("silence"))
    await world.read(25)
    assert await world.told() == []
    await world.restart(after=5 * MINUTE)
    assert await world.told() == ["team uncorrected hot"]


async def test_for_goes_on_when_the_clock_is_set_back(world: World) -> None:
    waits = replace(TARGET.alerts[0], for_=2 * MINUTE)
    await world.use(replace(TARGET, alerts=(waits,)))
    await world.read(25)
    await world.wait(SECOND)
    await world.wait(-3600 * SECOND)
    await world.wait(2 * MINUTE)
    assert await world.told() == ["team firing hot"]


async def test_a_verification_ends_when_the_clock_is_set_back(world: World) -> None:
    await world.use(replace(TARGET, correct=(CORRECT,)))
    await world.read(25)
    await world.answer()
    await world.wait(SECOND)
    await world.wait(-3600 * SECOND)
    await world.wait(MINUTE)
    assert (world.run().state, world.run().detail) == (RunState.APPROVED, "not back on target within 1m")


async def test_nobody_was_silent_while_the_daemon_was_away(world: World) -> None:
    rule = replace(world.config.sources["a"], every=None, rule=SourceRule("a", ("temperature",), None))
    world.config = replace(
        world.config, sources={"a": rule}, targets={"room": replace(TARGET, no_data=NoData(20 * SECOND))}
    )
    await world.pipeline.use(*world.compiled())
    now = world.clock.time
    await world.pipeline.receive("a", [Reading(series("temperature"), now, 21.0)])
    await world.restart(after=3600 * SECOND)
    await world.wait(20 * SECOND - 1)
    assert await world.told() == []
    await world.wait(1)
    assert await world.told() == ["team firing no-data"]
    await world.restart(after=3600 * SECOND)
    await world.wait(SECOND)
    assert await world.told() == ["team firing no-data"]
