"""Corrections that are no HTTP calls, end to end: a real broker, a real program."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.servers import Mosquitto, mosquitto


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as one:
        yield one


def corrected(api: Api, sink: Receiver, action: dict[str, Any]) -> dict[str, Any]:
    rule = {"on": "out-of-band", "action": "heat", "cooldown": "1s", "max_attempts": 1, "verify": {"within": "10s"}}
    return {**house(api, sink, correct=[rule]), "actions": {"heat": action}}


async def test_a_message_reaches_the_broker_and_a_later_reading_verifies_it(
    daemon: Daemon, api: Api, sink: Receiver, broker: Mosquitto
) -> None:
    """A thermostat that listens to the broker: only what it does changes the number."""
    loop, ready, taken = asyncio.get_running_loop(), asyncio.Event(), []

    def heat(message: MQTTMessage) -> None:
        taken.append(message)
        api.values["house"][message.topic.split("/")[1]] = json.loads(message.payload)["setpoint"]
        daemon.happenings.tell()

    thermostat = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    thermostat.username_pw_set(broker.user, broker.password)
    thermostat.on_connect = lambda client, *_: client.subscribe("home/+/set", 1)
    thermostat.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
    thermostat.on_message = lambda _client, _data, message: loop.call_soon_threadsafe(heat, message)
    thermostat.connect("127.0.0.1", broker.closed)
    thermostat.loop_start()
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        action = {
            "type": "mqtt",
            "url": f"mqtt://{broker.user}:${{BROKER_PASSWORD}}@127.0.0.1:{broker.closed}",
            "topic": "home/{{ labels.room }}/set",
            "json": {"setpoint": "{{ at_least + 1.5 }}"},
        }
        daemon.environ["BROKER_PASSWORD"] = broker.password
        api.values["house"] = {"kitchen": 18.25, "attic": 22.0}
        daemon.configure(corrected(api, sink, action))
        await daemon.start()
        await daemon.happenings.until(lambda: len(sink.taken()) >= 2, "told that it is back")
        await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) >= 3, "all deliveries settled")
    finally:
        thermostat.disconnect()
        thermostat.loop_stop()

    (message,) = taken
    (delivery,) = [one for one in (await daemon.get("deliveries"))["deliveries"] if one["kind"] == "call"]
    assert (message.topic, json.loads(message.payload)) == ("home/kitchen/set", {"setpoint": 21.5})
    assert message.properties.UserProperty == [
        ("key", daemon.rows("SELECT key FROM deliveries WHERE kind = 'call'")[0]["key"])
    ]
    assert delivery["state"] == "sent"
    (run,) = (await daemon.get("corrections"))["corrections"]
    assert (run["state"], run["attempt"]) == ("verified", 1)
    assert "back on target" in run["detail"]
    assert [one.what for one in sink.taken()] == [("firing", "kitchen"), ("resolved", "kitchen")]
    assert broker.password not in daemon.dump()
    assert broker.password not in daemon.tail(10_000)


async def test_a_program_runs_if_it_is_allowed(daemon: Daemon, api: Api, sink: Receiver, tmp_path: Path) -> None:
    """A reload to a program that is not allowed changes nothing."""
    ran = tmp_path / "ran.json"
    program = tmp_path / "heat"
    program.write_text(
        f"#!{sys.executable} -S\nimport json, os, sys\nopen({str(ran)!r}, 'w').write(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )
    program.chmod(0o755)
    daemon.environ |= {"SETPOINT_ALLOWED_COMMANDS": str(program), "SETPOINT_SLACK_BOT_TOKEN": "xoxb-S3cret"}
    api.values["house"] = {"kitchen": 18.25}
    action = {"type": "command", "argv": [str(program), "{{ labels.room }}"]}
    daemon.configure(corrected(api, sink, action))
    await daemon.start()

    async def called() -> bool:
        runs = (await daemon.get("corrections"))["corrections"]
        return bool(runs) and runs[0]["state"] == "verifying"

    await daemon.happenings.until(called, "the program has run")
    arguments, environ = json.loads(ran.read_text())
    assert (arguments, environ["SETPOINT_LABELS"]) == (["kitchen"], environ["SETPOINT_LABELS"])
    assert json.loads(environ["SETPOINT_LABELS"])["room"] == "kitchen"
    assert "S3cret" not in ran.read_text()
    api.values["house"]["kitchen"] = 21.0
    await daemon.happenings.until(lambda: len(sink.taken()) >= 2, "told that it is back")

    daemon.configure(corrected(api, sink, {"type": "command", "argv": ["/bin/sh", "-c", "{{ labels.room }}"]}))
    await daemon.happenings.until(lambda: daemon.said("config.refused"), "the reload was refused")
    assert "/bin/sh is not allowed to be run" in json.dumps(daemon.said("config.refused")[0])
    status, said = await daemon.refused()
    assert status == 2
    assert "/bin/sh is not allowed to be run" in said
