"""Plain words: how numbers, spans and standings are said to people."""

from __future__ import annotations

from collections.abc import Iterable

from rules.measures import MEASURES
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Against,
    Assessment,
    Event,
    Finding,
    InstanceKey,
    Standing,
    Target,
    percentage,
    rounded,
)
from rules.periods import to_local
from rules.progress import is_budget

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STEPS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def number(value: float, unit: str = "") -> str:
    """A number as people write it: thousands separated, no more digits than tell something."""
    size = abs(value)
    if size >= 1e15 or (0 < size < 1e-4):
        text = f"{value:.3g}"
    elif size >= 1000 or value == int(value):
        text = f"{value:,.0f}"
    else:
        digits = 2 if size >= 1 else 4 if size >= 1e-2 else 6
        text = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    if unit == "%":
        return f"{text} %"
    return f"{text} {unit}" if unit else text


def amount(value: float, target: Target, *, unit: bool = True) -> str:
    """A number of a target as it is said; without its unit if need be, but for the sign of a percentage."""
    return percentage(value) if target.percent else number(value, target.unit if unit else "")


def span(micros: int) -> str:
    """A span in its two largest units: `2h 5m`, `3d`, `40s`."""
    parts = []
    left = max(micros, 0)
    for size, name in _STEPS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def clock_time(micros: int, zone: str, now: int | None = None) -> str:
    """Local date and time to the minute; without the date if it is `now`'s."""
    local = to_local(micros, zone)
    if now is not None and to_local(now, zone).date() == local.date():
        return f"{local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def coming(micros: int, zone: str, now: int) -> str:
    """Local date and time of what is to come: to the second where that is less than two minutes away."""
    seconds = f"{to_local(micros, zone):%S}" if 0 < micros - now < 2 * MINUTE else ""
    return f"{clock_time(micros, zone, now)}{seconds and f':{seconds}'}"


def wanted(assessment: Assessment, target: Target) -> str:
    """The goal: `at least 10,000`, `20 to 23 °C`; empty if it has no bound."""
    return _within(assessment.at_least, assessment.at_most, target)


def _within(low: float | None, high: float | None, target: Target) -> str:
    if low is not None and high is not None:
        return f"{amount(low, target, unit=False)} to {amount(high, target)}"
    if low is not None:
        return f"at least {amount(low, target)}"
    return f"at most {amount(high, target)}" if high is not None else ""


def describe(target: Target, assessment: Assessment, now: int) -> str:
    """The standing with the numbers that matter, in one line without the target's title."""
    standing = assessment.standing
    if target.checkin:
        return _describe_checkin(target, assessment, now)
    if standing is Standing.NO_DATA or (assessment.hold and assessment.value is None):
        last = f", last value {amount(assessment.value, target)}" if assessment.value is not None else ""
        return f"no data: {assessment.reason}{last}" if assessment.reason else f"no data{last}"
    if target.goal is None and not (wanted(assessment, target) or assessment.inputs):
        return _describe_usual(target, assessment)
    unusual = assessment.finding and assessment.finding.unusual
    beside = f"; unusual: {how_unusual(target, assessment.finding)}" if assessment.finding and unusual else ""
    return _describe_goal(target, assessment) + beside


def _describe_usual(target: Target, assessment: Assessment) -> str:
    """Where an instance stands that has no goal: beside what is usual for it."""
    finding, unit = assessment.finding, target.unit
    value = "no value" if assessment.value is None else number(assessment.value, unit)
    if assessment.standing is Standing.TOO_EARLY:
        return f"too early to say what is usual: {value}"
    if finding is None:
        return value
    return f"unusual: {how_unusual(target, finding)}" if finding.unusual else f"usual: {number(finding.value, unit)}"


def how_unusual(target: Target, finding: Finding) -> str:
    """The value beside what was expected: `250, 3.1 times the usual for a Tuesday 14:00 (80)`.

    Where the usual is near zero, below it or varies as much as itself a ratio says nothing; then its range is said,
    of a number that is above it only the end there if the other is below zero: hardly any number here is ever that.
    """
    value, expected, edge, unit = finding.value, finding.expected, finding.edge, target.unit
    if finding.unusual is Against.BEFORE:
        of, after = "what the last readings led to expect", ""
    else:
        of, after = "the usual", f" for a {_when(finding, target.zone)}"
    said = f"{number(value, unit)}, "
    times = value / expected if expected - edge > 0 else 1.0
    if times >= 1.5:
        return f"{said}{times:,.{1 if times < 100 else 0}f} times {of}{after} ({about(expected)})"
    if 0 < times < 0.67:
        return f"{said}{number(rounded(100 * times), '%')} of {of}{after} ({about(expected)})"
    where = "above" if value > expected else "below"
    low, high = about(expected - edge), about(expected + edge)
    span = f"up to {high}" if expected - edge < 0 <= expected < value else f"{low} to {high}"
    return f"{said}far {where} {of}{after} ({low if low == high else span})"


