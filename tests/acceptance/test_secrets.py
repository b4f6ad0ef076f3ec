"""After a busy life nothing that was configured as a secret can be found anywhere, and what it says is well formed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import web

from tests.acceptance.configs import HOOK, hook, house, source
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import SECRET, Api, Receiver

SECRETS = {
    "GATEWAY_TOKEN": "gatewaytoken-3f9a7c",
    "API_TOKEN": "querykey-77b1e0",
    "BASIC_PASSWORD": "basicpassword-a81d",
    "HEADER_VALUE": "headervalue-5c02ff",
    "SINK_PATH": "sinkpath-T0K3NB00",
    "USER_PASSWORD": "userinfo-90ab12",
    "HOOK_HEADER": "hookheader-c3d4e5",
    "ACTION_HEADER": "actionheader-1b2c3d",
    "TEAMS_PATH": "teamspath-S1GN4TUR3",
    "ROUTING_KEY": "routingkey-0a1b2c3d",
    "APPRISE_USER": "appriseuser-9e8d7c",
    "APPRISE_PATH": "apprisepath-4f5e6d",
}

LATER = ("unreachable", "teams", "pager", "phone")
"""Receivers that fail for now."""


async def echo(request: web.Request) -> web.Response:
    """A server that repeats what it was given, as careless ones do."""
    given = [request.headers.get("Authorization", ""), request.headers.get("X-Key", ""), request.path_qs]
    return web.Response(status=500, text=" ".join(given))


async def repeat(request: web.Request) -> web.Response:
    """The same of a receiver: its answer is what it was sent."""
    return web.Response(status=503, text=f"{request.url} {dict(request.headers)} {await request.text()}")


async def refuse(path: str, _json: Any) -> web.Response:
    if path == "refuse/user":  # what it was given in the header
        user = base64.b64encode(f"bob:{SECRETS['USER_PASSWORD']}".encode()).decode()
        return web.Response(status=400, text=f"{user} {SECRET}")
    if path.startswith("refuse/"):
        return web.Response(status=400, text=f"no: {path} {SECRETS['HOOK_HEADER']} {SECRET}")
    return web.Response()


async def refuse_call(_path: str, _json: Any) -> web.Response:
    return web.Response(status=500, text=f"{SECRETS['ACTION_HEADER']} {SECRET}")


def careless(api: Api, sink: Receiver, hvac: Receiver) -> dict[str, Any]:
    """Secrets in every place that takes one, and servers that repeat them."""
    config = house(api, sink)
    port = api.port
    config["gateways"] = {"corp": {"base_url": f"{api.url}/", "auth": {"bearer": "${GATEWAY_TOKEN}"}}}
    config["sources"] |= {
        "by-gateway": source(api, "x", gateway="corp", url="/echo-1"),
        "by-query": source(api, "echo-2", auth={"api_key": {"query": "key", "value": "${API_TOKEN}"}}),
        "by-basic": source(api, "echo-3", auth={"basic": {"username": "ann", "password": "${BASIC_PASSWORD}"}}),
        "by-header": source(api, "echo-4", headers={"X-Key": "${HEADER_VALUE}"}),
        "by-url": source(api, "x", url=f"http://ann:${{USER_PASSWORD}}@127.0.0.1:{port}/echo-5"),
        "unreachable": source(api, "x", url="http://ann:${USER_PASSWORD}@127.0.0.1:1/?key=${API_TOKEN}"),
        "push": {"type": "webhook", "secret": HOOK, "readings": [{"series": "sales", "value": "amount"}]},
    }
    config["receivers"] |= {
        "refusing": [{**hook(sink, "refuse/${SINK_PATH}"), "headers": {"X-Key": "${HOOK_HEADER}"}}],
        "by-user": [{**hook(sink), "url": f"http://bob:${{USER_PASSWORD}}@127.0.0.1:{sink.port}/refuse/user"}],
        "unreachable": [{"type": "webhook", "url": "http://127.0.0.1:1/${SINK_PATH}", "secret": HOOK}],
        "teams": [{"type": "teams", "url": f"{api.url}/repeat/${{TEAMS_PATH}}"}],
        "pager": [{"type": "pagerduty", "routing_key": "${ROUTING_KEY}", "url": f"{api.url}/repeat"}],
        "phone": [
            {"type": "apprise", "urls": [f"json://ann:${{APPRISE_USER}}@127.0.0.1:{port}/repeat/${{APPRISE_PATH}}"]}
        ],
    }
    config["actions"] = {
        "set": {
            "type": "webhook",
            "url": f"{hvac.url}/set",
            "headers": {"X-Key": "${ACTION_HEADER}"},
            "json": {"to": 22},
            "secret": HOOK,
        }
    }
    config["targets"]["room"] |= {
        "alerts": [{"name": "out-of-band", "when": "out_of_band", "notify": ["all", "refusing", "by-user", *LATER]}],
        "correct": [{"on": "out-of-band", "action": "set"}],
    }
    return config


async def test_no_secret_is_found_anywhere_and_metrics_are_well_formed(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver
):
    daemon.environ |= {**SECRETS, "SETPOINT_LOG_LEVEL": "debug", "SETPOINT_API_KEY": "operatorskey-e5f6a7b8"}
    seen: list[str] = []

    sink.answer, hvac.answer = refuse, refuse_call
    for number in range(1, 6):
        api.answers[f"echo-{number}"] = echo
    for path in ("repeat", f"repeat/{SECRETS['TEAMS_PATH']}", f"repeat/{SECRETS['APPRISE_PATH']}"):
        api.answers[path] = repeat
    api.values["house"] = {"kitchen": 30.0}
    daemon.configure(careless(api, sink, hvac))
    key = {"Authorization": "Bearer operatorskey-e5f6a7b8"}

    async def ask(method: str, path: str, **how: Any) -> str:
        status, text, headers = await daemon.request(method, path, **how)
        seen.append(f"{method} {path} {status} {text} {dict(headers)}")
        return text

    await daemon.start()
    names = [name for name in careless(api, sink, hvac)["sources"] if name not in {"house", "push"}]
    await daemon.happenings.until(lambda: len(daemon.said("alert", alert="source-down")) == len(names), "all sources")
    await daemon.happenings.until(lambda: daemon.said("delivery.failed", receiver="refusing"), "refused for good")
    await daemon.happenings.until(lambda: daemon.said("delivery.failed", receiver="by-user"), "refused for good")
    for name in LATER:
        await daemon.happenings.until(lambda name=name: daemon.said("delivery.retry", receiver=name), f"{name} fails")
    for name in LATER[1:]:
        assert "503" in daemon.said("delivery.retry", receiver=name)[0]["error"]
    await daemon.happenings.until(lambda: daemon.said("delivery.failed", receiver="set"), "the call failed")
    assert "***" in daemon.said("delivery.failed", receiver="set")[0]["error"]

    assert "unauthorized" in await ask("GET", "/api/v1/status")
    description = json.loads(await ask("GET", "/api/v1/openapi.json", headers=key))
    for path, methods in description["paths"].items():
        if "get" in methods and "{" not in path:
            await ask("GET", path, headers=key)
    await ask("GET", "/api/v1/targets/room", headers=key)
    for name in names:
        await ask("POST", f"/api/v1/sources/{name}/poll", headers=key)
    await ask(
        "POST",
        "/in/push",
        data=b"[]",
        headers={"Authorization": f"Bearer {SECRET}x", "Content-Type": "application/json"},
    )
    await ask("GET", f"/nowhere?key={SECRETS['API_TOKEN']}", headers=key)
    daemon.configure(json.dumps({**careless(api, sink, hvac), "gateway": "${GATEWAY_TOKEN}"}))
    await ask("POST", "/-/reload", headers=key)
    metrics = await ask("GET", "/metrics", headers=key)
    assert metrics.count("\n") > 50
    promtool(metrics)
    await daemon.stop()

    places = {
        "log": json.dumps(daemon.log),
        "output": "\n".join(daemon.out),
        "database": daemon.dump(),
        "answers": "\n".join(one for one in seen if "/nowhere?" not in one),
        "messages": json.dumps([message.json for message in sink.arrived.messages + hvac.arrived.messages]),
    }
    assert "echo-3 answered 500" in places["database"]
    basic = base64.b64encode(f"ann:{SECRETS['BASIC_PASSWORD']}".encode()).decode()
    userinfo = base64.b64encode(f"ann:{SECRETS['USER_PASSWORD']}".encode()).decode()
    hook_user = base64.b64encode(f"bob:{SECRETS['USER_PASSWORD']}".encode()).decode()
    secrets = {**SECRETS, "HOOK_SECRET": SECRET, "key": "operatorskey-e5f6a7b8", "basic": basic, "userinfo": userinfo}
    secrets["hook_user"] = hook_user
    secrets |= of_database(daemon)
    found = {(name, place) for name, secret in secrets.items() for place, text in places.items() if secret in text}
    assert not found
    for file in daemon.folder.glob("setpoint.db*"):
        raw = file.read_bytes()
        assert not [name for name, secret in secrets.items() if secret.encode() in raw], file


def of_database(daemon: Daemon) -> dict[str, str]:
    """The password of its database, if there is one."""
    quoted = urlsplit(daemon.environ["SETPOINT_DATABASE_URL"]).password
    return {"database": unquote(quoted), "database, quoted": quoted} if quoted else {}


def promtool(metrics: str) -> None:
    """Prometheus's own check has nothing to say."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [program, "check", "metrics"], input=metrics.encode(), capture_output=True, check=False, timeout=20
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
