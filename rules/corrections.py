"""Corrections: which corrective call is made when, and whether readings taken after it say that it helped.

A run goes proposed -> approved -> called -> verifying -> verified, or back to approved for another attempt, or failed;
a failed one is escalated. It is skipped when the number comes back before the call, when nobody approves it, or when it
is rejected; and when its alert is over though no reading says that the call was why. One with an output is called again
and again while the alert fires. All of it follows from rows and the time; what bounds many runs together (budgets, the
breaker, one run at a time on one thing) is asked by who calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rules.model import (
    DAY,
    SECOND,
    AlertState,
    Approval,
    Assessment,
    Correction,
    CorrectRule,
    InstanceState,
    RunState,
    Target,
)
from rules.words import amount, span

OPEN = frozenset({RunState.PROPOSED, RunState.APPROVED, RunState.CALLED, RunState.VERIFYING})
ACTING = frozenset({RunState.CALLED, RunState.VERIFYING})  # it may be changing the thing it acts on
LOST = frozenset({RunState.FAILED, RunState.ESCALATED})
ENDED_BADLY = LOST | {RunState.SKIPPED}
LONGEST_BUDGET = DAY  # the longest span over which a budget counts calls
BACK = "back on target"
CAME_BACK = "came back before"
LAPSED = "nobody approved within"
_LATER = ", later than the"
_OVER = "the alert is over, but no reading taken after the call says so"
_MISSED = SECOND  # a deadline that is noticed so late passed while nobody looked
_RETRY_AFTER = 10 * SECOND  # the first wait after a call that did not get through; doubles


def had_come_back(run: Correction) -> bool:
    """Whether a run ended since its number was back, or took that back."""
    return bool(run.undoes) or run.state is RunState.VERIFIED or run.detail.startswith(CAME_BACK)


def decided(run: Correction, approval: Approval) -> Correction:
    """The proposal after a person's word: approved, or skipped because it was rejected."""
    at, note = approval.at, f": {approval.note}" if approval.note else ""
    if approval.given:
        return replace(run, state=RunState.APPROVED, approval=approval, deadline=None, updated=at, detail="")
    detail = f"rejected by {approval.by}{note}"
    return replace(run, state=RunState.SKIPPED, approval=approval, deadline=None, updated=at, detail=detail)


def step(
    run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int, read: int | None = None
) -> Correction:
    """The run after time passed or its instance changed; the same run if nothing moved it.

    `read` is when the readings of its instance were last looked for, and what there was of them came in.
    """
    if run.state is RunState.PROPOSED:
        run = _not_later(run, now)
        return helped(run, rule, instance, now, read) or _step_proposed(run, rule, instance, now)
    if run.state is RunState.APPROVED:
        run = _not_later(run, now)
        return helped(run, rule, instance, now, read) or _step_approved(run, rule, instance, now)
    if run.state is RunState.VERIFYING:
        run = _not_later(run, now)
        return helped(run, rule, instance, now, read) or _step_verifying(run, rule, instance, now, read)
    return run


def _not_later(run: Correction, now: int) -> Correction:
    """The run, moved with a clock that was set back since: what was to come in ten minutes comes in ten minutes."""
    ahead = max(run.updated - now, 0)

    def moved(at: int | None) -> int | None:
        return None if at is None else at - ahead

    return replace(
        run,
        updated=run.updated - ahead,
        called_at=moved(run.called_at),
        deadline=moved(run.deadline),
        not_before=moved(run.not_before),
    )


def _step_proposed(run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int) -> Correction:
    """While the alert may still fire on, the question stands."""
    if not is_open(run, instance):
        return skipped(run, now, f"{CAME_BACK} {'another' if run.attempt else 'the'} call")
    if run.deadline is not None and now >= run.deadline:
        why = f"{LAPSED} {span(rule.approve_within or run.deadline - run.created)}"
        return given_up(run, rule, now, why)
    return run


def skipped(run: Correction, now: int, why: str) -> Correction:
    """The run, ended without its call or another one."""
    return replace(run, state=RunState.SKIPPED, updated=now, deadline=None, waits_for="", detail=why)


def given_up(run: Correction, rule: CorrectRule, now: int, why: str) -> Correction:
    """The run, ended though its alert fires on: failed if it was called in vain before."""
    ended = skipped(run, now, why)
    return replace(ended, state=_end(rule)) if run.attempt else ended


def waiting(run: Correction, now: int, why: str, until: int | None, waits_for: str = "") -> Correction:
    """The run, held back; the same run if it was so before. Without `until` something else moves it on."""
    if (run.detail, run.not_before, run.waits_for) == (why, until, waits_for):
        return run
    return replace(run, detail=why, not_before=until, waits_for=waits_for, updated=now)


