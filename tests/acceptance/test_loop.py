"""The main job, end to end: a number off target is told once, corrected, verified and told to be back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.acceptance.configs import HOOK, house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver


def micros(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def corrected(api: Api, sink: Receiver, hvac: Receiver) -> dict[str, Any]:
    """One house whose thermostat can be set."""
    alert = {
        "name": "out-of-band",
        "when": "out_of_band",
        "severity": "critical",
        "labels": {"team": "facilities"},
        "annotations": {"summary": "{{ labels.room }} is {{ value }} °C"},
        "notify": ["all"],
    }
    correct = {
        "on": "out-of-band",
        "action": "set-thermostat",
        "cooldown": "1s",
        "max_attempts": 2,
        "verify": {"within": "10s"},
    }
    action = {
        "type": "webhook",
        "url": f"{hvac.url}/rooms/{{{{ labels.room }}}}",
        "json": {"setpoint": 22, "room": "{{ labels.room }}"},
        "secret": HOOK,
    }
    config = house(api, sink, title="Room temperature", alerts=[alert], correct=[correct])
    return {**config, "actions": {"set-thermostat": action}}


async def test_off_target_told_corrected_verified_resolved(daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver):
    api.values["house"] = {"kitchen": 21.5, "attic": 22.0}

    async def heat(_path: str, call: Any) -> web.Response:
        api.values["house"][call["room"]] = call["setpoint"]
        return web.Response(text="set")

    hvac.answer = heat
    daemon.configure(corrected(api, sink, hvac))
    await daemon.start()
    await api.asked_again("house")
    assert daemon.changes() == []
    changed = time.time_ns() // 1_000
    api.values["house"]["kitchen"] = 18.25
    await daemon.happenings.until(lambda: len(sink.taken()) >= 2, "told that it is back")
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) >= 3, "all deliveries settled")
    await api.asked_again("house")

    firing, resolved = sink.arrived.messages  # each once
    assert firing.json["version"] == resolved.json["version"] == "4"
    assert firing.json["receiver"] == "all"
    assert firing.what == ("firing", "kitchen")
    assert resolved.what == ("resolved", "kitchen")
    assert firing.alert["labels"] == {
        "alertname": "out-of-band",
        "target": "room",
        "severity": "critical",
        "room": "kitchen",
        "team": "facilities",
    }
    assert firing.alert["annotations"] == {"summary": "kitchen is 18.25 °C"}
    values = firing.alert["values"]
    assert (values["value"], values["at_least"], values["at_most"]) == (18.25, 20, 23)
    assert "18.25" in firing.json["headline"]
    assert resolved.alert["values"]["value"] == 22

    assert changed < micros(firing.alert["startsAt"]) <= firing.at
    assert firing.alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert resolved.alert["startsAt"] == firing.alert["startsAt"]
    assert micros(firing.alert["startsAt"]) < micros(resolved.alert["endsAt"]) <= resolved.at
    assert firing.alert["fingerprint"] == resolved.alert["fingerprint"]
    fired, over = daemon.changes()
    assert (fired["event"], over["event"]) == ("firing", "resolved")
    assert fired["fingerprint"] == firing.alert["fingerprint"]
    assert [fired["at"], over["at"]] == [micros(firing.alert["startsAt"]), micros(resolved.alert["endsAt"])]

    (call,) = hvac.arrived.messages
    assert call.path == "rooms/kitchen"
    assert call.json == {"setpoint": 22, "room": "kitchen"}
    assert call.headers["idempotency-key"] == call.id
    (run,) = (await daemon.get("corrections"))["corrections"]
    assert (run["state"], run["attempt"], run["action"]) == ("verified", 1, "set-thermostat")
    assert "back on target" in run["detail"]
    assert micros(run["called_at"]) >= call.at
    (row,) = daemon.rows(
        "SELECT time FROM readings JOIN series ON id = series_id WHERE value = 22 AND labels LIKE '%kitchen%' ORDER BY time LIMIT 1"
    )
    assert row["time"] > micros(run["called_at"])  # verified by a reading taken after the call, not by its answer

    assert (await daemon.get("alerts"))["alerts"] == []
    deliveries = (await daemon.get("deliveries"))["deliveries"]
    assert {(one["kind"], one["state"], len(one["attempts"])) for one in deliveries} == {
        ("notice", "sent", 1),
        ("call", "sent", 1),
    }
    assert len(deliveries) == 3


async def test_a_correction_that_does_not_help_is_tried_again_then_escalated(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver
):
    """Its call is answered with success each time; only the number counts."""
    api.values["house"] = {"kitchen": 18.0}
    config = corrected(api, sink, hvac)
    config["receivers"]["chief"] = [{"type": "webhook", "url": f"{sink.url}/chief", "secret": HOOK}]
    config["targets"]["room"]["correct"][0] |= {"verify": {"within": "2s"}, "escalate": {"to": ["chief"]}}
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(lambda: sink.taken("chief"), "escalated")
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) >= 4, "all deliveries settled")
    assert [call.path for call in hvac.arrived.messages] == ["rooms/kitchen", "rooms/kitchen"]
    assert len({call.id for call in hvac.arrived.messages}) == 2
    assert [message.what for message in sink.taken("alerts")] == [("firing", "kitchen")]
    (told,) = sink.taken("chief")
    assert told.json["reason"] == "escalated"
    assert told.what == ("firing", "kitchen")
    (run,) = (await daemon.get("corrections"))["corrections"]
    assert (run["state"], run["attempt"]) == ("escalated", 2)
    assert "not back on target within 2s" in run["detail"]

    api.values["house"]["kitchen"] = 21.0
    await daemon.happenings.until(lambda: len(sink.taken()) >= 4, "both told that it is back")
    assert [message.what for message in sink.taken("chief")] == [("firing", "kitchen"), ("resolved", "kitchen")]
    assert [message.what for message in sink.taken("alerts")] == [("firing", "kitchen"), ("resolved", "kitchen")]
