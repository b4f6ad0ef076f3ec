"""One alert of a target: what contradicts itself in its life, and the rule that it becomes."""

from __future__ import annotations

from itertools import pairwise

from agent.config.document import Document
from agent.config.errors import Path
from agent.config.language import AlertSection, OftenSection, TargetSection
from rules.model import AlertRule, EscalationStep, Often, Standing, labels_of


def check_life(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    """Says what can never happen between the alert's beginning and its end."""
    _check_often(alert, target, (*path, "for"), document)
    for index, (one, other) in enumerate(pairwise(alert.escalate), 1):
        if other.after <= one.after:
            document.report((*path, "escalate", index, "after"), "has to be later than that of the step before")


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
        often=Often(often.breaches, often.of) if often else None,
        escalate=tuple(EscalationStep(step.after, tuple(step.to)) for step in model.escalate),
    )
