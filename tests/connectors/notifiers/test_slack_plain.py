"""What Slack refuses for its layout is said in plain words."""

from __future__ import annotations

import dataclasses
import json

import pytest

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_parts import Failure
from connectors.base import Refused
from connectors.facts import facts
from connectors.notifiers.slack import SlackNotifier
from connectors.slack_message import message
from connectors.slack_plain import as_words
from rules.model import Reason
from tests.connectors.notifiers import kit


@pytest.fixture
async def slack():
    async with SlackServer(channels=["growth"], now=lambda: kit.NOW) as server:
        yield server


@pytest.fixture
def notifier(slack, services):
    config = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#growth"})
    return SlackNotifier(config, dataclasses.replace(services, slack_bot_token=TOKEN, slack_api_url=slack.api_url))


@pytest.fixture(params=["invalid_blocks", "msg_blocks_too_long"])
def refused(request, monkeypatch):
    """The code with which every layout is refused."""
    if request.param == "invalid_blocks":
        monkeypatch.setattr("agent.demo.slack.problems", lambda blocks, _ready: ["no"] if blocks else [])
    else:
        monkeypatch.setattr("agent.demo.slack.MAX_TOTAL", 10)
    return request.param


@pytest.mark.usefixtures("refused")
async def test_an_alert_is_said_although_its_layout_is_refused(slack, notifier):
    thread = await notifier.send(kit.sending(chart=kit.PNG))
    (one, chart) = slack.messages
    assert (one.blocks, chart.thread_ts) == ([], one.ts)
    assert len(one.text) <= 4_000
    for _, text in facts(kit.notice()):
        assert text in one.text
    assert "Runbook>" in one.text
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert one.text.startswith("✅ Resolved")
    assert one.blocks == []
    assert "Value: 6,214" in one.text


async def test_a_layout_that_is_taken_again_comes_back(slack, notifier, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("agent.demo.slack.MAX_TOTAL", 10)
        thread = await notifier.send(kit.sending())
    await notifier.send(kit.sending(kit.notice(reason=Reason.UPDATED), thread=thread))
    (one,) = slack.messages
    assert one.blocks


@pytest.mark.usefixtures("refused")
async def test_an_edit_takes_the_layout_away_that_was_there(slack, notifier, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("agent.demo.slack.problems", lambda *_: [])
        patched.setattr("agent.demo.slack.MAX_TOTAL", 12_000)
        thread = await notifier.send(kit.sending())
    await notifier.send(kit.sending(kit.resolved(), thread=thread))
    assert slack.messages[0].blocks == []
    assert slack.messages[0].text.startswith("✅ Resolved")


async def test_the_words_are_tried_once(slack, notifier):
    slack.failures["chat.postMessage"] = Failure(error="msg_too_long")
    error = await kit.refusal(notifier, kit.sending())
    assert (error.code, error.permanent) == ("msg_too_long", True)


@pytest.mark.parametrize(
    ("answers", "layouts"),
    [
        (("invalid_blocks", ""), [True, False]),
        (("invalid_payload", "invalid_payload"), [True, False]),
        (("no_text",), [True]),
    ],
)
async def test_a_hook_takes_the_words_too(services, monkeypatch, answers, layouts):
    given, left = [], list(answers)

    async def post(_services, _url, body, _headers, **_how):
        given.append(bool(json.loads(body)["blocks"]))
        said = left.pop(0)
        if said:
            raise Refused(f"https://hooks.slack.com answered 400 Bad Request: {said}", status=400, permanent=True)

    monkeypatch.setattr("connectors.notifiers.slack.post", post)
    monkeypatch.setattr("connectors.notifiers.slack._HOOK_RATE", (100, 1.0))
    config = SlackNotifier.Config.model_validate({"type": "slack", "url": "https://hooks.slack.com/services/T0/B0/xyz"})
    sent = SlackNotifier(config, services).send(kit.sending())
    if answers[-1]:
        with pytest.raises(Refused):
            await sent
    else:
        await sent
    assert given == layouts


def test_long_words_are_cut_between_lines():
    notice = kit.several(400, 0)
    said = as_words({**message(notice), "channel": "C1", "metadata": {"event_type": "x"}})
    assert (said["channel"], said["blocks"], "metadata" in said) == ("C1", [], False)
    assert len(said["text"]) <= 3_502
    assert said["text"].endswith("\n…")
