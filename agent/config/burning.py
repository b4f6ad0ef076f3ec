"""The pairs of windows that a burning alert looks at, checked against the budget and the period of its goal."""

from __future__ import annotations

from agent.config.document import Document
from agent.config.errors import Path
from agent.config.language import AlertSection, GoalSection, TargetSection
from connectors.fields import LONGEST
from rules import burning
from rules.model import DAY, HOUR, BurnRate, CalendarPeriod, Measure, RollingPeriod, Sign, duration_text

_LEAST = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 28 * DAY, "quarter": 90 * DAY, "year": 365 * DAY}


def check_burn(alert: AlertSection, target: TargetSection, path: Path, document: Document) -> None:
    """There is a budget, and windows that it can be judged by."""
    if alert.when is not Sign.BURNING:
        if alert.burn:
            document.report((*path, "burn"), "is for an alert with when: burning", at_key=True)
        return
    goal = target.goal
    if document.is_broken((*path[:2], "goal")):
        return
    if goal is None or goal.measure is None or goal.measure[0] is not Measure.SHARE or goal.at_least is None:
        message = "burning is for a goal with measure: share and at_least; the rest is its budget"
        document.report((*path, "when"), message)
    elif not isinstance(goal.at_least, float):
        document.report((*path, "when"), "burning is for an at_least that is a number; one that changes has no budget")
    elif goal.at_least >= 1:
        document.report((*path[:2], "goal", "at_least"), "leaves no errors to burn; nothing but 100% is good enough")
    _check_windows(alert, goal, path, document)


def _check_windows(alert: AlertSection, goal: GoalSection | None, path: Path, document: Document) -> None:
    length = _length(goal)
    for index, pair in enumerate(alert.burn):
        at = (*path, "burn", index)
        if pair.short >= pair.long:
            document.report((*at, "short"), f"has to be shorter than long, {duration_text(pair.long)}")
        if pair.long > length:
            document.report((*at, "long"), f"is longer than the goal's period, {duration_text(length)}")
    longest = max(pair.long for pair in _usual(alert.severity))
    if not alert.burn and longest > length:
        message = f"looks back over {duration_text(longest)}, and the goal's period is {duration_text(length)}"
        document.report((*path, "when"), f"{message}; add burn with shorter windows")


def _length(goal: GoalSection | None) -> int:
    """The least length of the goal's period; of one span, more than any window has."""
    per = goal.per if goal else None
    if isinstance(per, RollingPeriod):
        return per.length
    return _LEAST[per.unit] if isinstance(per, CalendarPeriod) else LONGEST


def _usual(severity: str) -> tuple[BurnRate, ...]:
    return burning.PAGE if severity == "critical" else burning.TICKET


def burn_rates(model: AlertSection) -> tuple[BurnRate, ...]:
    """The alert's pairs of windows: its own, or the usual ones for its severity."""
    if model.when is not Sign.BURNING:
        return ()
    own = tuple(BurnRate(pair.rate, pair.long, pair.short) for pair in model.burn)
    return own or _usual(model.severity)
