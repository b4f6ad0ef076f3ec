"""Deciding on very many alerts at once leaves others their turn, and comes to the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import rules.engine
import rules.steps
from agent.deciding.decision import Decider
from agent.deciding.memory import Memory
from agent.deciding.timers import Timers
from rules.engine import Batch
from rules.history import History
from rules.model import MINUTE, NoData, Polled, Reading, Selector
from rules.steps import OFTEN, at_once
from tests.agent.test_pipeline import TARGET, World
from tests.rules.world import series

MANY = 600
ROOMS = replace(TARGET, selector=Selector("temperature"), by=("room",))


def hot(now: int) -> list[Reading]:
    return [Reading(series("temperature", room=f"r{number}"), now, 30.0) for number in range(MANY)]


async def test_others_have_their_turn_while_many_alerts_are_decided_on(tmp_path: Path) -> None:
    world = await World(tmp_path).start()
    await world.use(ROOMS)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    decided = 0
    deciding = Decider.deciding

    def counted(*args: object, **keys: object) -> object:
        nonlocal decided
        before = turns
        result = yield from deciding(*args, **keys)  # type: ignore[arg-type]
        decided = turns - before
        return result

    Decider.deciding = counted  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(others())
    try:
        now = world.clock.now()
        await world.pipeline.handle(hot(now), Polled("a", now))
    finally:
        task.cancel()
        Decider.deciding = deciding  # type: ignore[method-assign]
    assert decided >= 2 * (MANY // OFTEN - 1)  # while judging, and while telling
    assert len(world.pipeline.instances()) == MANY
    await world.stop()


async def test_in_steps_or_at_once_is_the_same(tmp_path: Path) -> None:
    found = []
    for name, in_steps in (("a", True), ("b", False)):
        folder = tmp_path / name
        folder.mkdir()
        world = await World(folder).start()
        await world.use(ROOMS)
        decider, now = world.pipeline.decider, world.clock.now()
        for reading in hot(now):
            decider.history.add(reading)
        batch = Batch(hot(now), [Polled("a", now)])
        decision = at_once(decider.deciding(batch, now)) if in_steps else decider.decide(batch, now)
        found.append((decision.instances, decision.transitions, [one.key for one in decision.deliveries]))
        await world.stop()
    assert found[0] == found[1]
    assert len(found[0][2]) >= 1


async def test_what_is_asked_of_each_of_very_many_readings_leaves_others_their_turn(
    tmp_path: Path, monkeypatch
) -> None:
    """Where they belong, whether what came of them is worth storing, and that it is remembered."""
    world = await World(tmp_path).start()
    await world.use(replace(ROOMS, no_data=NoData(MINUTE)))
    for module in (rules.engine, rules.steps):
        monkeypatch.setattr(module, "MANY", MANY // 6)
    turns, asked = 0, dict[str, Counter[int]]()

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def counted(kind: type, name: str) -> None:
        method = getattr(kind, name)
        asked[name] = Counter()

        def count(*args: object) -> object:
            asked[name][turns] += 1
            return method(*args)

        monkeypatch.setattr(kind, name, count)

    counted(History, "instances_of")
    counted(Memory, "_is_stored")
    counted(Timers, "set")
    task = asyncio.create_task(others())
    now = world.clock.now()
    await world.pipeline.handle(hot(now), Polled("a", now))
    task.cancel()
    assert {name for name, times in asked.items() if max(times.values()) > MANY // 5} == set()
    assert len(world.pipeline.instances()) == MANY
    await world.stop()
