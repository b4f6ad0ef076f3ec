"""What failed, with what its frames hold, or was taken is let go of at once, not at a look for garbage hours later."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.store import Store
from connectors.base import Unreachable
from rules.model import Reading
from tests.agent.test_dispatcher import START, VirtualClock, notice
from tests.agent.test_dispatcher import World as Sending
from tests.agent.test_poller import World as Polling
from tests.agent.test_poller import entry


@pytest.fixture(autouse=True)
def _no_look() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def test_of_a_poll() -> None:
    world = Polling(a=entry("a"))
    world.fail(Unreachable("gone"))
    failed = weakref.ref(world.sources["a"].raises)
    await world.tick()
    world.fail(None)
    assert world.handled[0][1].error == "gone"
    assert failed() is None


class Answer(list[Reading]):
    """One that can be seen to go."""


async def test_of_an_answer_that_can_not_come_again() -> None:
    world = Polling(a=entry("a"))
    world.sources["a"].answer = Answer()
    answer = weakref.ref(world.sources["a"].answer)
    await world.tick()
    world.handled.clear()
    world.sources["a"].answer = []
    assert answer() is None


async def test_of_a_delivery(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/setpoint.db", START)
    world = Sending(store, VirtualClock())
    try:
        error = Unreachable("gone")
        failed = weakref.ref(error)
        world.outcomes["a"] = [error]
        del error
        await world.queue(notice("a"))
        async with world.running():
            await world.until(lambda: bool(world.settled))
    finally:
        await store.close()
    assert world.settled[0] == ("a", "retry")
    assert failed() is None
