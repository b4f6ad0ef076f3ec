from dataclasses import replace

import pytest

from rules import corrections
from rules.beginning import begin
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    AlertStatus,
    Approval,
    Assessment,
    Correction,
    CorrectRule,
    Event,
    Goal,
    InstanceKey,
    InstanceState,
    RunState,
    Selector,
    Standing,
    Target,
    Transition,
)
from rules.undoing import undoing

RULE = CorrectRule("hot", "cool", cooldown=15 * MINUTE, max_attempts=2, verify_within=10 * MINUTE)
TARGET = Target("room", "Room", Goal(at_most=23), Selector("t"), alerts=(AlertRule("hot", Standing.OUT_OF_BAND),), correct=(RULE,))  # fmt: skip
KEY = InstanceKey("room")
T0 = 1_000 * MINUTE


def firing(before: AlertState = AlertState.INACTIVE) -> Transition:
    return Transition(KEY, "hot", "f" * 16, 1, Event.FIRING, T0, before, AlertState.FIRING, ())


def room(
    state: AlertState = AlertState.FIRING, *, time: int = T0, recovered: bool = False, **more: object
) -> InstanceState:
    assessment = Assessment(Standing.OUT_OF_BAND, 25.0, time=time, recovered=recovered, **more)
    return InstanceState(KEY, assessment, T0, T0, alerts={"hot": AlertStatus(state, T0, T0, 1)})


def begun() -> Correction:
    return begin(TARGET, firing(), [])[0]


def called(run: Correction, now: int) -> Correction:
    run = corrections.step(run, RULE, room(), now)
    assert run.state is RunState.CALLED
    return corrections.answered(run, RULE, now, "200 OK", error=False, permanent=False)


def test_a_number_that_comes_back_before_the_call_needs_none() -> None:
    assert corrections.step(begun(), RULE, room(AlertState.INACTIVE), T0).state is RunState.SKIPPED
    assert corrections.step(begun(), RULE, None, T0).state is RunState.SKIPPED


def test_a_number_that_comes_back_between_two_calls_needs_no_other() -> None:
    run = corrections.step(begun(), RULE, room(), T0)
    failed = corrections.answered(run, RULE, T0 + 1, "answered 500", error=True, permanent=False)
    ended = corrections.step(failed, RULE, room(AlertState.INACTIVE), T0 + 2)
    assert ended.state is RunState.SKIPPED
    called = replace(ended, state=RunState.CALLED, attempt=1, detail="")
    assert corrections.line(called) == "Correction cool is being called"  # said before the call was made
    assert corrections.line(ended) == "Correction cool was not repeated: came back before another call"


def test_only_a_reading_taken_after_the_call_verifies() -> None:
    run = called(begun(), T0)
    before = corrections.step(run, RULE, room(time=T0, recovered=True), T0 + MINUTE)
    assert before.state is RunState.VERIFYING
    held = corrections.step(run, RULE, room(time=T0 + 1, recovered=True, hold=True), T0 + MINUTE)
    assert held.state is RunState.VERIFYING
    after = corrections.step(run, RULE, room(time=T0 + 1, recovered=True), T0 + MINUTE)
    assert after.state is RunState.VERIFIED


@pytest.mark.parametrize(
    ("start", "read", "state"),
    [
        (T0 - DAY, T0 + 1, RunState.VERIFIED),
        (T0 - DAY, T0, RunState.VERIFYING),  # read before the call ended
        (T0 - DAY, None, RunState.VERIFYING),
        (T0 + 1, T0 + 2, RunState.VERIFYING),  # another period began, and nothing is known of it
        (None, T0 + 1, RunState.VERIFYING),  # a level is as old as its reading
    ],
)
def test_of_a_period_it_counts_when_its_readings_were_read(
    start: int | None, read: int | None, state: RunState
) -> None:
    run = called(begun(), T0)
    day = room(time=T0 - HOUR, recovered=True, start=start)
    assert corrections.step(run, RULE, day, T0 + MINUTE, read).state is state


@pytest.mark.parametrize("state", [AlertState.INACTIVE, AlertState.PENDING])
def test_an_alert_that_is_over_is_not_lost(state: AlertState) -> None:
    run = called(begun(), T0)
    over = room(state, time=T0, recovered=True)
    assert corrections.step(run, RULE, over, T0 + 10 * MINUTE - 1) == run
    ended = corrections.step(run, RULE, over, T0 + 10 * MINUTE)
    assert (ended.state, ended.detail) == (
        RunState.SKIPPED,
        "the alert is over, but no reading taken after the call says so",
    )
    assert corrections.line(ended).startswith("Correction cool was not repeated: ")
    kept = corrections.step(run, RULE, room(AlertState.RECOVERING, time=T0, recovered=True), T0 + 10 * MINUTE)
    assert (kept.state, kept.deadline) == (RunState.VERIFYING, T0 + 20 * MINUTE)


