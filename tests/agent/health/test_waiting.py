"""A daemon whose database is away when it starts: it waits, says so, and goes on by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from agent.app import Setpoint
from agent.health import waiting
from agent.settings import Settings, read_settings
from agent.store.probing import probe
from agent.store.store import Store, StoreAway, StoreError, StoreUnavailable
from tests.servers import free_port

CONFIG = """
sources: {push: {type: webhook, readings: [{series: visitors, value: v}]}}
targets: {visitors: {series: visitors, goal: {at_least: 1, per: year}, alerts: [{name: low, when: missed}]}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    url = f"sqlite:///{tmp_path / 's.db'}"
    return read_settings(config=tmp_path / "setpoint.yaml", database_url=url, listen=f"127.0.0.1:{free_port()}")


class Failing:
    """The database fails so often, one failure after the other, before it works; each wait asks who listens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, settings: Settings, *failures: Exception) -> None:
        self.failures = list(failures)
        self.base = f"http://{settings.listen}"
        self.answers: list[dict[str, tuple[int, str]]] = []
        for place, name in ((Store, "open"), (waiting, "probe")):
            monkeypatch.setattr(place, name, self._first_fails(getattr(place, name)))

    def _first_fails(self, really: Any) -> Any:
        async def tried(*given: Any) -> Any:
            if self.failures:
                raise self.failures.pop(0)
            return await really(*given)

        return tried

    async def sleep(self, _seconds: float) -> None:
        async with aiohttp.ClientSession() as session:
            answers = {}
            for path in ("/livez", "/-/healthy", "/readyz", "/in/push"):
                async with session.get(self.base + path) as answer:
                    answers[path] = answer.status, await answer.text()
            self.answers.append(answers)


async def test_it_is_waited_for_and_whoever_asks_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Failing(monkeypatch, settings, *(StoreAway(words) for words in ("no route", "no route", "starting")))
    daemon = Setpoint(settings, {})
    with capture_logs() as logs:
        await waiting.start(daemon, world.sleep)
    try:
        assert daemon.ready() is None
        assert [one["/-/healthy"] for one in world.answers] == [
            (503, "starting: no route\n"),
            (503, "starting: no route\n"),
            (503, "starting: starting\n"),
        ]
        assert {one["/livez"] for one in world.answers} == {(200, "OK\n")}
        assert {one["/readyz"][0] for one in world.answers} == {one["/in/push"][0] for one in world.answers} == {503}
        async with aiohttp.ClientSession() as session, session.get(f"{world.base}/readyz") as answer:
            assert answer.status == 200
    finally:
        await daemon.stop()
    assert [one["event"] for one in logs if one["event"].startswith("store.")] == [
        "store.unavailable",
        "store.available",
    ]


@pytest.mark.parametrize("failure", [StoreUnavailable("damaged"), StoreError("an older schema")])
async def test_what_no_waiting_helps_against_ends_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, failure: StoreError
) -> None:
    world = Failing(monkeypatch, settings, failure)
    with pytest.raises(StoreError, match=str(failure)):
        await waiting.start(Setpoint(settings, {}), world.sleep)
    assert not world.answers
    late = Failing(monkeypatch, settings, StoreAway("no route"), failure)
    with pytest.raises(StoreError, match=str(failure)):
        await waiting.start(Setpoint(settings, {}), late.sleep)


async def test_whoever_asks_while_the_database_says_nothing_is_told_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, asked, answers = Store.open, asyncio.Event(), asyncio.Event()

    async def hangs(*given: Any) -> Store:
        asked.set()
        await answers.wait()
        return await really(*given)

    monkeypatch.setattr(Store, "open", hangs)
    monkeypatch.setattr(waiting, "_SOON_SECONDS", 0)
    daemon = Setpoint(settings, {})
    starting = asyncio.create_task(waiting.start(daemon))
    await asked.wait()
    found = {path: await ask(settings, path) for path in ("/livez", "/-/healthy", "/-/ready", "/in/push")}
    assert found["/livez"] == (200, "OK\n")
    assert found["/-/healthy"] == found["/-/ready"]
    assert found["/-/ready"] == (
        503,
        f"starting: waiting for the answers of the database {settings.config.parent}/s.db\n",
    )
    assert found["/in/push"][0] == 503
    answers.set()
    await starting
    assert await ask(settings, "/-/ready") == (200, "OK\n")  # at the same address
    await daemon.stop()


async def test_a_start_that_is_given_up_leaves_nobody_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def hangs(*_: Any) -> None:
        asked.set()
        await asyncio.Future()

    monkeypatch.setattr(Store, "open", hangs)
    monkeypatch.setattr(waiting, "_SOON_SECONDS", 0)
    starting = asyncio.create_task(waiting.start(Setpoint(settings, {})))
    await asked.wait()
    assert (await ask(settings, "/livez"))[0] == 200
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(settings, "/livez")


async def ask(settings: Settings, path: str) -> tuple[int, str]:
    """As soon as somebody listens there."""
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(f"http://{settings.listen}{path}") as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0)
        async with session.get(f"http://{settings.listen}{path}") as answer:
            return answer.status, await answer.text()


async def test_a_probe_writes_and_leaves_the_database_to_the_daemon(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    await probe(url, "pid-1", 0)
    store = await Store.open(url, 0)
    assert set((await store.take_shards("pid-1", 0)).values()) == {2}  # the probe had the first versions
    await store.close()
