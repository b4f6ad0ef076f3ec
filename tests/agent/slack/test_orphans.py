"""A message whose post was answered too late: a click on it says which one took its place."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agent.demo.slack_parts import Failure
from agent.store.errors import StoreError
from connectors.slack_buttons import ACKNOWLEDGE, APPROVE, SILENCE, WHY
from tests.agent.slack.test_buttons import BOB, message

FIRST, SECOND_, THIRD = "1767225600.000001", "1767225620.000002", "1767225640.000003"
GROWTH = "C0DEMO0001"


@pytest.fixture
def posted(door):
    """Three messages about the same alert."""
    door.messages += [replace(message(), ts=ts) for ts in (FIRST, SECOND_, THIRD)]
    return door.messages


async def click(door, on, act, option=""):
    before = len(door.ephemerals) + len(door.modals)
    await door.click(on, act, BOB, option)
    await asyncio.wait_for(door.until(lambda: len(door.ephemerals) + len(door.modals) > before), 5)


@pytest.mark.parametrize(("act", "option"), [(ACKNOWLEDGE, ""), (SILENCE, "1h"), (WHY, "")])
async def test_one_that_is_not_edited_says_which_one_is(door, daemon, posted, act, option):
    daemon.alert("behind", alertname="behind", target="monthly")
    daemon.references["f-behind"] = [{"channel": GROWTH, "ts": SECOND_}]
    orphan, living, newer = posted
    await click(door, orphan, act, option)
    assert orphan.text.startswith("This message was replaced by <http://")
    assert SECOND_.replace(".", "") in orphan.text
    assert "actions" not in str(orphan.blocks)
    assert len(daemon.taken) + len(daemon.silenced) == (act != WHY)  # the click counts
    for one in (living, newer):  # the newer one was posted, and is not remembered yet
        await click(door, one, act, option)
        assert one.history == []


async def test_a_click_on_a_proposal_shows_it_too(door, daemon, posted):
    daemon.references["f-behind"] = [{"channel": GROWTH, "ts": SECOND_}]
    words = {"type": "plain_text", "text": "Approve"}
    button = {"type": "button", "action_id": APPROVE, "value": "of-a-correction", "text": words}
    posted[0].blocks.insert(0, {"type": "actions", "block_id": "b", "elements": [button]})
    await click(door, posted[0], APPROVE)
    assert posted[0].text.startswith("This message was replaced")


async def test_other_channels_and_other_receivers_have_messages_of_their_own(door, daemon, posted):
    daemon.alert("behind")
    daemon.references["f-behind"] = [{"channel": "C0OTHER001", "ts": THIRD}, {"id": 5}, {"channel": GROWTH, "ts": None}]
    await click(door, posted[0], ACKNOWLEDGE)
    daemon.references["f-behind"] = [{"channel": GROWTH, "ts": FIRST}, {"channel": GROWTH, "ts": THIRD}]
    await click(door, posted[0], ACKNOWLEDGE)
    assert posted[0].history == []


async def test_whatever_goes_wrong_the_click_counts(door, daemon, posted, monkeypatch):
    daemon.alert("behind")
    daemon.references["f-behind"] = [{"channel": GROWTH, "ts": THIRD}]
    door.failures["chat.update"] = Failure(status=500)
    await click(door, posted[0], ACKNOWLEDGE)
    assert len(daemon.taken) == 1

    async def away(_):
        raise StoreError("away")

    monkeypatch.setattr(daemon, "messages_about", away)
    await click(door, posted[0], ACKNOWLEDGE)
    assert door.ephemerals[-1].text.startswith("Already taken by") or "You have it" in door.ephemerals[-1].text


async def test_without_a_link_it_is_said_too(door, daemon, posted):
    daemon.alert("behind")
    daemon.references["f-behind"] = [{"channel": GROWTH, "ts": "1767225699.000009"}]
    await click(door, posted[0], ACKNOWLEDGE)
    assert posted[0].text.startswith("This message was replaced by a newer one")
