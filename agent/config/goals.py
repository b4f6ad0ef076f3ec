"""The goal of a target: a section becomes the vocabulary of the rules."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.config.document import Document
from agent.config.errors import Path, near
from agent.config.language import WEEKDAYS, FixedSpan, GoalSection, SeriesValue
from agent.config.series import read_selector
from agent.config.sources import Given
from rules.model import CalendarPeriod, FixedPeriod, Goal, Lookup, Measure, Period, PeriodTable, Selector
from rules.periods import is_period_name, to_micros

_NAMES = {"day": "2026-01-31", "week": "2026-W05", "month": "2026-01", "quarter": "2026-Q1", "year": "2026"}


def check_not_itself(goal: Goal, measured: Selector | None, path: Path, document: Document) -> None:
    """A number can't be wanted to be what it is itself, nor be its own plan."""
    for key, found in (("at_least", goal.at_least_from), ("at_most", goal.at_most_from), ("plan", goal.plan)):
        if measured is not None and found == measured:
            document.report((*path, key), "is the series that is measured; name another one")


def build_goal(model: GoalSection, path: Path, zone: str, document: Document, known: Given) -> Goal:
    """The goal; mistakes are reported."""
    per = _fixed_period(model.per, zone, (*path, "per"), document) if isinstance(model.per, FixedSpan) else model.per
    measure, quantile = model.measure or (Measure.SUM if per is not None else Measure.LAST, 0.0)
    found: dict[str, Lookup | None] = {}
    for key in ("at_least", "at_most"):
        found[key] = _lookup(getattr(model, key), (*path, key), per, document, known)
    return Goal(
        measure,
        model.at_least if isinstance(model.at_least, float) else None,
        model.at_most if isinstance(model.at_most, float) else None,
        per,
        model.condition,
        model.where,
        quantile,
        found["at_least"],
        found["at_most"],
        _plan(model, path, document, known),
        model.plan == WEEKDAYS,
    )


def _fixed_period(span: FixedSpan, zone: str, path: Path, document: Document) -> FixedPeriod | None:
    """The period from the beginning of `from` to the end of `to`; None after a mistake was reported."""
    try:
        start = _instant(span.from_, zone)
        end = _instant(span.to if isinstance(span.to, datetime) else span.to + timedelta(days=1), zone)
    except (OverflowError, ValueError):
        document.report(path, "lies outside the calendar")
        return None
    if end <= start:
        document.report((*path, "to"), "lies before from")
        return None
    return FixedPeriod(start, end)


def _instant(moment: date | datetime, zone: str) -> int:
    """UTC microseconds; a date is its first moment in the zone."""
    local = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return to_micros(local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone)))


def _plan(model: GoalSection, path: Path, document: Document, known: Given) -> Selector | None:
    if isinstance(model.plan, SeriesValue):
        return read_selector(model.plan.series, (*path, "plan", "series"), document, known)
    if model.plan in {None, WEEKDAYS}:
        return None
    if known.complete and model.plan not in known.labels and (hint := near(str(model.plan), [WEEKDAYS])):
        document.report((*path, "plan"), f"no source gives the series {model.plan}", hint)
        return None
    return read_selector(str(model.plan), (*path, "plan"), document, known)


def _lookup(bound: object, path: Path, per: Period | None, document: Document, known: Given) -> Lookup | None:
    if isinstance(bound, SeriesValue):
        return read_selector(bound.series, (*path, "series"), document, known)
    if not isinstance(bound, dict):
        return None
    unit = per.unit if isinstance(per, CalendarPeriod) else ""
    if unit not in _NAMES and not document.is_broken((*path[:-1], "per")):
        document.report(path, f"by period needs a per of {', '.join(_NAMES)}", at_key=True)
    for name in bound if unit in _NAMES else ():
        if name != "default" and not is_period_name(unit, name):
            document.report((*path, name), f"is no {unit}; write for example {_NAMES[unit]}", at_key=True)
    values = {name: number for name, number in bound.items() if name != "default"}
    return PeriodTable(values, bound.get("default"))
