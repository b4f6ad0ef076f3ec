"""The parts of an acceptance test: a daemon, an API it reads, a receiver it tells and one it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import SECRET, Api, Receiver
from tests.acceptance.waiting import Happenings
from tests.databases import Databases

BOTH = {"test_crash", "test_loop", "test_delivery", "test_muting", "test_corrections"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the guarantees rest on is shown on both databases, the rest on SQLite; --every-database shows all on both."""
    both = metafunc.module.__name__.rpartition(".")[2] in BOTH or metafunc.config.getoption("every_database")
    alone = metafunc.definition.get_closest_marker("one_database")
    if both and not alone and "server" in metafunc.fixturenames:
        metafunc.parametrize("server", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Databases, str] | None]:
    """None: the database is a file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield None
        return
    databases: Databases = request.getfixturevalue("databases")
    url = databases.create(empty=True)
    yield databases, url
    databases.drop(url)


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
async def daemon(tmp_path: Path, happenings: Happenings, server: tuple[Databases, str] | None) -> AsyncIterator[Daemon]:
    """Not started yet. Afterwards it has to stop when it is told to, and its database has to be whole."""
    one = Daemon(tmp_path, happenings, {"HOOK_SECRET": SECRET}, server)
    try:
        yield one
        if one.running:
            await one.stop()
        one.check_database()
    finally:
        await one.end()
        print(one.tail())  # noqa: T201 - shown for failed tests only
