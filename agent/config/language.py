"""The configuration language: one model for each section that does not belong to a connector kind."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from connectors.fields import LONGEST, Config, Duration, Secret, Span, Zone
from rules.measures import NAMES as MEASURE_NAMES
from rules.measures import parse_measure
from rules.model import (
    MINUTE,
    CalendarPeriod,
    Combine,
    Flapping,
    Measure,
    NoDataThen,
    RollingPeriod,
    Sign,
    Standing,
    parse_duration,
)

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
AWAITED = (*(standing.value for standing in Standing), *(sign.value for sign in Sign))
CALENDAR = ("hour", "day", "week", "month", "quarter", "year")
_FLAPPING = Flapping()
_PERCENT = re.compile(r"\s*([-+]?[0-9.]+)\s*%\s*")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str):
        percent = _PERCENT.fullmatch(value)
        try:
            number = float(Decimal(percent[1]) / 100) if percent else float(value)
        except (ValueError, ArithmeticError):
            raise ValueError("has to be a number, or a percentage such as 99.9%") from None
    else:
        raise ValueError("has to be a number, or a percentage such as 99.9%")  # noqa: TRY004 - pydantic's protocol
    if not math.isfinite(number):
        raise ValueError("has to be a finite number")
    return number


def _measure(value: object) -> object:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str):
        raise ValueError("has to be a measure such as sum, or a quantile such as p95")  # noqa: TRY004 - as above
    return parse_measure(value)


def _awaited(value: object) -> object:
    found = next((one for one in (*Standing, *Sign) if one == value), None)
    if found is None:
        raise PydanticCustomError("enum", "is unknown", {"expected": ", ".join(AWAITED)})
    return found


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _label_names(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not LABEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a label; use letters, digits and _")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def _web_address(value: Secret) -> Secret:
    from connectors.gateway import check_secret_url

    return check_secret_url(value)


def _when(value: object) -> object:
    """A date stays one: as an end it means the whole day."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("has to be a date such as 2026-01-31, or a date and time such as 2026-01-31T18:00")


Number = Annotated[
    float, BeforeValidator(_number), WithJsonSchema({"type": ["number", "string"], "examples": [10000, "99.9%"]})
]
"""A number, or a percentage as its hundredth part."""

Share = Annotated[Number, Field(gt=0, le=1)]
"""A part of the whole, more than nothing."""

MeasureName = Annotated[
    tuple[Measure, float],
    BeforeValidator(_measure),
    WithJsonSchema(
        {"anyOf": [{"enum": list(MEASURE_NAMES)}, {"type": "string", "pattern": "^p[0-9.]+$", "examples": ["p95"]}]}
    ),
]
"""A measure, with the part of the values that lie below it for a quantile."""


Awaited = Annotated[Standing | Sign, BeforeValidator(_awaited), WithJsonSchema({"type": "string", "enum": AWAITED})]
"""What an alert waits for."""

Text = Annotated[str, AfterValidator(_said)]
"""A text that says something."""

_NAMES_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Names = Annotated[list[Text], BeforeValidator(_one_or_more), WithJsonSchema(_NAMES_SCHEMA)]
"""One name or a list of them."""

LabelTexts = Annotated[dict[str, str], AfterValidator(_label_names)]
"""Texts by label name."""

Moment = Annotated[
    date | datetime, BeforeValidator(_when), WithJsonSchema({"type": "string", "examples": ["2026-01-31"]})
]
"""A date, or a date and time (in the target's zone where it names none)."""


class FixedSpan(Config):
    """One span in dates or times; an end given as a date is that day's end."""

    from_: Moment = Field(alias="from")
    to: Moment


def _period(value: object) -> object:
    if isinstance(value, CalendarPeriod | RollingPeriod):
        return value
    if value in CALENDAR:
        return CalendarPeriod(str(value))
    try:
        length = parse_duration(value) if isinstance(value, str) else 0
    except ValueError:
        length = 0
    if not 0 < length <= LONGEST:
        raise ValueError(f"has to be one of {', '.join(CALENDAR)}, a duration such as 30d, or {{from: …, to: …}}")
    return RollingPeriod(length)


_PERIOD_SCHEMA = {"anyOf": [{"enum": list(CALENDAR)}, {"type": "string", "description": "a rolling period: 30d"}]}
Repeating = Annotated[Any, BeforeValidator(_period), WithJsonSchema(_PERIOD_SCHEMA)]
"""A calendar period or a rolling one."""

Per = Annotated[
    Annotated[FixedSpan, Tag("span")] | Annotated[Repeating, Tag("name")],
    Discriminator(lambda value: "span" if isinstance(value, dict | FixedSpan) else "name"),
]
"""What `per` may be."""


class Defaults(Config):
    """What holds where a source or target says nothing else."""

    timezone: Zone = "UTC"
    every: Span = MINUTE


class Heartbeat(Config):
    """A URL that is called every so often while the daemon is alive."""

    url: Annotated[Secret, AfterValidator(_web_address)]
    every: Span = MINUTE


class SeriesValue(Config):
    """The newest value of a series, as a number that is wanted."""

    series: Text


def _bound_kind(value: object) -> str:
    if isinstance(value, SeriesValue) or (isinstance(value, dict) and "series" in value):
        return "a series"
    return "a table" if isinstance(value, dict) else "a number"


