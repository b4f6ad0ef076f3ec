"""One alert of a target: what contradicts itself in its life, and the rule that it becomes."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from agent.config.burning import burn_rates, check_burn
from agent.config.document import Document
from agent.config.errors import Path
from agent.config.language import AlertSection, FlappingSection, OftenSection, TargetSection
from rules.model import AlertRule, EscalationStep, Flapping, Often, SeverityStep, Standing, labels_of

_BY_A_NUMBER = frozenset({Standing.OUT_OF_BAND, Standing.BEHIND, Standing.MISSED})


def check_life(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    """Says what can never happen between the alert's beginning and its end."""
    _check_often(alert, target, (*path, "for"), document)
    _check_worse(alert, target, (*path, "worse"), document)
    check_burn(alert, target, path, document)
    flaps = alert.flapping
    if isinstance(flaps, FlappingSection) and flaps.low >= flaps.high:
        document.report((*path, "flapping"), f"low {flaps.low:.4g} has to be less than high {flaps.high:.4g}")
    for index, (one, other) in enumerate(pairwise(alert.escalate), 1):
        if other.after <= one.after:
            document.report((*path, "escalate", index, "after"), "has to be later than that of the step before")


def _check_worse(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    """Each step lies farther outside than the goal and the step before, and has a severity of its own."""
    goal = target.goal
    if not alert.worse or document.is_broken((*path[:2], "goal")):
        return
    if goal is None or goal.condition is not None or alert.when not in _BY_A_NUMBER:
        kinds = ", ".join(sorted(_BY_A_NUMBER))
        document.report(path, f"is for a goal with at_least or at_most, and for when: {kinds}", at_key=True)
        return
    limits = {"at_least": _limit(goal.at_least, inf), "at_most": _limit(goal.at_most, -inf)}
    known = [alert.severity]
    for index, step in enumerate(alert.worse):
        at = (*path, index)
        if step.severity in known:
            document.report((*at, "severity"), f"{step.severity} is not another severity than that of a step before")
        known.append(step.severity)
        if step.at_least is None and step.at_most is None:
            document.report(at, "needs at_least or at_most", at_key=True)
        for key, limit in limits.items():
            bound = getattr(step, key)
            if bound is None:
                continue
            if limit is None:
                document.report((*at, key), f"the goal has no {key}", at_key=True)
                continue
            if bound >= limit if key == "at_least" else bound <= limit:
                document.report((*at, key), f"{bound:g} is not farther outside than {limit:g}")
            limits[key] = bound


def _limit(bound: object, unknown: float) -> float | None:
    """What a step has to lie outside of; a number that is looked up is not known here."""
    return bound if bound is None or isinstance(bound, float) else unknown


def _check_often(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    often = alert.for_
    if not isinstance(often, OftenSection):
        return
    if often.breaches > often.of:
        document.report((*path, "breaches"), f"{often.breaches} of {often.of} can't be")
    if alert.when is Standing.NO_DATA:
        document.report(path, "counts readings, and no_data has none; write a duration")
    elif target.source:
        document.report(path, "counts readings, and a check-in is late without one; write a duration")


def _flapping(flaps: bool | FlappingSection) -> Flapping | None:
    if isinstance(flaps, FlappingSection):
        return Flapping(flaps.low, flaps.high, flaps.of)
    return Flapping() if flaps else None


def alert_rule(model: AlertSection) -> AlertRule:
    """The rule as the engine takes it."""
    often = model.for_ if isinstance(model.for_, OftenSection) else None
    return AlertRule(
        name=model.name,
        when=model.when,
        for_=0 if isinstance(model.for_, OftenSection) else model.for_,
        keep_firing_for=model.keep_firing_for,
        severity=model.severity,
        labels=labels_of(model.labels),
        annotations=labels_of(model.annotations),
        notify=tuple(model.notify),
        repeat=model.repeat_interval,
        often=Often(often.breaches, often.of) if often else None,
        burn=burn_rates(model),
        worse=tuple(SeverityStep(s.severity, s.at_least, s.at_most, tuple(s.notify)) for s in model.worse),
        flapping=_flapping(model.flapping),
        escalate=tuple(EscalationStep(step.after, tuple(step.to)) for step in model.escalate),
    )
