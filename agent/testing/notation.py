"""Prometheus' expanding notation for the values of a series: `1 2x3 0+10x20 _x3 stale`.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.values import number
from rules.model import LARGEST

MOST = 10_000_000  # samples of one series

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ITEM = re.compile(rf"([+-]?{_NUMBER})(?:([+-]{_NUMBER})?x(\d+))?")
_MISSING = re.compile(r"_(?:x(\d+))?")
_DIGITS = frozenset("0123456789")
_REFUSED = frozenset({"inf", "+inf", "-inf"})
_NO_VALUE = frozenset({"stale", "nan"})

Sample = tuple[int, float | None]
"""Its place in the series, and its value: None where the source says there is none (`stale`, `NaN`)."""


def expand(text: str) -> Iterator[Sample]:
    """The samples that are there, by place. `a+bxn` are n + 1 of them, `_xn` leaves n out, and `Inf` one: a source that
    gives it has given no reading.

    Raises ValueError with what can't be read.
    """
    if "{{" in text:
        raise ValueError("histograms have no meaning here: a reading is one number")
    place = 0
    for item in text.split():
        value = _plain(item)
        if value is not None:
            yield place, value
            place += 1
            continue
        missing = _MISSING.fullmatch(item)
        if missing:
            place += _bounded(int(missing[1] or 1), item, place)
            continue
        if item.lower() in _NO_VALUE:
            yield place, None
        if item.lower() in _NO_VALUE | _REFUSED:
            place += 1
            continue
        first, step, count = _parts(item)
        _bounded(count, item, place)
        for index in range(count):
            yield place + index, _finite(first + step * index, item)
        place += count


def _plain(item: str) -> float | None:
    """The value of an item that is a number as most are written; others are looked at more closely."""
    if item[-1] not in _DIGITS or "_" in item or not item.isascii():
        return None
    try:
        value = float(item)
    except ValueError:
        return None
    return value if -LARGEST <= value <= LARGEST else None


def check(text: str) -> str:
    """The text itself, if it can be expanded. Raises ValueError."""
    for _ in expand(text):
        pass
    return text


def _parts(item: str) -> tuple[float, float, int]:
    """First value, step and number of samples."""
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"{item!r} can't be read; write values such as 1 2.5 0+10x20 5x3 _ _x3 stale")
    first, step, times = match.groups()
    return float(first), float(step or 0), int(times) + 1 if times else 1


def _bounded(count: int, item: str, place: int) -> int:
    if place + count > MOST:
        raise ValueError(f"{item!r} makes more than {MOST:,} samples")
    return count


def _finite(value: float, item: str) -> float:
    try:
        return number(value) or 0.0
    except ValueError as error:
        raise ValueError(f"{item!r}: {error}") from None
