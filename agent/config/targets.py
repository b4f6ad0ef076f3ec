"""The `targets` section: models become the vocabulary of the rules, checked against everything they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.config.alerting import alert_rule
from agent.config.checks import check_alerts, check_goal, check_recover
from agent.config.corrections import check_corrections, correct_rule
from agent.config.dependencies import check_dependencies
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.goals import build_goal, check_not_itself
from agent.config.kinds import receiver_names, reference, section_names
from agent.config.language import (
    AlertSection,
    Defaults,
    TargetSection,
)
from agent.config.remedies import CorrectSection
from agent.config.routing import check_intervals
from agent.config.series import check_selector, of_condition
from agent.config.sources import CHECKIN, Given, given
from agent.config.validate import section, validated
from rules.measures import MEASURES
from rules.model import (
    AlertRule,
    Checkin,
    CorrectRule,
    NoData,
    Recover,
    Selector,
    Target,
)
from rules.selectors import parse_selector

Rules = tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a target may name: the check-in sources that are right, everything else as it is written."""

    document: Document
    defaults: Defaults
    given: Given
    source_kinds: Mapping[str, str]
    checkins: Mapping[str, Any]
    receivers: frozenset[str]
    actions: frozenset[str]
    rules: dict[Rules, Rules] = field(default_factory=dict)  # one for all that are alike


def build_targets(document: Document, defaults: Defaults, checkins: Mapping[str, Any]) -> dict[str, Target]:
    """The targets by name; mistakes are reported. `checkins` are the configurations of the check-in sources."""
    sources = document.data.get("sources")
    kinds = (
        {n: str(d.get("type")) for n, d in sources.items() if isinstance(d, dict)} if isinstance(sources, dict) else {}
    )
    around = Surroundings(
        document=document,
        defaults=defaults,
        given=given(document),
        source_kinds=kinds,
        checkins=checkins,
        receivers=receiver_names(document),
        actions=frozenset(section_names(document, "actions")),
    )
    found: dict[str, Target] = {}
    for name, data in section(document, "targets").items():
        path = ("targets", name)
        model = validated(TargetSection, data, path, document)
        if model is not None:
            found[name] = _target(name, model, path, around)
    check_dependencies(found, kinds, document)
    return found


def _target(name: str, model: TargetSection, path: Path, around: Surroundings) -> Target:
    document = around.document
    zone = model.timezone or around.defaults.timezone
    selector, selectors = _selectors(model, path, around)
    _check_labels(model, selectors, path, around)
    if model.goal is not None:
        check_goal(model.goal, (*path, "goal"), document)
    check_recover(model, path, document)
    check_alerts(model, path, document)
    check_corrections(model, path, document)
    goal = build_goal(model.goal, (*path, "goal"), zone, document, around.given) if model.goal else None
    if goal is not None:
        check_not_itself(goal, selector, (*path, "goal"), document)
    alerts = tuple(_alert(a, (*path, "alerts", i), around) for i, a in enumerate(model.alerts))
    return Target(
        name=name,
        title=model.title or name,
        goal=goal,
        selector=selector,
        source=model.source,
        checkin=_checkin(model.source, around),
        by=tuple(model.by),
        combine=model.combine or (MEASURES[goal.measure].combine if goal else None),
        recover=Recover(model.recover.at_least, model.recover.at_most) if model.recover else None,
        no_data=NoData(model.no_data.after, model.no_data.then) if model.no_data else None,
        alerts=around.rules.setdefault(alerts, alerts),
        correct=tuple(_correct(c, (*path, "correct", i), around) for i, c in enumerate(model.correct)),
        zone=zone,
        unit=model.unit,
        depends_on=tuple(model.depends_on),
        mute=check_intervals(model.mute_time_intervals, (*path, "mute_time_intervals"), around.document),
    )


