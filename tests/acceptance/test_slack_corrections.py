"""The real daemon and a workspace: a correction that asks, its buttons by both doors, and kill -9 between the steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.demo.slack import TOKEN
from agent.demo.slack_parts import Message
from connectors.slack_buttons import APPROVE, REJECT
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver
from tests.acceptance.test_corrections import heating, proposing, until_state
from tests.acceptance.test_slack_in import until
from tests.slack_workspace.workspace import APP_TOKEN, SIGNING_SECRET, SlackWorkspace

ANN, BOB = "U0ANN0001", "U0BOB0001"
ASKS = f"'action_id': '{APPROVE}'"


@pytest.fixture
async def slack() -> AsyncIterator[SlackWorkspace]:
    async with SlackWorkspace(channels=["growth"], now=lambda: time.time_ns() // 1_000) as server:
        yield server


def configure(daemon: Daemon, parts: tuple[Api, Receiver, Receiver], slack: SlackWorkspace, **more: Any) -> None:
    api, sink, hvac = parts
    api.values["house"] = {"kitchen": 18.0}
    config = proposing(api, sink, hvac)
    config["receivers"] = {"all": [{"type": "slack", "channel": "#growth"}]}
    config["targets"]["room"]["correct"][0] |= more
    daemon.configure({**config, "operators": [ANN, BOB]})
    daemon.environ |= {
        "SETPOINT_SLACK_BOT_TOKEN": TOKEN,
        "SETPOINT_SLACK_API_URL": slack.api_url,
        "SETPOINT_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "SETPOINT_SLACK_APP_TOKEN": APP_TOKEN,
    }
    slack.request_url = daemon.url


async def connected(slack: SlackWorkspace, opened: int = 1) -> None:
    await asyncio.wait_for(slack.sockets.until(1, opened), 15)


async def asked(slack: SlackWorkspace) -> Message:
    """The message that asks."""
    await until(slack, lambda: [one for one in slack.messages if ASKS in str(one.blocks)])
    return next(one for one in slack.messages if ASKS in str(one.blocks))


async def test_of_thirty_clicks_by_two_people_over_both_doors_one_counts(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver, slack: SlackWorkspace
):
    heating(api, hvac)
    configure(daemon, (api, sink, hvac), slack)
    await daemon.start()
    await connected(slack)
    message = await asked(slack)
    before = message.blocks
    assert hvac.taken() == []
    await asyncio.gather(
        *(slack.click(message, APPROVE, (ANN, BOB)[place % 2], http=place % 4 < 2) for place in range(30))
    )
    await until(slack, lambda: len(slack.ephemerals) == 30)
    counted = [one for one in slack.ephemerals if not one.text.startswith("Already approved by ")]
    assert len(counted) == 1
    name = {ANN: "Ann Lee", BOB: "Bob"}[counted[0].user]
    assert all(f"pproved by {name}" in one.text for one in slack.ephemerals)

    run = await until_state(daemon, "verified")
    assert (run["attempt"], run["approval"]["by"]) == (1, name)
    assert len(hvac.arrived.messages) == 1
    (act,) = (await daemon.get("acts"))["acts"]
    assert (act["act"], act["by"], act["via"], act["id"]) == ("approve", name, "slack", counted[0].user)
    await until(slack, lambda: "✅" in message.text)
    assert ASKS not in str(message.blocks)
    assert f"Approved by {name} at " in str(message.blocks)
    await until(slack, lambda: [one for one in slack.messages if one.thread_ts])
    assert [one.text for one in slack.messages if one.thread_ts] == [
        f"✔️ Correction set-thermostat verified, approved by {name}: back on target: 18 before, 22 {took(run)} after the call"
    ]
    await slack.click(Message(message.channel, message.ts, "", before), REJECT, BOB)
    await until(slack, lambda: len(slack.ephemerals) == 31)
    assert slack.ephemerals[-1].text.startswith(f"Already approved by {name} at ")
    for secret in (TOKEN, SIGNING_SECRET, APP_TOKEN, "demoResponseSecret"):
        assert secret not in str(daemon.log)
        assert secret not in daemon.dump()


def took(run: dict[str, Any]) -> str:
    return str(run["detail"]).split(" after the call")[0].rsplit(" ", 1)[1]


async def test_killed_between_proposal_and_click_and_between_click_and_call(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver, slack: SlackWorkspace
):
    heating(api, hvac)
    configure(daemon, (api, sink, hvac), slack)
    await daemon.start()
    await connected(slack)
    message = await asked(slack)
    await daemon.happenings.until(lambda: daemon.said("delivery.sent"), "the message is known")
    await daemon.kill()
    await daemon.start()
    await connected(slack, 2)
    await slack.command("corrections off painters")
    await slack.click(message, APPROVE)
    await until(slack, lambda: "corrections are off since" in slack.ephemerals[-1].text)
    assert (await until_state(daemon, "approved"))["approval"]["by"] == "Ann Lee"
    await daemon.kill()
    assert hvac.arrived.messages == []
    await daemon.start()
    await connected(slack, 3)
    await api.asked_again("house")
    assert hvac.arrived.messages == []
    said = await slack.command("corrections on", BOB)
    assert said is not None
    assert "Corrections are on since" in said["text"]
    await until_state(daemon, "verified")
    assert len(hvac.arrived.messages) == 1
    await until(slack, lambda: "Approved by Ann Lee at " in str(message.blocks) and "✅" in message.text)
    assert len([one for one in slack.messages if not one.thread_ts]) == 1
    acts = [(one["act"], one["by"], one["via"]) for one in (await daemon.get("acts"))["acts"]]
    assert sorted(acts) == [
        ("approve", "Ann Lee", "slack"), ("corrections off", "Ann Lee", "slack"), ("corrections on", "Bob", "slack")
    ]  # fmt: skip


async def test_killed_while_the_call_is_made(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver, slack: SlackWorkspace
):
    """The click is stored with the call that it asks for: after the kill the same call is made, and no other."""
    heating(api, hvac)
    heat, begun = hvac.answer, asyncio.Event()

    async def never(_path: str, _call: Any) -> Any:
        begun.set()
        await asyncio.Event().wait()

    hvac.answer = never
    configure(daemon, (api, sink, hvac), slack)
    await daemon.start()
    await connected(slack)
    await slack.click(await asked(slack), APPROVE, BOB)
    await asyncio.wait_for(begun.wait(), 15)
    await daemon.kill()
    hvac.answer = heat
    await daemon.start()
    await until_state(daemon, "verified")
    assert len({one.id for one in hvac.arrived.messages}) == len(hvac.arrived.messages) == 1


async def test_a_question_that_lapsed_is_said_to_be_so(
    daemon: Daemon, api: Api, sink: Receiver, hvac: Receiver, slack: SlackWorkspace
):
    configure(daemon, (api, sink, hvac), slack, approval={"within": "2s"})
    await daemon.start()
    await connected(slack)
    message = await asked(slack)
    old = Message(message.channel, message.ts, "", message.blocks)
    await until(slack, lambda: ASKS not in str(message.blocks))
    assert "nobody approved within 2s" in str(message.blocks)
    await slack.click(old, APPROVE)
    await until(slack, lambda: slack.ephemerals)
    assert slack.ephemerals[0].text == "Correction set-thermostat was skipped: nobody approved within 2s"
    assert hvac.arrived.messages == []
    assert (await daemon.get("acts"))["acts"] == []
