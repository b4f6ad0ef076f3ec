"""What failed, and what its frames hold, is let go of at once, not at the next look for garbage, hours later."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.store import Store
from connectors.base import Unreachable
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
