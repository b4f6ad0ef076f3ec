"""A database that is away for minutes: polls go on, and what began and ended meanwhile is found out afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.store.store import StoreUnavailable
from rules.model import MINUTE, AlertRule, Reading, Standing, Transition
from tests.agent.test_pipeline import TARGET, World
from tests.rules.world import series

HOT = replace(TARGET, alerts=(AlertRule("hot", Standing.OUT_OF_BAND, for_=2 * MINUTE, notify=("team",)),))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("agent.pipeline._RETRY_SECONDS", (0.001,))
    one = await World(tmp_path).start()
    await one.use(HOT)
    yield one
    await one.stop()


def away(world: World) -> Callable[[], None]:
    """Has every commit fail from now on; what it returns ends that."""

    async def refuse(_: Any) -> None:
        raise StoreUnavailable("the server is away")

    world.store.commit = refuse  # type: ignore[method-assign]
    return lambda: world.store.__dict__.pop("commit")


async def turns() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def changes(world: World) -> list[Transition]:
    await world.pipeline.spool.join()
    return list(reversed(await world.store.transitions(100)))


async def test_what_began_and_ended_while_the_database_was_away_is_stored_and_told(world):
    back = away(world)
    began = world.clock.time
    for minute in range(10):
        await asyncio.wait_for(world.read(25.0 if 3 <= minute < 6 else 21.0, MINUTE), 5)
        world.pipeline.tick(world.clock.time)
        while world.pipeline.healthy:
            await asyncio.sleep(0)
    assert world.pipeline.spool.held >= 20
    back()
    found = [(change.event.value, (change.at - began) // MINUTE) for change in await changes(world)]
    assert found == [("pending", 4), ("firing", 6), ("resolved", 7)]
    assert [reading.value for reading in await world.store.window(["temperature"], began, began + 11 * MINUTE)] == [
        21.0, 21.0, 21.0, 25.0, 25.0, 25.0, 21.0, 21.0, 21.0, 21.0,
    ]  # fmt: skip
    assert world.pipeline.healthy
    assert world.pipeline.spool.held == 0


async def test_one_that_hangs_and_says_nothing_holds_up_no_poll(world, monkeypatch):
    monkeypatch.setattr("agent.pipeline._PATIENCE_SECONDS", 0.001)
    commit, answers = world.store.commit, asyncio.Event()

    async def hang(what: Any) -> None:
        await answers.wait()
        await commit(what)

    monkeypatch.setattr(world.store, "commit", hang)
    began = world.clock.time
    for minute in range(10):
        await asyncio.wait_for(world.read(25.0 if 3 <= minute < 6 else 21.0, MINUTE), 5)
        world.pipeline.tick(world.clock.time)
    assert world.pipeline.healthy  # it did not say no
    assert world.pipeline.spool.held >= 20
    monkeypatch.setattr("agent.pipeline._PATIENCE_SECONDS", 5.0)
    answers.set()
    found = [(change.event.value, (change.at - began) // MINUTE) for change in await changes(world)]
    assert found == [("pending", 4), ("firing", 6), ("resolved", 7)]
    assert world.pipeline.spool.held == 0
    await world.read(21.0)
    assert world.pipeline.spool.held == 0  # polls wait for their commit again


async def test_what_is_sent_from_outside_is_answered_when_it_is_stored(world):
    back = away(world)
    await world.read(21.0)
    sent = asyncio.create_task(world.pipeline.receive("a", [Reading(series("temperature"), world.clock.time, 22.0)]))
    while world.pipeline.healthy:
        await asyncio.sleep(0)
    await turns()
    assert not sent.done()
    back()
    assert await sent is True


async def test_more_than_it_may_keep_waits_where_it_came_from(world, monkeypatch):
    monkeypatch.setattr("agent.deciding.spool.MOST", 6)
    back = away(world)
    await world.read(21.0)
    while world.pipeline.healthy:
        await asyncio.sleep(0)
    await asyncio.wait_for(world.read(21.0), 1)
    polls = asyncio.create_task(world.read(21.0))
    await turns()
    assert not polls.done()
    with pytest.raises(StoreUnavailable, match="the server is away"):
        await world.pipeline.receive("a", [Reading(series("temperature"), world.clock.time, 22.0)])
    back()
    await polls
