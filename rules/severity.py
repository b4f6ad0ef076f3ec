"""Severity steps: one alert that becomes graver the farther its number lies outside the goal.

It is raised as soon as the number lies outside the bounds of a graver step, and lowered when it has been back inside
those of its step for as long as the alert goes on firing after its condition is gone (`keep_firing_for`).
"""

from __future__ import annotations

from rules.model import AlertRule, AlertStatus, Assessment, Labels, Standing, labels_of
from rules.model.quick import replace

_GRAVITY = {"critical": 0, "error": 1, "warning": 2, "info": 3}


def follow(rule: AlertRule, status: AlertStatus, assessment: Assessment, now: int) -> AlertStatus:
    """A firing alert with the severity it has now that its instance stands so."""
    before, after = _rank(rule, status.severity), _outermost(rule, assessment)
    if after >= before:
        eased = replace(status, eased_at=None) if status.eased_at is not None else status
        return eased if after == before else replace(eased, severity=_name(rule, after))
    since = now if status.eased_at is None else status.eased_at
    if now - since < rule.keep_firing_for:
        return replace(status, eased_at=since)
    return replace(status, severity=_name(rule, after), eased_at=None)


def at_first(rule: AlertRule, assessment: Assessment) -> str:
    """The severity step an alert fires with; empty: its own severity."""
    return _name(rule, _outermost(rule, assessment))


def is_graver(rule: AlertRule, severity: str, than: str) -> bool:
    """Whether a severity is of a graver step than another, or of one at all."""
    return _rank(rule, severity) > _rank(rule, than)


def gravity(severity: str) -> int:
    """The order of severities, the gravest first; all that are not known come last."""
    return _GRAVITY.get(severity, len(_GRAVITY))


def labelled(rule: AlertRule, labels: Labels, step: str) -> Labels:
    """The labels with the severity of a step."""
    return labels_of({**dict(labels), "severity": step or rule.severity})


def also_told(rule: AlertRule, labels: Labels) -> tuple[str, ...]:
    """Who hears of the alert at its present severity beside the others."""
    steps = rule.worse[: _rank(rule, dict(labels).get("severity", "")) + 1]
    return tuple(name for step in steps for name in step.notify)


def _rank(rule: AlertRule, severity: str) -> int:
    return next((rank for rank, step in enumerate(rule.worse) if step.severity == severity), -1)


def _name(rule: AlertRule, rank: int) -> str:
    return rule.worse[rank].severity if rank >= 0 else ""


def _outermost(rule: AlertRule, assessment: Assessment) -> int:
    """The rank of the gravest step whose bounds the number lies outside; -1: of none. Who is behind: the projection."""
    projection = assessment.projection
    value = projection.value if projection and assessment.standing is Standing.BEHIND else assessment.value
    if value is None:
        return -1
    outside = [
        rank
        for rank, step in enumerate(rule.worse)
        if (step.at_least is not None and value < step.at_least) or (step.at_most is not None and value > step.at_most)
    ]
    return max(outside, default=-1)
