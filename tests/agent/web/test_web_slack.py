"""Slack's doors over HTTP: signed, within limits, and open to nobody else."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from agent.slack.desk import Desk
from agent.store.store import StoreUnavailable
from connectors.http import HttpClient
from rules.model import MINUTE
from tests.agent.web.kit import KEY, Daemon, configuration, error_of, served
from tests.slack_workspace.workspace import SIGNING_SECRET, SlackWorkspace

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HELP = urlencode({"text": "help", "user_id": "U0ANN0001", "user_name": "ann", "command": "/setpoint"})
PATHS = ["/slack/commands", "/slack/interactive", "/slack/events"]


@pytest.fixture
def daemon(tmp_path) -> Daemon:
    configuration(tmp_path)
    written = (tmp_path / "setpoint.yaml").read_text(encoding="utf-8")
    config = configuration(tmp_path, f"{written}operators: [U0ANN0001]\n")
    return Daemon(config, slack_signing_secret=SIGNING_SECRET)


@pytest.fixture
async def client(daemon):
    http = HttpClient(daemon.clock.now)
    desk = Desk(daemon, http)
    async with served(daemon, desk) as client:
        yield client
    await desk.close()
    await http.close()


def signed(daemon, body: str) -> dict[str, str]:
    return {**FORM, **SlackWorkspace(now=daemon.clock.now).signed(body)}


async def send(client, daemon, path, body, **headers):
    return await client.post(path, data=body.encode(), headers={**signed(daemon, body), **headers})


async def test_a_command_is_answered_in_json(client, daemon):
    response = await send(client, daemon, "/slack/commands", HELP)
    assert (response.status, response.content_type) == (200, "application/json")
    assert "What you can ask" in (await response.json())["text"]


async def test_a_key_is_not_asked_for(daemon, tmp_path):
    locked = Daemon(configuration(tmp_path), slack_signing_secret=SIGNING_SECRET, SETPOINT_API_KEY=KEY)
    http = HttpClient(locked.clock.now)
    async with served(locked, Desk(locked, http)) as client:
        response = await send(client, locked, "/slack/commands", HELP)
        assert response.status == 200
        assert (await client.get("/api/v1/status")).status == 401
    await http.close()


async def test_the_address_is_proved_to_slack(client, daemon):
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    response = await send(client, daemon, "/slack/events", body, **{"Content-Type": "application/json"})
    assert await response.json() == {"challenge": "3eZbrw1aB"}
    unsigned = await client.post("/slack/events", data=body)
    assert unsigned.status == 401


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_not_signed_is_refused(client, daemon, path):
    assert await error_of(await client.post(path, data=HELP, headers=FORM)) == (
        401,
        "unauthorized",
        "this is not signed by Slack with this app's signing secret, or older than five minutes",
    )
    forged = {**signed(daemon, HELP), "X-Slack-Signature": "v0=" + "0" * 64}
    assert (await client.post(path, data=HELP, headers=forged)).status == 401
    old = signed(daemon, HELP)
    daemon.clock.time += 6 * MINUTE
    assert (await client.post(path, data=HELP, headers=old)).status == 401
    assert (await client.get(path)).status == 405


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_signing_secret_the_way_is_said(tmp_path, path):
    bare = Daemon(configuration(tmp_path))
    http = HttpClient(bare.clock.now)
    for desk in (None, Desk(bare, http)):
        async with served(bare, desk) as client:
            status, code, message = await error_of(await client.post(path, data=HELP, headers=FORM))
            assert (status, code) == (404, "not_found")
            assert "SETPOINT_SLACK_SIGNING_SECRET" in message
    await http.close()


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_too_large_is_refused(client, daemon, path):
    body = "text=" + "x" * 1_000_001
    assert (await send(client, daemon, path, body)).status == 413


async def test_what_is_large_without_saying_so_is_refused(client, daemon):
    async def parts():
        for _ in range(30):
            yield b"x" * 50_000

    response = await client.post("/slack/commands", data=parts(), headers=signed(daemon, "x"))
    assert response.status == 413


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/slack/interactive", ""),
        ("/slack/interactive", "payload="),
        ("/slack/interactive", "payload=%5B1%5D"),
        ("/slack/interactive", "payload=%7Bhalf"),
        ("/slack/events", ""),
        ("/slack/events", "[]"),
        ("/slack/events", "{half"),
        ("/slack/commands", "&".join(f"a{number}=1" for number in range(300))),
    ],
)
async def test_what_can_not_be_read_is_refused(client, daemon, path, body):
    assert (await send(client, daemon, path, body)).status == 400


@pytest.mark.parametrize("body", ["", "text", "text=%FF%FE", "text=&text=help", "ssl_check=1&token=x"])
async def test_odd_forms_do_no_harm(client, daemon, body):
    assert (await send(client, daemon, "/slack/commands", body)).status == 200


async def test_the_look_at_the_certificate_need_not_be_signed(client):
    assert (await client.post("/slack/commands", data="ssl_check=1&token=x")).status == 200
    for body in ("ssl_check=&text=help", "text=ssl_check=1", "%FF"):
        assert (await client.post("/slack/commands", data=body)).status == 401


async def test_a_click_is_acknowledged_with_nothing(client, daemon):
    body = urlencode({"payload": json.dumps({"type": "block_actions", "actions": []})})
    response = await send(client, daemon, "/slack/interactive", body)
    assert (response.status, await response.read()) == (200, b"")


async def test_slacks_example_in_its_time(daemon, client: ClientSession):
    from tests.agent.slack.test_signature import BODY, HEADERS, NOW, SECRET

    daemon.settings = daemon.settings.model_copy(update={"slack_signing_secret": SECRET})
    daemon.clock.time = NOW
    headers = {**FORM, **{name.title(): value for name, value in HEADERS.items()}}
    assert (await client.post("/slack/commands", data=BODY, headers=headers)).status == 200
    daemon.clock.time += 10 * MINUTE
    assert (await client.post("/slack/commands", data=BODY, headers=headers)).status == 401


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_very_same_command_counts_once(daemon, restarted):
    """A replay within the five minutes is answered, and nothing is done."""
    daemon.alert("behind")
    http = HttpClient(daemon.clock.now)
    body = urlencode({"text": "ack behind", "user_id": "U0ANN0001", "user_name": "ann"})
    headers = signed(daemon, body)
    said = []
    desk = Desk(daemon, http)
    for _ in range(3):
        desk = Desk(daemon, http) if restarted else desk
        async with served(daemon, desk) as client:
            answer = await client.post("/slack/commands", data=body, headers=headers)
            said.append((answer.status, await answer.text()))
    assert [status for status, _ in said] == [200] * 3
    assert "Taken by you" in said[0][1]
    assert [text for _, text in said[1:]] == ["", ""]
    assert len(daemon.taken) == 1
    daemon.clock.time += MINUTE
    async with served(daemon, desk) as client:  # typed again it is another call
        assert (await client.post("/slack/commands", data=body, headers=signed(daemon, body))).status == 200
    assert len(daemon.taken) == 2
    await desk.close()
    await http.close()


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The payloads that are handled, of a client made after this."""
    seen: list[str] = []

    async def count(_handler, payload, *_way):
        seen.append(payload["type"])

    monkeypatch.setattr("agent.slack.handling.Handler.interaction", count)
    monkeypatch.setattr("agent.slack.handling.Handler.event", count)
    return seen


async def test_the_very_same_click_and_event_count_once(counted, client, daemon):
    click = urlencode({"payload": json.dumps({"type": "block_actions", "actions": []})})
    event = json.dumps({"type": "event_callback", "event": {"type": "app_home_opened"}})
    known = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_home_opened"}})
    for path, body in (("interactive", click), ("events", event), ("events", known)):
        headers = signed(daemon, body)
        for _ in range(2):
            assert (await client.post(f"/slack/{path}", data=body, headers=headers)).status == 200
    daemon.clock.time += MINUTE  # what Slack tries again is signed anew, and has the event's id
    retried = {**signed(daemon, known), "X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    assert (await client.post("/slack/events", data=known, headers=retried)).status == 200
    assert counted == ["block_actions", "event_callback", "event_callback"]


async def test_without_a_database_calls_are_answered_and_counted_once_all_the_same(client, daemon):
    daemon.forgets = StoreUnavailable("disk full")
    headers = signed(daemon, HELP)
    said = [await client.post("/slack/commands", data=HELP, headers=headers) for _ in range(2)]
    assert [await one.text() != "" for one in said] == [True, False]
