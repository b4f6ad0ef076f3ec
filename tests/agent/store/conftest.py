"""The store under test, on both databases: the suite asks only for what every one has to keep."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing

import pytest

from agent.store.store import Store
from tests.databases import Databases


@pytest.fixture
def file_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'setpoint.db'}"


@pytest.fixture
def server_url(databases: Databases) -> Iterator[str]:
    """A database on the server that holds nothing but the schema."""
    made = databases.create()
    yield made
    databases.drop(made)


@pytest.fixture(params=["file_url", "server_url"], ids=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of its own that holds nothing yet."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Callable[..., list[tuple[object, ...]]]:
    """Runs a statement as another program would: `elsewhere(url, sql)`."""

    def run(url: str, sql: str) -> list[tuple[object, ...]]:
        if not url.startswith("sqlite"):
            databases: Databases = request.getfixturevalue("databases")
            return [tuple(row) for row in databases.run(url, sql)]
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other, other:
            return other.execute(sql).fetchall()

    return run


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url, 0)
    yield opened
    await opened.close()
