"""What can be clicked on, and what stands there where nothing can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.demo.slack_blocks import problems
from connectors.slack_buttons import (
    ACKNOWLEDGE,
    APPROVE,
    BLOCK,
    CONFIRM,
    REJECT,
    SILENCE,
    SILENCE_FOR,
    WHY,
    asked,
    shown_at,
    silence_of,
)
from connectors.slack_message import Extras, message
from rules.model import HOUR, Proposal, Reason
from tests.connectors.notifiers import kit

ASKED = Proposal("0123-1-cool", "cool", "Set the den to 22 °C", kit.NOW + HOUR)


def elements(notice, *, clicks=True):
    blocks = asked(notice, clicks=clicks)
    assert problems(blocks, lambda _: True) == []
    return [element for block in blocks if block["type"] == "actions" for element in block["elements"]]


def texts(notice, *, clicks):
    blocks = asked(notice, clicks=clicks)
    return "\n".join(block["text"]["text"] for block in blocks if block["type"] == "section")


def test_a_notice_of_the_daemon_itself_has_none():
    one = kit.notice(target="", alert="blind", labels={"alertname": "blind"})
    assert one.of_itself
    assert asked(one, clicks=True) == []


def test_a_test_that_waits_for_a_click_has_one():
    one = kit.notice(reason=Reason.TEST, confirm="0123456789abcdef")
    ((button,),) = (block["elements"] for block in asked(one, clicks=True))
    assert (button["action_id"], button["value"]) == (CONFIRM, "0123456789abcdef")
    assert asked(one, clicks=False) == []
    assert asked(replace(one, confirm=""), clicks=True) == []


def test_a_firing_alert_can_be_taken_silenced_and_explained():
    taken, silenced, explained = elements(kit.notice())
    assert (taken["action_id"], taken["value"]) == (ACKNOWLEDGE, "0123456789abcdef")
    assert (explained["action_id"], explained["value"]) == (WHY, "0123456789abcdef")
    assert silenced["action_id"] == SILENCE
    values = [option["value"] for option in silenced["options"]]
    assert values == [f"{span}:0123456789abcdef" for span in ("1h", "4h", "1d", "7d")]
    assert [silence_of(value) for value in values] == [(span, "0123456789abcdef") for span in SILENCE_FOR]
    (block,) = asked(kit.notice(), clicks=True)
    assert block["block_id"].startswith(f"{BLOCK}0123456789abcdef")
    assert block["block_id"] != asked(kit.notice(at=kit.NOW + 1), clicks=True)[0]["block_id"]


def test_one_that_is_taken_can_not_be_taken_again():
    assert [one["action_id"] for one in elements(kit.notice(acknowledged_by="ann"))] == [SILENCE, WHY]


@pytest.mark.parametrize(
    "notice",
    [
        kit.resolved(proposals=(ASKED,)),
        kit.notice(reason=Reason.TEST),
        kit.notice(reason=Reason.UNDELIVERABLE),
    ],
    ids=lambda notice: notice.reason,
)
def test_nothing_is_asked_about_what_is_over_or_no_alert(notice):
    assert asked(notice, clicks=True) == asked(notice, clicks=False) == []


def test_a_proposal_says_what_would_be_done_and_until_when():
    notice = kit.notice(proposals=(ASKED,))
    approve, reject, *_ = elements(notice)
    assert (approve["action_id"], approve["value"], approve["style"]) == (APPROVE, ASKED.id, "primary")
    assert (reject["action_id"], reject["value"], reject["style"]) == (REJECT, ASKED.id, "danger")
    said = texts(notice, clicks=True)
    assert "Set the den to 22 °C" in said
    assert "Lapses 2026-05-05 19:53 CEST" in said
    assert ASKED.id not in said


def test_where_no_click_is_heard_there_is_nothing_to_click_on_and_the_command_stands_there():
    notice = kit.notice(proposals=(ASKED,))
    assert elements(notice, clicks=False) == []
    assert f"`setpoint approve` or `setpoint reject` {ASKED.id}" in texts(notice, clicks=False)


def test_a_group_is_taken_and_silenced_as_a_whole_and_one_of_a_group_as_itself():
    taken, silenced = elements(kit.several())
    assert taken["value"] == "g"
    assert silenced["options"][0]["value"] == "1h:g"
    alone = kit.several(1, 0, fingerprint="f0")
    assert [one.get("value") for one in elements(alone)] == ["f0", None, "f0"]


def test_a_proposal_is_said_once():
    said = "Correction cool proposed: {words}", "It waits for a person until 14:02: setpoint approve ab12 (or reject)"
    details = [said[0].format(words="go"), said[1], f"kitchen: {said[1]}", "Correction cool failed: no", "Taken by Ann"]
    notice = kit.notice(proposals=(ASKED,), details=tuple(details))
    shown = str(message(notice, Extras(clicks=True))["blocks"])
    assert "setpoint approve" not in shown
    assert "Correction cool proposed" not in shown
    assert "Correction cool failed: no\\nTaken by Ann" in shown
    assert shown.count("Proposed: ") == 1
    assert "setpoint approve ab12" in str(message(notice, Extras(clicks=False))["blocks"])


def test_a_proposal_says_which_of_several_alerts_it_is_for():
    asked_of = replace(kit.several(2, 0), proposals=(replace(ASKED, of="den <!here>"), ASKED))
    assert "*Proposed for den &lt;!here&gt;: cool*" in texts(asked_of, clicks=True)
    assert "*Proposed: cool*" in texts(asked_of, clicks=True)


def test_many_proposals_are_cut_and_hostile_ones_stay_words():
    hostile = Proposal("x" * 1_990, kit.HOSTILE * 50, kit.HOSTILE * 200, None)
    notice = kit.notice(proposals=(hostile, ASKED, Proposal("c", "c", "", None), ASKED))
    assert len(elements(notice)) == 9
    said = texts(notice, clicks=False) + texts(notice, clicks=True)
    assert "<" not in said.replace("&lt;", "")
    assert len(said) < 4_000
    assert "and 1 more proposed" in str(asked(notice, clicks=True))


@pytest.mark.parametrize("value", ["", "1h", "1h:", ":f", "2h:f", "f:1h"])
def test_a_value_of_another_form_is_none(value):
    with pytest.raises(ValueError, match="no value"):
        silence_of(value)


@pytest.mark.parametrize(
    ("block", "at"),
    [("setpoint:f-1-heat:1700000000000000", 1_700_000_000_000_000), ("setpoint:f-1-heat", None), ("b1", None),
     ("other:17", None), ("setpoint:x:²", None), ("setpoint:x:" + "9" * 40, None), ("", None)],
)  # fmt: skip
def test_a_block_says_when_its_message_was_made(block, at):
    assert shown_at(block) == at
