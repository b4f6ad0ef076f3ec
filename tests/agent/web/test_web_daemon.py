"""The face before the real daemon: what is sent in is decided, stored and shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession

from agent.app import Setpoint
from agent.settings import read_settings
from agent.web.server import serve
from rules.model import Reading, Series, labels_of

CONFIG = """
sources:
  push: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}]}
  backup: {type: checkin, every: 1d, grace: 30m}
targets:
  room:
    title: Room
    series: temperature
    by: [room]
    goal: {at_least: 20, at_most: 23}
    alerts: [{name: out-of-band, when: out_of_band, severity: critical}]
  nightly: {source: backup, alerts: [{name: late, when: missed}]}
"""


@pytest.fixture
async def setpoint(tmp_path: Path) -> AsyncIterator[Setpoint]:
    (tmp_path / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    settings = read_settings(
        config=tmp_path / "setpoint.yaml", database_url=f"sqlite:///{tmp_path / 's.db'}", listen="127.0.0.1:0"
    )
    daemon = Setpoint(settings, {})
    await daemon.start()
    yield daemon
    await daemon.stop()


@pytest.fixture
async def client(setpoint: Setpoint) -> AsyncIterator[ClientSession]:
    async with AsyncExitStack() as stack:
        address = await serve(setpoint, setpoint.metrics, stack)
        yield await stack.enter_async_context(ClientSession(f"http://{address}"))


async def test_from_the_call_to_the_alert_and_its_acknowledgement(client, setpoint, tmp_path):
    assert (await client.post("/in/push", json=[{"room": "lab", "v": 25.5}, {"room": "attic", "v": 21}])).status == 202
    said = await (await client.get("/api/v1/targets/room")).json()
    assert [(one["labels"]["room"], one["standing"]) for one in said["instances"]] == [
        ("attic", "in_band"),
        ("lab", "out_of_band"),
    ]
    (alert,) = (await (await client.get("/api/v1/alerts")).json())["alerts"]
    assert (alert["name"], alert["state"], alert["labels"]["severity"]) == ("out-of-band", "firing", "critical")
    taken = await client.post(f"/api/v1/alerts/{alert['fingerprint']}/ack", json={"by": "ann", "note": "on it"})
    assert (await taken.json())["alerts"][0]["acknowledged_by"] == "ann"
    changes = (await (await client.get("/api/v1/transitions")).json())["transitions"]
    assert [change["event"] for change in changes] == ["acknowledged", "firing"]
    metrics = await (await client.get("/metrics")).text()
    assert (
        'ALERTS{alertname="out-of-band",alertstate="firing",room="lab",severity="critical",target="room"} 1.0'
        in metrics
    )
    assert 'setpoint_target_standing{room="lab",standing="out_of_band",target="room"} 1.0' in metrics
    assert "setpoint_readings_total 2.0" in metrics
    page = await (await client.get("/")).text()
    assert "taken by ann" in page


async def test_pushed_readings_are_stored_when_the_answer_comes(client, setpoint):
    now = setpoint.clock.now()
    row = {"series": "temperature", "labels": {"room": "lab"}, "value": 22, "time": now / 1_000_000}
    assert (await client.post("/api/v1/readings", json=row)).status == 200
    (stored,) = await setpoint.store.latest(["temperature"])
    assert stored == Reading(
        Series("temperature", labels_of({"room": "lab", "source": "push"})), pytest.approx(now, abs=1), 22
    )


async def test_check_ins_are_stored_with_what_they_say(client, setpoint):
    assert (await client.get("/ping/backup/start")).status == 200
    assert (await client.post("/ping/backup/3", data="disk full")).status == 200
    pings = await setpoint.store.pings("backup", 10)
    assert [(ping.kind, ping.exit_status, ping.body) for ping in pings] == [
        ("exit", 3, "disk full"),
        ("start", None, ""),
    ]
    (instance,) = (await (await client.get("/api/v1/targets/nightly")).json())["instances"]
    assert instance["standing"] == "missed"


async def test_a_reload_takes_effect_or_says_why_not(client, setpoint, tmp_path):
    path = tmp_path / "setpoint.yaml"
    path.write_text(CONFIG.replace("at_most: 23", "at_most: 30"), encoding="utf-8")
    assert (await client.post("/-/reload")).status == 200
    await client.post("/in/push", json={"room": "lab", "v": 25.5})
    (instance,) = (await (await client.get("/api/v1/targets/room")).json())["instances"]
    assert (instance["standing"], instance["goal"]["at_most"]) == ("in_band", 30)
    path.write_text(CONFIG.replace("targets:", "tragets:"), encoding="utf-8")
    refused = await client.post("/-/reload")
    error = (await refused.json())["error"]
    assert refused.status == 422
    assert any("did you mean targets" in line for line in error["details"])
    assert "setpoint_config_last_reload_successful 0.0" in await (await client.get("/metrics")).text()
    assert (await client.get("/api/v1/targets/room")).status == 200
