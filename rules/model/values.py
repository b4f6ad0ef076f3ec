"""What is read: times, labels, series and readings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LARGEST = 1e100
"""The largest value, of either sign, that a reading can have: sums and squares of it are numbers still."""
PLANNED_AHEAD = 400 * DAY
"""How far ahead of now a reading may lie: a plan may be known so early."""
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


def duration_text(micros: int) -> str:
    """A span exactly, as `parse_duration` reads it, in days at most: `2d1h30m`; below a millisecond in `µs`."""
    parts, left = [], micros
    for name in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[name])
        parts += [f"{count}{name}"] if count else []
    return "".join([*parts, f"{left}µs"] if left else parts) or "0s"


def percentage(share: float) -> str:
    """A share as people write it: `99.95 %`. What is not all or nothing is not rounded to it."""
    for digits in range(2, 7):
        text = f"{share * 100:,.{digits}f}".rstrip("0").rstrip(".")
        if share in {0.0, 1.0} or text not in {"0", "-0", "100"}:
            break
    return f"{text} %"


def rounded(value: float) -> float:
    """A computed figure, to about four digits: more would claim to know more."""
    return round(value) if abs(value) >= 100 else float(f"{value:.3g}")


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

    def __str__(self) -> str:
        inside = ",".join(f'{matcher.name}{matcher.op}"{matcher.value}"' for matcher in self.matchers)
        return f"{self.name}{{{inside}}}" if inside else self.name
