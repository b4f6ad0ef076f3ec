"""The server is held to what slack-sdk's own client expects of Slack."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from agent.demo.slack import TOKEN, SlackServer
from agent.demo.slack_blocks import problems, total_text
from agent.demo.slack_parts import Failure


@pytest.fixture
async def slack():
    async with SlackServer(channels=["growth", "oncall"]) as server:
        yield server


@pytest.fixture
async def client(slack):
    async with aiohttp.ClientSession() as session:
        made = AsyncWebClient(token=TOKEN, base_url=slack.api_url, session=session, retry_handlers=[])
        made.proxy = None
        yield made


def section(text="words"):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def error_of(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_post_edit_and_thread(slack, client):
    posted = await client.chat_postMessage(channel="#growth", text="one", blocks=[section()])
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    answer = await client.chat_postMessage(channel=posted["channel"], text="three", thread_ts=posted["ts"])
    message = slack.message(posted["ts"])
    assert (message.text, [v.text for v in message.history]) == ("two", ["one"])
    assert slack.message(answer["ts"]).thread_ts == posted["ts"]
    assert len({m.ts for m in slack.messages}) == 2
    assert [method for method, _ in slack.calls] == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert TOKEN not in str(slack.calls)


async def test_form_encoded_calls_are_read_too(slack):
    form = {"token": TOKEN, "channel": "growth", "text": "hi", "blocks": '[{"type": "divider"}]'}
    async with aiohttp.ClientSession() as session, session.post(slack.api_url + "chat.postMessage", data=form) as said:
        assert (await said.json())["ok"] is True
    assert slack.messages[0].blocks == [{"type": "divider"}]


async def test_who_asks_and_where_is_checked(slack, client):
    assert (await client.auth_test())["team"] == "Demo"
    assert await error_of(client.chat_postMessage(channel="#none", text="x")) == "channel_not_found"
    assert await error_of(client.chat_update(channel="#growth", ts="1", text="x")) == "channel_not_found"
    identity = slack.channels["growth"].id
    assert await error_of(client.chat_update(channel=identity, ts="1.000001", text="x")) == "message_not_found"
    assert await error_of(client.api_call("chat.nothing")) == "unknown_method"
    slack.channels["oncall"].member = False
    assert await error_of(client.chat_postMessage(channel="#oncall", text="x")) == "not_in_channel"
    slack.channels["oncall"].archived = True
    assert await error_of(client.chat_postMessage(channel="#oncall", text="x")) == "is_archived"
    slack.scopes.discard("chat:write")
    assert await error_of(client.chat_postMessage(channel="#growth", text="x")) == "missing_scope"
    slack.tokens[TOKEN] = "token_revoked"
    assert await error_of(client.auth_test()) == "token_revoked"
    client.token = "xoxb-other"
    assert await error_of(client.auth_test()) == "invalid_auth"
    client.token = None
    assert await error_of(client.auth_test()) == "not_authed"


async def test_channels_are_listed_and_described(slack, client):
    listed = await client.conversations_list()
    assert [c["name"] for c in listed["channels"]] == ["growth", "oncall"]
    identity = listed["channels"][1]["id"]
    assert (await client.conversations_info(channel=identity))["channel"]["name"] == "oncall"
    assert await error_of(client.conversations_info(channel="C0NOTHERE1")) == "channel_not_found"


async def test_text_limits(slack, client):
    posted = await client.chat_postMessage(channel="growth", text="x" * 40_000)
    assert await error_of(client.chat_postMessage(channel="growth", text="x" * 40_001)) == "msg_too_long"
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    await client.chat_update(**where, text="x" * 4_000)
    assert await error_of(client.chat_update(**where, text="x" * 4_001)) == "msg_too_long"
    assert await error_of(client.api_call("chat.postMessage", json={"channel": "growth"})) == "no_text"
    many = [section("x" * 2_900)] * 5
    assert await error_of(client.chat_postMessage(channel="growth", text="x", blocks=many)) == "msg_blocks_too_long"


def texts(kind, length, **more):
    return {"type": kind, "text": "x" * length, **more}


def actions(*elements, **more):
    return [{"type": "actions", "elements": list(elements), **more}]


def button(**more):
    return {"type": "button", "text": texts("plain_text", 5), **more}


def option(text=5, **more):
    return {"text": texts("plain_text", text), "value": "v", **more}


def select(*options, **more):
    return {"type": "static_select", "action_id": "s", "options": list(options), **more}


def confirm(**more):
    lengths = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return {name: texts("plain_text", length) for name, length in lengths.items()} | more


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "header", "text": texts("plain_text", 150, emoji=True)}],
        [{"type": "section", "text": texts("mrkdwn", 3_000, verbatim=True)}],
        [{"type": "section", "fields": [texts("mrkdwn", 2_000)] * 10}],
        [{"type": "divider"}] * 50,
        [{"type": "context", "elements": [texts("mrkdwn", 10)] * 10}],
        [{"type": "image", "image_url": "https://x/y.png", "alt_text": "y"}],
        [{"type": "image", "slack_file": {"id": "F012345678"}, "alt_text": "y"}],
        [{"type": "actions", "elements": [{"type": "button", "text": texts("plain_text", 75), "action_id": "a"}]}],
        actions(*(button(action_id=f"a{n}") for n in range(25)), block_id="b" * 255),
        actions(button(value="v" * 2_000, url="https://x/" + "y" * 2_990, style="primary", confirm=confirm())),
        actions(button(style="danger", accessibility_label="l" * 75, action_id="a" * 255)),
        actions(select(*[option(75, value="v" * 150, description=texts("plain_text", 75))] * 100)),
        actions(select(option(), placeholder=texts("plain_text", 150), initial_option=option())),
        actions(
            {"type": "static_select", "option_groups": [{"label": texts("plain_text", 75), "options": [option()]}]}
        ),
        [{"type": "section", "text": texts("mrkdwn", 5), "accessory": button(action_id="a")}],
    ],
)
def test_blocks_within_the_limits_pass(blocks):
    assert problems(blocks, lambda _: True) == []


@pytest.mark.parametrize(
    "blocks",
    [
        "words",
        ["words"],
        [{"type": "banner"}],
        [{"type": "header", "text": texts("plain_text", 151)}],
        [{"type": "header", "text": texts("mrkdwn", 10)}],
        [{"type": "header", "text": texts("plain_text", 0)}],
        [{"type": "section"}],
        [{"type": "section", "text": texts("mrkdwn", 3_001)}],
        [{"type": "section", "text": texts("mrkdwn", 10, emoji=True)}],
        [{"type": "section", "text": "words"}],
        [{"type": "section", "fields": [texts("mrkdwn", 10)] * 11}],
        [{"type": "section", "fields": [texts("mrkdwn", 2_001)]}],
        [{"type": "section", "text": texts("mrkdwn", 1), "colour": "red"}],
        [{"type": "divider"}] * 51,
        [{"type": "divider", "block_id": "a"}] * 2,
        [{"type": "context", "elements": []}],
        [{"type": "context", "elements": [texts("mrkdwn", 1)] * 11}],
        [{"type": "image", "alt_text": "y"}],
        [{"type": "image", "image_url": "https://x"}],
        [{"type": "image", "slack_file": {"id": "https://x"}, "alt_text": "y"}],
        [{"type": "image", "slack_file": {"id": "F012345678"}, "image_url": "https://x", "alt_text": "y"}],
        [{"type": "actions", "elements": [{"type": "button", "text": texts("plain_text", 76)}]}],
        actions(),
        actions(*(button(action_id=f"a{n}") for n in range(26))),
        actions(button(), block_id="b" * 256),
        actions(button(), block_id=""),
        actions(button(), button(action_id="a"), button(action_id="a")),
        actions("button"),
        actions({"type": "slider"}),
        actions(button(colour="red")),
        actions(button(style="green")),
        actions(button(action_id="a" * 256)),
        actions(button(value="v" * 2_001)),
        actions(button(value=5)),
        actions(button(url="https://x/" + "y" * 3_000)),
        actions(button(accessibility_label="l" * 76)),
        actions({"type": "button", "text": texts("mrkdwn", 5)}),
        actions(select()),
        actions(select(*[option()] * 101)),
        actions(select(option(76))),
        actions(select(option(value="v" * 151))),
        actions(select(option(url="https://x"))),
        actions(select(option(description=texts("plain_text", 76)))),
        actions(select({"text": texts("plain_text", 5)})),
        actions(select({"text": texts("mrkdwn", 5), "value": "v"})),
        actions(select(option(), placeholder=texts("plain_text", 151))),
        actions(select(option(), initial_option=option(6))),
        actions(select(option(), option_groups=[])),
        actions({"type": "static_select", "option_groups": [{"options": [option()]}]}),
        actions({"type": "static_select"}),
        actions(button(confirm="sure?")),
        actions(button(confirm=confirm(deny=texts("plain_text", 31)))),
        actions(button(confirm=confirm(title=texts("plain_text", 101)))),
        actions(button(confirm=confirm(text=texts("plain_text", 301)))),
        actions(button(confirm=confirm(style="green"))),
        [{"type": "section", "text": texts("mrkdwn", 5), "accessory": {"type": "slider"}}],
    ],
    ids=lambda blocks: str(blocks)[:80],
)
def test_blocks_slack_would_refuse_are_refused(blocks):
    assert problems(blocks, lambda _: True)


def test_a_file_that_is_not_ready_is_refused_and_texts_are_summed():
    image = {"type": "image", "slack_file": {"id": "F012345678"}, "alt_text": "y"}
    assert "invalid slack file" in problems([image], lambda _: False)[0]
    assert total_text([section("abc"), {"type": "header", "text": texts("plain_text", 4)}]) == 7


async def test_refused_blocks_are_explained(slack, client):
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="growth", text="x", blocks=[section("x" * 3_001)])
    assert caught.value.response["error"] == "invalid_blocks"
    assert "less than 3001 characters [json-pointer:/blocks/0/text/text]" in caught.value.response["errors"][0]
    assert slack.messages == []


async def test_upload_to_a_thread(slack, client):
    posted = await client.chat_postMessage(channel="growth", text="x")
    place = {"channel": posted["channel"], "thread_ts": posted["ts"]}
    await client.files_upload_v2(file=b"png", filename="a.png", title="A", **place)
    (file,) = slack.files.values()
    assert (file.content, file.title) == (b"png", "A")
    assert file.shared == [(posted["channel"], posted["ts"])]
    assert slack.messages[1].files == [file.id]
    assert await error_of(client.files_completeUploadExternal(files=[{"id": "F0NOTHERE1"}])) == "file_not_found"
    await client.files_upload_v2(file=b"png", filename="a.png", alt_txt="a", **place)
    assert len(slack.messages) == 2  # Slack says that all is well
    wrong = client.files_upload_v2(file=b"png", filename="a.png", channel="#growth")
    assert await error_of(wrong) == "invalid_arguments"


async def test_failures_can_be_switched_on_and_off(slack, client):
    slack.failures["chat.postMessage"] = Failure(status=429, retry_after=5)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="growth", text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "5"
    await client.auth_test()
    slack.failures = {"*": Failure(status=500)}
    with pytest.raises(SlackApiError):
        await client.auth_test()
    slack.failures.clear()
    await client.chat_postMessage(channel="growth", text="x")
    assert len(slack.messages) == 1


async def test_incoming_webhook(slack):
    async with aiohttp.ClientSession() as session:
        hook = AsyncWebhookClient(slack.webhook_url, session=session, retry_handlers=[])
        wrong = AsyncWebhookClient(slack.webhook_url + "x", session=session, retry_handlers=[])
        hook.proxy = wrong.proxy = None
        assert (await hook.send(text="hi")).body == "ok"
        assert (await hook.send(text="hi", blocks=[{"type": "banner"}])).body == "invalid_blocks"
        assert (await hook.send()).body == "no_text"
        said = await wrong.send(text="hi")
        assert (said.status_code, said.body) == (404, "no_service")
        slack.channels["growth"].archived = True
        said = await hook.send(text="hi")
        assert (said.status_code, said.body) == (410, "channel_is_archived")
    assert [m.text for m in slack.messages] == ["hi"]


async def test_until_returns_once_it_is_true(slack, client):
    await client.chat_postMessage(channel="growth", text="x")
    await slack.until(lambda: len(slack.messages) == 1)


async def test_posts_are_limited_in_each_channel_and_other_methods_altogether():
    now = [0]
    async with SlackServer(("growth", "oncall"), lambda: now[0]) as slack:
        slack.rates.update({"chat.postMessage": (1, 1), "conversations.list": (2, 60)})
        client = AsyncWebClient(TOKEN, base_url=slack.api_url, retry_handlers=[])
        client.proxy = None
        await client.chat_postMessage(channel="#growth", text="x")
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=slack.channels["growth"].id, text="x")
        assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
        await client.chat_postMessage(channel="oncall", text="x")
        await client.conversations_list()
        await client.conversations_list()
        assert await error_of(client.conversations_list()) == "ratelimited"
        now[0] = 1_000_000
        await client.chat_postMessage(channel="growth", text="x")
        assert await error_of(client.conversations_list()) == "ratelimited"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"event_type": "a_b", "event_payload": {"key": "k"}}, None),
        ({"event_type": "a_b"}, "invalid_metadata_format"),
        ("{", "invalid_metadata_format"),
        ({"event_type": "a b", "event_payload": {}}, "invalid_metadata_schema"),
        ({"event_type": "a", "event_payload": []}, "invalid_metadata_schema"),
    ],
)
async def test_metadata_has_its_form(slack, client, given, error):
    call = client.chat_postMessage(channel="growth", text="x", metadata=given)
    if error is not None:
        assert await error_of(call) == error
    else:
        await call
        assert slack.messages[0].metadata == given
