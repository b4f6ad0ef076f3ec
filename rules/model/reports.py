"""What a report says: everything in words, nothing to look up. JSON in the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ReportFormat(StrEnum):
    """Charts in the message, or one document beside it."""

    CHART = "chart"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """How one instance stands. `title` tells it from the others of its target, `words` say where it stands and why.

    The texts are for people; those that have no meaning are empty. `values` are the numbers behind them, as in a
    notice. `before` is the standing in the last report, empty if it was not in it. `held` names what the instance
    depends on and that is off.
    """

    target: str
    labels: Mapping[str, str]
    title: str
    standing: str
    words: str
    since: int | None
    value: str = ""
    goal: str = ""
    progress: str = ""
    required: str = ""
    projection: str = ""
    before: str = ""
    held: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    period_start: int | None = None
    period_end: int | None = None
    zone: str = "UTC"
    unit: str = ""
    percent: bool = False


@dataclass(frozen=True, slots=True)
class ReportAlert:
    """What one alert of one instance (or source) did in the period.

    `fired` counts how often it began to fire, `lasted` is how long it was open in the period, in microseconds.
    """

    title: str
    alert: str
    severity: str
    fired: int
    lasted: int
    open: bool
    taken_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportCorrections:
    """How the runs of one action for one instance ended in the period, as counts by their state."""

    title: str
    action: str
    runs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReportMore:
    """Instances of a target, or lines of a list, that are not in the report because there are very many."""

    title: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """How targets stand at `end` and what happened since `start`, the worst first.

    `scheduled` is the time it was made for, None if somebody asked for it. `first`: there was none before it, so
    nothing is said to have changed. `counts` are the instances by standing, also those that are not in `rows`.
    """

    name: str
    title: str
    format: ReportFormat
    zone: str
    start: int
    end: int
    scheduled: int | None
    first: bool
    summary: str
    counts: Mapping[str, int]
    rows: tuple[ReportRow, ...] = ()
    changes: tuple[ReportRow, ...] = ()
    alerts: tuple[ReportAlert, ...] = ()
    corrections: tuple[ReportCorrections, ...] = ()
    more: tuple[ReportMore, ...] = ()
    external_url: str = ""
