"""The configuration language: one model for each section that does not belong to a connector kind."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from agent.config.errors import near
from agent.config.remedies import CorrectSection
from agent.config.values import LabelTexts, Names, Number, Share, Somebody, Text
from connectors.fields import LONGEST, Config, Duration, RetentionSection, Secret, Span, Zone
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

AWAITED = (*(standing.value for standing in Standing), *(sign.value for sign in Sign))
CALENDAR = ("hour", "day", "week", "month", "quarter", "year")
_FLAPPING = Flapping()


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

Moment = Annotated[
    date | datetime, BeforeValidator(_when), WithJsonSchema({"type": "string", "examples": ["2026-01-31"]})
]
"""A date, or a date and time (in the target's zone where it names none)."""


class FixedSpan(Config):
    """One span in dates or times; an end given as a date is that day's end."""

    from_: Moment = Field(alias="from")
    to: Moment


_PERIODS = {name: CalendarPeriod(name) for name in CALENDAR}


def _period(value: object) -> object:
    if isinstance(value, CalendarPeriod | RollingPeriod):
        return value
    if value in CALENDAR:
        return _PERIODS[str(value)]
    try:
        length = parse_duration(value) if isinstance(value, str) else 0
    except ValueError:
        length = 0
    if not 0 < length <= LONGEST:
        hint = near(value, CALENDAR) if isinstance(value, str) else ""
        said = f"has to be one of {', '.join(CALENDAR)}, a duration such as 30d, or {{from: …, to: …}}"
        raise ValueError(f"{said} ({hint})" if hint else said)
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
    retention: RetentionSection | None = None


class Heartbeat(Config):
    """A URL that is called every so often while the daemon is alive."""

    url: Annotated[Secret, AfterValidator(_web_address)]
    every: Span = MINUTE


class Watch(Config):
    """When the daemon says that it is blind, instead of an alert for each source that fails."""

    blind: Share = 0.5


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
    to: Somebody


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
