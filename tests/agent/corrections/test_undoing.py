"""A reload that ends an alert whose correction is in force takes it back, or says why it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.config.configuration import NotifierEntry
from connectors.base import Refused, Unreachable
from connectors.notifiers.slack import SlackNotifier
from rules.model import HOUR, Correction, RunState, Undo
from tests.agent.corrections.correcting_kit import ANN, AUTO, House, action
from tests.agent.test_pipeline import TARGET

CHANNEL = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#ops"})
TAKEN_BACK = replace(AUTO, undo=Undo("undo", on_resolved=True))
OTHER = replace(TARGET, name="other", alerts=())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


async def helped(house: House, rule=TAKEN_BACK, *, verified: bool = True) -> None:
    """The call was made; the alert still recovers."""
    lasting = replace(TARGET.alerts[0], keep_firing_for=HOUR)
    receivers = {"team": (NotifierEntry("slack", CHANNEL),)}
    await house.begin(rule, target=replace(TARGET, alerts=(lasting,)), receivers=receivers)
    await house.read(25)
    assert await house.send() == 1
    if verified:
        await house.read(22)
    assert house.state is (RunState.VERIFIED if verified else RunState.VERIFYING)


async def without(house: House, what: str, **more) -> None:
    """A reload that takes the target, or its alert, out."""
    if what == "target":
        house.target = OTHER
    else:
        house.target = replace(house.target, alerts=(), correct=())
    await house.configure(**more)


async def undo_of(house: House) -> Correction:
    (found,) = [run for run in await house.store.corrections(10) if run.undoes]
    return found


@pytest.mark.parametrize("what", ["target", "alert"])
@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("restarts", [True, False])
async def test_it_is_undone(house: House, what: str, verified: bool, restarts: bool) -> None:
    await helped(house, verified=verified)
    run = house.run()
    await without(house, what)
    if restarts:
        await house.restart()
    assert await house.send() == 1
    name, context = house.called[-1]
    assert (name, context["target"], context["alert"]) == ("undo", "room", "hot")
    undo = await undo_of(house)
    assert (undo.undoes, undo.state, undo.detail) == (run.id, RunState.UNDONE, "answered 200")
    first = next(one for one in await house.store.corrections(10) if one.id == run.id)
    assert first.undone_by == undo.id
    assert first.state is (RunState.VERIFIED if verified else RunState.SKIPPED)
    last = (await house.notices())[-1]
    assert (last["status"], "Undoing undo is being called" in last["details"]) == ("resolved", True)
    await house.configure()
    assert await house.send() == 0


@pytest.mark.parametrize(
    ("rule", "verified"),
    [(AUTO, True), (replace(AUTO, undo=Undo("undo")), True), (replace(AUTO, undo=Undo("undo")), False)],
)
async def test_without_an_undo_at_the_end_nothing_is_called(house: House, rule, verified: bool) -> None:
    await helped(house, rule, verified=verified)
    await without(house, "target")
    assert await house.send() == 0


async def test_an_action_that_is_gone_too_is_said(house: House) -> None:
    await helped(house)
    await without(house, "target", actions={"cool": action("cool")})
    assert await house.send() == 0
    undo = await undo_of(house)
    assert (undo.state, undo.detail) == (RunState.SKIPPED, "the action is no longer configured")
    assert "Undoing undo was skipped: the action is no longer configured" in (await house.notices())[-1]["details"]


async def test_one_that_can_not_be_called_at_once_is_said(house: House) -> None:
    await helped(house)
    await house.switch_corrections(False, ANN)
    await without(house, "target")
    assert await house.send() == 0
    undo = await undo_of(house)
    assert undo.state is RunState.SKIPPED
    assert "it could not be called at once: corrections are off since" in undo.detail
    assert undo.detail in str((await house.notices())[-1]["details"])
    assert house.pipeline.open_corrections() == []


@pytest.mark.parametrize("error", [Refused("gone", permanent=True), Unreachable("no route", permanent=False)])
async def test_one_that_fails_is_logged(house: House, error: Refused) -> None:
    await helped(house)
    await without(house, "target")
    with capture_logs() as log:
        await house.send(error)
    (line,) = [one for one in log if one["event"] == "correction.not_undone"]
    assert (line["action"], line["target"], line["why"]) == ("undo", "room", str(error))
    assert (await undo_of(house)).state is RunState.FAILED
    assert house.pipeline.open_corrections() == []
