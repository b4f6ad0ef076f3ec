"""How long readings are kept: as they came, then rolled up by the hour, then by the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.fields import FOREVER
from rules.model import DAY, Series

WIDTHS = ("raw", "hourly", "daily")


class Retention(NamedTuple):
    """The age (microseconds) up to which there are raw readings, hourly roll-ups, daily ones; each at least the last.

    What is older than `daily` is removed. Two that are equal leave out the second.
    """

    raw: int = 14 * DAY
    hourly: int = 365 * DAY
    daily: int = FOREVER


@dataclass(frozen=True, slots=True)
class Keeping:
    """The retention of every series: `given` is by source and name of the series, "" for all others of a source.

    `default` is what the configuration says of all others; None if it says nothing.
    """

    default: Retention | None = None
    given: Mapping[tuple[str, str], Retention] = field(default_factory=dict)

    def of(self, series: Series, otherwise: Retention) -> Retention:
        """The retention of a series; `otherwise` where the configuration says nothing."""
        source = dict(series.labels).get("source", "")
        found = self.given.get((source, series.name)) or self.given.get((source, ""))
        return found or self.default or otherwise
