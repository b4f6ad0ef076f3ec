"""A call of which nobody knows whether it was made is not made again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.store.records import DeliveryState
from connectors.base import Refused
from rules.model import HOUR, SECOND, RunState
from tests.agent.corrections.correcting_kit import AUTO, House
from tests.agent.test_dispatcher import START, World, call, idle, states, world

__all__ = ["world"]


async def test_one_that_is_given_up_at_the_stop_is_recorded(world: World) -> None:
    world.hanging.add("heat")
    await world.queue(call("c"))
    dispatcher = world.dispatcher()
    task = asyncio.create_task(dispatcher.run())
    await world.until(lambda: bool(world.sent))
    stopping = asyncio.create_task(dispatcher.stop(6 * SECOND))
    await idle(world.store)
    world.clock.go_to(START + 4 * SECOND)  # while notices may take longer
    await asyncio.gather(stopping, task)
    assert world.called == [(None, "Setpoint was stopped")]
    assert await states(world.store) == {"c": DeliveryState.FAILED}


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_is_decided_twice_in_one_instant_is_remembered_twice(tmp_path: Path, restarts: bool) -> None:
    """A clock that was set back shows an instant once more."""
    house = await House(tmp_path).begin(replace(AUTO, cooldown=0))
    await house.read(25)
    if restarts:
        await house.restart()
    [call] = await house.claim()
    await house.settle(call, Refused("answered 500", status=500, permanent=False))
    said = [one for one in await house.store.transitions(10) if one.event == "correction"]
    assert [one.detail[:36] for one in reversed(said)] == [
        "Correction cool is being called",
        "Correction cool waits for its time: ",
    ]
    assert len({one.at for one in said}) == 1
    await house.stop()


async def test_what_two_corrections_of_an_alert_do_in_one_instant_is_remembered_of_both(tmp_path: Path) -> None:
    house = await House(tmp_path).begin(AUTO, replace(AUTO, action="undo"))
    await house.read(25)
    said = [one.detail for one in await house.store.transitions(10) if one.event == "correction"]
    assert sorted(said) == ["Correction cool is being called", "Correction undo is being called"]
    await house.stop()


@pytest.mark.parametrize(("value", "calls"), [(22, 0), (25, 1)])
async def test_one_whose_time_to_help_ended_while_the_daemon_was_away_has_failed_once_sources_were_read(
    tmp_path: Path, value: float, calls: int
) -> None:
    house = await House(tmp_path).begin(AUTO)
    await house.read(25)
    assert await house.send() == 1
    await house.read(25)
    await house.restart(after=HOUR)
    await house.passes(2 * SECOND)
    await house.passes(2 * SECOND)
    assert await house.send() == 0
    await house.read(value, after=SECOND)
    assert house.state is (RunState.VERIFYING if calls else RunState.VERIFIED)
    await house.passes(5 * SECOND)
    await house.passes(SECOND)
    assert await house.send() == calls
    await house.stop()
