"""The expected course of a period: a straight line to the goal, one that follows a plan, or the usual weekdays.

A course is a line through points (time, value) in order of time, from the period's start to its end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rules.measures import MEASURES
from rules.model import Goal
from rules.projection import Drawn, Projector
from rules.tracks import Track

Course = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What a course is made of: a goal over a span (start, end), the readings and those of its plan.

    `covered` is up to when the readings tell; the projector knows the usual weekdays.
    """

    goal: Goal
    span: tuple[int, int]
    tracks: Sequence[Track]
    planned: Sequence[Track]
    zone: str
    covered: int
    projector: Projector


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
    parts: Sequence[tuple[int, float]] = ()
    if way.goal.weekdays and way.goal.per is not None:
        parts = way.projector.course(way.tracks, way.goal.measure, way.goal.per, way.span, way.covered, way.zone)
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
    line = whole_plan(way)
    return value_at(line, time) / line[-1][1] if line else None


def whole_plan(way: Way) -> Course:
    """The plan as a course, not scaled; empty unless it is known up to the period's end."""
    line, whole = _planned(way)
    return line if whole and line[-1][1] > 0 else ()


def _planned(way: Way) -> tuple[Course, bool]:
    """The plan as a course, and whether it is known up to the end."""
    of = way.span, way.goal.measure, [(track, track.revised, track.newest) for track in way.planned]
    if way.projector.planned is None or way.projector.planned.of != of:
        way.projector.planned = Drawn(of, *_drawn(way))
    return way.projector.planned.line, way.projector.planned.whole


def _drawn(way: Way) -> tuple[Course, bool]:
    adds_up = MEASURES[way.goal.measure].adds_up
    if not way.planned or (len(way.planned) > 1 and not adds_up):
        return (), False
    drawn = [_amounts(track, way.span) if adds_up else _levels(track, way.span) for track in way.planned]
    lines = [line for line, _ in drawn]
    if not all(lines):
        return (), False
    return lines[0] if len(lines) == 1 else _sum(lines), all(whole for _, whole in drawn)


def _sum(lines: Sequence[Course]) -> Course:
    times = sorted({time for line in lines for time, _ in line})
    return tuple((time, sum(value_at(one, time) for one in lines)) for time in times)


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
