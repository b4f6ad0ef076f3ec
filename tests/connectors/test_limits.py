"""The limits of a gateway when more is asked of it than it lets through."""

from __future__ import annotations

import asyncio

import pytest

from connectors.limits import Limits


async def test_those_who_gave_up_waiting_take_no_turns() -> None:
    slept: list[float] = []
    time = [0.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.get_running_loop().create_future()

    limits = Limits((1, 60), None, lambda: time[0], sleep)
    async with limits:
        pass
    waiting = [asyncio.create_task(limits.__aenter__()) for _ in range(5)]
    for task in waiting:
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    time[0] = 60.0
    async with asyncio.timeout(1), limits:
        pass
    assert max(slept) <= 60
