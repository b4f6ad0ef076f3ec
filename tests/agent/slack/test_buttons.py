"""Clicks, each over a real signature, with the answer where people see it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.demo.slack_parts import Failure, Message
from agent.slack.buttons import ENDED
from connectors.slack_buttons import ACKNOWLEDGE, SILENCE, SILENCE_FOR, WHY
from rules.matchers import matchers_text
from rules.model import HOUR, SECOND, InstanceKey, Muted, MutedBy, labels_of
from rules.selectors import matches
from tests.agent.web.kit import NOW

ANN, BOB = "U0ANN0001", "U0BOB0001"


def text(words):
    return {"type": "plain_text", "text": words, "emoji": False}


def message(about="f-behind"):
    options = [{"text": text(words), "value": f"{span}:{about}"} for span, words in SILENCE_FOR.items()]
    elements = [
        {"type": "button", "action_id": ACKNOWLEDGE, "value": about, "text": text("Acknowledge")},
        {"type": "static_select", "action_id": SILENCE, "options": options, "placeholder": text("Silence for")},
        {"type": "button", "action_id": WHY, "value": about, "text": text("Why")},
    ]
    blocks = [{"type": "actions", "block_id": f"setpoint:{about}", "elements": elements}]
    return Message("C0DEMO0001", "1.000001", "behind", blocks)


async def clicked(slack, act, user=ANN, option="", about="f-behind"):
    """What the person was told."""
    before = len(slack.ephemerals)
    await slack.click(message(about), act, user, option)
    await asyncio.wait_for(slack.until(lambda: len(slack.ephemerals) > before), 5)
    told = slack.ephemerals[-1]
    assert (told.user, told.channel, told.replaces) == (user, "C0DEMO0001", False)
    return told.text


async def test_acknowledge_takes_the_alert_for_the_one_who_clicked(door, daemon):
    daemon.alert("behind")
    assert await clicked(door, ACKNOWLEDGE) == "Taken by you: behind is on"
    assert daemon.taken == [("f-behind", "Ann Lee", "")]


async def test_a_second_click_takes_nothing(door, daemon):
    daemon.alert("behind")
    await clicked(door, ACKNOWLEDGE)
    assert "You have it already" in await clicked(door, ACKNOWLEDGE)
    assert "Already taken by Ann Lee" in await clicked(door, ACKNOWLEDGE, BOB)
    assert len(daemon.taken) == 1


async def test_two_people_of_one_name_are_two(door, daemon):
    daemon.alert("behind")
    door.users[BOB] = replace(door.users[BOB], real_name="Ann Lee")
    await clicked(door, ACKNOWLEDGE)
    assert "Already taken by another Ann Lee" in await clicked(door, ACKNOWLEDGE, BOB)
    daemon.open = [replace(daemon.open[0], acknowledged_id="")]  # as it was kept before there were ids
    assert "You have it already" in await clicked(door, ACKNOWLEDGE, BOB)


async def test_two_clicks_at_once_take_it_once(door, daemon, monkeypatch):
    take = daemon.acknowledge

    async def slowly(*what):
        await asyncio.sleep(0)  # as a commit lets others run
        return await take(*what)

    monkeypatch.setattr(daemon, "acknowledge", slowly)
    daemon.alert("behind")
    await asyncio.gather(*(door.click(message(), ACKNOWLEDGE) for _ in range(5)))
    await asyncio.wait_for(door.until(lambda: len(door.ephemerals) == 5), 5)
    assert len(daemon.taken) == 1
    assert sorted(told.text[:5] for told in door.ephemerals) == ["Taken", *["You h"] * 4]


async def test_an_alert_that_has_ended(door, daemon):
    for act, option in ((ACKNOWLEDGE, ""), (SILENCE, "1h"), (WHY, "")):
        assert "has ended" in await clicked(door, act, option=option)
    daemon.alert("behind", "pending")
    assert await clicked(door, ACKNOWLEDGE) == ENDED
    assert (daemon.taken, daemon.silenced) == ([], {})


async def test_silence_mutes_just_that_alert(door, daemon):
    labels = {"alertname": "behind", "target": "monthly", "severity": "warning", "site": "www", "team": "growth"}
    daemon.alert("behind", **labels)
    daemon.open = [replace(daemon.open[0], key=InstanceKey("monthly", (("site", "www"),)))]
    said = await clicked(door, SILENCE, option="4h")
    (silence,) = daemon.silenced.values()
    assert [(m.name, m.value) for m in silence.matchers] == [
        ("alertname", "behind"),
        ("site", "www"),
        ("target", "monthly"),
    ]
    assert (silence.reason, silence.author, silence.ends - NOW) == ("from Slack", "Ann Lee", 4 * HOUR)
    assert f"`/setpoint unsilence {silence.id}`" in said


async def test_silence_of_what_is_muted_already(door, daemon):
    daemon.alert("behind", alertname="behind", target="monthly")
    muted = Muted(MutedBy.SILENCE, "ab12")
    daemon.open = [replace(daemon.open[0], muted=muted, muted_words="silence ab12 by Bob")]
    assert "It is muted already: silence ab12 by Bob" in await clicked(door, SILENCE, option="1h")
    assert daemon.silenced == {}


async def test_a_message_about_a_group_is_about_all_of_it(door, daemon):
    daemon.alert("behind", alertname="behind", target="monthly", severity="warning")
    daemon.alert("missed", alertname="missed", target="monthly", severity="critical")
    daemon.alert("other", alertname="other", target="room")
    daemon.groups["g:1"] = ["f-behind", "f-missed"]
    said = await clicked(door, ACKNOWLEDGE, about="g:1")
    assert said.splitlines() == ["Taken by you: behind is on", "Taken by you: missed is on"]
    assert [one[0] for one in daemon.taken] == ["f-behind", "f-missed"]
    await clicked(door, SILENCE, option="1h", about="g:1")
    (silence,) = daemon.silenced.values()
    assert matchers_text(silence.matchers) == '{alertname=~"behind|missed",site="",target="monthly"}'


async def test_silence_below_a_group_mutes_just_its_alerts(door, daemon):
    rooms = [{"alertname": "oob", "target": "room", "room": room} for room in ("kitchen", 'a.b|"c"', "cellar")]
    for number, labels in enumerate(rooms):
        one = daemon.alert(f"oob{number}", **labels)
        daemon.open[-1] = replace(one, key=InstanceKey("room", (("room", labels["room"]),)), name="oob")
    daemon.groups["g"] = ["f-oob0", "f-oob1"]
    said = await clicked(door, SILENCE, option="1h", about="g")
    (silence,) = daemon.silenced.values()
    assert [matches(silence.matchers, labels_of(labels)) for labels in rooms] == [True, True, False]
    assert 'just these 2 alerts:\noob of room{room="kitchen"}' in said
    assert "cellar" not in said


async def test_a_group_with_nothing_in_common_has_a_silence_for_each(door, daemon):
    daemon.alert("a", alertname="a", target="monthly")
    daemon.alert("b", alertname="b", target="room")
    daemon.groups["g"] = ["f-a", "f-b"]
    said = await clicked(door, SILENCE, option="1h", about="g")
    assert [matchers_text(one.matchers) for one in daemon.silenced.values()] == [
        '{alertname="a",site="",target="monthly"}',
        '{alertname="b",site="",target="room"}',
    ]
    assert all(f"`/setpoint unsilence {name}`" in said for name in daemon.silenced)


async def test_a_group_of_too_many_kinds_is_not_silenced(door, daemon):
    for number in range(30):
        daemon.alert(f"a{number}", alertname=f"a{number}", target=f"t{number}")
    daemon.groups["g"] = [one.fingerprint for one in daemon.open]
    assert "too different" in await clicked(door, SILENCE, option="1h", about="g")
    assert daemon.silenced == {}


async def test_why_opens_a_modal(door, daemon):
    daemon.alert("behind")
    await door.click(message(), WHY)
    await asyncio.wait_for(door.until(lambda: door.modals), 5)
    (modal,) = door.modals
    assert modal.user == ANN
    assert modal.view["title"]["text"] == "Why: behind"
    assert "behind is on" in str(modal.view["blocks"])
    assert door.ephemerals == []


@pytest.mark.parametrize("error", ["expired_trigger_id", "exchanged_trigger_id", "internal_error"])
async def test_why_is_said_in_the_channel_where_no_modal_opens(door, daemon, error):
    daemon.alert("behind")
    door.failures["views.open"] = Failure(error=error)
    assert "Why: behind\nbehind is on" in await clicked(door, WHY)


async def test_a_trigger_that_came_too_late_is_expired(door, daemon):
    daemon.alert("behind")
    act = message()
    trigger = door.trigger

    def late(user):
        made = trigger(user)
        door.triggers[made] = user, door._now() - SECOND
        return made

    door.trigger = late
    await door.click(act, WHY)
    await asyncio.wait_for(door.until(lambda: door.ephemerals), 5)
    assert door.modals == []


async def test_the_button_of_a_list_of_silences_ends_one_and_shows_the_rest(door, daemon):
    for target in ("room", "monthly"):
        await door.command(f"silence {target} 2h x")
    await door.command("unsilence")
    listed, (first, second) = door.ephemerals[-1], daemon.silenced
    await door.click(listed, f"unsilence:{first}")
    await asyncio.wait_for(door.until(lambda: door.ephemerals[-1].replaces), 5)
    told = door.ephemerals[-1]
    assert told.text.splitlines()[:2] == ["Silences", f"Ended: {first}"]
    assert second in told.text
    assert daemon.silenced[first].ends == NOW
    await door.click(told, f"unsilence:{second}")
    await asyncio.wait_for(door.until(lambda: "No silences" in door.ephemerals[-1].text), 5)


async def test_without_a_response_url_that_works_the_app_speaks_itself(door, daemon):
    daemon.alert("behind")
    door.failures["response_url"] = Failure(status=404)
    assert await clicked(door, ACKNOWLEDGE) == "Taken by you: behind is on"
    assert "chat.postEphemeral" in [method for method, _ in door.calls]


async def test_a_click_at_home_is_answered_in_a_direct_message(door, daemon):
    """What is clicked in App Home has neither channel nor response URL."""
    daemon.alert("behind")
    action = {"type": "button", "action_id": ACKNOWLEDGE, "value": "f-behind", "block_id": "b"}
    user = {"id": ANN, "username": "ann", "team_id": "T0DEMO0001"}
    payload = {"type": "block_actions", "user": user, "team": {"id": "T0DEMO0001"}, "actions": [action]}
    await door.interact({**payload, "container": {"type": "view"}, "trigger_id": door.trigger(ANN)})
    await asyncio.wait_for(door.until(lambda: door.messages), 5)
    assert (door.messages[0].channel, door.messages[0].text) == ("D0ANN0001", "Taken by you: behind is on")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "view_submission", "view": {}},
        {"type": "block_actions"},
        {"type": "block_actions", "actions": []},
        {"type": "block_actions", "actions": ["x"], "user": "x", "team": []},
        {"type": "block_actions", "actions": [{"action_id": "zebra", "value": "x"}]},
        {"type": "block_actions", "actions": [{"action_id": None}], "user": {"id": None}},
        {"type": "block_actions", "actions": [{"action_id": SILENCE, "value": "x"}], "user": {"id": ANN}},
        {"type": "block_actions", "actions": [{"action_id": SILENCE, "selected_option": {"value": "9h:x"}}]},
    ],
)
async def test_what_is_not_ours_is_taken_and_does_nothing(door, daemon, payload):
    daemon.alert("behind")
    await door.interact(payload)
    assert (daemon.taken, daemon.silenced) == ([], {})
