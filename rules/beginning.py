"""Corrections: which runs begin when an alert fires, fires on after all, or a person asks for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rules.corrections import LOST, OPEN
from rules.model import (
    MINUTE,
    AlertState,
    Approval,
    Correction,
    CorrectRule,
    Event,
    RunState,
    Target,
    Transition,
)

_BY_HAND = (15 * MINUTE, 1, 10 * MINUTE)  # cool-down, attempts and time to verify where no rule says them


def begin(target: Target, transition: Transition, earlier: Iterable[Correction]) -> list[Correction]:
    """The runs that a transition begins: one for each rule of an alert that starts firing, or fires on after all: it
    flapped and settled so, or went again while it recovered.

    `earlier` are runs of the same instance; their last call starts the cool-down.
    """
    again, known = _fires_again(transition), list(earlier)
    if not again and (transition.event is not Event.FIRING or transition.before is AlertState.RECOVERING):
        return []
    found = [rule for rule in target.correct if rule.on == transition.alert]
    return [_begun(r, transition, known) for r in found if not (again and _is_answered(r, transition, known))]


def _fires_again(transition: Transition) -> bool:
    """Whether an alert that fired before is off target once more; while it flaps that is not asked."""
    if transition.event is Event.FIRING:
        return transition.before is AlertState.RECOVERING and not transition.quiet
    return transition.event is Event.SETTLED


def _is_answered(rule: CorrectRule, transition: Transition, earlier: Iterable[Correction]) -> bool:
    """Whether a run of this firing is open, failed, or was rejected or dry: what came back meanwhile needs another."""
    runs = _of_firing(rule, transition, earlier)
    said_no = any(run.approval is not None and not run.approval.given for run in runs)
    return said_no or any(run.state in OPEN | LOST or run.dry_run for run in runs)


def _of_firing(rule: CorrectRule, transition: Transition, earlier: Iterable[Correction]) -> list[Correction]:
    """The runs by the same rule of the same firing."""
    of = (transition.fingerprint, transition.fired_at, rule.action)
    return [run for run in earlier if (run.fingerprint, run.of, run.action) == of]


def _begun(rule: CorrectRule, transition: Transition, earlier: Sequence[Correction]) -> Correction:
    calls = (min(r.called_at, transition.at) for r in earlier if r.action == rule.action and r.called_at)
    cool = max((at + rule.cooldown for at in calls), default=transition.at)
    driven = [run.driven for run in _of_firing(rule, transition, earlier) if run.driven is not None]
    within = rule.approve_within
    return Correction(
        id=f"{transition.fingerprint}-{transition.at}-{rule.action}",
        key=transition.key,
        alert=transition.alert,
        fingerprint=transition.fingerprint,
        episode=transition.episode,
        action=rule.action,
        state=RunState.APPROVED if within is None else RunState.PROPOSED,
        attempt=0,
        created=transition.at,
        updated=transition.at,
        fired_at=transition.fired_at,
        deadline=None if within is None else transition.at + within,
        not_before=max(transition.at, cool),
        driven=driven[-1] if driven else None,
    )


def by_hand(transition: Transition, rule: CorrectRule, earlier: Iterable[Correction], asked: Approval) -> Correction:
    """The run that a person asks for while an alert fires; `transition` is of the alert now."""
    run = _begun(replace(rule, approve_within=None), transition, list(earlier))
    return replace(run, approval=asked, by_hand=True)


def bare_rule(alert: str, action: str) -> CorrectRule:
    """What bounds a run that no rule began."""
    return CorrectRule(alert, action, *_BY_HAND)
