"""Socket Mode: slack-sdk's real client against a server that speaks Slack's side of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from agent.demo.slack import TOKEN
from agent.demo.slack_parts import Failure
from agent.slack import handling
from agent.slack.desk import Desk
from agent.slack.socket import Socket
from connectors.http import HttpClient
from tests.agent.slack.test_buttons import ACKNOWLEDGE, message
from tests.agent.web.kit import logged
from tests.slack_workspace.workspace import APP_TOKEN

WITHIN = 10


class Waits:
    """Lets each wait between tries end at once, but for the loop's other tasks, and counts them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.changed = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.changed.set()
        await asyncio.sleep(0)

    async def until(self, count: int) -> None:
        while len(self.seconds) < count:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def connected(desk):
    states: list[bool] = []
    waits = Waits()
    socket = Socket(desk, states.append, waits)
    socket.start()
    try:
        yield states, waits
    finally:
        await socket.stop()


async def within(wait):
    await asyncio.wait_for(wait, WITHIN)


async def test_commands_clicks_and_events_arrive_as_over_http(slack, daemon, desk, monkeypatch):
    seen = []

    async def home(_handler, event):
        seen.append(event["user"])

    monkeypatch.setitem(handling.EVENTS, "app_home_opened", home)
    daemon.alert("behind")
    async with connected(desk) as (states, _):
        await within(slack.sockets.until(1))
        said = await slack.command("ack behind on it")
        assert said["text"].startswith("Taken by you: behind")
        await slack.click(message(), ACKNOWLEDGE, "U0BOB0001")
        await within(slack.until(lambda: "Already taken by Ann Lee" in str(slack.ephemerals)))
        for _ in range(2):
            await slack.event({"type": "app_home_opened", "user": "U0ANN0001"})
        assert seen == ["U0ANN0001"]
        assert (states, desk.socket_problem) == ([False, True], None)
    assert slack.sockets.problems == []
    await within(slack.sockets.until(0))
    assert daemon.taken == [("behind", "Ann Lee", "on it")]


@pytest.mark.parametrize("close", [False, True])
async def test_a_connection_that_slack_renews_is_followed_by_another_at_once(slack, desk, close):
    async with connected(desk) as (_, waits):
        for opened in range(1, 4):
            await within(slack.sockets.until(1, opened))
            assert "What you can ask" in (await slack.command("help"))["text"]
            await slack.sockets.disconnect("warning" if opened == 1 else "refresh_requested", close=close)
            await within(slack.sockets.until(1 if close else 2, opened + 1))
            await slack.sockets.close(0 if close else 1)
        await within(slack.sockets.until(1, 4))
    assert slack.sockets.problems == []
    assert waits.seconds == []


async def test_a_connection_that_is_renewed_is_heard_until_slack_closes_it(slack, daemon, desk):
    daemon.alert("behind")
    async with connected(desk) as (states, _):
        await within(slack.sockets.until(1))
        await slack.command("help")
        await slack.sockets.disconnect("refresh_requested")
        await within(slack.sockets.until(2, 2))
        await slack.command("help")  # the new one is at work
        payload = {"text": "ack behind", "user_id": "U0ANN0001", "user_name": "ann"}
        said = [
            await slack.sockets.send("slash_commands", payload, answered=True, over=over, envelope="e-1")
            for over in (0, 1)
        ]
        assert said[0]["text"].startswith("Taken by you")
        assert said[1] is None
        assert len(daemon.taken) == 1
        await slack.sockets.close(1)
        await within(slack.sockets.until(1, 2))
        assert "What you can ask" in (await slack.command("help"))["text"]
        assert states == [False, True, True]
    assert slack.sockets.problems == []


async def test_one_that_slack_forgets_to_close_is_closed(slack, desk, monkeypatch):
    monkeypatch.setattr("agent.slack.socket._LINGERS", 0.05)
    async with connected(desk):
        await within(slack.sockets.until(1))
        await slack.command("help")
        await slack.sockets.disconnect("warning")
        await within(slack.sockets.until(1, 2))


async def test_one_that_breaks_is_followed_at_once(slack, desk):
    async with connected(desk) as (states, waits):
        await within(slack.sockets.until(1))
        await slack.command("help")
        slack.sockets.cut()
        await asyncio.wait_for(slack.sockets.until(1, 2), 3)  # slack-sdk would notice after five
        await slack.command("help")
        assert states == [False, True, False, True]
        assert sum(waits.seconds) <= 1


async def test_without_a_hello_it_does_not_count_as_connected(slack, desk, monkeypatch):
    monkeypatch.setattr("agent.slack.socket._SECONDS", 0.1)
    slack.sockets.greets = False
    async with connected(desk) as (states, waits):
        await within(waits.until(2))
        assert set(states) == {False}
        assert "said no hello" in desk.socket_problem


async def test_the_end_does_not_wait_for_slack(slack, desk, monkeypatch):
    monkeypatch.setattr("agent.slack.socket._CLOSES", 0.1)
    socket = Socket(desk, lambda _: None, Waits())
    socket.start()
    await within(slack.sockets.until(1))
    await slack.command("help")
    with slack.sockets.deaf():
        await asyncio.wait_for(socket.stop(), 3)


async def test_a_good_connection_that_breaks_starts_the_waits_anew(slack, desk):
    slack.failures["apps.connections.open"] = Failure(error="internal_error")
    async with connected(desk) as (_, waits):
        await within(waits.until(5))
        slack.failures.clear()
        await within(slack.sockets.until(1))
        await slack.command("help")  # its hello has arrived before this
        slack.failures["apps.connections.open"] = Failure(error="internal_error")
        before = len(waits.seconds)
        await slack.sockets.close()
        await within(waits.until(before + 2))
        assert max(waits.seconds[before : before + 2]) <= 1


