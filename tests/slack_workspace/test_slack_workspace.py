"""The workspace refuses what Slack refuses, so that a mistake of the app shows."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from agent.demo.slack import TOKEN
from agent.demo.slack_parts import Message
from rules.model import MINUTE, SECOND
from tests.slack_workspace.people import Ephemeral, Group
from tests.slack_workspace.sockets import Unacknowledged
from tests.slack_workspace.workspace import APP_TOKEN, Failed, SlackWorkspace

ANN = "U0ANN0001"
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "Why"}, "blocks": [{"type": "divider"}]}


class Time:
    def __init__(self) -> None:
        self.now = 1_767_225_600 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def now():
    return Time()


@pytest.fixture
async def slack(now):
    async with SlackWorkspace(["growth"], now) as server:
        yield server


@pytest.fixture
async def client(slack):
    async with aiohttp.ClientSession() as session:
        made = AsyncWebClient(token=TOKEN, base_url=slack.api_url, session=session, retry_handlers=[])
        made.proxy = None
        yield made


@pytest.fixture
async def app(slack):
    """An app that answers what a test sets."""
    answers = {"said": web.Response()}
    seen = []

    async def answer(request):
        seen.append((request.path, request.headers, await request.read()))
        return answers["said"]

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield answers, seen
    await runner.cleanup()


async def error_of(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_what_is_sent_is_signed_as_slack_signs(slack, app, now):
    answers, seen = app
    await slack.command("status “room”")
    ((path, headers, body),) = seen
    assert path == "/slack/commands"

    class Clock:
        def now(self):
            return now.now / SECOND

    assert SignatureVerifier(slack.signing_secret, Clock()).is_valid_request(body, dict(headers))
    assert b"user_id=U0ANN0001" in body
    answers["said"] = web.json_response({"text": "hi"})
    await slack.command("x")
    assert slack.ephemerals == [Ephemeral("C0DEMO0001", ANN, "hi", [])]


@pytest.mark.parametrize(
    "said",
    [
        {"status": 500},
        {"body": b'{"text": ""}'},
        {"body": b'{"blocks": [{"type": "zebra"}]}'},
        {"body": b'{"text": "x", "response_type": "zebra"}'},
    ],
)
async def test_answers_that_slack_would_not_show_fail(slack, app, said):
    app[0]["said"] = web.Response(**said)
    with pytest.raises(Failed):
        await slack.command("x")


async def test_a_click_is_acknowledged_with_nothing(slack, app):
    app[0]["said"] = web.json_response({"text": "hi"})
    button = {"type": "button", "action_id": "a", "value": "1", "text": {"type": "plain_text", "text": "A"}}
    message = Message("C0DEMO0001", "1.1", "x", [{"type": "actions", "elements": [button]}])
    with pytest.raises(Failed, match="acknowledged with nothing"):
        await slack.click(message, "a")
    with pytest.raises(Failed, match="no b"):
        await slack.click(message, "b")


async def test_a_response_url_is_good_for_five_answers_in_half_an_hour(slack, now):
    async with aiohttp.ClientSession() as session:
        url = slack.response_url(ANN, "C0DEMO0001")
        for _ in range(5):
            assert (await session.post(url, json={"text": "x"})).status == 200
        assert await (await session.post(url, json={"text": "x"})).json() == {"ok": False, "error": "used_url"}
        url = slack.response_url(ANN, "C0DEMO0001")
        now.now += 31 * MINUTE
        assert await (await session.post(url, json={"text": "x"})).json() == {"ok": False, "error": "expired_url"}
        url = slack.response_url(ANN, "C0DEMO0001")
        await session.post(url, json={"text": "for all", "response_type": "in_channel"})
    assert slack.messages[0].text == "for all"
    assert len(slack.ephemerals) == 5


async def test_a_trigger_opens_one_view_within_three_seconds(slack, client, now):
    trigger = slack.trigger(ANN)
    await client.views_open(trigger_id=trigger, view=MODAL)
    assert slack.modals[0].user == ANN
    assert await error_of(client.views_open(trigger_id=trigger, view=MODAL)) == "exchanged_trigger_id"
    late = slack.trigger(ANN)
    now.now += 4 * SECOND
    assert await error_of(client.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"
    for wrong in ({"type": "home", "blocks": []}, {**MODAL, "title": {"text": "x" * 25}}, {**MODAL, "blocks": 1}):
        assert await error_of(client.views_open(trigger_id=slack.trigger(ANN), view=wrong)) == "invalid_arguments"


async def test_people_groups_and_direct_messages(slack, client):
    slack.groups["S0ONCALL"] = Group("S0ONCALL", "oncall", [ANN])
    assert (await client.users_info(user=ANN))["user"]["real_name"] == "Ann Lee"
    assert await error_of(client.users_info(user="U0")) == "user_not_found"
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "oncall"
    assert (await client.usergroups_users_list(usergroup="S0ONCALL"))["users"] == [ANN]
    assert await error_of(client.usergroups_users_list(usergroup="S0")) == "no_such_subteam"
    slack.scopes.discard("usergroups:read")
    assert await error_of(client.usergroups_list()) == "missing_scope"
    posted = await client.chat_postMessage(channel=ANN, text="hi")
    assert posted["channel"] == "D0ANN0001"
    await client.chat_postEphemeral(channel="C0DEMO0001", user=ANN, text="psst")
    assert await error_of(client.chat_postEphemeral(channel="C0DEMO0001", user="U0", text="x")) == "user_not_in_channel"
    await client.views_publish(user_id=ANN, view={"type": "home", "blocks": []})
    assert set(slack.homes) == {ANN}


async def test_socket_mode_takes_an_app_token_and_an_address_once(slack, client):
    assert await error_of(client.apps_connections_open(app_token=TOKEN)) == "not_allowed_token_type"
    assert await error_of(client.apps_connections_open(app_token="xapp-x")) == "invalid_auth"
    url = (await client.apps_connections_open(app_token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            await socket.send_json({"envelope_id": "unknown"})
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(url)
        await slack.sockets.until(0)
    assert len(slack.sockets.problems) == 1
    with pytest.raises(Unacknowledged):
        await slack.sockets.send("interactive", {}, answered=False)
