"""Sources that misbehave: one alert each, in plain words, while the others go on at their pace."""

from __future__ import annotations

from itertools import pairwise

from aiohttp import web

from tests.acceptance.configs import house, source
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver, hang

CHUNK = b" " * 1_000_000
TWO_GB = 2_000_000_000


class Flood:
    """Answers with 2 GB, and counts how much of it was taken."""

    def __init__(self, *, declared: bool) -> None:
        self.declared = declared
        self.answers = 0
        self.sent = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self.declared:
            response.content_length = TWO_GB
        self.answers += 1
        try:
            await response.prepare(request)
            for _ in range(TWO_GB // len(CHUNK)):
                await response.write(CHUNK)
                self.sent += len(CHUNK)
        except ConnectionError:  # it has had enough
            pass
        return response


async def page(_request: web.Request) -> web.Response:
    return web.Response(
        text="<!doctype html><html><body><h1>Please log in</h1></body></html>", content_type="text/html"
    )


async def broken(_request: web.Request) -> web.Response:
    return web.Response(status=500, text="stack trace of somebody else")


async def other_json(_request: web.Request) -> web.Response:
    return web.json_response({"rows": [{"room": "x", "value": "warm"}]})


async def test_each_bad_source_is_one_alert_and_the_good_one_goes_on(daemon: Daemon, api: Api, sink: Receiver):
    flood, declared = Flood(declared=False), Flood(declared=True)
    api.answers = {
        "hangs": hang,
        "floods": flood,
        "declares": declared,
        "page": page,
        "broken": broken,
        "words": other_json,
    }
    api.values["good"] = {"kitchen": 21.0}
    config = house(api, sink, "good", *api.answers)
    config["sources"]["hangs"] = source(api, "hangs", timeout="1s")
    config["watch"] = {"blind": "100%"}  # or it would be told of all six together
    daemon.configure(config)
    await daemon.start()
    resting = daemon.memory()
    await daemon.happenings.until(lambda: len(sink.once()) >= 6, "six alerts", 30)
    await api.asked_again("good", 3)
    await daemon.happenings.until(lambda: flood.answers >= 4, "flooded again and again")

    said = {message.what[1]: message.json["headline"] for message in sink.arrived.messages}
    assert len(sink.arrived.messages) == 6  # one for each source, none for the target that reads them all
    assert {message.alert["labels"]["alertname"] for message in sink.arrived.messages} == {"source-down"}
    assert "no complete answer within 1 s" in said["hangs"]
    assert "the answer is larger than max_bytes (16000000)" in said["floods"]
    assert "2000000000 bytes, more than max_bytes" in said["declares"]
    assert "answered HTML (status 200), expected JSON" in said["page"]
    assert "Please log in" in said["page"]
    assert "answered 500 Internal Server Error" in said["broken"]
    assert "warm" in said["words"]
    assert all(text.startswith(f"Source {name} can't be read: ") for name, text in said.items())

    times = api.asked["good"]
    assert max(after - before for before, after in pairwise(times)) < 3  # polled each second
    assert daemon.memory("VmHWM") - resting < 100_000_000
    assert flood.sent / flood.answers < 100_000_000
    assert declared.sent / declared.answers < 100_000_000
    health = {one["name"]: one["health"] for one in (await daemon.get("sources"))["sources"]}
    assert health == {"good": "up", **dict.fromkeys(api.answers, "down")}

    api.values["good"]["kitchen"] = 30.0
    await daemon.happenings.until(
        lambda: any(message.what == ("firing", "kitchen") for message in sink.arrived.messages), "still decides"
    )
    for name in list(api.answers):
        del api.answers[name]
        api.values[name] = {name: 21.0}
    await daemon.happenings.until(lambda: len(sink.once()) >= 13, "all six are back")
    resolved = [message for message in sink.arrived.messages if message.what[0] == "resolved"]
    assert sorted(message.what[1] for message in resolved) == sorted(said)
    assert {message.json["headline"] for message in resolved} == {f"Source {name} can be read again" for name in said}


async def test_targets_of_a_failed_source_hold_their_verdict(daemon: Daemon, api: Api, sink: Receiver):
    """An alert is neither resolved nor repeated because its source can't be read, whatever is read afterwards."""
    api.values["house"] = {"hot": 30.0, "fine": 21.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: len(sink.taken()) == 1, "hot fires")
    api.answers["house"] = broken
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "the source's alert")
    (target,) = (await daemon.get("targets"))["targets"]
    assert {one["standing"] for one in target["instances"]} == {"no_data"}
    await daemon.kill()
    await daemon.start()
    await api.asked_again("house")
    del api.answers["house"]
    await daemon.happenings.until(lambda: len(sink.taken()) == 3, "the source is back")
    await api.asked_again("house")
    assert daemon.said("source.back")
    assert [message.what for message in sink.arrived.messages] == [
        ("firing", "hot"),
        ("firing", "house"),
        ("resolved", "house"),
    ]
