"""App Home: what a person sees there, and what their clicks do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from agent.demo.slack_parts import Failure
from agent.slack.asking import parse
from agent.slack.home import home
from agent.slack.visit import Visit
from connectors.slack_buttons import ACKNOWLEDGE, SILENCE
from rules.model import SECOND, Assessment, Standing
from tests.agent.web.kit import logged

ANN = "U0ANN0001"


async def opened(slack, user=ANN, tab="home", identity="Ev0DEMO0001"):
    await slack.event({"type": "app_home_opened", "user": user, "channel": "D0ANN0001", "tab": tab}, identity)
    return slack.homes[user].view if user in slack.homes else None


async def shown(slack, user=ANN):
    await asyncio.wait_for(slack.until(lambda: user in slack.homes), 5)
    return texts(slack.homes[user].view)


def texts(view):
    return [block["text"]["text"] for block in view["blocks"] if "text" in block]


def elements(view):
    return [element["action_id"] for block in view["blocks"] for element in block.get("elements", ())]


async def click(slack, act, value, user=ANN, **selected):
    action = {"type": "button", "action_id": act, "value": value, "block_id": "b", **selected}
    who = {"id": user, "username": slack.users[user].name, "team_id": slack.users[user].team}
    payload = {"type": "block_actions", "user": who, "team": {"id": "T0DEMO0001"}, "actions": [action]}
    view = dict(slack.homes[user].view)
    await slack.interact({**payload, "container": {"type": "view"}, "view": view, "trigger_id": slack.trigger(user)})


async def test_opening_it_shows_how_everything_stands(door, daemon):
    daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=25), room="den")
    daemon.alert("behind", severity="critical")
    daemon.alert("late", by="Bob")
    await opened(door)
    said = await shown(door)
    assert "2 targets: 1 out of band" in said[0]
    assert "As of 1 January" in said[0] or "UTC" in said[0]
    assert said[1] == "Open alerts"
    assert said[2].startswith("firing critical · behind is on")
    assert said[3].startswith("firing · late is on")
    assert "taken by Bob" in said[3]
    assert said[4] == "Targets"
    assert said[5].splitlines()[0].startswith("room · ")


async def test_what_the_person_took_comes_first(door, daemon):
    daemon.alert("behind")
    daemon.alert("late", by="Ann Lee")
    await opened(door)
    said = await shown(door)
    assert said[1] == "Taken by you"
    assert said[2].startswith("firing · late")
    assert said[3] == "Open alerts"
    assert said[4].startswith("firing · behind")


async def test_what_a_namesake_took_is_not_theirs(door, daemon):
    one = daemon.alert("late", by="Ann Lee")
    daemon.open = [replace(one, acknowledged_id="U0OTHER01")]
    await opened(door)
    assert "Taken by you" not in await shown(door)


async def test_nothing_turns_the_words_around(door, daemon):
    one = daemon.alert("late")
    daemon.open = [replace(one, headline="la\u202ete\x07 is on")]
    await opened(door)
    assert (await shown(door))[2].startswith("firing · late is on")


async def test_nothing_is_open(door, daemon):
    await opened(door)
    assert (await shown(door))[1:3] == ["Open alerts", "None"]


async def test_it_is_fresh_each_time_and_not_shown_for_the_messages_tab(door, daemon):
    await opened(door, tab="messages")
    assert door.homes == {}
    await opened(door, identity="Ev0DEMO0002")
    await shown(door)
    daemon.alert("behind")
    await opened(door, identity="Ev0DEMO0003")
    await asyncio.wait_for(door.until(lambda: "behind is on" in str(door.homes[ANN].view)), 5)


async def test_its_buttons_are_those_of_messages(door, daemon):
    daemon.alert("behind")
    daemon.alert("late", by="Bob")
    daemon.alert("soon", state="pending")
    await opened(door)
    await shown(door)
    assert elements(door.homes[ANN].view) == ["acknowledge", "silence", "why", "silence", "why"]


async def test_without_a_way_in_there_are_no_buttons(daemon, desk, slack):
    daemon.settings = daemon.settings.model_copy(update={"slack_app_token": "", "slack_signing_secret": ""})
    daemon.alert("behind")
    person = await desk.handler.people.person(ANN, "")
    assert elements(home(Visit(daemon, desk.api, person, parse("")))) == []


async def test_a_click_is_done_and_home_says_so(door, daemon):
    daemon.alert("behind", alertname="behind")
    await opened(door)
    await shown(door)
    await click(door, ACKNOWLEDGE, "f-behind")
    await asyncio.wait_for(door.until(lambda: "Taken by you: behind is on" in str(door.homes[ANN].view)), 5)
    assert daemon.taken == [("f-behind", "Ann Lee", "")]
    assert door.messages == []  # nothing is said elsewhere
    await click(door, SILENCE, "", selected_option={"value": "4h:f-behind"})
    await asyncio.wait_for(door.until(lambda: "Silenced until" in str(door.homes[ANN].view)), 5)


async def test_who_may_not_act_reads_why(door, daemon):
    daemon.alert("behind")
    door.users["U0BOB0001"].restricted = True
    await opened(door, "U0BOB0001")
    await shown(door, "U0BOB0001")
    await click(door, ACKNOWLEDGE, "f-behind", "U0BOB0001")
    await asyncio.wait_for(door.until(lambda: "may look, not act" in str(door.homes["U0BOB0001"].view)), 5)
    assert daemon.taken == []


async def test_where_home_can_not_be_shown_a_click_is_answered_in_a_direct_message(door, daemon):
    daemon.alert("behind")
    await opened(door)
    await shown(door)
    door.failures["views.publish"] = Failure(error="internal_error")
    with logged() as log:
        await click(door, ACKNOWLEDGE, "f-behind")
        await asyncio.wait_for(door.until(lambda: door.messages), 5)
    assert door.messages[0].text == "Taken by you: behind is on"
    assert "slack.home_not_shown" in [line["event"] for line in log]


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Failure(status=429, retry_after=7), 7),
        (Failure(error="internal_error"), 1),
        (Failure(status=500), 1),
    ],
)
async def test_what_slack_does_not_take_at_once_only_delays_it(door, daemon, failure, seconds):
    class Once(dict):
        def get(self, method, _=None):
            return self.pop(method, None)

    door.failures = Once({"views.publish": failure})
    before = daemon.clock.time
    await opened(door)
    assert "Open alerts" in await shown(door)
    assert daemon.clock.time - before >= seconds * SECOND


async def test_the_targets_that_do_not_fit_are_counted(door, daemon):
    for number in range(50):
        daemon.config.targets[f"t{number}"] = replace(daemon.config.targets["room"], name=f"t{number}")
    await opened(door)
    assert "and 12 more: `/setpoint targets`" in (await shown(door))[-1]


async def test_slack_takes_it_however_much_there_is(door, daemon):
    hostile = "<!channel> & <http://x.example|y> *b* " * 40
    for number in range(150):
        one = daemon.alert(f"n{number}", by="Ann Lee" if number % 2 else None, severity="critical")
        daemon.open[-1] = replace(one, headline=f"{hostile}{number}", name=hostile)
        daemon.stands("room", Assessment(Standing.OUT_OF_BAND, value=25), room=f"{hostile}{number}")
    await opened(door)
    said = await shown(door)  # the server refuses what Slack would
    view = door.homes[ANN].view
    assert len(view["blocks"]) <= 100
    assert len(json.dumps(view)) < 250_000
    assert not any("<!channel>" in text or "<http" in text for text in said)
    assert any("and 120 more: /setpoint status" in text.replace("`", "") for text in said)
