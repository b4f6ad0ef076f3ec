"""The vocabulary, on one page. Times are UTC microseconds (`int`), spans are microseconds too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LARGEST = 1e100
"""The largest value, of either sign, that a reading can have: sums and squares of it are numbers still."""

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, so that equal label sets are equal values."""

_UNITS = {"y": 365 * DAY, "w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000}
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")


def parse_duration(text: str) -> int:
    """Microseconds of a Prometheus duration such as `500ms`, `30s`, `1h30m` or `7d`.

    Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (`<duration>`).
    Raises ValueError for anything else.
    """
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 30s, 1h30m or 7d")
    return sum(int(n) * unit for n, unit in zip(match.groups(), _UNITS.values(), strict=True) if n)


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """The pairs as `Labels`."""
    return tuple(sorted(pairs.items()))


class Series(NamedTuple):
    """A name plus labels, written `visitors{site="www"}`."""

    name: str
    labels: Labels = ()

    def __str__(self) -> str:
        inside = ",".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.name}{{{inside}}}" if inside else self.name


class Reading(NamedTuple):
    """One value of one series at one time; `value` is None where the source said there is none."""

    series: Series
    time: int
    value: float | None


class Health(StrEnum):
    """How a source is."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class Standing(StrEnum):
    """Where an instance stands."""

    NO_DATA = "no_data"
    TOO_EARLY = "too_early"
    ON_TRACK = "on_track"
    BEHIND = "behind"
    MET = "met"
    MISSED = "missed"
    IN_BAND = "in_band"
    OUT_OF_BAND = "out_of_band"


class AlertState(StrEnum):
    """Where one alert rule on one instance is; *resolved* is an event, not a state."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Event(StrEnum):
    """What a transition says."""

    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    INACTIVE = "inactive"  # pending that never fired
    ACKNOWLEDGED = "acknowledged"
    CORRECTION = "correction"  # a corrective run moved on while the alert is open
    ESCALATED = "escalated"


class Measure(StrEnum):
    """What is made of the readings of a period."""

    SUM = "sum"
    LAST = "last"
    INCREASE = "increase"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"


class Combine(StrEnum):
    """How the series of one instance become one number."""

    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"


