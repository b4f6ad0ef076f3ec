"""What people do over the API, so that doing it again does nothing more; and what they are shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from tests.crash.driver import Driven
from tests.crash.scenario import Act

Body = Mapping[str, Any]
EXPLAINED = ("pump-0", "heater-0", "line-0", "lamps", "gauge-0", "planned-2", "job0", "room0-03")


async def do(daemon: Driven, act: Act) -> None:
    """One act. Raises Killed."""
    known = _ACTS.get(act.path)
    if known is not None:
        await known(daemon, act.body)
    elif act.path in {"approve", "reject"}:
        await _answer(daemon, act.path, act.body)
    else:
        await daemon.call("POST", f"/api/v1/{act.path}", json=act.body)


async def _get(daemon: Driven, what: str, more: str = "") -> Any:
    return (await daemon.call("GET", f"/api/v1/{what}{more}"))[1][what]


async def _silence(daemon: Driven, body: Body) -> None:
    if all(one["reason"] != body["reason"] for one in await _get(daemon, "silences")):
        await daemon.call("POST", "/api/v1/silences", json=body)


async def _expire(daemon: Driven, body: Body) -> None:
    """Ends the silence of a reason early."""
    for one in await _get(daemon, "silences"):
        if one["reason"] == body["reason"] and one["state"] != "expired":
            await daemon.call("DELETE", f"/api/v1/silences/{one['id']}", params={"by": body["by"]})


async def _ack(daemon: Driven, body: Body) -> None:
    alerts = await _get(daemon, "alerts")
    firing = sorted((one["fingerprint"], one["acknowledged_by"]) for one in alerts if one["state"] == "firing")
    if firing and firing[0][1] is None:
        await daemon.call("POST", f"/api/v1/alerts/{firing[0][0]}/ack", json=body)


async def _run(daemon: Driven, body: Body) -> None:
    """Has an action called for an alert, if that is open."""
    given = {key: value for key, value in body.items() if key != "action"}
    await daemon.call("POST", f"/api/v1/actions/{body['action']}/run", json=given)


async def _answer(daemon: Driven, word: str, body: Body) -> None:
    for run in await _get(daemon, "corrections", "?limit=1000"):
        if run["state"] == "proposed":
            await daemon.call("POST", f"/api/v1/corrections/{run['id']}/{word}", json=body)


_ACTS: Mapping[str, Callable[[Driven, Body], Awaitable[None]]] = {
    "silences": _silence,
    "expire": _expire,
    "ack": _ack,
    "run": _run,
}


async def shown(daemon: Driven) -> dict[str, str]:
    """What the API says of each target, alert, silence, action and source, and why of some. Raises Killed."""
    found = {f"target {one['name']}": one for one in await _get(daemon, "targets")}
    for one in found.values():
        for instance in one["instances"]:  # that an alert was open for no time is no difference
            instance["alerts"] = [alert for alert in instance["alerts"] if alert["state"] != "inactive"]
    found |= {f"alert {one['fingerprint']}": one for one in await _get(daemon, "alerts")}
    found |= {f"silence {one['id']}": one for one in await _get(daemon, "silences")}
    found |= {f"action {one['name']}": one for one in await _get(daemon, "actions")}
    found |= {
        f"source {one['name']}": {key: one[key] for key in ("health", "since", "failures", "last_error")}
        for one in await _get(daemon, "sources")
    }
    for name in EXPLAINED:
        found[f"why {name}"] = why = (await daemon.call("GET", f"/api/v1/targets/{name}/explain"))[1]
        for series in (one for instance in why["instances"] for one in instance["inputs"]):
            del series["readings"]  # as many as are at hand, of which a restart needs fewer
    return {name: orjson.dumps(one, option=orjson.OPT_SORT_KEYS).decode() for name, one in found.items()}
