"""Corrections from Slack: by command and by button, over real signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.runtime import Word
from agent.slack.buttons import OVER
from connectors.slack_buttons import APPROVE, REJECT
from rules.model import InstanceKey, RunState, Switch
from tests.agent.slack.conftest import OPERATED
from tests.agent.slack.test_buttons import clicked
from tests.agent.slack.test_commands import ANN, BOB, ask
from tests.agent.web.kit import NOW, configuration
from tests.agent.web.test_web_corrections import RUN

HEATED = """
  cold:
    series: temperature
    by: [room]
    goal: {at_least: 20}
    alerts: [{name: freezing, when: out_of_band}]
    correct: [{on: freezing, action: heat, approval: required}]
actions:
  heat: {type: webhook, url: "http://h.local/"}
  vent: {type: webhook, url: "http://v.local/"}
receivers:"""
APPROVED = replace(RUN, state=RunState.CALLED)
CALLED = "Correction heat is being called, approved by Ann Lee"


@pytest.fixture
def heated(door, daemon, tmp_path):
    daemon.use(configuration(tmp_path, OPERATED.replace("\nreceivers:", HEATED) + "operators: [U0ANN0001]\n"))
    return daemon


def freezing(daemon, room="den"):
    one = daemon.alert("freezing", target="cold", room=room)
    key = InstanceKey("cold", (("room", room),))
    daemon.open[-1] = replace(one, key=key, fingerprint=f"f-{room}")


async def test_approve_with_a_note_by_the_short_id(door, heated):
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    assert await ask(door, f"approve {RUN.short} go on") == CALLED
    assert heated.taken == [("approve", RUN.short, "Ann Lee")]


async def test_who_comes_later_is_told_what_was_decided(door, heated):
    heated.words = [Word(APPROVED, "already approved by ann at 14:02", counted=False, agrees=True)]
    said = await door.command(f"public reject {RUN.short}")
    assert (said["text"], said["response_type"]) == ("Already approved by ann at 14:02", "ephemeral")


async def test_what_counts_may_be_shared(door, heated):
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    said = await door.command(f"public approve {RUN.short}")
    assert (said["text"], said["response_type"]) == (CALLED, "in_channel")


async def test_an_id_that_there_is_not(door, heated):
    assert await ask(door, "approve 1234") == "No correction '1234'. Nothing was done."


async def test_without_an_id_the_proposals_are_listed(door, heated):
    assert await ask(door, "approve") == "Nothing is proposed."
    heated.runs = [RUN, replace(APPROVED, id="r2")]
    text = await ask(door, "reject")
    assert f"`/setpoint reject {RUN.short}`" in text
    assert 'cold of room{room="den"} · Correction heat proposed: would make the call POST http://h/' in text
    assert len(text.splitlines()) == 2


@pytest.mark.parametrize("text", ["approve x", "reject x", "run heat", "corrections off painters", "corrections ON"])
async def test_only_operators_act(door, heated, text):
    assert "You may look, not act" in await ask(door, text, BOB)
    assert (heated.taken, heated.switched) == ([], Switch(True, "", 0))


async def test_run_for_the_only_alert_that_the_action_corrects(door, heated):
    heated.alert("behind")
    freezing(heated)
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    assert await ask(door, "run heat") == CALLED
    assert heated.taken == [("run heat", "f-den", "Ann Lee")]


async def test_run_asks_which_alert_where_several_may_be_meant(door, heated):
    assert "Nothing fires" in await ask(door, "run heat")
    freezing(heated)
    freezing(heated, "attic")
    text = await ask(door, "run heat")
    assert 'freezing of cold{room="attic"}: `/setpoint run heat f-attic`' in text
    assert "f-den" in await ask(door, "run vent")
    assert heated.taken == []


@pytest.mark.parametrize("named", ["attic", "cold attic", 'cold{room="attic"}'])
async def test_run_for_an_instance_by_its_name(door, heated, named):
    freezing(heated)
    freezing(heated, "attic")
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    assert await ask(door, f"run heat {named} the window is stuck") == CALLED
    assert heated.taken == [("run heat", "f-attic", "Ann Lee")]
    assert "Did you mean attic? `/setpoint run heat attic`" in await ask(door, "run heat attics")
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    await ask(door, f"run vent {named}")  # which corrects nothing by itself
    assert heated.taken[1:] == [("run vent", "f-attic", "Ann Lee")]


async def test_run_for_an_instance_with_several_alerts_asks_which(door, heated):
    for name in ("freezing", "frozen"):
        freezing(heated)
        heated.open[-1] = replace(heated.open[-1], name=name, fingerprint=f"f-{name}")
    text = await ask(door, "run vent den")
    assert "run vent f-freezing" in text
    assert "run vent f-frozen" in text
    assert heated.taken == []
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    await ask(door, "run heat den")  # it corrects only one of them
    assert heated.taken == [("run heat", "f-freezing", "Ann Lee")]


async def test_run_for_an_alert_by_its_name_with_a_note(door, heated):
    freezing(heated)
    heated.words = [Word(APPROVED, CALLED, counted=True)]
    await ask(door, "run vent freezing the window is stuck")
    assert heated.taken == [("run vent", "freezing", "Ann Lee")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run haet", "There is no action 'haet'. Did you mean heat? `/setpoint run heat`"),
        ("run heat freezin", "no open alert 'freezin'. Did you mean freezing? `/setpoint run heat freezing`"),
        ("run zebra", "There is no action 'zebra'. Nothing was done."),
        ("run", "`/setpoint run heat`"),
        ("corrections oft", "There is no switch 'oft'. Did you mean off? `/setpoint corrections off`"),
    ],
)
async def test_a_near_name_is_only_offered(door, heated, text, said):
    freezing(heated)
    assert said in await ask(door, text)
    assert (heated.taken, heated.switched) == ([], Switch(True, "", 0))


async def test_corrections_says_what_is_open_and_whether_they_are_on(door, heated):
    assert (await ask(door, "corrections", BOB)).splitlines() == ["Corrections", "Corrections are on", "None is open"]
    heated.runs = [replace(APPROVED, id="r2"), RUN]
    said = await door.command("corrections public")
    assert said["response_type"] == "in_channel"
    assert "proposed" in said["text"].splitlines()[2]


async def test_corrections_are_switched_off_and_on(door, heated):
    assert await ask(door, "corrections off the painters are here") == (
        "Corrections are off since 00:00 UTC, by Ann Lee: the painters are here"
    )
    assert heated.switched == Switch(False, "Ann Lee", NOW, "the painters are here")
    assert (await ask(door, "corrections off again")).startswith("Nothing changed. Corrections are off since")
    assert "Corrections are on since" in await ask(door, "corrections on")


def proposal(slack_act):
    return [{"type": "actions", "block_id": f"setpoint:{RUN.id}:1", "elements": [
        {"type": "button", "action_id": slack_act, "value": RUN.id, "text": {"type": "plain_text", "text": slack_act}},
    ]}]  # fmt: skip


@pytest.mark.parametrize("act", [APPROVE, REJECT])
async def test_a_click_counts_once(door, heated, act, monkeypatch):
    from tests.agent.slack import test_buttons

    whole = test_buttons.message()
    whole.blocks[:] = proposal(act)
    monkeypatch.setattr(test_buttons, "message", lambda _about="": whole)
    heated.words = [
        Word(APPROVED, CALLED, counted=True),
        Word(APPROVED, "already approved by Ann Lee at 14:02", counted=False),
        Word(APPROVED, "Correction heat was skipped: nobody approved within 1h", counted=False),
    ]
    assert "You may look" in await clicked(door, act, BOB)
    assert await clicked(door, act, ANN) == CALLED
    assert await clicked(door, act, ANN) == "Already approved by Ann Lee at 14:02"
    assert await clicked(door, act, ANN) == "Correction heat was skipped: nobody approved within 1h"
    assert await clicked(door, act, ANN) == OVER
    assert heated.seen == (1 if act == APPROVE else None)  # the time of the message
    assert heated.taken == [(act, RUN.id, "Ann Lee")] * 4
