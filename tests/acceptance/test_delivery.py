"""Receivers that are down, busy, slow or gone."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from tests.acceptance.configs import hook, house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver, hang


async def test_a_receiver_that_is_down_then_busy_gets_everything_in_order(daemon: Daemon, api: Api, sink: Receiver):
    await sink.stop()
    busy: list[str] = []

    async def answer(_path: str, json: Any) -> web.Response:
        busy.append(json["status"])
        return web.Response(status=503, headers={"Retry-After": "2"}, text="later")

    sink.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("delivery.retry"), "tried once")
    await sink.start()
    api.values["house"]["kitchen"] = 21.0
    await daemon.happenings.until(lambda: daemon.said("alert", change="resolved"), "resolved meanwhile")
    await daemon.happenings.until(lambda: busy, "told to come later")
    await daemon.happenings.until(lambda: len(daemon.said("delivery.retry")) == 2, "waits as it was asked to")
    sink.answer = None
    await daemon.happenings.until(lambda: len(daemon.said("delivery.sent")) == 2, "both delivered", 25)

    assert [message.what for message in sink.taken()] == [("firing", "kitchen"), ("resolved", "kitchen")]
    assert busy == ["firing"]  # its resolve waits behind it
    first, second = sink.arrived.messages[0], sink.taken()[0]
    assert first.id == second.id
    assert first.body == second.body
    assert second.at - first.at >= 2_000_000
    resolve, fire = (await daemon.get("deliveries"))["deliveries"]
    assert [attempt["error"] is None for attempt in fire["attempts"]] == [False, False, True]
    assert "connection refused" in fire["attempts"][0]["error"]
    assert "503 Service Unavailable: later" in fire["attempts"][1]["error"]
    assert [attempt["number"] for attempt in fire["attempts"]] == [1, 2, 3]
    assert (resolve["state"], len(resolve["attempts"])) == ("sent", 1)


async def test_a_receiver_that_is_gone_is_left_alone_and_the_fallback_told(daemon: Daemon, api: Api, sink: Receiver):
    async def answer(path: str, _json: Any) -> web.Response:
        return web.Response(status=410 if path == "gone" else 200)

    sink.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    alert = {"name": "out-of-band", "when": "out_of_band", "notify": ["away"]}
    config = house(api, sink, alerts=[alert])
    config["receivers"]["away"] = [hook(sink, "gone")]
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("delivery.sent"), "the fallback is told")
    await api.asked_again("house")

    assert [message.path for message in sink.arrived.messages] == ["gone", "alerts"]
    told = sink.taken("alerts")[0].json
    assert (told["reason"], told["status"], told["receiver"]) == ("undeliverable", "firing", "all")
    (alert,) = told["alerts"]
    assert alert["labels"]["alertname"] == "receiver-down"
    notice, refused = (await daemon.get("deliveries"))["deliveries"]
    assert (refused["receiver"], refused["state"], len(refused["attempts"])) == ("away", "failed", 1)
    assert "410 Gone" in refused["error"]
    assert (notice["receiver"], notice["state"]) == ("all", "sent")
    assert daemon.said("delivery.failed", receiver="away")
    (row,) = daemon.rows("SELECT permanent FROM attempts WHERE error IS NOT NULL")
    assert row["permanent"] == 1
    payload = daemon.rows("SELECT payload FROM deliveries WHERE receiver = 'all'")[0]["payload"]
    assert "Receiver away could not be told" in payload

    sink.answer = None
    await daemon.kill()
    await daemon.start()
    api.values["house"] = {"kitchen": 21.0}
    await daemon.happenings.until(lambda: len(sink.taken("alerts")) == 2, "it is over")
    assert sink.taken("gone")[-1].json["status"] == "resolved"
    (over,) = sink.taken("alerts")[-1].json["alerts"]
    assert (over["status"], over["fingerprint"]) == ("resolved", alert["fingerprint"])
    assert (over["labels"], over["startsAt"]) == (alert["labels"], alert["startsAt"])
    assert not daemon.rows("SELECT 1 FROM troubles WHERE over IS NULL")


async def test_without_a_route_the_console_says_what_could_not_be_told(daemon: Daemon, api: Api, sink: Receiver):
    async def answer(_path: str, _json: Any) -> web.Response:
        return web.Response(status=410)

    sink.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    config = house(api, sink, alerts=[{"name": "out-of-band", "when": "out_of_band", "notify": ["all"]}])
    del config["route"]
    daemon.configure(config)
    await daemon.start()
    await daemon.happenings.until(
        lambda: any("could not be told" in line for line in daemon.out), "said on the console"
    )


async def test_a_slow_receiver_keeps_nobody_waiting(daemon: Daemon, api: Api, sink: Receiver):
    """Neither the polls nor another receiver."""
    release = asyncio.Event()

    async def answer(path: str, _json: Any) -> web.Response:
        if path == "slow":
            await release.wait()
        return web.Response()

    sink.answer = answer
    api.values["house"] = {f"room-{number}": 21.0 for number in range(20)}
    config = house(api, sink, alerts=[{"name": "out-of-band", "when": "out_of_band", "notify": ["slow", "all"]}])
    config["receivers"]["slow"] = [hook(sink, "slow")]
    daemon.configure(config)
    await daemon.start()
    await api.asked_again("house")
    api.values["house"] = dict.fromkeys(api.values["house"], 30.0)
    await daemon.happenings.until(lambda: len(sink.taken("alerts")) == 20, "the quick one has all", 5)
    await api.asked_again("house", 2, within=5)
    assert sink.taken("slow") == []
    release.set()
    await daemon.happenings.until(lambda: len(sink.taken("slow")) == 20, "the slow one too")
    assert len(sink.arrived.messages) == 40


async def test_sigterm_finishes_what_is_being_sent(daemon: Daemon, api: Api, sink: Receiver):
    arriving, release = asyncio.Event(), asyncio.Event()

    async def answer(_path: str, _json: Any) -> web.Response:
        arriving.set()
        await release.wait()
        return web.Response()

    sink.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    daemon.configure(house(api, sink))
    await daemon.start()
    await daemon.happenings.until(arriving.is_set, "the receiver has it, and has not answered")
    stopping = asyncio.create_task(daemon.stop())
    await daemon.happenings.until(lambda: daemon.said("setpoint.stopping"), "stopping")
    asyncio.get_running_loop().call_later(0.5, release.set)
    await stopping
    assert daemon.said("delivery.sent")
    assert daemon.said("setpoint.stopped")
    sink.answer = None
    await daemon.start()
    await api.asked_again("house")
    assert len(sink.arrived.messages) == 1  # marked as sent before it ended


async def test_sigterm_ends_in_time_whatever_hangs(daemon: Daemon, api: Api, sink: Receiver):
    """A receiver, a source and a caller that hang: their times don't add up, and the message is sent after a start."""
    arriving, never = asyncio.Event(), asyncio.Event()

    async def answer(_path: str, _json: Any) -> web.Response:
        arriving.set()
        await never.wait()
        return web.Response()

    sink.answer = answer
    api.values["house"] = {"kitchen": 30.0}
    api.answers["shed"] = hang
    config = house(api, sink, "house", "shed")
    config["receivers"]["all"][0]["timeout"] = "1m"
    config["sources"]["push"] = {"type": "webhook", "readings": [{"series": "sales", "value": "amount"}]}
    daemon.configure(config)
    await daemon.start()
    _, caller = await asyncio.open_connection("127.0.0.1", daemon.port)
    head = f"POST /in/push HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nContent-Length: 100\r\n\r\n["
    caller.write(head.encode())
    await daemon.happenings.until(arriving.is_set, "the receiver hangs")
    await daemon.stop()
    caller.close()
    sink.answer = None
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("delivery.sent"), "sent after all")
    assert [message.id for message in sink.taken()] == [row["key"] for row in daemon.rows("SELECT key FROM deliveries")]