class NoDataThen(StrEnum):
    """What an instance's alerts do when its readings stop."""

    ALERT = "alert"
    KEEP = "keep"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name op value`, op one of = != =~ !~ (regular expressions match the whole value)."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Which series are meant: a name and matchers over labels."""

    name: str
    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """hour, day, week (from Monday), month, quarter or year in the target's zone."""

    unit: str


@dataclass(frozen=True, slots=True)
class FixedPeriod:
    """One span, from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RollingPeriod:
    """The last `length` microseconds before now."""

    length: int


Period = CalendarPeriod | FixedPeriod | RollingPeriod


@dataclass(frozen=True, slots=True)
class Goal:
    """The wanted number. Without `per` every reading counts; `condition` excludes all the others."""

    measure: Measure = Measure.LAST
    at_least: float | None = None
    at_most: float | None = None
    per: Period | None = None
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Recover:
    """The stricter band a value must reach before an out-of-band alert counts as over."""

    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class NoData:
    """`after` microseconds without a value, `then` what."""

    after: int
    then: NoDataThen = NoDataThen.ALERT


@dataclass(frozen=True, slots=True)
class Checkin:
    """What a check-in source promises: a cron `schedule` (in `zone`) or one call `every` so often, plus `grace`."""

    schedule: str | None
    every: int | None
    zone: str
    grace: int


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Fires when the instance's standing is `when` for `for_`."""

    name: str
    when: Standing
    for_: int = 0
    keep_firing_for: int = 0
    severity: str = "warning"
    labels: Labels = ()
    annotations: Labels = ()  # templates, rendered when a notice is made
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrectRule:
    """The corrective call made when alert `on` fires."""

    on: str
    action: str
    cooldown: int
    max_attempts: int
    verify_within: int
    escalate_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What we want of a series, an expression or a check-in source."""

    name: str
    title: str
    goal: Goal | None
    selector: Selector | None = None
    source: str | None = None  # of a check-in target
    checkin: Checkin | None = None
    by: tuple[str, ...] = ()
    combine: Combine | None = None
    recover: Recover | None = None
    no_data: NoData | None = None
    alerts: tuple[AlertRule, ...] = ()
    correct: tuple[CorrectRule, ...] = ()
    zone: str = "UTC"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What the engine must know of a source: the series it gives and how often it is read (None: it is called)."""

    name: str
    series: tuple[str, ...]
    every: int | None


class InstanceKey(NamedTuple):
    """One target on one set of labels."""

    target: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Projection:
    """The value expected at the end of the period, with its 80 % interval."""

    value: float
    low: float | None = None  # None: too few readings for an interval
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """How an instance stands, with the numbers that say why.

    `pace` is actual over expected so far, `progress` value over goal, `required_rate` what is needed per day from
    now (None where it has no meaning). `start` and `end` bound the period.
    """

    standing: Standing
    value: float | None = None
    time: int | None = None  # of the newest reading behind `value`
    at_least: float | None = None
    at_most: float | None = None
    start: int | None = None
    end: int | None = None
    expected: float | None = None
    pace: float | None = None
    progress: float | None = None
    required_rate: float | None = None
    projection: Projection | None = None
    breaching: bool | None = None  # outside the goal now; None: can't be said
    recovered: bool | None = None  # inside the recover band now; None: can't be said
    due: int | None = None  # when the next check-in is due, or the missed one was
    inputs: Labels = ()  # series and value behind a condition, as text
    reason: str = ""  # in plain words, what the standing alone does not say
    hold: bool = False  # nothing can be said now: alerts stay as they are
    silent: bool = False  # readings stopped for longer than `no_data.after`


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Taken by a person until it clears."""

    by: str
    at: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """One alert rule on one instance. `episode` counts its firings; with the fingerprint it names one of them.

    `told` are the receivers that heard of the firing: its resolve goes to the same, even if the configuration changed.
    """

    state: AlertState = AlertState.INACTIVE
    since: int = 0
    fired_at: int | None = None
    episode: int = 0
    acknowledged: Acknowledgement | None = None
    fingerprint: str = ""  # as it fired
    labels: Labels = ()  # as it fired
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceState:
    """What is remembered of an instance. `seen` is when its newest value arrived, `wake` when to look again."""

    key: InstanceKey
    assessment: Assessment
    since: int  # of the standing
    created: int
    verdict: Standing | None = None  # the last standing that was a verdict, kept while there is no data
    seen: int | None = None
    alerts: Mapping[str, AlertStatus] = field(default_factory=dict)
    wake: int | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source."""

    name: str
    health: Health = Health.UNKNOWN
    since: int = 0
    failures: int = 0  # in a row
    last_success: int | None = None
    last_error: str | None = None
    alert: AlertStatus = field(default_factory=AlertStatus)


@dataclass(frozen=True, slots=True)
class Polled:
    """How one poll of a source ended; `error` is None when it was read, `partly` says what of it could not be."""

    source: str
    at: int
    error: str | None = None
    partly: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A stored change of an alert. For a source's alert `key.target` is empty and `labels` name the source."""

    key: InstanceKey
    alert: str
    fingerprint: str
    episode: int
    event: Event
    at: int
    before: AlertState
    after: AlertState
    labels: Labels  # all labels of the alert
    assessment: Assessment | None = None
    fired_at: int | None = None
    detail: str = ""  # plain words for what the event alone does not say

    @property
    def id(self) -> str:
        """Stable name of this transition, part of every idempotency key."""
        return f"{self.fingerprint}:{self.episode}:{self.event}:{self.at}"


class Reason(StrEnum):
    """Why a notice is sent."""

    FIRING = "firing"
    RESOLVED = "resolved"
    UPDATED = "updated"  # acknowledged, correction called, verified or failed
    ESCALATED = "escalated"
    UNDELIVERABLE = "undeliverable"  # another receiver refused a notice for good
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notifier is given: everything it may say, rendered, nothing to look up. JSON in the outbox.

    `values` are the numbers behind the words by name (value, at_least, at_most, progress, pace, required_rate,
    projection, projection_low, projection_high, expected); those that are unknown are absent.
    """

    reason: Reason
    status: str  # "firing" or "resolved", as Alertmanager says it
    title: str  # of the target
    headline: str  # one line of plain words
    target: str
    alert: str
    severity: str
    standing: str
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    starts_at: int
    ends_at: int | None
    at: int
    receiver: str
    details: tuple[str, ...] = ()  # further lines: since when, correction, acknowledgement
    period_start: int | None = None
    period_end: int | None = None
    zone: str = "UTC"
    unit: str = ""
    external_url: str = ""


class RunState(StrEnum):
    """Where a correction stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    CALLED = "called"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    FAILED = "failed"
    ESCALATED = "escalated"
    SKIPPED = "skipped"  # the number came back before the call


@dataclass(frozen=True, slots=True)
class Correction:
    """The durable run of an action for one episode of one alert.

    `attempt` counts calls, `called_at` is when the last call ended, `not_before` when the next may start.
    """

    id: str
    key: InstanceKey
    alert: str
    fingerprint: str
    episode: int
    action: str
    state: RunState
    attempt: int
    created: int
    updated: int
    called_at: int | None = None
    deadline: int | None = None
    not_before: int | None = None
    detail: str = ""