def _step_approved(run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int) -> Correction:
    if not run.undoes and not is_firing(run, instance):
        return skipped(run, now, f"{CAME_BACK} {'another' if run.attempt else 'the'} call")
    if run.not_before is not None and now < run.not_before:
        return run
    if rule.approve_within is not None and run.approval is None and not run.undoes:  # a reload asks a person first
        until = now + rule.approve_within
        return replace(
            run, state=RunState.PROPOSED, updated=now, deadline=until, not_before=None, waits_for="", detail=""
        )
    queued = max(run.queued, run.attempt) + 1
    return replace(
        run,
        state=RunState.CALLED,
        attempt=run.attempt + 1,
        queued=queued,
        updated=now,
        not_before=None,
        waits_for="",
        detail="",
    )


def _step_verifying(
    run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int, read: int | None
) -> Correction:
    if run.deadline is None or now < run.deadline:
        return run
    if not is_open(run, instance):
        return skipped(run, now, _OVER)
    recovers = not is_firing(run, instance)  # by a reading from before the call: it may fire again, or be over
    is_unread = read is None or read <= (run.called_at or 0)
    if recovers or (is_unread and now > run.deadline + _MISSED):
        return replace(run, updated=now, deadline=now + max(_time_to_verify(run, rule), SECOND))
    if _drives_on(run, rule):
        return _step_approved(approved_again(run), rule, instance, now)
    return _attempt_failed(run, rule, now, f"not back on target within {span(rule.verify_within)}")


def helped(
    run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int, read: int | None = None
) -> Correction | None:
    """The run, verified by a reading taken after the last call that was made, be it later than was asked for."""
    if instance is None or run.undoes or not came_back(run, instance.assessment, read):
        return None
    took = max(_seen_at(run, instance.assessment.time, read or now) - (run.called_at or now), SECOND)
    late = f"{_LATER} {span(rule.verify_within)} asked for" if took > rule.verify_within else ""
    detail = f"{BACK} {span(took)} after the call{late}"
    return replace(
        run, state=RunState.VERIFIED, updated=now, deadline=None, not_before=None, waits_for="", detail=detail
    )


def came_back(run: Correction, assessment: Assessment, read: int | None = None) -> bool:
    """Whether a reading taken after the call ended puts the instance back on target.

    The readings of a period may be stamped with their day, long before the call, and be revised until it is over. So
    there it counts when they were read, as long as it is the period in which the call was made.
    """
    return not assessment.hold and assessment.recovered is True and is_read_after(run, assessment, read)


def is_read_after(run: Correction, assessment: Assessment, read: int | None) -> bool:
    """Whether the assessment goes by a reading that was taken after the call ended."""
    if run.called_at is None:
        return False
    if assessment.time is not None and assessment.time > run.called_at:
        return True
    in_period = assessment.start is not None and assessment.start <= run.called_at
    return in_period and read is not None and read > run.called_at


def _seen_at(run: Correction, time: int | None, at: int) -> int:
    """When the newest reading was taken; if its own time is before the call, when it was read."""
    return time if time is not None and time > (run.called_at or 0) else at


def answered(
    run: Correction, rule: CorrectRule, now: int, answer: str, *, error: bool, permanent: bool, not_within: int = 0
) -> Correction:
    """The run after its call ended. Only readings can verify it, whatever the answer was.

    `not_within` is how long the other side wants to be left alone.
    """
    if not error and run.undoes:
        return replace(run, state=RunState.UNDONE, updated=now, called_at=now, detail=answer)
    if not error:
        until = now + _time_to_verify(run, rule)
        return replace(run, state=RunState.VERIFYING, updated=now, called_at=now, deadline=until, detail=answer)
    if permanent:
        return replace(run, state=_end(rule), updated=now, detail=answer)
    wait = min(_RETRY_AFTER << (run.attempt - 1), max(rule.cooldown, _RETRY_AFTER))
    return _attempt_failed(run, rule, now, answer, max(wait, min(not_within, DAY)))


def approved_again(run: Correction) -> Correction:
    """A run that verifies, as it is when another call may follow at once."""
    return replace(run, state=RunState.APPROVED, deadline=None, not_before=None, detail="")


def held_back(run: Correction, now: int, why: str, not_within: int = 0) -> Correction:
    """The run whose call was stopped before it was made: that was no attempt.

    `not_within` is for how long no other may be made.
    """
    before = None if run.attempt == 1 else run.before
    queued = max(run.queued, run.attempt)  # an earlier version counted attempts only
    run = replace(run, attempt=run.attempt - 1, queued=queued, before=before)
    not_before = now + min(not_within, DAY) if not_within else run.not_before
    return replace(run, state=RunState.APPROVED, updated=now, detail=why, not_before=not_before)


