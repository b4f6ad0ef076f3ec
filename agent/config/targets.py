"""The `targets` section: models become the vocabulary of the rules, checked against everything they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.config.alerting import alert_rule
from agent.config.checks import check_alerts, check_corrections, check_goal, check_recover
from agent.config.dependencies import check_dependencies
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.kinds import receiver_names, reference, section_names
from agent.config.language import (
    AlertSection,
    CorrectSection,
    Defaults,
    FixedSpan,
    GoalSection,
    TargetSection,
)
from agent.config.routing import check_intervals
from agent.config.sources import CHECKIN, Given, given
from agent.config.spans import fixed_period
from agent.config.validate import section, validated
from rules.conditions import ConditionError, compile_condition
from rules.model import (
    AlertRule,
    Checkin,
    Combine,
    CorrectRule,
    Goal,
    Measure,
    NoData,
    Recover,
    Selector,
    Target,
)
from rules.selectors import parse_selector

_ADDING = frozenset({Measure.SUM, Measure.COUNT, Measure.INCREASE})


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
    goal = _goal(model.goal, (*path, "goal"), zone, document) if model.goal else None
    return Target(
        name=name,
        title=model.title or name,
        goal=goal,
        selector=selector,
        source=model.source,
        checkin=_checkin(model.source, around),
        by=tuple(model.by),
        combine=model.combine or (Combine.SUM if goal and goal.measure in _ADDING else None),
        recover=Recover(model.recover.at_least, model.recover.at_most) if model.recover else None,
        no_data=NoData(model.no_data.after, model.no_data.then) if model.no_data else None,
        alerts=tuple(_alert(a, (*path, "alerts", i), around) for i, a in enumerate(model.alerts)),
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
    selectors = _of_condition(condition, (*path, "goal", "condition"), around) if condition else []
    if not model.series:
        return None, selectors
    try:
        selector = parse_selector(model.series)
    except ValueError as error:
        document.report((*path, "series"), str(error))
        return None, selectors
    _check_series(selector, (*path, "series"), 0, around)
    return selector, [*selectors, selector]


def _of_condition(text: str, path: Path, around: Surroundings) -> list[Selector]:
    try:
        condition = compile_condition(text)
    except ConditionError as error:
        around.document.report(path, str(error), offset=error.offset)
        return []
    for selector in condition.selectors:
        _check_series(selector, path, max(text.find(selector.name), 0), around)
    return list(condition.selectors)


def _check_series(selector: Selector, path: Path, offset: int, around: Surroundings) -> None:
    known = around.given
    if selector.name in known.labels:
        _check_matchers(selector, path, around)
    elif known.complete:
        hint = near(selector.name, known.labels) or (f"there are {choices(known.labels)}" if known.labels else "")
        around.document.report(path, f"no source gives the series {selector.name}", hint, offset=offset)


def _check_matchers(selector: Selector, path: Path, around: Surroundings) -> None:
    labels = around.given.labels[selector.name]
    for matcher in selector.matchers:
        wants_it = matcher.op == "=" and matcher.value
        if labels is not None and wants_it and matcher.name not in labels and around.given.complete:
            message = f"no source gives {selector.name} with a label {matcher.name}"
            around.document.report(path, message, near(matcher.name, labels) or f"there are {choices(labels)}")


def _check_labels(model: TargetSection, selectors: list[Selector], path: Path, around: Surroundings) -> None:
    """Every label in `by` has to be given with some series of the target."""
    known: set[str] = set()
    for selector in selectors:
        labels = around.given.labels.get(selector.name)
        if labels is None:
            return
        known |= labels
    for index, label in enumerate(model.by):
        if selectors and label not in known and around.given.complete:
            item = (*path, "by", index)
            at = item if around.document.node(item) is not None else item[:-1]
            hint = near(label, known) or f"there are {choices(known)}"
            around.document.report(at, f"no series of this target has a label {label}", hint)


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


def _goal(model: GoalSection, path: Path, zone: str, document: Document) -> Goal:
    per = model.per
    if isinstance(per, FixedSpan):
        per = fixed_period(per, zone, (*path, "per"), document)
    measure = model.measure or (Measure.SUM if per is not None else Measure.LAST)
    return Goal(measure, model.at_least, model.at_most, per, model.condition)


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
    reference((*path, "action"), model.action, around.actions, "action", around.document)
    receivers = model.escalate.to if model.escalate else []
    for index, receiver in enumerate(receivers):
        _check_receiver((*path, "escalate", "to"), index, receiver, around)
    return CorrectRule(
        on=model.on,
        action=model.action,
        cooldown=model.cooldown,
        max_attempts=model.max_attempts,
        verify_within=model.verify.within,
        escalate_to=tuple(receivers),
    )


def _check_receiver(path: Path, index: int, name: str, around: Surroundings) -> None:
    if name not in around.receivers:
        item = (*path, index)
        at = item if around.document.node(item) is not None else path  # one name may stand without a list
        reference(at, name, around.receivers, "receiver", around.document)