def _selectors(model: TargetSection, path: Path, around: Surroundings) -> tuple[Selector | None, list[Selector]]:
    """The target's own selector, and all it reads; says which of series, condition and source are too many."""
    document = around.document
    condition = model.goal.condition if model.goal else None
    forms = [
        form
        for form, is_there in (("series", model.series), ("goal.condition", condition), ("source", model.source))
        if is_there
    ]
    if not forms:
        document.report(path, "needs a series, a goal with a condition, or the source of a check-in", at_key=True)
    elif len(forms) > 1:
        document.report(path, f"has {' and '.join(forms)}; give one of them", at_key=True)
    if model.source:
        _check_source(model, path, around)
    selectors = of_condition(condition, (*path, "goal", "condition"), document, around.given) if condition else []
    if not model.series:
        return None, selectors
    try:
        selector = parse_selector(model.series)
    except ValueError as error:
        document.report((*path, "series"), str(error))
        return None, selectors
    check_selector(selector, (*path, "series"), document, around.given)
    return selector, [*selectors, selector]


def _check_labels(model: TargetSection, selectors: list[Selector], path: Path, around: Surroundings) -> None:
    """Every label in `by` has to be given with the series of the target; of a condition with one of its series all."""
    given_with = [around.given.labels.get(selector.name) for selector in selectors]
    known = frozenset[str]().union(*(labels or () for labels in given_with))
    if None in given_with or not selectors or not around.given.complete:
        return
    for index, label in enumerate(model.by):
        if label not in known:
            item = (*path, "by", index)
            at = item if around.document.node(item) is not None else item[:-1]
            hint = near(label, known) or f"there are {choices(known)}"
            around.document.report(at, f"no series of this target has a label {label}", hint)
    if known.issuperset(model.by) and not any(labels and labels.issuperset(model.by) for labels in given_with):
        message = f"no series of this condition has all of {', '.join(model.by)}, so that it makes instances"
        around.document.report((*path, "by"), message)


def _check_source(model: TargetSection, path: Path, around: Surroundings) -> None:
    document, at = around.document, (*path, "source")
    checkins = [name for name, kind in around.source_kinds.items() if kind == CHECKIN]
    if model.source in around.source_kinds and model.source not in checkins:
        document.report(at, f"{document.written(at)} is not a check-in; name one of its series instead: series: …")
    elif model.source:
        reference(at, model.source, checkins, "check-in source", document)
    for key in ("goal", "by", "combine", "recover", "no_data"):
        if getattr(model, key):
            document.report(
                (*path, key), "means nothing for a check-in, which is met or missed; remove it", at_key=True
            )


def _checkin(source: str | None, around: Surroundings) -> Checkin | None:
    config = around.checkins.get(source) if source else None
    if config is None:
        return None
    zone = config.timezone or around.defaults.timezone
    return Checkin(schedule=config.schedule, every=config.every, zone=zone, grace=config.grace)


def _alert(model: AlertSection, path: Path, around: Surroundings) -> AlertRule:
    for index, receiver in enumerate(model.notify):
        _check_receiver((*path, "notify"), index, receiver, around)
    for number, worse in enumerate(model.worse):
        for index, receiver in enumerate(worse.notify):
            _check_receiver((*path, "worse", number, "notify"), index, receiver, around)
    for number, step in enumerate(model.escalate):
        for index, receiver in enumerate(step.to):
            _check_receiver((*path, "escalate", number, "to"), index, receiver, around)
    return alert_rule(model)


def _correct(model: CorrectSection, path: Path, around: Surroundings) -> CorrectRule:
    for index, receiver in enumerate(model.escalate.to if model.escalate else ()):
        _check_receiver((*path, "escalate", "to"), index, receiver, around)
    return correct_rule(model, path, around.document, around.actions, around.given)


def _check_receiver(path: Path, index: int, name: str, around: Surroundings) -> None:
    if name not in around.receivers:
        item = (*path, index)
        at = item if around.document.node(item) is not None else path  # one name may stand without a list
        reference(at, name, around.receivers, "receiver", around.document)
