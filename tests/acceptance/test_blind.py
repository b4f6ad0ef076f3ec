"""The watcher watched: many sources fail at once, in the real daemon, which is killed in between."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.acceptance.configs import house
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver

NAMES = [f"s{number}" for number in range(8)]


async def broken(_request: web.Request) -> web.Response:
    return web.Response(status=500)


async def test_eight_sources_that_fail_are_one_notice(daemon: Daemon, api: Api, sink: Receiver):
    api.values = {name: {name: 21.0} for name in NAMES}
    daemon.configure(house(api, sink, *NAMES))
    await daemon.start()
    for name in NAMES:
        await api.asked_again(name, 1)
    api.answers = dict.fromkeys(NAMES, broken)
    await daemon.happenings.until(sink.once, "it says that it is blind", 30)
    assert "blind: 8 of 8 sources can't be read" in (await daemon.request("GET", "/-/healthy"))[1]
    assert await daemon.status("/-/healthy") == 200
    await daemon.kill()
    await daemon.start()
    await asyncio.gather(*(api.asked_again(name, 2) for name in NAMES))
    assert len(sink.once()) == 1
    api.answers = {}
    await daemon.happenings.until(lambda: len(sink.once()) >= 2, "it says that it sees again", 30)
    for name in NAMES:
        await api.asked_again(name, 2)
    first, last = (message.json for message in sink.once())
    assert (first["status"], last["status"]) == ("firing", "resolved")
    assert first["headline"].startswith("I am blind: ")
    assert "sources can't be read" in first["headline"]
    assert last["headline"].startswith("I can see again: ")
    assert {alert["labels"]["alertname"] for alert in (*first["alerts"], *last["alerts"])} == {"blind"}
    assert (await daemon.request("GET", "/-/healthy"))[1] == "OK\n"
    daemon.check_database()