def test_a_deadline_that_passed_while_nothing_was_read_leaves_time_to_read() -> None:
    run, late = called(begun(), T0), T0 + 2 * HOUR
    waits = corrections.step(run, RULE, room(), late, T0)
    assert (waits.state, waits.deadline) == (RunState.VERIFYING, late + 10 * MINUTE)
    assert corrections.step(waits, RULE, room(), late + 10 * MINUTE, T0).state is RunState.APPROVED  # but no more
    assert corrections.step(run, RULE, room(), late, T0 + 1).state is RunState.APPROVED
    assert corrections.step(run, RULE, room(), T0 + 10 * MINUTE, T0).state is RunState.APPROVED


def test_an_answer_of_200_that_does_nothing_is_a_failed_correction() -> None:
    run = called(begun(), T0)
    deadline = T0 + 10 * MINUTE
    assert corrections.wake(run) == deadline
    assert corrections.step(run, RULE, room(), deadline - 1) == run
    again = corrections.step(run, RULE, room(), deadline)
    assert (again.state, again.not_before) == (RunState.APPROVED, T0 + 15 * MINUTE)
    second = called(again, T0 + 15 * MINUTE)
    assert second.attempt == 2
    ended = corrections.step(second, RULE, room(), T0 + 25 * MINUTE)
    assert ended.state is RunState.FAILED
    assert "not back on target within 10m" in ended.detail


def test_it_is_escalated_where_the_rule_says_to_whom() -> None:
    rule = replace(RULE, max_attempts=1, escalate_to=("oncall",))
    run = called(begun(), T0)
    assert corrections.step(run, rule, room(), T0 + 10 * MINUTE).state is RunState.ESCALATED


@pytest.mark.parametrize(("permanent", "state"), [(True, RunState.FAILED), (False, RunState.APPROVED)])
def test_a_call_that_does_not_get_through_is_tried_again_unless_that_is_in_vain(
    permanent: bool, state: RunState
) -> None:
    run = corrections.step(begun(), RULE, room(), T0)
    after = corrections.answered(run, RULE, T0 + SECOND, "connection refused", error=True, permanent=permanent)
    assert after.state is state
    if not permanent:
        assert after.not_before == T0 + 11 * SECOND


class TestProposals:
    RULE = replace(RULE, approve_within=30 * MINUTE)

    def asked(self) -> Correction:
        return begin(replace(TARGET, correct=(self.RULE,)), firing(), [])[0]

    def test_it_waits_for_a_person_and_lapses(self) -> None:
        run = self.asked()
        assert (run.state, run.deadline) == (RunState.PROPOSED, T0 + 30 * MINUTE)
        assert corrections.wake(run) == run.deadline
        assert corrections.step(run, self.RULE, room(), T0 + 30 * MINUTE - 1) == run
        lapsed = corrections.step(run, self.RULE, room(), T0 + 30 * MINUTE)
        assert corrections.line(lapsed) == "Correction cool was skipped: nobody approved within 30m"

    @pytest.mark.parametrize(
        ("state", "stands"),
        [
            (AlertState.FIRING, True),
            (AlertState.RECOVERING, True),
            (AlertState.INACTIVE, False),
            (AlertState.PENDING, False),
        ],
    )
    def test_it_stands_while_the_alert_is_open(self, state: AlertState, stands: bool) -> None:
        run = corrections.step(self.asked(), self.RULE, room(state), T0 + MINUTE)
        assert (run.state is RunState.PROPOSED) == stands
        assert stands or run.detail == "came back before the call"

    def test_what_a_person_says(self) -> None:
        agreed = corrections.decided(self.asked(), Approval("ann", T0 + MINUTE))
        assert (agreed.state, agreed.deadline, agreed.updated) == (RunState.APPROVED, None, T0 + MINUTE)
        assert corrections.step(agreed, self.RULE, room(), T0 + MINUTE).state is RunState.CALLED
        refused = corrections.decided(self.asked(), Approval("ann", T0 + MINUTE, "the window is open", given=False))
        assert corrections.line(refused) == "Correction cool was skipped: rejected by ann: the window is open"

    def test_a_clock_that_is_set_back_leaves_as_long_as_there_was(self) -> None:
        moved = corrections.step(self.asked(), self.RULE, room(), T0 - 60 * MINUTE)
        assert moved.deadline == T0 - 30 * MINUTE


def test_a_call_that_was_held_back_was_no_attempt() -> None:
    run = corrections.step(begun(), RULE, room(), T0)
    held = corrections.held_back(run, T0 + 1, "corrections are off")
    assert (held.state, held.attempt, held.queued) == (RunState.APPROVED, 0, 1)
    again = corrections.step(held, RULE, room(), T0 + 2)
    assert (again.attempt, again.queued) == (1, 2)  # and has another key