def about(value: float) -> str:
    """A computed figure as people write it."""
    return number(rounded(value))


def _when(finding: Finding, zone: str) -> str:
    """`Tuesday 14:00`; where there is about one reading a day, the day alone."""
    local = to_local(finding.time, zone)
    day = _DAYS[local.weekday()]
    return day if finding.gap > DAY // 2 else f"{day} {local.hour:02}:00"


def _describe_goal(target: Target, assessment: Assessment) -> str:
    standing = assessment.standing
    if assessment.start is not None:
        return _describe_period(target, assessment)
    if assessment.inputs:
        word = "condition holds" if standing is Standing.IN_BAND else "condition does not hold"
        return f"{word}: " + ", ".join(f"{text} = {value}" for text, value in assessment.inputs)
    bounds: tuple[float | None, ...] = (assessment.at_least, assessment.at_most)
    word, value, recover = _WORDS[standing], "no value", target.recover
    if recover and standing is Standing.OUT_OF_BAND and assessment.breaching is False:
        word += f" until {_within(recover.at_least, recover.at_most, target)}"
        bounds += (recover.at_least, recover.at_most)
    if assessment.value is not None:
        value = beside(assessment.value, bounds, target.unit, percent=target.percent)
    return f"{word}: {value}, wanted {wanted(assessment, target)}"


_WORDS = {
    Standing.NO_DATA: "no data",
    Standing.TOO_EARLY: "too early to say",
    Standing.ON_TRACK: "on track",
    Standing.BEHIND: "behind",
    Standing.MET: "met",
    Standing.MISSED: "missed",
    Standing.IN_BAND: "in band",
    Standing.OUT_OF_BAND: "out of band",
}


_GOOD = frozenset({Standing.IN_BAND, Standing.ON_TRACK, Standing.MET})


def _describe_period(target: Target, assessment: Assessment) -> str:
    budget = is_budget(assessment.at_least, assessment.at_most, assessment.value, assessment.projection)
    goal = assessment.at_most if budget else assessment.at_least
    bounds = (assessment.at_least, assessment.at_most)
    value = "nothing" if assessment.value is None else beside(assessment.value, bounds, percent=target.percent)
    bound = "at most " if budget else "" if _grows(target) else "at least "
    of = "" if goal is None else f" of {bound}{amount(goal, target)}"
    parts = [f"{_WORDS[assessment.standing]}: {value}{of}"]
    if assessment.standing in {Standing.BEHIND, Standing.ON_TRACK}:
        if assessment.required_rate is not None:
            may = budget and assessment.required_rate >= 0
            parts.append(f"{'may add' if may else 'needs'} {number(rounded(assessment.required_rate))} a day")
        if assessment.projection is not None and assessment.projection.value != assessment.value:
            parts.append(f"projected {_computed(assessment.projection.value, target)}")
    return ", ".join(parts)


def _grows(target: Target) -> bool:
    return target.goal is None or MEASURES[target.goal.measure].grows


def beside(value: float, bounds: Iterable[float | None], unit: str = "", *, percent: bool = False) -> str:
    """A value rounded, but never onto a bound that it does not touch: 19.999 is not 20."""
    said = percentage(value) if percent else number(value, unit)
    others = [bound for bound in bounds if bound is not None and bound != value]
    if all((percentage(bound) if percent else number(bound, unit)) != said for bound in others):
        return said
    if percent:
        return f"{value * 100:,.10g} %"
    return f"{value:,.12g}" + (f" {unit}" if unit else "")


def _computed(value: float, target: Target) -> str:
    return amount(value if target.percent else rounded(value), target, unit=False)


def _describe_checkin(target: Target, assessment: Assessment, now: int) -> str:
    due = clock_time(assessment.due, target.zone, now) if assessment.due is not None else ""
    if assessment.standing is Standing.NO_DATA:
        return f"no call yet, due {due}" if due else "no call yet"
    last = f", last call {clock_time(assessment.time, target.zone, now)}" if assessment.time is not None else ""
    if assessment.standing is Standing.MET:
        return f"on time{last}, next due {due}"
    if assessment.reason == "late":
        return f"late: was due {due}{last}"
    return f"{assessment.reason} at {due}"


def headline(target: Target, key: InstanceKey, assessment: Assessment, event: Event, now: int, said: str = "") -> str:
    """One line of plain words: whose number it is and how it stands, or what an alert `said` instead."""
    back = "back, " if event is Event.RESOLVED and assessment.standing in _GOOD else ""
    if said and event is not Event.RESOLVED:
        return f"{whose(target, key)} {said}"
    return f"{whose(target, key)} {back}{describe(target, assessment, now)}"


def whose(target: Target, key: InstanceKey) -> str:
    """`Room temperature (kitchen)`."""
    of = f" ({', '.join(value for _, value in key.labels if value)})" if key.labels else ""
    return f"{target.title}{of}"
