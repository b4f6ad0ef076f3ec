"""A silence and a dependency, with kill -9 in between: nothing leaks, nothing is lost."""

from __future__ import annotations

import json

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver


async def test_a_silence_holds_over_a_kill_and_tells_when_it_ends(daemon: Daemon, api: Api, sink: Receiver):
    api.values["house"] = {"kitchen": 21.0, "attic": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await api.asked_again("house")
    asked = {"matchers": ["room", "room=kitchen"], "for": "1h", "by": "ann", "reason": "windows are open"}
    status, text, _ = await daemon.request("POST", "/api/v1/silences", json=asked)
    assert status == 200, text
    name = json.loads(text)["silence"]["id"]

    api.values["house"] = {"kitchen": 30.0, "attic": 30.0}
    await daemon.happenings.until(lambda: len(sink.once("alerts")) == 1, "the other room is told")
    await daemon.kill()
    await daemon.start()
    await api.asked_again("house")
    await api.asked_again("house")
    (told,) = sink.once("alerts")
    assert told.json["commonLabels"]["room"] == "attic"
    (muted,) = [one for one in (await daemon.get("alerts"))["alerts"] if one["muted"]]
    assert muted["labels"]["room"] == "kitchen"
    assert muted["muted"]["words"].startswith(f"silence {name} by ann until ")

    assert await daemon.status(f"/api/v1/silences/{name}", "DELETE") == 200
    await daemon.happenings.until(lambda: len(sink.once("alerts")) == 2, "it is told when the silence ends")
    api.values["house"] = {"kitchen": 21.0, "attic": 21.0}
    await daemon.happenings.until(lambda: len(sink.once("alerts")) == 4, "both are over")
    last = {one.json["commonLabels"]["room"]: one.json["status"] for one in sink.once("alerts")[2:]}
    assert last == {"kitchen": "resolved", "attic": "resolved"}


async def test_dependents_are_held_over_a_kill(daemon: Daemon, api: Api, sink: Receiver):
    api.values |= {"house": {"kitchen": 21.0}, "boiler": {"boiler": 60.0}}
    config = house(api, sink, "house", "boiler", depends_on=["boiler"])
    config["targets"]["room"]["series"] = 'temperature{room!="boiler"}'
    config["targets"]["boiler"] = {
        "series": 'temperature{room="boiler"}',
        "goal": {"at_least": 50},
        "alerts": [{"name": "cold", "when": "out_of_band", "notify": ["all"]}],
    }
    daemon.configure(config)
    await daemon.start()
    await api.asked_again("house")
    api.values["boiler"] = {"boiler": 20.0}
    await daemon.happenings.until(lambda: len(sink.once("alerts")) == 1, "the boiler is told")
    api.values["house"] = {"kitchen": 15.0}
    await daemon.happenings.until(lambda: len(daemon.changes()) == 2, "the room fires too")
    await daemon.kill()
    await daemon.start()
    await api.asked_again("house")
    assert len(sink.once("alerts")) == 1
    (room,) = [one for one in (await daemon.get("alerts"))["alerts"] if one["target"] == "room"]
    assert (room["state"], room["muted"]["words"]) == ("held", "boiler is off")
    instance = (await daemon.get("targets/room"))["instances"][0]
    assert (instance["standing"], instance["held_by"]) == ("out_of_band", "boiler")

    api.values["boiler"] = {"boiler": 60.0}
    await daemon.happenings.until(lambda: len(sink.once("alerts")) == 3, "the boiler is back, the room is told")
    assert [(one.json["alerts"][0]["labels"]["target"], one.json["status"]) for one in sink.once("alerts")] == [
        ("boiler", "firing"), ("boiler", "resolved"), ("room", "firing"),
    ]  # fmt: skip
