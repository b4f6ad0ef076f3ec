"""What bounds a corrective call, and what follows from it: on a real store, with restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.store.records import DeliveryKind
from connectors.base import Refused, Unreachable
from connectors.template import TemplateError, render_json
from rules.breaker import Breaker
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    Matcher,
    Pid,
    Recover,
    RunState,
    Silence,
    Standing,
    Undo,
)
from rules.words import clock_time
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, BOB, House, Restraint, action
from tests.agent.people import by_ann
from tests.agent.test_pipeline import TARGET

ONCE = replace(AUTO, max_attempts=1)
ALONE = replace(ONCE, escalate_to=())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


class TestPrecondition:
    RULE = replace(AUTO, precondition="last(outside) < 30")

    async def test_it_is_called_when_it_holds(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.outside(12)
        await house.read(25)
        assert await house.send() == 1

    @pytest.mark.parametrize(("value", "words"), [(31, "is not met: last(outside) = 31"), (None, "is open: last(outside) has no value")])  # fmt: skip
    async def test_else_the_reason_says_the_numbers(self, house: House, value: float | None, words: str) -> None:
        await house.begin(self.RULE)
        if value is not None:
            await house.outside(value)
        await house.read(25)
        assert (house.state, house.run().detail) == (RunState.SKIPPED, f"precondition {words}")
        assert await house.send() == 0

    async def test_it_is_asked_again_for_each_attempt(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.outside(12)
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        await house.outside(31)
        await house.restart()
        await house.passes(5 * MINUTE)
        assert (house.state, house.run().attempt) == (RunState.ESCALATED, 1)  # called in vain, and the alert fires on
        assert "precondition is not met: last(outside) = 31" in house.run().detail

    async def test_it_is_asked_right_before_the_call(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.outside(12)
        await house.read(25)
        await house.outside(31)  # decided on, and not sent yet
        assert await house.send() == 0
        assert (house.state, house.run().attempt) == (RunState.SKIPPED, 0)

    async def test_nobody_is_asked_for_what_may_not_be_done(self, house: House) -> None:
        await house.begin(replace(self.RULE, approve_within=HOUR))
        await house.outside(31)
        await house.read(25)
        assert house.state is RunState.SKIPPED
        (notice,) = await house.notices()
        assert notice["proposals"] == []
        assert notice["details"] == ["Correction cool was skipped: precondition is not met: last(outside) = 31"]

    async def test_it_may_have_changed_when_a_person_agrees(self, house: House) -> None:
        await house.begin(replace(self.RULE, approve_within=HOUR))
        await house.outside(12)
        await house.read(25)
        await house.outside(31)
        word = await house.approve(house.run().id, ANN)
        assert (word.counted, word.run.state) == (True, RunState.SKIPPED)


class TestDryRun:
    WORDS = 'dry run, the call would be POST http://hvac.local/cool?*** {"to":23}'

    @pytest.mark.parametrize("whole", [True, False])
    async def test_it_says_what_would_be_called_and_calls_nothing(self, house: House, whole: bool) -> None:
        cool = action("cool", json={"to": "{{ at_most }}"})
        bounds = {"corrections": Restraint(dry_run=True)} if whole else {}
        await house.begin(replace(AUTO, dry_run=not whole), actions={"cool": cool}, **bounds)
        await house.read(25)
        run = house.run()
        assert (run.state, run.dry_run, run.detail, run.attempt) == (RunState.SKIPPED, True, self.WORDS, 0)
        assert await house.outbox(DeliveryKind.CALL) == []
        await house.read(22)
        assert house.run() == run

    async def test_a_person_is_asked_all_the_same(self, house: House) -> None:
        await house.begin(replace(ASK, dry_run=True))
        await house.read(25)
        assert house.state is RunState.PROPOSED
        await house.approve(house.run().id, ANN)
        assert house.run().dry_run


class TestSwitch:
    async def test_off_nothing_is_called_and_on_it_goes_on(self, house: House) -> None:
        await house.begin(AUTO)
        assert (await house.switch_corrections(False, ANN, "painters")).counted
        await house.read(25)
        assert house.state is RunState.APPROVED
        assert house.run().detail.startswith("corrections are off since ")
        assert house.run().detail.endswith(", by ann: painters")
        await house.restart(after=HOUR)
        assert house.switch().on is False
        await house.read(26)
        assert await house.send() == 0
        assert (await house.switch_corrections(True, BOB)).counted
        assert await house.send() == 1
        assert [(act.act, act.note) for act in await house.store.acts(9)] == [("corrections on", ""), ("corrections off", "painters")]  # fmt: skip

    async def test_what_is_in_the_outbox_does_not_go_out_and_was_no_attempt(self, house: House) -> None:
        await house.begin(ONCE)
        await house.read(25)
        await house.switch_corrections(False, ANN)
        await house.restart()
        assert await house.send() == 0
        assert (house.state, house.run().attempt) == (RunState.APPROVED, 0)
        await house.switch_corrections(True, ANN)
        assert await house.send() == 1
        await house.read(22)
        assert house.state is RunState.VERIFIED

    async def test_what_came_back_meanwhile_is_not_called(self, house: House) -> None:
        await house.begin(AUTO)
        await house.switch_corrections(False, ANN)
        await house.read(25)
        await house.read(22)
        assert (house.state, house.run().detail) == (RunState.SKIPPED, "came back before the call")
        await house.switch_corrections(True, ANN)
        assert await house.send() == 0

    async def test_a_second_click_changes_nothing(self, house: House) -> None:
        await house.begin(AUTO)
        await house.switch_corrections(False, ANN)
        again = await house.switch_corrections(False, BOB)
        assert (again.counted, again.switch.by) == (False, "ann")
        assert len(await house.store.acts(9)) == 1

    async def test_a_call_that_was_made_is_verified_while_they_are_off(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.send()
        await house.switch_corrections(False, ANN)
        await house.read(22)
        assert house.state is RunState.VERIFIED


class TestBreaker:
    QUICK = replace(ONCE, cooldown=0, escalate_to=())

    async def fail(self, house: House, times: int) -> None:
        for _ in range(times):
            await house.read(25)
            await house.send()
            await house.passes(MINUTE)
            assert house.runs()[-1].state is RunState.FAILED
            await house.read(22)

    async def test_what_waits_for_the_budget_says_that_it_tripped(self, house: House) -> None:
        cool = action("cool", budget=(1, 3600), breaker=Breaker(1, 2 * HOUR))
        target = replace(TARGET, alerts=(*TARGET.alerts, replace(TARGET.alerts[0], name="also")))
        await house.begin(self.QUICK, replace(self.QUICK, on="also"), target=target, actions={"cool": cool})
        await house.read(25)
        waits = next(run for run in house.runs() if run.state is RunState.APPROVED)
        assert waits.detail == "waits for the action's budget, until 13:00"
        await house.send()
        await house.passes(MINUTE)
        waits = next(run for run in house.runs() if run.state is RunState.APPROVED)
        assert "the breaker of cool is open until" in waits.detail
        assert waits.not_before == house.actions()[0].open_until

    async def test_it_trips_visibly_pauses_and_lets_one_try(self, house: House) -> None:
        await house.begin(self.QUICK, actions={"cool": action("cool", breaker=Breaker(3, HOUR))})
        await self.fail(house, 3)
        (said,) = [n for n in await house.notices() if n["reason"] == "escalated"]
        assert said["receiver"] == "console"
        failed = [n["receiver"] for n in await house.notices() if n["reason"] == "uncorrected"]
        assert failed == ["team"] * 3  # who was told of the alert hears of the failure that tripped it, too
        at = f"{clock_time(house.clock.time - 10 * SECOND + HOUR, 'UTC')} UTC"
        assert f"The breaker of cool tripped: 3 in a row did not help; no call before {at}" in said["details"]
        assert sum("not back on target" in detail for detail in said["details"]) == 1
        (cool,) = house.actions()
        assert (cool.failures, cool.open_until) == (3, house.clock.time - 10 * SECOND + HOUR)
        await house.restart()
        await house.read(25)
        run = house.runs()[-1]
        assert "the breaker of cool is open until" in run.detail
        assert run.not_before == cool.open_until
        await house.restart(after=HOUR)
        await house.passes(11 * SECOND)  # sources are read first
        assert await house.send() == 1
        await house.read(22)
        assert house.actions()[0].open_until is None

    async def test_it_trips_again_when_the_trial_fails(self, house: House) -> None:
        await house.begin(self.QUICK, actions={"cool": action("cool", breaker=Breaker(2, HOUR))})
        await self.fail(house, 2)
        house.clock.time += HOUR
        await self.fail(house, 1)
        assert len([n for n in await house.notices() if n["reason"] == "escalated"]) == 2
        assert house.actions()[0].failures == 3
        await house.restart()
        await house.read(25)
        assert await house.send() == 0

    async def test_a_success_between_closes_it(self, house: House) -> None:
        await house.begin(self.QUICK, actions={"cool": action("cool", breaker=Breaker(2, HOUR))})
        await self.fail(house, 1)
        await house.read(25)
        await house.send()
        await house.read(22)
        await self.fail(house, 1)
        assert house.actions()[0].open_until is None


class TestBudgets:
    async def test_that_of_the_process_counts_every_action(self, house: House) -> None:
        rules = (replace(AUTO, action=name, cooldown=0) for name in ("cool", "fan"))
        actions = {name: action(name) for name in ("cool", "fan")}
        await house.begin(*rules, actions=actions, corrections=Restraint((1, 600)))
        await house.read(25)
        assert await house.send() == 1
        waits = [run for run in house.runs() if run.state is RunState.APPROVED]
        assert [run.detail for run in waits] == ["waits for the budget of all corrections, until 12:10"]
        await house.restart(after=10 * MINUTE)
        await house.passes(SECOND)
        assert await house.send() >= 1


class TestOneThing:
    """Two alerts of one room call the same address."""

    TWO = replace(
        TARGET,
        alerts=(*TARGET.alerts, AlertRule("warm", Standing.OUT_OF_BAND, for_=10 * SECOND)),
    )
    RULES = (replace(ONCE, cooldown=0), replace(ONCE, on="warm", cooldown=0))

    async def test_the_other_waits_for_its_turn(self, house: House) -> None:
        await house.begin(*self.RULES, target=self.TWO)
        await house.read(25)
        await house.send()
        await house.read(25)
        first, second = house.runs()
        assert (second.state, second.waits_for) == (RunState.APPROVED, first.id)
        assert second.detail == f"waits for correction {first.short} (hot of room), which acts on the same"
        await house.restart()
        await house.passes(45 * SECOND)
        assert await house.send() == 0
        await house.passes(15 * SECOND)  # the first has failed
        first, second = house.runs()
        assert (first.state, second.state) == (RunState.ESCALATED, RunState.CALLED)
        assert await house.send() == 1

    async def test_on_another_thing_it_does_not_wait(self, house: House) -> None:
        cool = action("cool", thing="{{ alert }}")
        await house.begin(*self.RULES, target=self.TWO, actions={"cool": cool})
        await house.read(25)
        await house.read(25)
        assert [run.state for run in house.runs()] == [RunState.CALLED, RunState.CALLED]

    async def test_after_it_there_is_a_cool_down(self, house: House) -> None:
        rules = (self.RULES[0], replace(self.RULES[1], cooldown=5 * MINUTE))
        await house.begin(*rules, target=self.TWO)
        await house.read(25)
        await house.send()
        await house.read(25)
        await house.passes(MINUTE)
        second = house.runs()[1]
        assert (second.state, second.not_before) == (RunState.APPROVED, house.runs()[0].called_at + 5 * MINUTE)
        await house.passes(5 * MINUTE)
        assert await house.send() == 1

    async def test_one_that_fires_again_says_that_it_waits_for_it(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.send()
        for value in (22, 25):
            await house.read(value)
        assert house.runs()[-1].detail == "waits for the cool-down of cool, until 12:05"

    async def test_it_goes_on_when_a_reload_ends_what_it_waits_for(self, house: House) -> None:
        await house.begin(replace(self.RULES[0], verify_within=HOUR), self.RULES[1], target=self.TWO)
        await house.read(25)
        await house.send()
        await house.read(25)
        house.target = replace(house.target, correct=self.RULES[1:])
        await house.configure()
        assert [run.state for run in house.runs()] == [RunState.SKIPPED, RunState.CALLED]
        assert await house.send() == 1


class TestUndo:
    async def test_what_failed_is_taken_back_once(self, house: House) -> None:
        await house.begin(replace(ONCE, undo=Undo("undo")))
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        first, undo = house.runs()
        assert (first.state, first.undone_by) == (RunState.ESCALATED, undo.id)
        assert (undo.action, undo.undoes, undo.state) == ("undo", first.id, RunState.CALLED)
        await house.restart()
        assert await house.send() == 1
        assert house.runs()[1].state is RunState.UNDONE
        await house.passes(10 * MINUTE)
        assert await house.send() == 0
        assert [name for name, _ in house.called] == ["cool", "undo"]

    async def test_what_helped_is_taken_back_when_the_alert_is_over(self, house: House) -> None:
        await house.begin(replace(ONCE, undo=Undo("undo", on_resolved=True)))
        await house.read(25)
        await house.send()
        await house.read(22)
        assert await house.send() == 1
        assert [(run.action, run.state) for run in house.runs()] == [
            ("cool", RunState.VERIFIED),
            ("undo", RunState.UNDONE),
        ]

    async def test_not_before_it_has_helped(self, house: House) -> None:
        band = replace(TARGET, goal=Goal(at_most=23), recover=Recover(at_most=22))
        await house.begin(replace(ONCE, undo=Undo("undo", on_resolved=True)), target=band)
        await house.read(25)
        await house.read(22)
        assert await house.send() == 0  # it came back before the call
        assert len(house.runs()) == 1

    @pytest.mark.parametrize("to", [(), ("oncall",)])
    async def test_one_that_fails_when_the_alert_is_over_is_told(self, house: House, to: tuple[str, ...]) -> None:
        await house.begin(replace(ONCE, undo=Undo("undo", on_resolved=True), escalate_to=to))
        await house.read(25)
        await house.send()
        await house.read(22)
        before = len(await house.notices())
        await house.send(Refused("answered 404", status=404, permanent=True))
        said = (await house.notices())[before:]
        assert {notice["receiver"] for notice in said} == {*(to or ("team",))}
        for notice in said:
            assert (notice["reason"], notice["status"], notice["ends_at"] is None) == ("escalated", "resolved", False)
            assert notice["headline"].startswith("Room: Undoing undo failed")

    async def test_off_it_waits_too_and_a_failing_one_is_escalated(self, house: House) -> None:
        await house.begin(replace(ONCE, undo=Undo("undo")))
        await house.read(25)
        await house.send()
        await house.switch_corrections(False, ANN)
        await house.passes(MINUTE)
        assert house.runs()[1].state is RunState.APPROVED
        await house.switch_corrections(True, ANN)
        await house.send(Refused("answered 404", status=404, permanent=True))
        assert house.runs()[1].state is RunState.ESCALATED
        assert "Undoing undo failed and was escalated: answered 404" in str((await house.notices())[-1]["details"])


class TestOutput:
    DRIVE = replace(AUTO, cooldown=MINUTE, max_attempts=50, output=Pid(-1.0, -0.01, 0.0, 0.0, 10.0, 22.0))

    async def test_it_is_called_with_new_values_until_it_is_back(self, house: House) -> None:
        cool = action("cool", json={"power": "{{ output }}"})
        await house.begin(self.DRIVE, actions={"cool": cool})
        outputs = []
        for value in (25, 24.5, 24, 23.4):
            await house.read(value)
            await house.send()
            outputs.append(house.called[-1][1]["output"])
            await house.restart()
            await house.passes(MINUTE - 10 * SECOND)
        assert len(house.called) == 4
        assert outputs[0] == pytest.approx(3 + 0.01 * 3 * 60)
        await house.read(22.9)
        await house.send()
        assert house.state is RunState.VERIFIED
        assert house.run().detail.startswith("back on target: 25 before, 22.9 ")

    async def test_a_template_may_make_it(self, house: House) -> None:
        await house.begin(replace(self.DRIVE, output="{{ 23 - (value - 23) * attempt }}"))
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        await house.send()
        assert [context["output"] for _, context in house.called] == [21, 19]

    async def test_what_can_not_be_made_ends_it(self, house: House) -> None:
        await house.begin(replace(self.DRIVE, output="{{ 1 / 0 }}"))
        await house.read(25)
        assert house.state is RunState.ESCALATED
        assert house.run().detail.startswith("output: ")

    async def test_it_is_escalated_when_it_was_driven_often_enough(self, house: House) -> None:
        await house.begin(replace(self.DRIVE, max_attempts=3))
        await house.read(25)
        for _ in range(8):
            await house.send()
            await house.passes(MINUTE)
        assert (len(house.called), house.state) == (3, RunState.ESCALATED)


async def test_a_failure_says_the_numbers_before_and_after(house: House) -> None:
    await house.begin(replace(ONCE, verify_within=MINUTE))
    await house.read(25)
    await house.send()
    await house.read(25.5)
    await house.passes(MINUTE)
    assert house.run().detail == "not back on target within 1m: 25 before, 25.5 10s after the call"
    assert (house.run().before.value, house.run().after.value) == (25, 25.5)  # type: ignore[union-attr]


async def test_a_silence_does_not_stop_a_correction(house: House) -> None:
    from agent.acts import Act
    from agent.alerts.silencing import new_silence, silence_matchers

    await house.begin(AUTO)
    now = house.clock.time
    made = new_silence(silence_matchers(["room"], house.config.targets), ("ann", "quiet"), (now, now + HOUR), now)
    await house.pipeline.silence(made, Act(now, ANN, "silence", made.id))
    await house.read(25)
    assert await house.notices() == []
    assert await house.send() == 1


STEPS = ("proposed", "approved", "claimed", "sent", "failed", "again", "verified")


@pytest.mark.parametrize("kill", [None, *STEPS])
async def test_killed_at_any_step_it_goes_on_as_if_nothing_had_been(tmp_path: Path, kill: str | None) -> None:
    """Proposed, approved, called in vain, called again, verified: the same rows, calls and notices."""
    house = await House(tmp_path).begin(ASK)
    try:
        found = await _scenario(house, kill)
    finally:
        await house.stop()
    assert found["states"] == ["verified"]
    assert found["calls"] == 2
    assert found["keys"] == 2
    assert found["told"] == ["firing", "resolved"]
    assert found["acts"] == ["approve"]


async def _scenario(house: House, kill: str | None) -> dict[str, Any]:
    async def step(name: str) -> None:
        if name == kill:
            await house.restart()

    await house.read(25)
    await step("proposed")
    await house.approve(house.run().short, ANN)
    await step("approved")
    if kill == "claimed":
        await house.claim()  # a call that did not end: it is made again, under the same key
    await step("claimed")
    await house.send()
    await step("sent")
    await house.passes(MINUTE)
    await step("failed")
    await house.passes(5 * MINUTE)
    await step("again")
    await house.send()
    await house.read(22)
    await step("verified")
    await house.read(22)
    runs = await house.store.corrections(10)
    calls = await house.outbox(DeliveryKind.CALL)
    return {
        "states": [run.state.value for run in runs],
        "calls": len(house.called),
        "keys": len({call.key for call in calls}),
        "told": [notice["reason"] for notice in await house.notices()],
        "acts": [act.act for act in await house.store.acts(10)],
    }


async def test_a_missing_output_is_never_null(house: House) -> None:
    await house.begin(replace(AUTO, output="{{ none }}"), actions={"cool": action("cool", json={"to": "{{ output }}"})})
    await house.read(25)
    await house.send()
    ((_, context),) = house.called
    with pytest.raises(TemplateError, match="'output' is undefined"):
        render_json({"to": "{{ output }}"}, context)


async def test_a_call_that_does_not_get_through_backs_off(house: House) -> None:
    await house.begin(replace(AUTO, max_attempts=4))
    await house.read(25)
    waits = []
    for _ in range(3):
        await house.send(Unreachable("refused"))
        waits.append(((house.run().not_before or 0) - house.clock.time) // SECOND)
        await house.passes((house.run().not_before or 0) - house.clock.time)
    assert waits == [10, 20, 40]


async def test_a_simulated_room_is_driven_into_its_band_and_the_alert_is_over(house: House) -> None:
    """A heater against 5 °C outside: what is called sets its power, what is read follows; every third look restarts."""
    band = replace(TARGET, goal=Goal(at_least=20, at_most=23), recover=Recover(at_least=21, at_most=22.5))
    drive = replace(AUTO, cooldown=MINUTE, max_attempts=200, output=Pid(8.0, 0.02, 0.0, 0.0, 100.0))
    cool = action("cool", json={"percent": "{{ output }}"}, breaker=Breaker(5, HOUR))
    await house.begin(drive, target=band, actions={"cool": cool})
    room, looks = 14.0, 0
    while looks < 240 and not (looks > 5 and house.state is RunState.VERIFIED):
        await house.read(room, 30 * SECOND)
        await house.send()
        power = house.called[-1][1]["output"]
        room += 0.5 * (0.02 * power - 0.02 * (room - 5.0))
        looks += 1
        if looks % 3 == 0:
            await house.restart()
    assert house.state is RunState.VERIFIED
    assert 21 <= house.run().after.value <= 22.5  # type: ignore[union-attr]
    assert len({context["output"] for _, context in house.called}) > 5
    alert = house.pipeline.instances()[house.run().key].alerts["hot"]
    assert alert.state == "inactive"


class TestForGood:
    """One that failed for good, with nobody to escalate to, is told to all who were told of the alert."""

    async def fail(self, house: House) -> list[str]:
        await house.read(25)
        await house.send()
        await house.read(25)
        await house.passes(MINUTE)
        return [f"{one['receiver']} {one['reason']}" for one in await house.notices()]

    async def test_a_receiver_that_can_not_edit_hears_of_it_once(self, house: House) -> None:
        await house.begin(replace(ALONE, verify_within=MINUTE))
        assert await self.fail(house) == ["team firing", "team uncorrected"]
        (_, told) = await house.notices()
        assert told["status"] == "firing"
        assert told["news"] == [{"words": told["details"][0], "failed": True}]
        assert "failed: not back on target within 1m" in told["details"][0]
        await house.restart()
        await house.passes(HOUR)
        assert len(await house.notices()) == 2

    async def test_with_an_escalation_that_says_it(self, house: House) -> None:
        await house.begin(replace(ONCE, verify_within=MINUTE, escalate_to=("oncall",)))
        assert await self.fail(house) == ["team firing", "oncall escalated"]

    async def test_of_a_silenced_alert_it_is_told_when_the_silence_ends(self, house: House) -> None:
        await house.begin(replace(ALONE, verify_within=10 * MINUTE))
        await house.read(25)
        await house.send()
        now = house.clock.time
        made = Silence("s", (Matcher("target", "=", "room"),), "ann", "quiet", now, now + HOUR, now, now)
        await house.pipeline.silence(made, by_ann("silence"))
        await house.read(25)
        await house.passes(20 * MINUTE)
        assert house.state is RunState.FAILED
        assert len(await house.notices()) == 1
        await house.passes(HOUR)
        (_, told) = await house.notices()
        assert (told["reason"], told["news"][0]["failed"]) == ("firing", True)
