"""Health, readiness, reload and metrics."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from agent.runtime import Reloaded
from agent.store.records import Commit, Delivery, DeliveryKind
from agent.web import overview
from rules.model import SECOND, SOURCES, Trouble
from tests.agent.web.kit import NOW, error_of


@pytest.mark.parametrize("path", ["/-/healthy", "/healthz"])
async def test_alive_or_the_reason_why_not(client, daemon, path):
    well = await client.get(path)
    assert (well.status, await well.text()) == (200, "OK\n")
    daemon.sick = "the database can't be written"
    sick = await client.get(path)
    assert (sick.status, await sick.text()) == (503, "the database can't be written\n")
    assert (await client.get("/livez")).status == 200  # a restart would lose what waits to be stored


async def test_blindness_is_said_and_costs_no_restart(client, daemon, store):
    daemon.in_trouble = [Trouble(SOURCES, NOW, "team", "8 of 10 sources can't be read: a, b")]
    said = await client.get("/-/healthy")
    assert (said.status, await said.text()) == (200, "OK\nblind: 8 of 10 sources can't be read: a, b\n")
    assert "Blind: 8 of 10 sources" in await (await client.get("/")).text()
    problems = (await (await client.get("/api/v1/status")).json())["problems"]
    assert problems == ["Blind: 8 of 10 sources can't be read: a, b"]
    metrics = await (await client.get("/metrics")).text()
    assert 'setpoint_blind{cause="sources"} 1.0' in metrics
    assert 'setpoint_blind{cause="database"} 0.0' in metrics


@pytest.mark.parametrize("path", ["/-/ready", "/readyz"])
async def test_ready_or_the_reason_why_not(client, daemon, path):
    daemon.not_ready = "starting"
    early = await client.get(path)
    assert (early.status, await early.text()) == (503, "starting\n")
    daemon.not_ready = None
    assert (await client.get(path)).status == 200


async def test_a_reload_says_every_mistake(client, daemon):
    good = await client.post("/-/reload")
    assert (good.status, await good.json()) == (200, {"reloaded": True})
    daemon.reload_errors = ["setpoint.yaml:3:5: one", "setpoint.yaml:9:1: two"]
    bad = await client.post("/-/reload")
    assert (await error_of(bad))[:2] == (422, "invalid")
    assert (await bad.json())["error"]["details"] == ["setpoint.yaml:3:5: one", "setpoint.yaml:9:1: two"]
    assert (await client.get("/-/reload")).status == 405


async def test_a_reload_that_waits_for_the_database_is_not_waited_for(client, daemon, monkeypatch):
    monkeypatch.setattr("agent.web.health._PATIENCE", 0.01)
    go, ended = asyncio.Event(), asyncio.Event()

    async def waits():
        await go.wait()
        ended.set()
        return Reloaded(())

    monkeypatch.setattr(daemon, "reload", waits)
    assert (await error_of(await client.post("/-/reload")))[:2] == (503, "unavailable")
    go.set()
    await ended.wait()  # it goes on


async def queue(store, *created):
    deliveries = [
        Delivery(
            f"k{at}", DeliveryKind.NOTICE, "r", 0, f"lane-{at}", b'{"fingerprint": "f", "starts_at": 1}', at, at, at
        )
        for at in created
    ]
    await store.commit(Commit(NOW, deliveries=deliveries))


async def test_metrics_pass_promtool_and_know_the_outbox(client, store):
    await queue(store, NOW - 90 * SECOND, NOW - 30 * SECOND)
    response = await client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = await response.text()
    assert "setpoint_outbox_deliveries 2.0\n" in text
    assert "setpoint_outbox_oldest_age_seconds 90.0\n" in text
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


async def test_metrics_answer_while_the_database_does_not(client, store):
    await store.close()
    response = await client.get("/metrics")
    text = await response.text()
    assert response.status == 200
    assert "setpoint_build_info" in text
    assert "setpoint_outbox" not in text


async def test_metrics_and_status_wait_for_no_database_that_hangs(client, daemon, store, monkeypatch):
    asked = []

    async def hang():
        asked.append(1)
        await asyncio.sleep(3600)

    monkeypatch.setattr(store, "outbox", hang)
    monkeypatch.setattr(overview, "_SOON_SECONDS", 0.01)
    for path in ("/metrics", "/api/v1/status"):
        assert (await client.get(path)).status == 200
    assert len(asked) == 2
    daemon.sick = "the database can't be written"
    assert "setpoint_outbox" not in await (await client.get("/metrics")).text()
    assert len(asked) == 2  # it is known by then


async def test_openmetrics_for_who_asks(client, store):
    response = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert (await response.text()).endswith("# EOF\n")
