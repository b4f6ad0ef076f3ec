"""Configuration of sources that give rows: which readings are in these, and when a source is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from connectors.fields import Config, Cron, Duration, JmesPath, RetentionSection, Span, TimeFormat, Zone
from rules.model import DAY, PLANNED_AHEAD

_NO_LABELS: Mapping[str, str] = {}  # never changed


def _ahead(value: int) -> int:
    if value > PLANNED_AHEAD:
        raise ValueError("a plan is known at most 400d ahead")
    return value


class ReadingConfig(Config):
    """How rows of an answer become readings. Paths are JMESPath: `select` in the answer, the others in the row.

    `time_format` reads times that are not ISO 8601 or Unix time, as `strptime` writes them: `%m/%d/%Y`. A time farther
    `ahead` of now is an error.
    """

    series: str
    select: JmesPath | None = None
    time: JmesPath | None = None
    time_format: TimeFormat | None = None
    value: JmesPath
    labels: dict[str, JmesPath] = {}  # noqa: RUF012 - each model has a copy
    ahead: Annotated[Duration, AfterValidator(_ahead)] = DAY
    retention: RetentionSection | None = None

    @field_validator("time_format")
    @classmethod
    def _is_for_times(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("time", "") is None:
            raise ValueError("is for the times that time finds; add time, or remove it")
        return value


@dataclass(frozen=True, slots=True)
class ReadingEntry:
    """A `ReadingConfig` as it is kept. There are thousands, and a model takes seven times the memory."""

    series: str
    select: str | None
    time: str | None
    time_format: str | None
    value: str
    labels: Mapping[str, str]
    ahead: int
    retention: RetentionSection | None


def _entry(model: ReadingConfig) -> ReadingEntry:
    return ReadingEntry(
        model.series,
        model.select,
        model.time,
        model.time_format,
        model.value,
        model.labels or _NO_LABELS,
        model.ahead,
        model.retention,
    )


Readings = Annotated[list[Annotated[ReadingConfig, AfterValidator(_entry)]], Field(min_length=1)]
"""`readings` of a source: once they are right, each is a `ReadingEntry`."""


MOST_SERIES = 10_000
MostSeries = Annotated[int, Field(ge=1, le=1_000_000)]
"""How many series a source may give in a day."""


class PolledConfig(Config):
    """Keys every polled source has. Without `every` and `cron` it is read as often as the configured default says."""

    NOT_BOTH: ClassVar[tuple[tuple[str, str], ...]] = (("every", "cron"),)
    type: str
    every: Span | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    timeout: Span = 10_000_000
    max_series: MostSeries = MOST_SERIES
    retention: RetentionSection | None = None
    readings: Readings
