"""The store under test. One backend today; the suite asks only for what every backend has to keep."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent.store.store import Store


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of its own that does not exist yet."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'setpoint.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url, 0)
    yield opened
    await opened.close()