def test_an_undo_ends_with_its_answer_and_needs_no_firing_alert() -> None:
    rule = replace(RULE, action="off", cooldown=0)
    undo = undoing(replace(begun(), state=RunState.FAILED, attempt=2), "off", T0)
    run = corrections.step(undo, rule, room(AlertState.INACTIVE), T0)
    assert (run.state, run.attempt, run.of) == (RunState.CALLED, 1, T0)
    done = corrections.answered(run, rule, T0 + 1, "answered 200", error=False, permanent=False)
    assert corrections.line(done) == "Undoing off was done: answered 200"
    failed = corrections.answered(run, rule, T0 + 1, "refused", error=True, permanent=False)
    assert (failed.state, failed.not_before) == (RunState.APPROVED, T0 + 1 + 10 * SECOND)


def test_one_with_an_output_is_called_again_after_the_cooldown_until_its_attempts_are_used() -> None:
    rule = replace(RULE, output="{{ value }}")
    run = called(begun(), T0)
    run = corrections.answered(replace(run, state=RunState.CALLED), rule, T0, "", error=False, permanent=False)
    assert run.deadline == T0 + rule.cooldown
    assert corrections.step(run, rule, room(), T0 + rule.cooldown - 1) == run
    again = corrections.step(run, rule, room(), T0 + rule.cooldown)
    assert (again.state, again.attempt) == (RunState.CALLED, 2)
    last = corrections.answered(again, rule, T0 + rule.cooldown, "", error=False, permanent=False)
    assert last.deadline == T0 + rule.cooldown + rule.verify_within
    assert corrections.step(last, rule, room(), last.deadline).state is RunState.FAILED


def test_an_old_record_goes_on_with_another_key_than_before() -> None:
    old = replace(begun(), state=RunState.APPROVED, attempt=2)  # `queued` was not kept then
    assert corrections.step(old, RULE, room(), T0).queued == 3


def test_budget() -> None:
    hour = 60 * MINUTE
    assert corrections.within_budget([], None, T0) == 0
    assert corrections.within_budget([T0 - 5 * MINUTE], (2, 3600), T0) == 0
    assert corrections.within_budget([T0 - 5 * MINUTE, T0 - MINUTE], (2, 3600), T0) == T0 - 5 * MINUTE + hour
    assert corrections.within_budget([T0 - hour, T0 - MINUTE], (2, 3600), T0) == 0


class TestClockSetBack:
    """What was to come in so long comes in so long, counted from the step."""

    BACK = T0 - 60 * MINUTE

    def test_a_deadline(self) -> None:
        run = called(begun(), T0)
        assert corrections.is_due(run, self.BACK)
        moved = corrections.step(run, RULE, room(), self.BACK)
        assert (moved.called_at, moved.deadline) == (self.BACK, self.BACK + 10 * MINUTE)
        assert (moved.created, moved.state) == (run.created, RunState.VERIFYING)
        assert not corrections.is_due(moved, self.BACK + 10 * MINUTE - 1)
        assert corrections.step(moved, RULE, room(), self.BACK + 10 * MINUTE).state is RunState.APPROVED
        seen = room(time=self.BACK + 1, recovered=True)
        assert corrections.step(run, RULE, seen, self.BACK + 2).state is RunState.VERIFYING  # taken before the step
        assert corrections.step(moved, RULE, seen, self.BACK + 2).state is RunState.VERIFIED

    def test_the_wait_for_the_next_attempt(self) -> None:
        failed = corrections.step(called(begun(), T0), RULE, room(), T0 + 10 * MINUTE)
        assert failed.not_before == T0 + 15 * MINUTE
        moved = corrections.step(failed, RULE, room(), self.BACK)
        assert moved.not_before == self.BACK + 5 * MINUTE
        assert corrections.step(moved, RULE, room(), self.BACK + 5 * MINUTE).state is RunState.CALLED

    def test_the_cooldown_of_a_call_in_the_future(self) -> None:
        earlier = replace(begun(), state=RunState.VERIFIED, called_at=T0 + 60 * MINUTE)
        assert begin(TARGET, firing(), [earlier])[0].not_before == T0 + 15 * MINUTE

    def test_a_call_under_way_and_a_run_that_ended_wait_for_nothing(self) -> None:
        run = corrections.step(begun(), RULE, room(), T0)
        assert corrections.step(run, RULE, room(), self.BACK) == run
        for state in (RunState.CALLED, RunState.VERIFIED, RunState.ESCALATED):
            assert not corrections.is_due(replace(run, state=state), self.BACK)
