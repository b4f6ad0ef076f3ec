"""Corrections that ask, and the switch of all of them: many clicks at once, kill -9 between the steps."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.acceptance.test_loop import corrected


def proposing(api: Api, sink: Receiver, hvac: Receiver) -> dict[str, Any]:
    config = corrected(api, sink, hvac)
    config["targets"]["room"]["correct"][0] |= {"approval": {"within": "1h"}}
    return config


def heating(api: Api, hvac: Receiver) -> None:
    async def heat(_path: str, call: Any) -> web.Response:
        api.values["house"][call["room"]] = call["setpoint"]
        return web.Response(text="set")

    hvac.answer = heat


async def runs(daemon: Daemon) -> list[dict[str, Any]]:
    return (await daemon.get("corrections"))["corrections"]


async def until_state(daemon: Daemon, state: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        known = await runs(daemon)
        return known[0] if known and known[0]["state"] == state else None

    return await daemon.happenings.until(found, f"the correction is {state}")


async def test_of_many_clicks_on_approve_and_reject_one_counts(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver
):
    api.values["house"] = {"kitchen": 18.0}
    heating(api, hvac)
    daemon.configure(proposing(api, sink, hvac))
    await daemon.start()
    await daemon.happenings.until(sink.taken, "told")
    run = await until_state(daemon, "proposed")
    assert f"setpoint approve {run['short']}" in sink.arrived.messages[0].body.decode()
    await daemon.kill()
    await daemon.start()
    assert hvac.taken() == []

    async def click(place: int) -> tuple[int, dict[str, Any]]:
        name = run["id"] if place % 2 else run["short"]
        how = {"by": f"person-{place}"}
        status, text, _ = await daemon.request("POST", f"/api/v1/corrections/{name}/approve", json=how)
        return status, json.loads(text)

    said = await asyncio.gather(*(click(place) for place in range(20)))
    assert {status for status, _ in said} == {200}
    first = [answer for _, answer in said if answer["changed"]]
    assert len(first) == 1
    who = first[0]["correction"]["approval"]["by"]
    assert all(
        answer["words"].startswith(f"already approved by {who} at ") for _, answer in said if not answer["changed"]
    )
    status, text, _ = await daemon.request("POST", f"/api/v1/corrections/{run['id']}/reject", json={"by": "late"})
    assert (status, json.loads(text)["error"]["code"]) == (409, "conflict")
    ended = await until_state(daemon, "verified")
    assert (ended["outcome"], ended["attempt"]) == ("verified", 1)
    assert (ended["before"]["value"], ended["after"]["value"]) == (18, 22)
    assert len(hvac.arrived.messages) == 1
    assert [act["act"] for act in (await daemon.get("acts"))["acts"]] == ["approve"]


async def test_off_nothing_is_called_over_a_kill_and_on_it_goes_on(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver
):
    api.values["house"] = {"kitchen": 22.0}
    heating(api, hvac)
    daemon.configure(corrected(api, sink, hvac))
    await daemon.start()
    switch = {"on": False, "by": "ann", "note": "painters"}
    assert await daemon.status("/api/v1/corrections/switch", "POST", json=switch) == 200
    api.values["house"]["kitchen"] = 18.0
    await daemon.happenings.until(sink.taken, "told")
    await daemon.kill()
    await daemon.start()
    assert (await daemon.get("corrections/switch"))["switch"]["on"] is False
    assert (await daemon.get("status"))["corrections_on"] is False
    await api.asked_again("house")
    await api.asked_again("house")
    (waits,) = await runs(daemon)
    assert waits["state"] == "approved"
    assert ", by ann: painters" in waits["detail"]
    _, page, _ = await daemon.request("GET", "/")
    assert "Corrections are off since" in page
    _, metrics, _ = await daemon.request("GET", "/metrics")
    assert "setpoint_corrections_enabled 0.0" in metrics
    assert hvac.taken() == []
    assert await daemon.status("/api/v1/corrections/switch", "POST", json={"on": True, "by": "bob"}) == 200
    await until_state(daemon, "verified")
    assert len(hvac.arrived.messages) == 1
