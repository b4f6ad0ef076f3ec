"""A call of which nobody knows whether it was made is not made again."""

from __future__ import annotations

import asyncio

import pytest

from agent.store.records import DeliveryKind, DeliveryState
from rules.model import SECOND
from tests.agent.test_dispatcher import START, World, call, idle, states, world

__all__ = ["world"]


@pytest.mark.parametrize("late", [False, True])
async def test_one_that_a_dead_process_gave_out_is_not_made_again(world: World, late: bool) -> None:
    await world.queue(call("c", expires_at=START - 1) if late else call("c"))
    assert await world.store.claim(START, SECOND, 1, DeliveryKind.CALL)
    await world.store.take_shards("next", START)
    async with world.running():
        await world.until(lambda: world.settled == [("c", "failed")])
    assert world.sent == []
    assert world.called == [(None, "Setpoint ended during the call")]


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
