"""Every other kind of secret, each in the hands of something that fails or repeats it: it shows nowhere.

`test_secrets` has the kinds that speak HTTP; here are databases, brokers, mail, Slack, the heartbeat, signed calls, and
the `_file` twins, and beside the daemon's own traces what the command line and the pages say.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from tests.acceptance.configs import house, source
from tests.acceptance.daemon import PROGRAM, Daemon
from tests.acceptance.servers import Api, Receiver

CLOSED = "127.0.0.1:1"
SECRETS = {
    "PG_PASSWORD": "pgpassword-1f2e3d",
    "ACT_PASSWORD": "actpassword-6b5a4c",
    "MQTT_PASSWORD": "mqttpassword-77aa88",
    "MAIL_PASSWORD": "mailpassword-0d1c2b",
    "OWN_MAIL_PASSWORD": "ownmailpassword-8c7b6a",
    "SLACK_HOOK": "slackhook-B00T8XYZ",
    "OWN_TOKEN": "xoxb-ownslacktoken-4d5e6f",
    "HEART_PATH": "heartbeatpath-a1b2c3",
    "GITHUB_SECRET": "githubsecret-9f8e7d",
    "BEARER_SECRET": "bearersecret-5a6b7c",
    "QUOTED": "p@ss/w:rd?#&%-5e4d3c",  # percent-encoded in an address
}
SETTINGS = {
    "SETPOINT_SLACK_BOT_TOKEN": "xoxb-settingstoken-1a2b3c",
    "SETPOINT_SLACK_SIGNING_SECRET": "signingsecret-e4d5c6",
    "SETPOINT_SMTP_URL": f"smtp://ann:{SECRETS['MAIL_PASSWORD']}@{CLOSED}",
    "SETPOINT_API_KEY": "operatorskey-2b3c4d",
}
TWINS = {"token": "twintoken-7e6f5d", "database": f"postgresql://ann:twinpassword-3c2b1a@{CLOSED}/shop"}
TELLING = ("by-mail", "by-own-mail", "by-hook", "by-own-token", "by-token")
CALLING = ("row", "say", "post")
FAILING = ("shop", "shop-quoted", "twin", "header-twin")


async def repeat(request: web.Request) -> web.Response:
    """A careless server: its answer is what it was sent."""
    body = {"ok": False, "error": f"{request.url} {dict(request.headers)} {await request.text()}"}
    return web.json_response(body, status=500)


def everything(api: Api, sink: Receiver) -> dict[str, Any]:
    config = house(api, sink)
    row = [{"series": "orders", "value": "n"}]
    quoted = quote(SECRETS["QUOTED"], safe="")
    config["sources"] |= {
        "shop": {"type": "sql", "url": f"postgresql://ann:${{PG_PASSWORD}}@{CLOSED}/shop", "query": "select 1 as n", "every": "1s", "readings": row},
        "shop-quoted": {"type": "sql", "url": f"postgresql://ann:{quoted}@{CLOSED}/shop", "query": "select 1 as n", "every": "1s", "readings": row},
        "twin": {"type": "sql", "url_file": "database", "query": "select 1 as n", "every": "1s", "readings": row},
        "header-twin": source(api, "repeat", auth={"bearer_file": "token"}),
        "hub": {"type": "webhook", "secret": "${GITHUB_SECRET}", "scheme": "github", "readings": row},
        "bear": {"type": "webhook", "secret": "${BEARER_SECRET}", "scheme": "bearer", "readings": row},
    }  # fmt: skip
    config["receivers"] |= {
        "by-mail": [{"type": "email", "to": ["ops@example.com"], "from": "setpoint@example.com"}],
        "by-own-mail": [
            {"type": "email", "to": ["ops@example.com"], "from": "s@example.com", "smtp_url": f"smtp://ann:${{OWN_MAIL_PASSWORD}}@{CLOSED}"}
        ],
        "by-hook": [{"type": "slack", "url": f"{api.url}/repeat/${{SLACK_HOOK}}"}],
        "by-own-token": [{"type": "slack", "channel": "#ops", "token": "${OWN_TOKEN}"}],
        "by-token": [{"type": "slack", "channel": "#ops"}],
    }  # fmt: skip
    config["actions"] = {
        "row": {
            "type": "sql",
            "url": f"postgresql://ann:${{ACT_PASSWORD}}@{CLOSED}/shop",
            "statement": "update rooms set to_do = 22",
        },
        "say": {"type": "mqtt", "url": f"mqtt://ann:${{MQTT_PASSWORD}}@{CLOSED}", "topic": "home/set", "payload": "22"},
        "post": {"type": "slack", "channel": "#ops", "text": "look", "token": "${OWN_TOKEN}"},
    }
    config["heartbeat"] = {"url": f"{api.url}/repeat/${{HEART_PATH}}", "every": "1s"}
    config["targets"]["room"] |= {
        "alerts": [{"name": "out-of-band", "when": "out_of_band", "notify": list(TELLING)}],
        "correct": [{"on": "out-of-band", "action": name} for name in CALLING],
    }
    return config


async def command_line(daemon: Daemon, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        cwd=daemon.folder,
        env=daemon.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return f"$ setpoint {' '.join(arguments)}\n{said.decode()}"


def everywhere(found: dict[str, str], files: list[Path]) -> set[tuple[str, str]]:
    """Where which secret is found, also as it stands in addresses and headers."""
    secrets = {**SECRETS, **{name: value for name, value in SETTINGS.items() if not name.endswith("URL")}, **TWINS}
    secrets |= {"twin password": "twinpassword-3c2b1a", "quoted": quote(SECRETS["QUOTED"], safe="")}
    secrets |= {f"basic {name}": base64.b64encode(f"ann:{value}".encode()).decode() for name, value in SECRETS.items()}
    places = found | {file.name: file.read_bytes().decode("latin-1") for file in files}
    return {(name, place) for name, secret in secrets.items() for place, text in places.items() if secret in text}


async def test_no_other_secret_is_found_anywhere(daemon: Daemon, api: Api, sink: Receiver):
    daemon.environ |= {
        **SECRETS,
        **SETTINGS,
        "SETPOINT_LOG_LEVEL": "debug",
        "SETPOINT_SLACK_API_URL": f"{api.url}/slack/",
    }
    key = {"Authorization": f"Bearer {SETTINGS['SETPOINT_API_KEY']}"}
    for name, text in TWINS.items():
        (daemon.folder / name).write_text(text)
    for path in (
        "repeat",
        "slack/chat.postMessage",
        f"repeat/{SECRETS['SLACK_HOOK']}",
        f"repeat/{SECRETS['HEART_PATH']}",
    ):
        api.answers[path] = repeat
    api.values["house"] = {"attic": 12}
    daemon.configure(everything(api, sink))
    await daemon.start()

    def failed(receiver: str) -> bool:
        return bool(
            daemon.said("delivery.retry", receiver=receiver) or daemon.said("delivery.failed", receiver=receiver)
        )

    for name in (*TELLING, *CALLING):
        await daemon.happenings.until(lambda name=name: failed(name), f"{name} fails")
    for name in FAILING:
        await daemon.happenings.until(lambda name=name: daemon.said("source.failing", source=name), f"{name} fails")

    seen = []
    for path in ("/in/hub", "/in/bear", "/slack/events", "/slack/commands", "/slack/interactive"):
        for headers in (
            {},
            {"Authorization": "Bearer x", "X-Hub-Signature-256": "sha256=0", "X-Slack-Signature": "v0=0"},
        ):
            status, text, _ = await daemon.request(
                "POST", path, data=b"{}", headers={"Content-Type": "application/json", **headers}
            )
            assert status == 401
            seen.append(text)
    for path in (
        "/",
        "/api/v1/",
        "/metrics",
        "/api/v1/sources",
        "/api/v1/deliveries",
        "/api/v1/corrections",
        "/api/v1/actions",
    ):
        status, text, _ = await daemon.request("GET", path, headers=key)
        assert status == 200
        seen.append(text)
    said = [
        await command_line(daemon, *words)
        for words in (
            ["check"],
            ["status"],
            ["status", "--json"],
            ["poll", "shop"],
            ["poll", "twin"],
            ["explain", "room"],
        )
    ]
    daemon.configure(daemon.config.read_text() + "nonsense: ${PG_PASSWORD}\n")
    said.append(await command_line(daemon, "check"))
    assert "unknown key" in said[-1]
    await daemon.stop()

    places = {
        "log": json.dumps(daemon.log),
        "output": "\n".join(daemon.out),
        "database": daemon.dump(),
        "answers": "\n".join(seen),
        "command line": "\n".join(said),
    }
    assert "connection refused" in places["log"]
    assert not everywhere(places, list(daemon.folder.glob("setpoint.db*")))
