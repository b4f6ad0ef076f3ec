"""The parts of an acceptance test: a daemon, an API it reads, a receiver it tells and one it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import SECRET, Api, Receiver
from tests.acceptance.waiting import Happenings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture
async def happenings() -> Happenings:
    return Happenings()


@pytest.fixture
async def api(happenings: Happenings) -> AsyncIterator[Api]:
    server = Api(happenings)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def sink(happenings: Happenings) -> AsyncIterator[Receiver]:
    """Where alerts are told."""
    server = Receiver(happenings)
    await server.start()
    yield server
    await server.stop()
    assert not server.arrived.forged


@pytest.fixture
async def hvac(happenings: Happenings) -> AsyncIterator[Receiver]:
    """Where corrective calls are made."""
    server = Receiver(happenings)
    await server.start()
    yield server
    await server.stop()
    assert not server.arrived.forged


@pytest.fixture
async def daemon(tmp_path: Path, happenings: Happenings) -> AsyncIterator[Daemon]:
    """Not started yet. Afterwards it has to stop when it is told to, and its database has to be whole."""
    one = Daemon(tmp_path, happenings, {"HOOK_SECRET": SECRET})
    try:
        yield one
        if one.running:
            await one.stop()
        one.check_database()
    finally:
        await one.end()
        print(one.tail())  # noqa: T201 - shown for failed tests only
