"""A call of which nobody knows whether it was made is not made again."""

from __future__ import annotations

import asyncio

from agent.store.records import DeliveryState
from rules.model import SECOND
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
