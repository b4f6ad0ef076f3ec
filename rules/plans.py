"""The expected course of a period: a straight line to the goal, one that follows a plan, or the usual weekdays.

A course is a line through points (time, value) in order of time, from the period's start to its end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from rules.measures import MEASURES
from rules.model import DAY, HOUR, CalendarPeriod, Goal
from rules.periods import bounds, to_local
from rules.tracks import Track

PATTERN = 56 * DAY  # before the period, that the usual weekdays are learned from
_LEAST_WEEKS = 2

Course = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What a course is made of: a goal over a span (start, end), its readings, those of its plan, and their reach."""

    goal: Goal
    span: tuple[int, int]
    tracks: Sequence[Track]
    planned: Sequence[Track]
    zone: str
    covered: int


def course(way: Way, wanted: float) -> Course:
    """The course to a wanted number; empty if there is none.

    A plan is scaled so that it ends at that number, if it is known up to the period's end; else it is taken as it is.
    """
    start, end = way.span
    if way.goal.plan is not None:
        line, whole = _planned(way)
        if not whole or line[-1][1] <= 0:
            return line
        return tuple((time, value / line[-1][1] * wanted) for time, value in line)
    if not MEASURES[way.goal.measure].adds_up:
        return ()
    parts = _by_weekday(way) if way.goal.weekdays else ()
    return tuple((time, part * wanted) for time, part in parts or ((start, 0.0), (end, 1.0)))


def value_at(line: Course, time: int) -> float:
    """The value of a course at a time, on the straight line between its points."""
    index = bisect_right(line, time, key=lambda point: point[0])
    if index in {0, len(line)}:
        return line[0 if index == 0 else -1][1]
    (before, low), (after, high) = line[index - 1], line[index]
    return low + (high - low) * (time - before) / (after - before)


def part_planned(way: Way, time: int) -> float | None:
    """The part of its plan that lies before a time; None where it is not known up to the period's end."""
    line, whole = _planned(way)
    return value_at(line, time) / line[-1][1] if whole and line[-1][1] > 0 else None


def _planned(way: Way) -> tuple[Course, bool]:
    """The plan as a course, and whether it is known up to the end."""
    adds_up = MEASURES[way.goal.measure].adds_up
    if not way.planned or (len(way.planned) > 1 and not adds_up):
        return (), False
    drawn = [_amounts(track, way.span) if adds_up else _levels(track, way.span) for track in way.planned]
    lines = [line for line, _ in drawn]
    if not all(lines):
        return (), False
    times = sorted({time for line in lines for time, _ in line})
    line = tuple((time, sum(value_at(one, time) for one in lines)) for time in times)
    return line, all(whole for _, whole in drawn)


def _amounts(track: Track, span: tuple[int, int]) -> tuple[Course, bool]:
    """What is planned by each time, each reading of the plan being for the stretch up to the next one.

    And whether that is known up to the end.
    """
    start, end = span
    points = list(track.between(start, end))
    if not points:
        return (), False
    times = [time for time, _ in points]
    until = times[-1] + _distance(times) if len(times) > 1 else end
    edges = [*times, min(until, end)]
    totals = accumulate((value for _, value in points), initial=0.0)
    line = dict(zip(edges, totals, strict=True))
    return tuple({start: 0.0, **line, end: line[edges[-1]]}.items()), until >= end


def _levels(track: Track, span: tuple[int, int]) -> tuple[Course, bool]:
    """The value that is planned for each time, and whether it is known up to the end."""
    start, end = span
    first = track.at(start)
    points = dict(track.between(start, end + 1))
    if not points:
        return (), False
    times = list(points)
    until = times[-1] + _distance(times) if len(times) > 1 else end
    line = {start: points[times[0]] if first is None else first, **points}
    return tuple({**line, end: line[times[-1]]}.items()), until >= end


def _distance(times: Sequence[int]) -> int:
    gaps = sorted(b - a for a, b in pairwise(times))
    return gaps[len(gaps) // 2]


def _by_weekday(way: Way) -> Course:
    """The part of the goal that is usually reached by the end of each day; empty if that is not known."""
    start, end = way.span
    weights = _weekdays(way)
    if weights is None:
        return ()
    edges = _days(start, end, way.zone)
    lengths = [weights[_weekday(a, way.zone)] * (b - a) / _whole_day(a, way.zone) for a, b in pairwise(edges)]
    total = sum(lengths)
    if total <= 0:
        return ()
    return tuple(zip(edges, (part / total for part in accumulate(lengths, initial=0.0)), strict=True))


def _weekdays(way: Way) -> Sequence[float] | None:
    """What a Monday, a Tuesday … usually adds: of the weeks before the period, or else of those up to now."""
    start = way.span[0]
    known = [track.times[0] for track in way.tracks if track.times]
    if not known:
        return None
    since = max(start - PATTERN, min(known))
    for until in (start, way.covered):
        days = [day for day in pairwise(_days(since, until, way.zone)) if _is_whole(*day, way.zone)]
        found = weekday_means([_weekday(a, way.zone) for a, _ in days], _sums(way, days))
        if found is not None:
            return found
    return None


def weekday_means(weekdays: Sequence[int], sums: Sequence[float]) -> Sequence[float] | None:
    """The mean of the sums of each weekday, Monday first; None if one of them was not there twice, or fell."""
    by_day: list[list[float]] = [[] for _ in range(7)]
    for weekday, total in zip(weekdays, sums, strict=True):
        by_day[weekday].append(total)
    if any(len(one) < _LEAST_WEEKS for one in by_day):
        return None
    means = [sum(one) / len(one) for one in by_day]
    return means if min(means) >= 0 and sum(means) > 0 else None


def _sums(way: Way, days: Sequence[tuple[int, int]]) -> Sequence[float]:
    """What was added on each of the days, which follow one another."""
    if not days:
        return []
    first, last = days[0][0], days[-1][1]
    edges = [a for a, _ in days]
    sums = [0.0] * len(days)
    for track in way.tracks:
        for bucket, added in track.summary(way.goal, first, last, HOUR).buckets.items():
            sums[bisect_right(edges, first + bucket * HOUR) - 1] += added
    return sums


@lru_cache(maxsize=512)
def _days(start: int, end: int, zone: str) -> tuple[int, ...]:
    """The start, the midnights after it, and the end."""
    edges = [start]
    while edges[-1] < end:
        edges.append(min(bounds(CalendarPeriod("day"), edges[-1], zone)[1], end))
    return tuple(edges)


def _weekday(time: int, zone: str) -> int:
    return to_local(time, zone).weekday()


def _whole_day(time: int, zone: str) -> int:
    start, end = bounds(CalendarPeriod("day"), time, zone)
    return end - start


def _is_whole(start: int, end: int, zone: str) -> bool:
    return (start, end) == bounds(CalendarPeriod("day"), start, zone)
