"""What is wanted: targets with their goals, alerts and corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rules.model.values import Labels, Selector


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


class Sign(StrEnum):
    """What an alert can wait for that is no standing."""

    UNUSUAL = "unusual"
    BURNING = "burning"  # the error budget of a share goal, too fast


class Measure(StrEnum):
    """What is made of the readings of a period."""

    SUM = "sum"
    LAST = "last"
    INCREASE = "increase"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    SHARE = "share"  # of the readings, those that `where` holds of
    QUANTILE = "quantile"  # written p95


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
class PeriodTable:
    """A number for each calendar period, named as in `rules.periods.period_name`; `default` for all others."""

    values: Mapping[str, float]
    default: float | None = None


Lookup = Selector | PeriodTable
"""Where a number comes from that is not always the same: the newest value of a series, or a table."""


@dataclass(frozen=True, slots=True)
class Goal:
    """The wanted number. Without `per` every reading counts; `condition` excludes all the others.

    `where` is a condition on `value`, for a share; `quantile` the part of the values that lie below one (0 to 1).
    A bound that is looked up stands in `at_least_from` or `at_most_from`; `rules.bounds.settled` fills in the number.
    The expected course of a period is a straight line, or follows a `plan` series, or the usual `weekdays`.
    """

    measure: Measure = Measure.LAST
    at_least: float | None = None
    at_most: float | None = None
    per: Period | None = None
    condition: str | None = None
    where: str | None = None
    quantile: float = 0.0
    at_least_from: Lookup | None = None
    at_most_from: Lookup | None = None
    plan: Selector | None = None
    weekdays: bool = False


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
class Often:
    """At least `breaches` of the last `of` judgements; 1 <= breaches <= of <= 16."""

    breaches: int
    of: int


@dataclass(frozen=True, slots=True)
class BurnRate:
    """More than `rate` times the allowed errors over the last `long`, and over the last `short`."""

    rate: float
    long: int
    short: int


@dataclass(frozen=True, slots=True)
class Flapping:
    """An alert flaps from a share `high` of changes in its last `of` checks on, until they are `low`; 0 to 1."""

    low: float = 0.25
    high: float = 0.5
    of: int = 21


@dataclass(frozen=True, slots=True)
class SeverityStep:
    """Outside these bounds an alert has this severity, and `notify` hear of it too."""

    severity: str
    at_least: float | None = None
    at_most: float | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Receivers that hear of an alert which nobody acknowledged for `after` since it fired."""

    after: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Fires when the instance's standing is `when`, or shows that sign, for `for_`, or as `often` as that."""

    name: str
    when: Standing | Sign
    for_: int = 0
    keep_firing_for: int = 0
    severity: str = "warning"
    labels: Labels = ()
    annotations: Labels = ()  # templates, rendered when a notice is made
    notify: tuple[str, ...] = ()
    often: Often | None = None
    escalate: tuple[EscalationStep, ...] = ()  # the earliest first
    worse: tuple[SeverityStep, ...] = ()  # the gravest last
    flapping: Flapping | None = None
    repeat: int | None = None  # how often it is told again, instead of what its route says
    burn: tuple[BurnRate, ...] = ()  # for `burning`, the gravest first


@dataclass(frozen=True, slots=True)
class Pid:
    """A controller's gains (`ki` for each second, `kd` in seconds) and the range of its output.

    Without a `setpoint` it drives towards the middle of the goal's band, or to its only bound.
    """

    kp: float
    ki: float
    kd: float
    low: float
    high: float
    setpoint: float | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """The action that takes a correction back: when it failed, or else when the alert it helped has resolved."""

    action: str
    on_resolved: bool = False


@dataclass(frozen=True, slots=True)
class CorrectRule:
    """The corrective call made when alert `on` fires.

    With `approve_within` a person has to agree in that time. Under the `precondition` only it is called. An `output` (a
    controller, or a template) makes a controlled value of each call, which is made again every `cooldown`.
    """

    on: str
    action: str
    cooldown: int
    max_attempts: int
    verify_within: int
    escalate_to: tuple[str, ...] = ()
    approve_within: int | None = None
    precondition: str | None = None
    dry_run: bool = False
    undo: Undo | None = None
    output: Pid | str | None = None


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
    depends_on: tuple[str, ...] = ()  # targets or sources; while one of them is off, this one's alerts are held
    mute: tuple[str, ...] = ()  # names of time intervals in which its alerts are not told
    zone: str = "UTC"
    unit: str = ""

    @property
    def percent(self) -> bool:
        """Whether its numbers are shares, from 0 to 1, that are said in percent."""
        return self.goal is not None and self.goal.measure is Measure.SHARE


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What the engine must know of a source: the series it gives and when it is read, every so often or by a cron
    expression of five fields in a zone. Without either it is called."""

    name: str
    series: tuple[str, ...]
    every: int | None
    cron: str | None = None
    zone: str = "UTC"

    @property
    def polled(self) -> bool:
        """Whether it is read, not called."""
        return self.every is not None or self.cron is not None

    def called(self) -> SourceRule:
        """The same as one that is called: of it what did not come was not there."""
        return replace(self, every=None, cron=None)
