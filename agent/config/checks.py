"""Contradictions inside one target: what can never be true, or never happen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agent.config.alerting import check_life
from agent.config.configuration import ActionEntry
from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.language import WEEKDAYS, AlertSection, GoalSection, TargetSection
from agent.config.series import report_mistakes
from rules.alerts import NO_DATA_ALERT, SOURCE_ALERT
from rules.conditions import compile_where
from rules.expressions import ConditionError
from rules.measures import MEASURES, NAMES
from rules.model import CalendarPeriod, CorrectRule, Measure, NoDataThen, RollingPeriod, Sign, Standing, Target

_OTHERS = "default"
_ALWAYS = frozenset({Standing.NO_DATA})
_SIGNS = frozenset({Sign.UNUSUAL})  # burning says itself what it needs
_LEVEL = _ALWAYS | {Standing.IN_BAND, Standing.OUT_OF_BAND}
_DECIDED = _ALWAYS | {Standing.MET, Standing.MISSED}
_PERIOD = _DECIDED | {Standing.TOO_EARLY, Standing.ON_TRACK, Standing.BEHIND}


def check_goal(goal: GoalSection, path: Path, document: Document) -> None:
    """A goal says at least one number or a condition, and nothing that can't be."""
    if goal.condition is not None:
        return
    if goal.at_least is None and goal.at_most is None:
        document.report(path, "needs at_least, at_most or a condition", at_key=True)
    _check_order(goal, path, document)
    _check_measure(goal, path, document)
    if goal.plan is not None and not document.is_broken(path):
        _check_plan(goal, path, document)


def _check_order(goal: GoalSection, path: Path, document: Document) -> None:
    """In no period the lower bound lies above the upper one."""
    lows, highs = _by_period(goal.at_least), _by_period(goal.at_most)
    for name in {**lows, **highs}:
        low, high = (bounds.get(name, bounds.get(_OTHERS)) for bounds in (lows, highs))
        if low is None or high is None or low <= high:
            continue
        if name in lows:
            document.report(_place(goal.at_least, (*path, "at_least"), name), f"{low:g} is more than at_most {high:g}")
        else:
            document.report(_place(goal.at_most, (*path, "at_most"), name), f"{high:g} is less than at_least {low:g}")


def _by_period(bound: object) -> Mapping[str, float]:
    """The numbers of a bound by the name of their period; a single one is that of all others. None are looked up."""
    if isinstance(bound, dict):
        return bound
    return {_OTHERS: bound} if isinstance(bound, float) else {}


def _place(bound: object, path: Path, name: str) -> Path:
    """Where a bound's number for a period is written."""
    return (*path, name) if isinstance(bound, dict) else path


def _check_plan(goal: GoalSection, path: Path, document: Document) -> None:
    """A course leads through a period that ends; the usual weekdays through one that has them all."""
    means = MEASURES[goal.measure[0] if goal.measure else Measure.SUM]
    at = (*path, "plan")
    if goal.per is None or isinstance(goal.per, RollingPeriod):
        document.report(at, "is the course of a period that ends; add per: month or such", at_key=True)
    elif not means.grows or (goal.plan == WEEKDAYS and not means.adds_up):
        fit = [name for name in NAMES if MEASURES[Measure(name)].adds_up]
        fit += [] if goal.plan == WEEKDAYS else [Measure.LAST]
        document.report(at, f"is for what grows in a period: measure {', '.join(fit)}", at_key=True)
    elif goal.plan == WEEKDAYS and isinstance(goal.per, CalendarPeriod) and goal.per.unit in {"hour", "day"}:
        document.report(at, f"{goal.per.unit}s have no weekdays; use a week or longer")


def _check_measure(goal: GoalSection, path: Path, document: Document) -> None:
    """Measures other than the newest value need a period, a share needs what it counts."""
    measure = goal.measure[0] if goal.measure else None
    if goal.per is None and measure not in {None, Measure.LAST} and not document.is_broken(path):
        name = document.written((*path, "measure"))
        message = f"{name} is made of the readings of a period; add per, for example per: month"
        document.report((*path, "measure"), message)
    if goal.where is not None and measure is not Measure.SHARE:
        if not document.is_broken((*path, "measure")):
            document.report((*path, "where"), "is what a share counts; add measure: share", at_key=True)
    elif goal.where is not None:
        try:
            compile_where(goal.where)
        except ConditionError as error:
            report_mistakes(error, (*path, "where"), document)
    elif measure is Measure.SHARE and not document.is_broken((*path, "where")):
        message = "is of the readings that satisfy a condition; add it, for example where: value == 1"
        document.report((*path, "measure"), f"share {message}")
    if measure is Measure.SHARE:
        _check_share(goal, path, document)


def _check_share(goal: GoalSection, path: Path, document: Document) -> None:
    for key, bound in (("at_least", goal.at_least), ("at_most", goal.at_most)):
        for name, number in _by_period(bound).items():
            if not 0 <= number <= 1:
                document.report(_place(bound, (*path, key), name), "of a share is from 0 to 1, or from 0% to 100%")


def check_recover(target: TargetSection, path: Path, document: Document) -> None:
    """The band to recover into lies inside the goal's."""
    recover, goal, at = target.recover, target.goal, (*path, "recover")
    if recover is None or target.source or document.is_broken((*path, "goal")):
        return
    if goal is None or goal.condition is not None or goal.per is not None:
        document.report(at, "is for a goal with at_least or at_most and without per", at_key=True)
        return
    if recover.at_least is None and recover.at_most is None:
        document.report(at, "needs at_least or at_most", at_key=True)
    fixed = [bound if isinstance(bound, float) else None for bound in (goal.at_least, goal.at_most)]
    low, high = fixed
    for key, value in (("at_least", recover.at_least), ("at_most", recover.at_most)):
        if value is None:
            continue
        if not isinstance(getattr(goal, key), float):
            had = "has no" if getattr(goal, key) is None else "looks up its"
            document.report((*at, key), f"the goal {had} {key}", at_key=True)
        elif (low is not None and value < low) or (high is not None and value > high):
            document.report((*at, key), f"{value:g} lies outside the goal's band")
    if recover.at_least is not None and recover.at_most is not None and recover.at_least > recover.at_most:
        document.report((*at, "at_least"), f"{recover.at_least:g} is more than at_most {recover.at_most:g}")


