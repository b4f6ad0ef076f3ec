from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from agent.store.store import Store
from tests.agent.web.kit import NOW, Daemon, configuration, served


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """Before a loopback address, without a key."""
    return Daemon(configuration(tmp_path))


@pytest.fixture
async def store(daemon: Daemon, tmp_path: Path) -> AsyncIterator[Store]:
    """The daemon's real store."""
    daemon.store = await Store.open(f"sqlite:///{tmp_path / 'setpoint.db'}", NOW)
    yield daemon.store
    await daemon.store.close()


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[ClientSession]:
    """Of the daemon's face."""
    async with served(daemon) as client:
        yield client