def _drives_on(run: Correction, rule: CorrectRule) -> bool:
    """Whether another call with a new output follows if the number is not back by then."""
    return rule.output is not None and run.attempt < rule.max_attempts


def _time_to_verify(run: Correction, rule: CorrectRule) -> int:
    return rule.cooldown if _drives_on(run, rule) else rule.verify_within


def _attempt_failed(run: Correction, rule: CorrectRule, now: int, why: str, wait: int | None = None) -> Correction:
    if run.attempt >= rule.max_attempts:
        return replace(run, state=_end(rule), updated=now, detail=why)
    after = (run.called_at or now) + rule.cooldown if wait is None else now + wait
    return replace(run, state=RunState.APPROVED, updated=now, not_before=max(now, after), detail=why)


def _end(rule: CorrectRule) -> RunState:
    return RunState.ESCALATED if rule.escalate_to else RunState.FAILED


def is_firing(run: Correction, instance: InstanceState | None) -> bool:
    """Whether the episode the run belongs to is still open."""
    status = instance.alerts.get(run.alert) if instance else None
    return status is not None and status.state is AlertState.FIRING and status.episode == run.episode


def _is_recovering(run: Correction, instance: InstanceState | None) -> bool:
    status = instance.alerts.get(run.alert) if instance else None
    return status is not None and status.state is AlertState.RECOVERING and status.episode == run.episode


def is_open(run: Correction, instance: InstanceState | None) -> bool:
    """Whether the alert's episode is not over yet, be it recovering."""
    return is_firing(run, instance) or _is_recovering(run, instance)


def has_lapsed(run: Correction, instance: InstanceState | None) -> bool:
    """Whether a proposal ended since nobody said a word, while its alert is open."""
    return run.state in ENDED_BADLY and run.approval is None and is_open(run, instance)


def wake(run: Correction) -> int | None:
    """When time alone moves the run on."""
    if run.state is RunState.APPROVED:
        return run.not_before
    return run.deadline if run.state in {RunState.PROPOSED, RunState.VERIFYING} else None


def is_due(run: Correction, now: int) -> bool:
    """Whether its time has come, or has to be set anew since it was set by a clock that was ahead."""
    at = wake(run)
    return at is not None and (at <= now or run.updated > now)


def within_budget(calls: Sequence[int], budget: tuple[int, int] | None, now: int) -> int:
    """0 if one more call may be made now, else when. `budget` is (calls, seconds), `calls` are earlier times."""
    if budget is None:
        return 0
    count, seconds = budget
    recent = sorted(at for at in calls if at > now - seconds * SECOND)
    return 0 if len(recent) < count else recent[len(recent) - count] + seconds * SECOND


def with_numbers(run: Correction, target: Target) -> str:
    """The words about an ended run with the numbers before its first call and after its last."""
    before, after = run.before, run.after
    if run.called_at is None or before is None or before.value is None or (after and after.value is None):
        return run.detail
    said = f"{amount(before.value, target)} before"
    if after is None or after.value is None:
        return f"{run.detail}: {said}, no reading since the call"
    took = span(max(_seen_at(run, after.time, after.at) - run.called_at, SECOND))
    said = f"{said}, {amount(after.value, target)} {took} after the call"
    _, later, asked = run.detail.partition(_LATER)
    return f"{BACK}: {said}{later}{asked}" if run.state is RunState.VERIFIED else f"{run.detail}: {said}"


def line(run: Correction) -> str:
    """One line of plain words about the run."""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    by = f", approved by {run.approval.by}" if run.approval and run.approval.given and not run.by_hand else ""
    by = f", asked for by {run.approval.by}" if run.approval and run.by_hand else by
    detail = f": {run.detail}" if run.detail else ""
    words = "was not repeated" if run.state is RunState.SKIPPED and run.attempt else _WORDS[run.state]
    return f"{named(run)} {words}{attempt}{by}{detail}"


def named(run: Correction) -> str:
    """How every line about the run begins."""
    return f"{'Undoing' if run.undoes else 'Correction'} {run.action}"


_WORDS = {
    RunState.PROPOSED: "proposed",
    RunState.APPROVED: "waits for its time",
    RunState.CALLED: "is being called",
    RunState.VERIFYING: "called, being verified",
    RunState.VERIFIED: "verified",
    RunState.FAILED: "failed",
    RunState.ESCALATED: "failed and was escalated",
    RunState.SKIPPED: "was skipped",
    RunState.UNDONE: "was done",
}
