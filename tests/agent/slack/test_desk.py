"""In three seconds or later, once or again: what is answered when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.slack import handling
from agent.slack.desk import COMMAND, EVENT, INTERACTION, Desk
from agent.slack.replies import lines
from agent.store.errors import StoreError
from connectors.http import HttpClient
from tests.agent.web.kit import logged

ANN = "U0ANN0001"


def payload(slack, text):
    url = slack.response_url(ANN, "C0DEMO0001")
    return {"text": text, "user_id": ANN, "user_name": "ann", "channel_id": "C0DEMO0001", "response_url": url}


@pytest.fixture
async def hasty(daemon):
    """A desk that waits for nothing."""
    http = HttpClient(daemon.clock.now)
    one = Desk(daemon, http, patience=0)
    yield one
    await one.close()
    await http.close()


async def test_what_takes_long_is_said_later(hasty, slack, daemon):
    daemon.alert("behind")
    said = await hasty.take(COMMAND, payload(slack, "ack behind"))
    assert (said["response_type"], said["text"]) == ("ephemeral", "Working on it …")
    await asyncio.wait_for(slack.until(lambda: slack.ephemerals), 5)
    assert slack.ephemerals[0].text.startswith("Taken by you")
    assert len(daemon.taken) == 1


async def test_what_takes_long_for_all_is_said_to_all_later(hasty, slack):
    await hasty.take(COMMAND, payload(slack, "public help"))
    await asyncio.wait_for(slack.until(lambda: slack.messages), 5)
    assert slack.messages[0].text.startswith("What you can ask")


async def test_what_can_not_be_done_is_said_and_logged(desk, slack, daemon, monkeypatch):
    async def broken(*_: Any) -> None:
        raise RuntimeError("a mistake with xoxb-secret in it")

    monkeypatch.setattr(daemon, "acknowledge", broken)
    daemon.alert("behind")
    with logged() as log:
        said = await desk.take(COMMAND, payload(slack, "ack behind"))
    assert said["text"] == "Something went wrong here; Setpoint's log says more."
    assert [line["event"] for line in log if line["log_level"] == "error"] == ["slack.failed"]


async def test_a_database_that_fails_is_said_as_such(desk, slack, daemon, monkeypatch):
    async def broken(*_: Any) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(daemon, "acknowledge", broken)
    daemon.alert("behind")
    said = await desk.take(COMMAND, payload(slack, "ack behind"))
    assert said["text"] == "The database can't be used at the moment. Nothing was done."


async def test_a_response_url_of_others_is_not_called(hasty, slack):
    with logged() as log:
        await hasty.take(COMMAND, {**payload(slack, "help"), "response_url": "http://evil.example/x"})
        await asyncio.wait_for(slack.until(lambda: slack.ephemerals), 5)  # said as the app itself
        await hasty.close()
    (line,) = [line for line in log if line["event"] == "slack.response_refused"]
    assert "evil.example" not in str(line)


async def test_an_event_is_done_once(desk, monkeypatch):
    seen = []

    async def home(_handler: Any, event: Any) -> None:
        seen.append(event["user"])

    monkeypatch.setitem(handling.EVENTS, "app_home_opened", home)
    body = {"type": "event_callback", "event": {"type": "app_home_opened", "user": ANN}}
    for number in ("Ev1", "Ev1", "Ev2"):
        assert await desk.take(EVENT, body, number) is None
    await desk.take(EVENT, {"event": {"type": "zebra"}}, "Ev3")
    await desk.take(EVENT, {"event": "zebra"}, "Ev4")
    assert seen == [ANN, ANN]


async def test_kinds_that_are_not_known_are_taken(desk):
    assert await desk.take("options", {"type": "block_suggestion"}) is None


async def test_closing_waits_for_what_is_being_done(daemon, slack):
    http = HttpClient(daemon.clock.now)
    one = Desk(daemon, http, patience=0)
    daemon.alert("behind")
    await one.take(INTERACTION, {"type": "block_actions"})
    await one.take(COMMAND, payload(slack, "ack behind"))
    await one.close()
    assert len(daemon.taken) == 1
    assert slack.ephemerals
    await http.close()


async def test_an_answer_that_nobody_can_be_given_is_logged(daemon, slack):
    http = HttpClient(daemon.clock.now)
    one = Desk(daemon, http)
    slack.tokens.clear()
    with logged() as log:
        await one._say(lines("x"), {"user_id": ANN, "channel_id": "C0DEMO0001", "response_url": ""})
        await one.answer_late(lines("x").answer(), {})
    assert [line["event"] for line in log] == ["slack.unanswered", "slack.unanswered"]
    await one.close()
    await http.close()
