"""Messages to our strict Slack server."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_parts import Failure
from connectors.actions.slack import SlackAction
from connectors.base import BadAnswer, Call, ConnectorError, Misconfigured, Refused, Services, TimedOut, Unreachable
from tests.connectors.actions.test_webhook_action import CONTEXT, call
from tests.connectors.notifiers import kit
from tests.servers import free_port

SECRETS = (TOKEN, "xoxb-of-another-app")
TEXT = "<https://hvac.example.com|HVAC>: *{{ labels.room }}* is at {{ value }} {{ unit }}, set it to {{ at_least }}"


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(channels=["facilities"], now=lambda: kit.NOW) as server:
        yield server


def action(services: Services, api_url: str, setting: str = TOKEN, **keys: Any) -> SlackAction:
    config = {"type": "slack", "channel": "#facilities", "text": TEXT, **keys}
    reached = dataclasses.replace(services, slack_bot_token=setting, slack_api_url=api_url)
    return SlackAction("ask", SlackAction.Config.model_validate(config), reached)


async def failed(made: SlackAction, what: Call | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await made.call(what or call())
    kit.leaks_nothing(caught.value, SECRETS)
    return caught.value


async def test_a_message_is_posted(services: Services, slack: SlackServer) -> None:
    said = await action(services, slack.api_url).call(call())
    (message,) = slack.messages
    channel = slack.channels["facilities"].id
    assert message.text == "<https://hvac.example.com|HVAC>: *den* is at 18.4 °C, set it to 20"
    assert said == f"posted in #facilities ({channel}, {message.ts})"
    ((_, arguments),) = slack.calls
    assert (arguments["unfurl_links"], arguments["unfurl_media"]) in {("0", "0"), (False, False)}
    await action(services, slack.api_url, channel=channel).call(call())
    assert len(slack.messages) == 2


async def test_a_token_of_its_own(services: Services, slack: SlackServer) -> None:
    await action(services, slack.api_url, "xoxb-of-another-app", token=TOKEN).call(call())
    assert len(slack.messages) == 1


@pytest.mark.parametrize("room", ["<!channel>", "<@U012AB3CD>", "<https://evil.example|den>", "a & b", kit.HOSTILE])
async def test_no_label_makes_a_link_or_a_mention(services: Services, slack: SlackServer, room: str) -> None:
    made = action(
        services, slack.api_url, text="{{ labels.room }} {{ labels.room ~ '<' }} {{ labels.room | upper }} <b>"
    )
    await made.call(call(room=room))
    (message,) = slack.messages
    assert message.text.endswith(" <b>")  # what the configuration says is said
    own = message.text.removesuffix(" <b>")
    assert "<" not in own
    assert ">" not in own
    assert own.count("&") == own.count("&lt;") + own.count("&gt;") + own.count("&amp;")
    assert own.split(" ")[0] == room.partition(" ")[0].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("failure", "kind", "permanent"),
    [
        (Failure(429, retry_after=7), Refused, False),
        (Failure(200, error="channel_not_found"), Refused, True),
        (Failure(200, error="invalid_auth"), Refused, True),
        (Failure(200, error="internal_error"), Refused, False),
        (Failure(503), ConnectorError, False),
    ],
)
async def test_what_slack_refuses(
    services: Services, slack: SlackServer, failure: Failure, kind: type[ConnectorError], permanent: bool
) -> None:
    slack.failures["chat.postMessage"] = failure
    error = await failed(action(services, slack.api_url))
    assert isinstance(error, kind)
    assert error.permanent is permanent
    assert error.retry_after == failure.retry_after


async def test_wrong_tokens_and_channels(services: Services, slack: SlackServer) -> None:
    assert "the token is not valid" in str(await failed(action(services, slack.api_url, "xoxb-of-another-app")))
    assert "there is no such channel" in str(await failed(action(services, slack.api_url, channel="#nowhere")))
    error = await failed(action(services, slack.api_url, ""))
    assert isinstance(error, Misconfigured)
    assert "set SETPOINT_SLACK_BOT_TOKEN, or token at the action" in str(error)
    assert slack.messages == []


async def test_servers_that_are_none(services: Services) -> None:
    assert isinstance(await failed(action(services, f"http://127.0.0.1:{free_port()}/api/")), Unreachable)
    async with kit.silent() as port:
        error = await failed(action(services, f"http://127.0.0.1:{port}/api/", timeout="250ms"))
        assert isinstance(error, TimedOut)
    async with kit.sink() as sink:
        assert isinstance(await failed(action(services, f"{sink.url}/api/")), BadAnswer | Refused)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ labels.nowhere }}", "nowhere"),
        ("{{ at_most }}", "the text is empty"),
        ("{{ labels.long }}{{ labels.long }}", "more than 40000 characters"),
    ],
)
async def test_texts_that_are_not_sent(services: Services, slack: SlackServer, text: str, words: str) -> None:
    error = await failed(action(services, slack.api_url, text=text), call(long="x" * 25_000))
    assert isinstance(error, Misconfigured)
    assert words in str(error)
    assert slack.messages == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"channel": ""}, "at least 1 character"),
        ({"channel": "#{{ labels.team }}"}, "is no template"),
        ({"text": " "}, "is empty"),
        ({"text": "{{ labls.room }}"}, "did you mean labels?"),
        ({"token": ""}, "is empty"),
        ({"url": "https://hooks.slack.com/x"}, "url"),
    ],
)
def test_mistakes_are_found_when_it_is_loaded(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SlackAction.Config.model_validate({"type": "slack", "channel": "#x", "text": "x", **keys})
    assert words in str(refused.value)


def test_what_would_be_called_is_said_without_secrets() -> None:
    made = SlackAction.Config.model_validate({"type": "slack", "channel": "#x", "text": TEXT, "token": SECRETS[1]})
    assert made.preview(CONTEXT).startswith("a message in #x: <https://hvac.example.com|HVAC>: *den* is at 18.4 °C")
    assert SECRETS[1] not in repr(made)
    assert made.needs_setting is None
    assert SlackAction.Config.model_validate({"type": "slack", "channel": "#x", "text": "x"}).needs_setting
