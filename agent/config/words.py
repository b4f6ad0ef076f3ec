"""Goals, spans and schedules in words, for people who check what was understood."""

from __future__ import annotations

from datetime import timedelta

from agent.config.configuration import SourceEntry
from rules.measures import measure_text
from rules.model import (
    AlertRule,
    CalendarPeriod,
    CorrectRule,
    FixedPeriod,
    Goal,
    Lookup,
    Measure,
    Period,
    PeriodTable,
    Pid,
    RollingPeriod,
    Selector,
    Target,
    Undo,
    duration_text,
    percentage,
)
from rules.periods import to_local

_TABLE_MOST = 4  # periods of a table that are said


def number(value: float) -> str:
    """A number as people read it: 10,000 or 0.999."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.10g}"


def period(per: Period, zone: str) -> str:
    """`per month`, `over the last 30d`, `from 2026-01-01 to 2026-03-31`."""
    if isinstance(per, CalendarPeriod):
        return f"per {per.unit}"
    if isinstance(per, RollingPeriod):
        return f"over the last {duration_text(per.length)}"
    return _fixed(per, zone)


def _fixed(per: FixedPeriod, zone: str) -> str:
    start, end = to_local(per.start, zone), to_local(per.end, zone)
    if not (start.hour or start.minute or end.hour or end.minute):
        return f"from {start:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"
    return f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def band(at_least: float | None, at_most: float | None) -> str:
    """`at least 20 and at most 23`."""
    bounds = (("at least", at_least), ("at most", at_most))
    return " and ".join(f"{words} {number(value)}" for words, value in bounds if value is not None)


def goal(wanted: Goal | None, zone: str) -> str:
    """`sum at least 10,000 per month`, `at least 20 and at most 23`, `condition: …`."""
    if wanted is None:
        return "no goal"
    if wanted.condition is not None:
        return f"condition: {wanted.condition}"
    bounds = [
        f"{words} {_bound(value, wanted)}"
        for words, value in (
            ("at least", wanted.at_least if wanted.at_least_from is None else wanted.at_least_from),
            ("at most", wanted.at_most if wanted.at_most_from is None else wanted.at_most_from),
        )
        if value is not None
    ]
    text = " and ".join(bounds)
    if wanted.per is None:
        return text
    where = f" of {wanted.where}" if wanted.where else ""
    plan = " by the usual weekdays" if wanted.weekdays else f" as {wanted.plan} plans it" if wanted.plan else ""
    return f"{measure_text(wanted)}{where} {text} {period(wanted.per, zone)}{plan}"


def _bound(value: float | Lookup, wanted: Goal) -> str:
    """`10,000`, `99.9 %`, `what plan says`, `9,000 in 2026-01, 9,500 in 2026-02`."""
    if isinstance(value, Selector):
        return f"what {value} says"
    if not isinstance(value, PeriodTable):
        return percentage(value) if wanted.measure is Measure.SHARE else number(value)
    names = list(value.values)
    said = [f"{_bound(value.values[name], wanted)} in {name}" for name in names[:_TABLE_MOST]]
    said += [f"… ({len(names) - _TABLE_MOST} more)"] if len(names) > _TABLE_MOST else []
    said += [f"{_bound(value.default, wanted)} else"] if value.default is not None else []
    return ", ".join(said)


def wanted_of(target: Target) -> str:
    """What a target wants, a check-in's rhythm included."""
    checkin = target.checkin
    if checkin is None:
        return goal(target.goal, target.zone)
    rhythm = (
        f"every {duration_text(checkin.every)}"
        if checkin.every is not None
        else f"by cron {checkin.schedule} {checkin.zone}"
    )
    return f"a call {rhythm}, at most {duration_text(checkin.grace)} late"


def lasting(alert: AlertRule) -> str:
    """`2m`, or `3 of the last 5 readings`."""
    often = alert.often
    return f"{often.breaches} of the last {often.of} readings" if often else duration_text(alert.for_)


def times(count: int) -> str:
    """`once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"


def calling(rule: CorrectRule, *, pretends: bool) -> str:
    """Whether a correction calls by itself, asks a person first, or only pretends to call."""
    call = f"only pretends to call {rule.action} (dry run)" if pretends else f"calls {rule.action}"
    if rule.approve_within is not None:
        return f"asks a person first, for {duration_text(rule.approve_within)} at most, then {call}"
    return call if pretends else f"{call} by itself"


def output(value: Pid | str | None) -> str | None:
    """`by a pid from 0 to 100, towards 22`, or the template."""
    if not isinstance(value, Pid):
        return value
    towards = f", towards {number(value.setpoint)}" if value.setpoint is not None else ""
    return f"by a pid from {number(value.low)} to {number(value.high)}{towards}"


def undo(value: Undo | None) -> str | None:
    """`off when the alert has resolved`."""
    if value is None:
        return None
    return f"{value.action} when {'the alert has resolved' if value.on_resolved else 'it failed'}"


def schedule(source: SourceEntry) -> str:
    """When a source is read, or where it is called."""
    if source.cron is not None:
        return f"cron {source.cron} {source.zone}"
    if source.every is not None:
        return f"every {duration_text(source.every)}"
    return f"called at /ping/{source.name}" if source.kind == "checkin" else f"called at /in/{source.name}"