def _possible(target: TargetSection) -> tuple[frozenset[Standing | Sign], str]:
    """What an alert of the target can wait for, and what makes it so."""
    standings, why = _standings(target)
    has_series = not target.source and (target.goal is None or target.goal.condition is None)
    return (standings | _SIGNS if has_series else standings), why


def _standings(target: TargetSection) -> tuple[frozenset[Standing], str]:
    if target.source:
        return _DECIDED, "a check-in"
    if target.goal is None:
        return _ALWAYS, "a target without a goal"
    if target.goal.per is None:
        return _LEVEL, "a condition" if target.goal.condition else "a goal without per"
    if isinstance(target.goal.per, RollingPeriod):
        return _DECIDED, "a goal over a rolling period"
    return _PERIOD, "a goal with per"


_IDENTITY = ("alertname", "target", "severity")


def check_alerts(target: TargetSection, path: Path, document: Document) -> None:
    """Alerts have different names and wait for what can happen."""
    possible, why = _possible(target)
    if document.is_broken((*path, "goal")) or document.is_broken((*path, "source")):
        possible = frozenset(Standing) | _SIGNS
    first: dict[str, int] = {}
    for index, alert in enumerate(target.alerts):
        at = (*path, "alerts", index)
        if alert.name in first:
            place = document.place((*path, "alerts", first[alert.name], "name"))
            document.report((*at, "name"), f"this target has two alerts of this name; the first is at {place}")
        first.setdefault(alert.name, index)
        _check_name(alert, target, (*at, "name"), document)
        if alert.when is not Sign.BURNING and alert.when not in possible:
            can = choices(possible)
            document.report((*at, "when"), f"{alert.when} never happens to {why}", f"what can happen: {can}")
        check_life(alert, target, at, document)
        for name in alert.labels:
            if name in _IDENTITY or name in target.by:
                document.report(
                    (*at, "labels", name), "is a label that every alert of this target has already", at_key=True
                )
        _check_templates(
            alert.annotations, frozenset((*_IDENTITY, *target.by, *alert.labels)), (*at, "annotations"), document
        )
    for index, name in enumerate(target.by):
        if name in _IDENTITY:
            document.report(
                (*path, "by", index), f"{name} is a label of the alert itself; give the series' label another name"
            )


def _check_name(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    """No alert has the name of one that is there by itself."""
    if alert.name == SOURCE_ALERT:
        document.report(path, f"{SOURCE_ALERT} is the alert of sources that can't be read; give this one another name")
    adds_one = target.no_data is not None and target.no_data.then is NoDataThen.ALERT
    if alert.name == NO_DATA_ALERT and adds_one and all(one.when is not Standing.NO_DATA for one in target.alerts):
        said = f"{NO_DATA_ALERT} is the alert that no_data adds to this target"
        document.report(path, f"{said}; give this one another name, or when: no_data in place of that")


def check_calls(targets: Iterable[Target], actions: Mapping[str, ActionEntry], document: Document) -> None:
    """What a call takes of labels, every alert that it is made for has."""
    for target in targets:
        for on, called in ((rule.on, name) for rule in target.correct for name in _called(rule)):
            action = actions.get(called)
            alert = next((alert for alert in target.alerts if alert.name == on), None)
            if action is None or alert is None or not hasattr(action.config, "templates"):
                continue
            from connectors.template import labels_needed

            labels = frozenset((*_IDENTITY, *target.by, *dict(alert.labels)))
            for key, text in action.config.templates():
                for label in sorted(labels_needed(text) - labels):
                    path = ("actions", action.name, *key)
                    document.report(path, *_no_label(label, labels, f"alert {alert.name} of {target.name}"))


def _called(rule: CorrectRule) -> tuple[str, ...]:
    return (rule.action, rule.undo.action) if rule.undo else (rule.action,)


def check_programs(actions: Iterable[ActionEntry], commands: Sequence[str], document: Document) -> None:
    """No action runs a program that the process's settings do not allow."""
    for action in actions:
        may_run = getattr(action.config, "may_run", None)
        if may_run is not None and not may_run(commands):
            known = f"there are {choices(commands)}" if commands else "none is allowed"
            hint = f"{known}; add it to SETPOINT_ALLOWED_COMMANDS where the daemon runs"
            said = f"{action.config.program} is not allowed to be run"
            document.report(("actions", action.name, "argv", 0), said, hint)


def _check_templates(texts: dict[str, str], labels: frozenset[str], path: Path, document: Document) -> None:
    for name, text in texts.items():
        if "{" not in text:
            continue
        from connectors.template import TemplateError, check, labels_needed

        try:
            check(text)
        except TemplateError as error:
            document.report((*path, name), str(error))
            continue
        for label in sorted(labels_needed(text) - labels):
            document.report((*path, name), *_no_label(label, labels))


def _no_label(label: str, labels: frozenset[str], of: str = "this alert") -> tuple[str, str]:
    """What is said, and the hint, of a template that takes a label which is not there."""
    hint = near(label, labels) or f"there are {choices(labels)}; by gives an alert the labels of its series"
    return f"{of} has no label {label}", hint
