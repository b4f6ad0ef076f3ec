"""The real daemon and a workspace: what people type and click there, by both doors, and what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agent.demo.slack import TOKEN
from connectors.slack_buttons import ACKNOWLEDGE
from tests.acceptance.configs import EACH_AT_ONCE, rooms, source
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api
from tests.slack_workspace.workspace import APP_TOKEN, SIGNING_SECRET, SlackWorkspace

WITHIN = 15


@pytest.fixture
async def slack() -> AsyncIterator[SlackWorkspace]:
    async with SlackWorkspace(channels=["growth"], now=lambda: time.time_ns() // 1_000) as server:
        yield server


def configure(daemon: Daemon, api: Api, slack: SlackWorkspace, **settings: str) -> None:
    api.values["house"] = {"kitchen": 30.0}
    daemon.configure(
        {
            "sources": {"house": source(api, "house")},
            "targets": {"room": rooms(title="Room temperature")},
            "receivers": {"all": [{"type": "slack", "channel": "#growth"}]},
            "route": {"receiver": "all", **EACH_AT_ONCE},
            "operators": ["U0ANN0001"],
        }
    )
    daemon.environ |= {"SETPOINT_SLACK_BOT_TOKEN": TOKEN, "SETPOINT_SLACK_API_URL": slack.api_url, **settings}
    slack.request_url = daemon.url


async def until(slack: SlackWorkspace, found: Callable[[], Any]) -> None:
    await asyncio.wait_for(slack.until(lambda: bool(found())), WITHIN)


@pytest.mark.parametrize(
    "setting", [{"SETPOINT_SLACK_SIGNING_SECRET": SIGNING_SECRET}, {"SETPOINT_SLACK_APP_TOKEN": APP_TOKEN}]
)
async def test_a_click_on_acknowledge_ends_in_the_edited_message(
    daemon: Daemon, api: Api, slack: SlackWorkspace, setting: dict[str, str]
):
    configure(daemon, api, slack, **setting)
    await daemon.start()
    if "SETPOINT_SLACK_APP_TOKEN" in setting:
        await asyncio.wait_for(slack.sockets.until(1), WITHIN)
    await until(slack, lambda: slack.messages)
    (message,) = slack.messages

    await slack.click(message, ACKNOWLEDGE, "U0BOB0001")
    await until(slack, lambda: "You may look, not act" in str(slack.ephemerals))
    await slack.click(message, ACKNOWLEDGE)
    await until(slack, lambda: "Taken by Ann Lee" in str(message.blocks))
    assert "Taken by you" in slack.ephemerals[-1].text
    assert len(slack.messages) == 1

    (act,) = (await daemon.get("acts"))["acts"]
    assert (act["by"], act["via"], act["id"], act["act"]) == ("Ann Lee", "slack", "U0ANN0001", "acknowledge")
    assert act["subject"] == 'out-of-band of room{room="kitchen"}'
    assert (await daemon.get("alerts"))["alerts"][0]["acknowledged_by"] == "Ann Lee"
    for secret in (TOKEN, SIGNING_SECRET, APP_TOKEN, "demoResponseSecret"):
        assert secret not in str(daemon.log)
        assert secret not in daemon.dump()


async def test_commands_over_http_with_a_chart_and_an_explanation(daemon: Daemon, api: Api, slack: SlackWorkspace):
    configure(daemon, api, slack, SETPOINT_SLACK_SIGNING_SECRET=SIGNING_SECRET)
    await daemon.start()
    await until(slack, lambda: slack.messages)
    said = await slack.command("status room temperature")
    assert said is not None
    assert "out of band: 30, wanted 20 to 23" in said["text"]
    await until(slack, lambda: "image" in str([one.blocks for one in slack.messages if one.channel == "D0ANN0001"]))
    shown = next(one for one in slack.messages if one.channel == "D0ANN0001")
    assert slack.files[shown.blocks[-1]["slack_file"]["id"]].content.startswith(b"\x89PNG")

    said = await slack.command("why room")
    assert said is not None
    assert 'Read temperature{room="kitchen",source="house"} = 30' in said["text"]
    assert "told all" in said["text"]

    said = await slack.command("silence room 2h windows are open")
    assert said is not None
    (silence,) = (await daemon.get("silences"))["silences"]
    assert (silence["by"], silence["reason"]) == ("Ann Lee", "windows are open")
    assert silence["id"] in said["text"]


async def test_socket_mode_goes_on_after_a_restart_and_without_slack(daemon: Daemon, api: Api, slack: SlackWorkspace):
    configure(daemon, api, slack, SETPOINT_SLACK_APP_TOKEN=APP_TOKEN)
    await daemon.start()
    await asyncio.wait_for(slack.sockets.until(1), WITHIN)
    await daemon.happenings.until(lambda: daemon.said("slack.socket_connected"), "it has heard the hello")
    assert await daemon.status("/slack/commands", "POST") == 404
    assert "setpoint_slack_connected 1.0" in (await daemon.request("GET", "/metrics"))[1]
    await daemon.stop()
    await asyncio.wait_for(slack.sockets.until(0), WITHIN)

    slack.app_tokens.clear()
    await daemon.start()
    await daemon.happenings.until(lambda: daemon.said("slack.socket_down"), "it says that it can't connect")
    await api.asked_again("house")
    assert "setpoint_slack_connected 0.0" in (await daemon.request("GET", "/metrics"))[1]
    (problem,) = (await daemon.get("status"))["problems"]
    assert "Slack refused: invalid_auth" in problem
    slack.app_tokens[APP_TOKEN] = ""
    await asyncio.wait_for(slack.sockets.until(1), WITHIN)
    said = await slack.command("status")
    assert said is not None
    assert "1 target:" in said["text"]
    await slack.sockets.disconnect()
    await asyncio.wait_for(slack.sockets.until(2, 3), WITHIN)  # the old one is heard until Slack closes it
    await slack.sockets.close(1)
    await asyncio.wait_for(slack.sockets.until(1, 3), WITHIN)
    assert slack.sockets.problems == []
