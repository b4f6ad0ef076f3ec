"""The functions a condition may call, over one series."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean, pstdev

from rules.conditions import Query
from rules.history import Track
from rules.model import SECOND

Points = list[tuple[int, float]]


def ask(query: Query, track: Track, now: int) -> float | None:
    """The query's value at `now`, over (now - window, now] where it has a window. None: there is no value."""
    if query.function == "absent":
        return float(_absent(query, track, now))
    newest = track.newest
    if query.function == "last":
        return newest[1] if newest else None
    if query.function == "age":
        return (now - newest[0]) / SECOND if newest else None
    points = list(track.between(now - query.window + 1, now + 1))
    if query.function == "count":
        return float(len(points))
    if query.function in {"increase", "rate"}:
        return _increase(points, track.at(now - query.window), query)
    return _OF_POINTS[query.function](points) if points else None


def _absent(query: Query, track: Track, now: int) -> bool:
    if query.window:
        return not any(True for _ in track.between(now - query.window + 1, now + 1))
    return track.newest is None or track.newest[1] is None


def _increase(points: Points, before: float | None, query: Query) -> float | None:
    """What a counter rose by, a fall being a restart from zero; per second for `rate`. It takes two values to say."""
    values = ([] if before is None else [before]) + [value for _, value in points]
    if len(values) < 2:
        return None
    risen = sum(b - a if b >= a else b for a, b in pairwise(values))
    return risen / (query.window / SECOND) if query.function == "rate" else risen


_OF_POINTS: dict[str, Callable[[Points], float]] = {
    "avg": lambda points: fmean(value for _, value in points),
    "sum": lambda points: sum(value for _, value in points),
    "min": lambda points: min(value for _, value in points),
    "max": lambda points: max(value for _, value in points),
    "stddev": lambda points: pstdev(value for _, value in points),
    "changes": lambda points: float(sum(a[1] != b[1] for a, b in pairwise(points))),
}