@pytest.mark.parametrize("reason", ["link_disabled", "too_many_websockets"])
async def test_a_connection_that_slack_does_not_want_is_tried_again_later_and_later(slack, desk, reason):
    with logged() as log:
        async with connected(desk) as (_, waits):
            for opened in range(1, 6):
                await within(slack.sockets.until(1, opened))
                await slack.sockets.disconnect(reason, close=True)
                await within(waits.until(opened))
    assert waits.seconds[4] > waits.seconds[0] * 4
    assert {line["event"] for line in log} >= {"slack.socket_down"}


async def test_a_connection_without_a_hello_backs_off(slack, desk):
    slack.sockets.greets = False
    async with connected(desk) as (_, waits):
        for opened in range(1, 6):
            await within(slack.sockets.until(1, opened))
            await slack.sockets.close()
            await within(waits.until(opened))
    assert waits.seconds[4] > waits.seconds[0] * 4


async def test_it_waits_as_long_as_slack_asks(slack, desk):
    slack.failures["apps.connections.open"] = Failure(error="ratelimited", status=429, retry_after=90)
    async with connected(desk) as (_, waits):
        await within(waits.until(1))
    assert waits.seconds[0] == 90


async def test_a_connection_that_breaks_is_followed_by_another(slack, desk):
    async with connected(desk):
        await within(slack.sockets.until(1))
        await slack.sockets.close()
        await within(slack.sockets.until(1, 2))
        assert "What you can ask" in (await slack.command("help"))["text"]


async def test_an_envelope_that_comes_again_is_done_once(slack, daemon, desk):
    daemon.alert("behind")
    async with connected(desk):
        await within(slack.sockets.until(1))
        payload = {"text": "ack behind", "user_id": "U0ANN0001", "user_name": "ann"}
        connection = slack.sockets._connections[0]
        envelope = {"envelope_id": "e-1", "type": "slash_commands", "payload": payload}
        for _ in range(2):
            await connection.send_json({**envelope, "accepts_response_payload": True})
        await slack.command("help")
        assert len(daemon.taken) == 1


async def test_an_answer_that_can_not_be_given_there_goes_to_the_response_url(slack, desk):
    async with connected(desk):
        await within(slack.sockets.until(1))
        url = slack.response_url("U0ANN0001", "C0DEMO0001")
        payload = {"text": "help", "user_id": "U0ANN0001", "response_url": url}
        assert await slack.sockets.send("slash_commands", payload, answered=False) is None
        await within(slack.until(lambda: slack.ephemerals))
        assert slack.ephemerals[0].text.startswith("What you can ask")


@pytest.mark.parametrize(
    ("token", "error", "said"),
    [
        ("xapp-wrong", "", "Slack refused: invalid_auth; SETPOINT_SLACK_APP_TOKEN has to be an app-level token"),
        (TOKEN, "", "Slack refused: not_allowed_token_type; SETPOINT_SLACK_APP_TOKEN has to be an app-level token"),
        (APP_TOKEN, "internal_error", "Slack refused: internal_error"),
    ],
)
async def test_a_failure_is_said_once_and_tried_again_later_and_later(slack, daemon, token, error, said):
    if error:
        slack.failures["apps.connections.open"] = Failure(error=error)
    daemon.settings = daemon.settings.model_copy(update={"slack_app_token": token})
    http = HttpClient(daemon.clock.now)
    desk = Desk(daemon, http)
    with logged() as log:
        async with connected(desk) as (states, waits):
            await within(waits.until(6))
            assert said in desk.socket_problem
        (line,) = [line for line in log if line["event"] == "slack.socket_down"]
    assert line["error"].startswith(said)
    assert token not in str(log)
    assert set(states) == {False}
    assert waits.seconds[5] > waits.seconds[0] * 8
    assert max(waits.seconds) <= 60
    await http.close()


async def test_it_connects_when_slack_is_there_again(slack, desk):
    slack.failures["*"] = Failure(status=503)
    with logged() as log:
        async with connected(desk) as (states, waits):
            await within(waits.until(2))
            slack.failures.clear()
            await within(slack.sockets.until(1))
            assert "What you can ask" in (await slack.command("help"))["text"]
    assert [line["event"] for line in log] == ["slack.socket_down", "slack.socket_connected"]
    assert (states[0], states[-1]) == (False, True)


async def test_nobody_listens_at_all(daemon):
    daemon.settings = daemon.settings.model_copy(update={"slack_api_url": "http://127.0.0.1:9/api/"})
    http = HttpClient(daemon.clock.now)
    desk = Desk(daemon, http)
    async with connected(desk) as (_, waits):
        await within(waits.until(1))
        assert "connection refused" in desk.socket_problem
    await http.close()


async def test_an_address_that_was_used_before_is_not_tried_again(slack, desk, monkeypatch):
    """The first address leads nowhere: another one is asked for."""
    monkeypatch.setattr("agent.slack.socket._SECONDS", 0.5)
    given = []
    ticket = slack.sockets.ticket

    def stale():
        given.append(ticket())
        return "used" if len(given) == 1 else given[-1]

    slack.sockets.ticket = stale
    async with connected(desk):
        await within(slack.sockets.until(1))
        assert len(given) == 2