_TABLE_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^(default|[0-9]{4}(-W?[0-9]{2}|-Q[1-4]|-[0-9]{2}-[0-9]{2})?)$"},
    "additionalProperties": {"type": ["number", "string"]},
    "examples": [{"2026-01": 9000, "default": 8000}],
}
Table = Annotated[dict[str, Number], Field(min_length=1), WithJsonSchema(_TABLE_SCHEMA)]
"""A number by the name of a period (2026-01, 2026-W05, …), and `default` for all others."""

Bound = Annotated[
    Annotated[Number, Tag("a number")] | Annotated[SeriesValue, Tag("a series")] | Annotated[Table, Tag("a table")],
    Discriminator(_bound_kind),
]
"""A number, where it is read, or a table of numbers by period."""


Plan = Annotated[
    Annotated[Text, Tag("a name")] | Annotated[SeriesValue, Tag("a series")],
    Discriminator(lambda value: "a series" if isinstance(value, dict | SeriesValue) else "a name"),
]
"""`weekdays`, or the series that says what is planned."""

WEEKDAYS = "weekdays"


class GoalSection(Config):
    """The wanted number; a condition says all of it."""

    NOT_BOTH = tuple(("condition", key) for key in ("measure", "where", "at_least", "at_most", "per", "plan"))
    measure: MeasureName | None = None
    where: Text | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    per: Per | None = None
    plan: Plan | None = None
    condition: Text | None = None


class RecoverSection(Config):
    """The stricter band a value has to reach before it counts as back."""

    at_least: Number | None = None
    at_most: Number | None = None


class NoDataSection(Config):
    """What happens when readings stop."""

    after: Span
    then: NoDataThen = NoDataThen.ALERT


class OftenSection(Config):
    """So many of the last readings, instead of a span of time."""

    breaches: Annotated[int, Field(ge=1, le=16)]
    of: Annotated[int, Field(ge=1, le=16)]


For = Annotated[
    Annotated[OftenSection, Tag("count")] | Annotated[Duration, Tag("span")],
    Discriminator(lambda value: "count" if isinstance(value, dict | OftenSection) else "span"),
]
"""A duration, or N of M."""


class FlappingSection(Config):
    """When an alert that comes and goes is said to flap, and when to have settled."""

    low: Share = _FLAPPING.low
    high: Share = _FLAPPING.high
    of: Annotated[int, Field(ge=3, le=100)] = _FLAPPING.of


Flaps = Annotated[
    Annotated[FlappingSection, Tag("how")] | Annotated[bool, Tag("whether")],
    Discriminator(lambda value: "how" if isinstance(value, dict | FlappingSection) else "whether"),
]
"""Whether flapping is looked for, or how."""


class WorseSection(Config):
    """A graver severity, farther outside the goal."""

    severity: Text
    at_least: Number | None = None
    at_most: Number | None = None
    notify: Names = Field(default_factory=list)


class EscalationSection(Config):
    """Who hears of an alert that nobody acknowledged."""

    after: Span
    to: Annotated[Names, Field(min_length=1)]


class BurnSection(Config):
    """A burn rate that is too fast, if a long and a short window exceed it."""

    rate: Annotated[Number, Field(gt=0)]
    long: Span
    short: Span


class AlertSection(Config):
    """One alert of a target."""

    name: Text
    when: Awaited
    for_: For = Field(0, alias="for")
    keep_firing_for: Duration = 0
    severity: Text = "warning"
    worse: list[WorseSection] = Field(default_factory=list)
    flapping: Flaps = False
    burn: list[BurnSection] = Field(default_factory=list)
    labels: LabelTexts = Field(default_factory=dict)
    annotations: LabelTexts = Field(default_factory=dict)
    notify: Names = Field(default_factory=list)
    escalate: list[EscalationSection] = Field(default_factory=list)
    repeat_interval: Span | None = None


class VerifySection(Config):
    """How soon after the call the readings have to be right again."""

    within: Span = 10 * MINUTE


class EscalateSection(Config):
    """Who hears of a correction that did not help."""

    to: Names


class CorrectSection(Config):
    """A corrective call."""

    on: Text
    action: Text
    approval: Literal["none"] = "none"
    cooldown: Duration = 15 * MINUTE
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    verify: VerifySection = VerifySection()
    escalate: EscalateSection | None = None


class TargetSection(Config):
    """What is wanted of a series, a condition or a check-in."""

    title: Text | None = None
    series: Text | None = None
    source: Text | None = None
    goal: GoalSection | None = None
    by: Names = Field(default_factory=list)
    combine: Combine | None = None
    recover: RecoverSection | None = None
    no_data: NoDataSection | None = None
    alerts: list[AlertSection] = Field(default_factory=list)
    correct: list[CorrectSection] = Field(default_factory=list)
    depends_on: Names = Field(default_factory=list)
    mute_time_intervals: Names = Field(default_factory=list)
    timezone: Zone | None = None
    unit: str = ""


class RouteSection(Config):
    """A node of the routing tree; what it does not say it inherits from its parent, but for the time intervals."""

    receiver: Text | None = None
    matchers: list[Text] = Field(default_factory=list)
    continue_: bool = Field(False, alias="continue")
    group_by: Names = Field(default_factory=list)
    group_wait: Duration | None = None
    group_interval: Span | None = None
    repeat_interval: Span | None = None
    mute_time_intervals: Names = Field(default_factory=list)
    active_time_intervals: Names = Field(default_factory=list)
    routes: list[RouteSection] = Field(default_factory=list)


class InhibitSection(Config):
    """While an alert of the source fires, those of the target with equal labels are not told."""

    source_matchers: list[Text] = Field(default_factory=list)
    target_matchers: list[Text] = Field(default_factory=list)
    equal: Names = Field(default_factory=list)
