"""The database server goes away while the daemon works, and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.databases import Databases
from tests.servers import Postgres, postgres

pytestmark = pytest.mark.one_database("it takes a server of its own away")


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server that nobody else uses."""
    with postgres() as one:
        yield one


@pytest.fixture
def server(own: Postgres) -> Iterator[tuple[Databases, str]]:
    with Databases(own) as databases:
        yield databases, databases.create(empty=True)


async def test_a_server_that_went_away_costs_no_alert(daemon: Daemon, api: Api, sink: Receiver, own: Postgres):
    api.values["house"] = {"kitchen": 21.0, "attic": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await api.asked_again("house")
    status, words = await daemon.refused(SETPOINT_LISTEN="127.0.0.1:0")
    assert status == 2
    assert f"in use by another daemon (process {daemon.pid} since" in words

    own.control("-m", "immediate", "stop")
    api.values["house"]["kitchen"] = 30.0
    await daemon.happenings.until(lambda: daemon.said("store.unavailable"), "it is noticed")
    assert own.quoted not in daemon.tail(1000)
    assert await daemon.status("/-/ready") == 200
    own.control("start")

    await daemon.happenings.until(sink.once, "told after all")
    (told,) = sink.once()
    assert "kitchen" in str(told)
    assert len(daemon.changes()) == 1
    await daemon.happenings.until(lambda: daemon.said("store.available"), "it is said")
