"""Time-outs that share a timer: each its own time, and what somebody else cancelled stays cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from connectors.deadlines import Deadlines

SOON, LATE = 0.01, 60.0


async def wait(deadlines: Deadlines, seconds: float, entered: Callable[[], object] = lambda: None) -> None:
    with deadlines.within(seconds):
        entered()
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends_and_the_rest_goes_on():
    deadlines = Deadlines()
    late = asyncio.create_task(wait(deadlines, LATE))
    soon = [asyncio.create_task(wait(deadlines, SOON)) for _ in range(3)]
    with deadlines.within(SOON):
        pass
    assert [type(one) for one in await asyncio.gather(*soon, return_exceptions=True)] == [TimeoutError] * 3
    assert (late.done(), any(one.cancelled() for one in soon)) == (False, False)
    late.cancel()
    assert isinstance((await asyncio.gather(late, return_exceptions=True))[0], asyncio.CancelledError)


async def test_each_has_its_own_time_by_one_timer(monkeypatch: pytest.MonkeyPatch):
    loop, times, timers = asyncio.get_running_loop(), [100.0], list[tuple[float, Callable[..., Any]]]()

    def call_at(at: float, look: Callable[..., Any], *_: object) -> object:
        timers.append((at, look))
        return timers

    monkeypatch.setattr(loop, "time", lambda: times[-1])
    monkeypatch.setattr(loop, "call_at", call_at)
    deadlines, tasks = Deadlines(), list[asyncio.Task[None]]()
    for now in (100.0, 103.0, 104.0):
        times.append(now)
        tasks.append(asyncio.create_task(wait(deadlines, 10.0)))
        await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    ended = []
    for now in (110.0, 112.9, 113.0, 114.0):
        times.append(now)
        if timers[-1][0] <= now:
            timers[-1][1](loop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.append([task.done() for task in tasks[1:]])
    assert ended == [[False, False], [False, False], [True, False], [True, True]]
    assert [at for at, _ in timers] == [110.0, 113.0, 114.0]
    assert [type(one) for one in await asyncio.gather(*tasks[1:], return_exceptions=True)] == [TimeoutError] * 2


async def test_what_somebody_else_cancels_too_stays_cancelled():
    deadlines, entered = Deadlines(), asyncio.Event()
    task = asyncio.create_task(wait(deadlines, SOON, entered.set))
    await entered.wait()
    for queue in deadlines._queues.values():
        for one in list(queue._ends):
            one.expire()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_one_within_another_is_over_with_it():
    deadlines = Deadlines()
    with pytest.raises(TimeoutError), deadlines.within(SOON):
        await wait(deadlines, LATE)
    with pytest.raises(TimeoutError), deadlines.within(LATE):
        await wait(deadlines, SOON)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_it_goes_on_after_one_was_over():
    deadlines = Deadlines()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await wait(deadlines, SOON)


def test_it_needs_a_task():
    loop = asyncio.new_event_loop()
    said = []

    def enter() -> None:
        with pytest.raises(RuntimeError, match="task"), Deadlines().within(1.0):
            pass
        said.append(True)

    loop.call_soon(enter)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert said
