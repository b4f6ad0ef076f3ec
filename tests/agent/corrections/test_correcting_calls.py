"""When a call that is due is made: not in a cool-down, and not when it came to nothing in the outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.corrections.called import Withheld
from agent.store.records import Commit, DeliveryKind, DeliveryState
from connectors.base import Refused, TimedOut, Unreachable
from rules.breaker import Breaker
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CorrectRule,
    Goal,
    Measure,
    Polled,
    Reading,
    RollingPeriod,
    RunState,
    Selector,
    Standing,
    Target,
    Undo,
)
from tests.agent.corrections.correcting_kit import ANN, ASK, AUTO, House, Restraint, action
from tests.agent.test_pipeline import TARGET
from tests.rules.world import series


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    world = House(tmp_path)
    yield world
    await world.stop()


class TestBudgetByAClockThatIsSetBack:
    async def called(self, house: House) -> None:
        """One call that was all that may be made in ten minutes; then the clock is set back an hour."""
        await house.begin(replace(AUTO, cooldown=0), actions={"cool": action("cool", budget=(1, 600))})
        await house.read(25)
        assert await house.send() == 1
        await house.read(22)
        await house.passes(-HOUR)

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_it_is_waited_for_no_longer_than_its_span(self, house: House, restarts: bool) -> None:
        await self.called(house)
        await house.read(25)
        await house.passes(5 * MINUTE)
        if restarts:
            await house.restart()
        await house.passes(5 * MINUTE)
        assert await house.send() == 1

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_right_again_it_counts_what_was_called(self, house: House, restarts: bool) -> None:
        """Else more would be called than it allows, by a daemon that ran on."""
        await self.called(house)
        await house.passes(HOUR)
        if restarts:
            await house.restart()
        await house.read(25)
        assert (await house.send(), house.actions()[0].calls) == (0, 1)
        assert "waits for the action's budget" in house.runs()[-1].detail


class TestCoolDown:
    @pytest.mark.parametrize("restarts", [False, True])
    async def test_a_correction_that_was_not_called_does_not_end_that_of_one_before(
        self, house: House, restarts: bool
    ) -> None:
        await house.begin(replace(AUTO, cooldown=HOUR))
        await house.read(25)
        assert await house.send() == 1
        called = house.run().called_at
        for value in (22, 25, 22):  # it helped; the next one came back before its time
            await house.read(value)
        if restarts:
            await house.restart()
        await house.read(25)
        assert [run.state for run in house.runs()] == [RunState.VERIFIED, RunState.SKIPPED, RunState.APPROVED]
        assert (await house.send(), house.runs()[-1].not_before) == (0, called and called + HOUR)
        await house.passes(HOUR)
        assert await house.send() == 1
        await house.read(22)
        assert len(house.runs()) == 1

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_by_a_clock_that_is_set_back_it_lasts_no_longer(self, house: House, restarts: bool) -> None:
        await house.begin(replace(AUTO, cooldown=15 * MINUTE))
        await house.read(25)
        assert await house.send() == 1
        await house.read(22)
        await house.passes(-HOUR)
        await house.read(25)
        await house.passes(5 * MINUTE)
        if restarts:
            await house.restart()
        await house.passes(10 * MINUTE)
        assert await house.send() == 1

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_nor_does_the_pause_of_a_breaker(self, house: House, restarts: bool) -> None:
        once = replace(AUTO, cooldown=0, max_attempts=1, verify_within=MINUTE)
        await house.begin(once, actions={"cool": action("cool", breaker=Breaker(1, 15 * MINUTE))})
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        await house.read(22)
        await house.passes(-HOUR)
        await house.read(25)
        assert "the breaker of cool is open" in house.run().detail
        await house.passes(5 * MINUTE)
        if restarts:
            await house.restart()
        await house.passes(10 * MINUTE)
        assert await house.send() == 1

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_a_breaker_knows_what_ended_last_whatever_the_clock_was_set_to(
        self, house: House, restarts: bool
    ) -> None:
        once = replace(AUTO, cooldown=0, max_attempts=1, verify_within=MINUTE)
        await house.begin(once, actions={"cool": action("cool", breaker=Breaker(1, 15 * MINUTE))})
        await house.passes(HOUR)
        await house.read(25)
        await house.send()
        await house.read(22)  # this one helped, by a clock that is ahead
        await house.passes(-HOUR)
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        assert house.run().state is RunState.ESCALATED
        if restarts:
            await house.restart()
        assert house.actions()[0].open_until is not None

    async def test_a_long_one_goes_on_after_a_restart(self, house: House) -> None:
        await house.begin(replace(AUTO, cooldown=30 * DAY))
        await house.read(25)
        await house.send()
        await house.read(22)
        await house.restart(after=20 * DAY)
        await house.read(25)
        assert await house.send() == 0


class TestUnanswered:
    """A call without an answer may have been made: readings decide, as after any other."""

    LATE = TimedOut("cool: no complete answer within 1 s")

    @pytest.mark.parametrize("error", [LATE, Unreachable("cool: the connection broke", unanswered=True)])
    async def test_it_is_verified_by_readings(self, house: House, error: Unreachable) -> None:
        await house.begin(replace(AUTO, undo=Undo("undo", on_resolved=True)))
        await house.read(25)
        await house.send(error)
        run = house.run()
        assert (run.state, run.detail) == (
            RunState.VERIFYING,
            f"{error}; whether it was made is not known, readings decide",
        )
        assert (run.called_at, run.deadline) == (house.clock.time, house.clock.time + AUTO.verify_within)
        await house.restart()
        await house.read(22)
        assert house.run().state is RunState.VERIFIED
        assert await house.send() == 1
        assert house.called[-1][0] == "undo"

    async def test_the_next_attempt_waits_for_the_verify_window_and_the_cool_down(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.send(self.LATE)
        called = house.clock.time
        await house.passes(MINUTE)
        run = house.run()
        assert (run.state, run.not_before) == (RunState.APPROVED, called + AUTO.cooldown)
        await house.passes(AUTO.cooldown)
        await house.send(self.LATE)
        assert (house.run().attempt, house.state) == (2, RunState.VERIFYING)
        await house.passes(MINUTE)
        assert house.state is RunState.ESCALATED

    async def test_an_undo_is_not_made_twice_and_people_hear_of_it(self, house: House) -> None:
        await house.begin(replace(AUTO, max_attempts=1, undo=Undo("undo")))
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        await house.send(self.LATE)
        undo = house.runs()[-1]
        assert (undo.undoes, undo.state) == (house.run().id, RunState.ESCALATED)
        assert undo.detail.endswith("; whether it was made is not known")
        await house.passes(HOUR)
        assert await house.send() == 0


class TestLateReturn:
    """A number that is back by a reading taken after a call was helped by it, be it later than was asked for."""

    RULE = replace(AUTO, undo=Undo("undo", on_resolved=True))
    SAID = "back on target: 25 before, 22 1m 10s after the call, later than the 1m asked for"

    async def missed(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.read(25)
        await house.send()
        await house.passes(MINUTE)
        assert house.state is RunState.APPROVED

    async def test_before_the_next_attempt(self, house: House) -> None:
        await self.missed(house)
        await house.read(22)
        run = house.run()
        assert (run.state, run.detail) == (RunState.VERIFIED, self.SAID)
        assert await house.send() == 1
        assert [name for name, _ in house.called] == ["cool", "undo"]

    @pytest.mark.parametrize("error", [Refused("gone", permanent=True), Refused("busy", status=503), Withheld("off")])
    async def test_while_a_call_is_under_way_that_fails(self, house: House, error: Refused) -> None:
        await self.missed(house)
        await house.passes(AUTO.cooldown)
        (delivery,) = await house.claim()
        await house.read(22)
        await house.settle(delivery, error)
        assert house.run().state is RunState.VERIFIED
        assert house.run().detail.endswith("later than the 1m asked for")
        assert await house.send() == 1

    async def test_a_reading_from_before_the_call_verifies_nothing(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.read(25)
        await house.send(Refused("busy", status=503))
        await house.read(22)
        assert house.run().state is RunState.SKIPPED


class TestInTheOutbox:
    async def test_a_number_that_came_back_is_not_corrected(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.read(22)
        assert await house.send() == 0
        assert (house.state, house.run().attempt) == (RunState.SKIPPED, 0)

    async def test_of_one_that_may_have_been_made_that_is_said(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.claim()  # and killed while it is sent
        await house.restart(after=2 * MINUTE)
        await house.read(22)
        assert await house.send() == 0
        assert house.run().detail == "came back before the call, and whether it was made before is not known"

    async def test_one_that_is_too_old_is_decided_anew(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        (delivery,) = await house.claim()
        await house.settle(delivery, Withheld("too late to make this call"))
        assert (house.state, house.run().attempt) == (RunState.CALLED, 1)
        assert await house.send() == 1

    async def test_one_that_an_earlier_version_gave_out_is_decided_anew(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.store.commit(Commit(house.clock.time, corrections=[replace(house.run(), queued=0)]))
        await house.restart()
        (delivery,) = await house.claim()
        await house.settle(delivery, Withheld("too late to make this call"))
        assert (house.state, house.run().queued) == (RunState.CALLED, 2)
        assert await house.send() == 1

    async def test_what_it_depends_on_may_be_off_by_then(self, house: House) -> None:
        await house.begin(AUTO, target=replace(TARGET, depends_on=("b",)))
        await house.read(25)
        for _ in range(2):
            await house.pipeline.handle([], Polled("b", house.clock.time, "gone"))
        assert await house.send() == 0
        assert (house.state, house.run().detail) == (RunState.APPROVED, "waits for b")

    async def test_one_that_a_reload_took_the_rule_of_is_not_sent(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        house.target = TARGET
        await house.configure()
        await house.read(25)
        assert house.state is RunState.SKIPPED
        assert await house.send() == 0

    async def test_who_wants_to_be_left_alone_for_a_while_is(self, house: House) -> None:
        await house.begin(AUTO)
        await house.read(25)
        await house.send(Refused("answered 429", status=429, retry_after=300.0))
        await house.passes(299 * SECOND)
        assert await house.send() == 0
        await house.passes(SECOND)
        assert await house.send() == 1

    async def test_an_instance_that_is_gone_is_not_corrected(self, house: House) -> None:
        await house.begin(AUTO, replace(ASK, action="undo"))
        await house.read(25)
        house.target = replace(house.target, by=("room",))
        await house.configure()
        await house.passes(MINUTE)
        assert await house.send() == 0
        assert {run.state for run in house.runs() if not run.key.labels} == {RunState.SKIPPED}


class TestBudget:
    """Only calls that were made count, or that may have been."""

    HOURLY = (1, 3600)

    async def house(self, house: House, which: str, rule: CorrectRule = AUTO) -> None:
        of_all = Restraint(self.HOURLY) if which == "all" else Restraint()
        cool = action("cool", budget=self.HOURLY if which == "one" else None)
        await house.begin(rule, actions={"cool": cool, "undo": action("undo")}, corrections=of_all)

    @pytest.mark.parametrize("which", ["one", "all"])
    @pytest.mark.parametrize("restarts", [False, True])
    async def test_one_that_was_withheld_does_not(self, house: House, which: str, restarts: bool) -> None:
        await self.house(house, which)
        await house.read(25)
        await house.switch_corrections(False, ANN)
        assert await house.send() == 0
        assert (house.state, house.run().attempt) == (RunState.APPROVED, 0)
        assert {one.state for one in await house.store.deliveries(9) if one.kind is DeliveryKind.CALL} == {
            DeliveryState.WITHHELD
        }
        if restarts:
            await house.restart()
        assert [one.calls for one in house.actions()] == [0, 0]
        await house.switch_corrections(True, ANN)
        assert (house.state, await house.send()) == (RunState.CALLED, 1)
        assert house.actions()[0].calls == 1

    async def test_a_precondition_that_fails_at_the_last_moment(self, house: House) -> None:
        await self.house(house, "one", replace(AUTO, precondition="last(outside) < 10"))
        await house.outside(5)
        await house.read(25)
        await house.outside(15)
        assert (await house.send(), house.state) == (0, RunState.SKIPPED)
        assert house.actions()[0].calls == 0

    async def test_a_dry_run(self, house: House) -> None:
        await self.house(house, "one", replace(AUTO, dry_run=True))
        await house.read(25)
        assert (house.state, house.actions()[0].calls) == (RunState.SKIPPED, 0)

    async def test_one_that_may_have_been_made_before_does(self, house: House) -> None:
        await self.house(house, "one")
        await house.read(25)
        await house.claim()  # and killed while it is sent
        await house.restart(after=2 * MINUTE)
        await house.switch_corrections(False, ANN)
        assert await house.send() == 0
        assert house.actions()[0].calls == 1


class TestPeriod:
    """Rows that are stamped with their day tell what was read after the call."""

    SALES = Target(
        "sales",
        "Sales",
        Goal(Measure.SUM, at_least=100, per=RollingPeriod(7 * DAY)),
        Selector("temperature"),
        alerts=(AlertRule("hot", Standing.MISSED, notify=("team",)),),
    )

    async def begin(self, house: House) -> None:
        rule = replace(AUTO, max_attempts=1, undo=Undo("undo"))
        await house.begin(rule, target=self.SALES)
        await self.rows(house, {0: 10})
        assert await house.send() == 1
        assert house.state is RunState.VERIFYING

    async def rows(self, house: House, values: dict[int, float], after: int = SECOND) -> None:
        house.clock.time += after
        now = house.clock.time
        day = now - now % DAY
        read = [Reading(series("temperature"), day - back * DAY, value) for back, value in values.items()]
        await house.pipeline.handle(read, Polled("a", now))

    @pytest.mark.parametrize("rows", [{0: 150}, {0: 10, 1: 140}])
    @pytest.mark.parametrize("restarts", [True, False])
    async def test_what_is_read_after_the_call_verifies(
        self, house: House, rows: dict[int, float], restarts: bool
    ) -> None:
        await self.begin(house)
        if restarts:
            await house.restart()
        await self.rows(house, rows)
        assert (house.state, house.run().detail) == (
            RunState.VERIFIED,
            "back on target: 10 before, 150 1s after the call",
        )
        await house.passes(HOUR)
        assert await house.send() == 0
        assert [n["reason"] for n in await house.notices()] == ["firing", "resolved"]

    async def test_what_was_read_during_the_call_is_verified_by_the_next_poll(self, house: House) -> None:
        await house.begin(AUTO, target=self.SALES)
        await self.rows(house, {0: 10})
        (delivery,) = await house.claim()
        await self.rows(house, {0: 150})
        await house.settle(delivery)
        assert house.state is RunState.VERIFYING
        await self.rows(house, {0: 150})  # nothing new
        assert house.state is RunState.VERIFIED

    async def test_without_them_it_has_failed(self, house: House) -> None:
        await self.begin(house)
        await self.rows(house, {0: 20})
        await house.passes(MINUTE)
        assert house.run().state is RunState.ESCALATED


UNDO = Undo("undo")


class TestOver:
    """An alert that is over is not told as one that fires."""

    async def late(self, house: House, undo: Undo = UNDO, **more: Any) -> None:
        alert = replace(TARGET.alerts[0], **more)
        await house.begin(replace(AUTO, max_attempts=1, undo=undo), target=replace(TARGET, alerts=(alert,)))
        await house.read(25)
        taken = house.clock.time + SECOND
        house.clock.time += 2 * SECOND
        assert await house.send() == 1
        house.clock.time += SECOND
        await house.pipeline.handle([Reading(series("temperature"), taken, 22)], Polled("a", house.clock.time))
        assert house.state is RunState.VERIFYING

    async def test_a_reading_from_before_the_call_neither_verifies_nor_fails(self, house: House) -> None:
        await self.late(house)
        await house.passes(MINUTE)
        run = house.run()
        assert run.state is RunState.SKIPPED
        assert run.detail.startswith("the alert is over, but no reading taken after the call says so")
        assert await house.send() == 0
        assert [n["reason"] for n in await house.notices()] == ["firing", "resolved"]

    async def test_what_was_called_is_taken_back_all_the_same_where_that_follows_the_end(self, house: House) -> None:
        await self.late(house, Undo("undo", on_resolved=True))
        await house.passes(MINUTE)
        assert (house.state, await house.send()) == (RunState.SKIPPED, 1)
        assert [name for name, _ in house.called] == ["cool", "undo"]
        await house.passes(HOUR)
        assert await house.send() == 0

    async def test_nor_while_the_alert_recovers(self, house: House) -> None:
        await self.late(house, keep_firing_for=90 * SECOND)
        await house.passes(MINUTE)
        assert (house.state, house.run().deadline) == (RunState.VERIFYING, house.clock.time + MINUTE)
        await house.reads_on(30 * SECOND)
        await house.passes(30 * SECOND)
        assert house.state is RunState.SKIPPED

    async def test_a_call_that_is_refused_meanwhile_is_not_told(self, house: House) -> None:
        await house.begin(replace(AUTO, max_attempts=1))
        await house.read(25)
        (delivery,) = await house.claim()
        await house.read(22)
        await house.settle(delivery, Refused("answered 404", status=404, permanent=True))
        assert (house.state, house.run().detail) == (RunState.SKIPPED, "answered 404; the alert is over")
        assert [n["reason"] for n in await house.notices()] == ["firing", "resolved"]


class TestPutOff:
    """A call that is not made since it is not its turn is no attempt."""

    async def test_it_is_made_when_its_turn_has_come(self, house: House) -> None:
        later = Refused("chat_postMessage is called as often as is allowed", permanent=False, retry_after=90)
        later.unsent = True
        await house.begin(replace(AUTO, max_attempts=1))
        await house.read(25)
        for _ in range(3):
            await house.send(later)
            run = house.run()
            assert (run.state, run.attempt, run.not_before) == (RunState.APPROVED, 0, house.clock.time + 90 * SECOND)
            assert "as often as is allowed" in run.detail
            await house.restart()
            await house.passes(90 * SECOND)
            assert house.state is RunState.CALLED
        await house.send()
        assert (house.state, house.run().attempt) == (RunState.VERIFYING, 1)
        assert house.actions()[0].calls == 1


class TestUnread:
    """What nobody can read is not called for again."""

    RULE = replace(AUTO, max_attempts=3, cooldown=MINUTE)

    async def fails(self, house: House, steps: int) -> None:
        for _ in range(steps):
            await house.read(None, error="answered 500")

    async def test_while_its_source_fails_there_is_no_other_call(self, house: House) -> None:
        await house.begin(self.RULE)
        await house.read(25)
        assert await house.send() == 1
        await self.fails(house, 60)
        assert (await house.send(), house.state) == (0, RunState.APPROVED)
        assert house.run().detail.startswith("waits for a reading: ")
        await house.read(25)
        assert (await house.send(), house.run().attempt) == (1, 2)
        await self.fails(house, 60)
        await house.read(22)
        assert (await house.send(), house.state) == (0, RunState.VERIFIED)

    async def test_a_controlled_value_is_not_driven_on(self, house: House) -> None:
        await house.begin(replace(self.RULE, max_attempts=50, output="{{ value }}"))
        await house.read(25)
        assert await house.send() == 1
        await self.fails(house, 20)
        assert await house.send() == 0
        await house.read(24.5)
        assert (await house.send(), house.called[-1][1]["output"]) == (1, 24.5)

    async def test_its_last_attempt_says_that_nothing_was_read(self, house: House) -> None:
        await house.begin(replace(self.RULE, max_attempts=1))
        await house.read(25)
        await house.send()
        await self.fails(house, 6)
        assert house.state is RunState.ESCALATED
        assert house.run().detail == "not back on target within 1m: 25 before, no reading since the call"
        assert house.run().after is None

    async def test_what_fell_due_while_the_daemon_was_down_is_called_when_it_was_read(self, house: House) -> None:
        await house.begin(replace(self.RULE, cooldown=5 * MINUTE))
        await house.read(25)
        await house.send(Unreachable("no connection"))
        await house.restart(after=HOUR)
        await house.passes(SECOND)
        assert (await house.send(), house.state) == (0, RunState.APPROVED)
        await house.read(22, after=2 * SECOND)
        assert (await house.send(), house.state) == (0, RunState.SKIPPED)


class TestAgain:
    """A number that goes off again before its alert has resolved."""

    ROOM = replace(TARGET, alerts=(replace(TARGET.alerts[0], keep_firing_for=30 * MINUTE),))
    ONCE = replace(AUTO, max_attempts=1, undo=Undo("undo", on_resolved=True))

    async def helped(self, house: House) -> None:
        await house.begin(self.ONCE, target=self.ROOM)
        await house.read(25)
        await house.send()
        await house.read(22)
        assert house.state is RunState.VERIFIED

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_it_is_corrected_again_after_the_cool_down(self, house: House, restarts: bool) -> None:
        await self.helped(house)
        if restarts:
            await house.restart()
        await house.read(25)
        first, again = house.runs()
        assert (first.state, again.state, again.of) == (RunState.VERIFIED, RunState.APPROVED, first.of)
        assert (again.not_before, await house.send()) == ((first.called_at or 0) + AUTO.cooldown, 0)
        await house.passes(AUTO.cooldown)
        assert await house.send() == 1
        await house.read(22)
        await house.reads_on(30 * MINUTE)
        assert (await house.send(), [name for name, _ in house.called]) == (1, ["cool", "cool", "undo"])

    async def test_what_helped_is_taken_back_though_the_next_call_did_not(self, house: House) -> None:
        await self.helped(house)
        await house.read(25)
        await house.passes(AUTO.cooldown)
        await house.send()
        await house.passes(MINUTE)
        assert house.runs()[-1].state is RunState.ESCALATED
        await house.restart()
        await house.read(22)
        await house.read(25)
        await house.passes(AUTO.cooldown)
        assert await house.send() == 0  # one that failed is not tried again
        await house.read(22)
        await house.reads_on(30 * MINUTE)
        assert (await house.send(), [name for name, _ in house.called]) == (1, ["cool", "cool", "undo"])
