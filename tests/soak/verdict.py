"""What a run shows: robust slopes of what may not grow, and messages that nobody got. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

ENOUGH = 6  # samples of a life that say something of it


@dataclass(frozen=True)
class Sample:
    """How the daemon stood, `at` seconds from the start of the run; `life` counts its starts.

    `handles` are those that are no sockets, which are `connections`. `lag` is the event loop's since the sample before, in seconds: the bounds of the histogram's buckets.
    """

    at: float
    life: int
    calm: bool
    rss: int
    handles: int
    connections: int
    threads: int
    tasks: int
    database: int
    wal: int
    outbox: int
    lag_p99: float
    lag_max: float
    tick_lag_p99: float
    polls_due: int
    polls_made: int
    deliveries: int


@dataclass(frozen=True)
class Bound:
    """How much a figure may rise over the second half of the run: a share of its median, or `floor` if that is more."""

    name: str
    share: float
    floor: float


BOUNDS = (
    Bound("rss", 0.05, 8e6),
    Bound("handles", 0.05, 10),
    Bound("connections", 0.25, 100),
    Bound("threads", 0.0, 4),
    Bound("tasks", 0.05, 20),
    Bound("database", 0.10, 4e6),
)


@dataclass(frozen=True)
class Trend:
    """A figure over the calm of the second half: its median, its rise over that half, and what was allowed."""

    name: str
    median: float
    rise: float
    allowed: float

    @property
    def grows(self) -> bool:
        return self.rise > self.allowed


def slope(points: Iterable[Sequence[tuple[float, float]]]) -> float:
    """The median slope of all pairs within each of several lines (Theil 1950, Sen 1968); 0 if there is none."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for line in points for a, b in combinations(line, 2) if b[0] != a[0]]
    return statistics.median(slopes) if slopes else 0.0


def trends(samples: Sequence[Sample], seconds: float) -> list[Trend]:
    """Over the calm of the second half, of each life by itself."""
    late = [one for one in samples if one.calm and one.at >= seconds / 2]
    lives = [[one for one in late if one.life == life] for life in sorted({one.life for one in late})]
    lives = [life for life in lives if len(life) >= ENOUGH]
    found = []
    for bound in BOUNDS:
        lines = [[(one.at, float(getattr(one, bound.name))) for one in life] for life in lives]
        values = [value for line in lines for _, value in line]
        if values:
            median = statistics.median(values)
            rise = slope(lines) * seconds / 2
            found.append(Trend(bound.name, median, rise, max(bound.share * median, bound.floor)))
    return found


@dataclass(frozen=True)
class Told:
    """A change of an alert that a receiver has to hear of: its path, the alert's fingerprint, firing or resolved."""

    path: str
    fingerprint: str
    status: str


def lost(wanted: Iterable[Told], told: Mapping[tuple[str, str, str], set[str]]) -> list[str]:
    """What was to be told and was not, by the number of different messages; each in words."""
    found = []
    for one, count in Counter(wanted).items():
        heard = len(told.get((one.path, one.fingerprint, one.status), ()))
        if heard < count:
            found.append(f"{one.path} was told {heard} of {count} times that {one.fingerprint} is {one.status}")
    return found


def failures(found: Sequence[Trend], findings: Sequence[str], seconds: float) -> list[str]:
    """Why a run failed, in words; none if it did not."""
    grown = [
        f"{one.name} grows by {one.rise:,.0f} over the second half of {seconds:,.0f} s, {one.allowed:,.0f} is allowed"
        for one in found
        if one.grows
    ]
    missing = [] if found else ["there are too few samples to say whether anything grows"]
    return [*grown, *missing, *findings]
