"""What corrections did by a time in the past: as it was stored, not as a rehearsal would have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.explaining.past import explained_at
from agent.explaining.present import Explained
from agent.slack.whys import why_lines
from connectors.base import Refused
from rules.model import HOUR, MINUTE
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


async def then(house: House, at: int) -> Explained:
    (found,) = await explained_at(house.store, house.config, "room", at)
    return found


async def test_a_proposal_waits_until_a_person_spoke(house: House) -> None:
    await house.begin(ASK)
    await house.read(25)
    asked = house.clock.time
    await house.passes(MINUTE)
    await house.approve(house.run().id, ANN)
    approved = house.clock.time
    await house.passes(MINUTE)
    await house.send()
    called = house.clock.time
    await house.read(22)
    assert [(await then(house, at)).corrections for at in (asked, approved, called, house.clock.time)] == [
        ["Correction cool proposed"],
        ["Correction cool is being called, approved by ann"],
        ["Correction cool called, being verified, approved by ann: answered 200"],
        [f"Correction cool verified, approved by ann: {house.run().detail}"],
    ]
    assert (await then(house, asked - 1)).corrections == []
    assert "Correction cool proposed" in why_lines(await then(house, asked))  # in Slack too


@pytest.mark.parametrize(("to", "words"), [(("oncall",), "failed and was escalated"), ((), "failed")])
async def test_what_a_call_was_answered_is_said(house: House, to: tuple[str, ...], words: str) -> None:
    await house.begin(replace(AUTO, escalate_to=to))
    await house.read(25)
    await house.send(Refused("answered 404", status=404, permanent=True))
    found = await then(house, house.clock.time)
    assert found.corrections == [f"Correction cool {words}: answered 404"]
    assert found.changes[0].detail == found.corrections[0]


async def test_what_was_not_done_is_not_made_up(house: House) -> None:
    await house.begin(replace(AUTO, dry_run=True))
    await house.read(25)
    house.target = replace(house.target, correct=(AUTO,))
    await house.configure()
    await house.passes(HOUR)
    (said,) = (await then(house, house.clock.time)).corrections
    assert said.startswith("Correction cool was skipped: dry run, the call would be")
