"""Corrections: which corrective call is made when, and whether readings taken after it say that it helped.

A run goes approved -> called -> verifying -> verified, or back to approved for another attempt, or failed; a failed
one is escalated. It is skipped when the number comes back before the call. All of it follows from rows and the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rules.model import (
    DAY,
    SECOND,
    AlertState,
    Assessment,
    Correction,
    CorrectRule,
    Event,
    InstanceState,
    RunState,
    Target,
    Transition,
)
from rules.words import span

OPEN = frozenset({RunState.PROPOSED, RunState.APPROVED, RunState.CALLED, RunState.VERIFYING})
LONGEST_BUDGET = DAY  # the longest span over which a budget counts calls
_RETRY_AFTER = 10 * SECOND  # the first wait after a call that did not get through; doubles


def begin(target: Target, transition: Transition, earlier: Iterable[Correction]) -> list[Correction]:
    """The runs that a transition begins: one for each rule of an alert that starts firing.

    `earlier` are runs of the same instance; their last call starts the cool-down.
    """
    if transition.event is not Event.FIRING or transition.before is AlertState.RECOVERING:
        return []
    runs = []
    for rule in target.correct:
        if rule.on != transition.alert:
            continue
        calls = (min(r.called_at, transition.at) for r in earlier if r.action == rule.action and r.called_at)
        last = max(calls, default=None)
        runs.append(
            Correction(
                id=f"{transition.fingerprint}-{transition.at}-{rule.action}",
                key=transition.key,
                alert=transition.alert,
                fingerprint=transition.fingerprint,
                episode=transition.episode,
                action=rule.action,
                state=RunState.APPROVED,
                attempt=0,
                created=transition.at,
                updated=transition.at,
                not_before=transition.at if last is None else max(transition.at, last + rule.cooldown),
            )
        )
    return runs


def step(run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int) -> Correction:
    """The run after time passed or its instance changed; the same run if nothing moved it."""
    if run.state is RunState.APPROVED:
        return _step_approved(_not_later(run, now), instance, now)
    if run.state is RunState.VERIFYING:
        return _step_verifying(_not_later(run, now), rule, instance, now)
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


def _step_approved(run: Correction, instance: InstanceState | None, now: int) -> Correction:
    if not is_firing(run, instance):
        which = "another" if run.attempt else "the"
        return replace(run, state=RunState.SKIPPED, updated=now, detail=f"came back before {which} call")
    if run.not_before is not None and now < run.not_before:
        return run
    return replace(run, state=RunState.CALLED, attempt=run.attempt + 1, updated=now, not_before=None)


def _step_verifying(run: Correction, rule: CorrectRule, instance: InstanceState | None, now: int) -> Correction:
    if instance is not None and came_back(run, instance.assessment):
        took = span(max((instance.assessment.time or now) - (run.called_at or now), SECOND))
        return replace(run, state=RunState.VERIFIED, updated=now, detail=f"back on target {took} after the call")
    if run.deadline is None or now < run.deadline:
        return run
    return _attempt_failed(run, rule, now, f"not back on target within {span(rule.verify_within)}")


def came_back(run: Correction, assessment: Assessment) -> bool:
    """Whether a reading taken after the call ended puts the instance back on target."""
    taken = assessment.time is not None and run.called_at is not None and assessment.time > run.called_at
    return taken and not assessment.hold and assessment.recovered is True


def answered(run: Correction, rule: CorrectRule, now: int, answer: str, *, error: bool, permanent: bool) -> Correction:
    """The run after its call ended. Only readings can verify it, whatever the answer was."""
    if not error:
        return replace(
            run, state=RunState.VERIFYING, updated=now, called_at=now, deadline=now + rule.verify_within, detail=answer
        )
    if permanent:
        return replace(run, state=_end(rule), updated=now, detail=answer)
    wait = min(_RETRY_AFTER << (run.attempt - 1), max(rule.cooldown, _RETRY_AFTER))
    return _attempt_failed(replace(run, called_at=None), rule, now, answer, wait)


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


def wake(run: Correction) -> int | None:
    """When time alone moves the run on."""
    return {RunState.APPROVED: run.not_before, RunState.VERIFYING: run.deadline}.get(run.state)


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


def line(run: Correction) -> str:
    """One line of plain words about the run."""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    detail = f": {run.detail}" if run.detail else ""
    words = "was not repeated" if run.state is RunState.SKIPPED and run.attempt else _WORDS[run.state]
    return f"Correction {run.action} {words}{attempt}{detail}"


_WORDS = {
    RunState.PROPOSED: "proposed",
    RunState.APPROVED: "waits for its time",
    RunState.CALLED: "is being called",
    RunState.VERIFYING: "called, being verified",
    RunState.VERIFIED: "verified",
    RunState.FAILED: "failed",
    RunState.ESCALATED: "failed and was escalated",
    RunState.SKIPPED: "was not needed",
}
