"""What a chart shows: the numbers of one notice and the readings behind it, ready to be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, pairwise
from math import isnan
from typing import Any

from rules.measures import MEASURES, summary_of
from rules.model import Goal, Notice
from rules.plans import Course

MOST_POINTS = 1_500  # more than pixels in a chart tell nothing
_ALONE = 60_000_000  # what the chart of a single reading spans
_BREAK = 5  # usual distances between readings after which a line is broken

Point = tuple[int, float | None]
"""Time and value; None is a reading without a value."""

Steps = tuple[tuple[int, float], ...]
"""A number that changes: what it is from each time on."""


class ChartKind(StrEnum):
    """Progress through a period, a level that every reading has to keep, or a measure period after period."""

    PERIOD = "period"
    LEVEL = "level"
    PERIODS = "periods"


@dataclass(frozen=True, slots=True)
class Lane:
    """Spans (start, end) in which an alert fired: a strip below the line. `faint`: only there to compare with."""

    name: str
    words: str
    note: str
    spans: tuple[tuple[int, int], ...]
    faint: bool = False


@dataclass(frozen=True, slots=True)
class ChartData:
    """One chart. Times are UTC microseconds; `points` are in time order, for a period the measure's value so far.

    `course` is the expected one of a period, a line through its points; empty if there is none. `projection` is the
    value expected at `end`, with the bounds of its 80 % interval where they are known. Where the number that is wanted
    changes, `least` and `most` are what it is from each time on, and `at_least` and `at_most` the last of them.
    """

    kind: ChartKind
    standing: str
    points: tuple[Point, ...]
    start: int
    end: int
    now: int
    title: str = ""
    headline: str = ""
    unit: str = ""
    zone: str = "UTC"
    value: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    least: Steps = ()
    most: Steps = ()
    course: tuple[tuple[int, float], ...] = ()
    projection: float | None = None
    projection_low: float | None = None
    projection_high: float | None = None
    lanes: tuple[Lane, ...] = ()
    form: str = "png"  # or svg


def chart_data(
    notice: Notice,
    points: Sequence[Point],
    goal: Goal,
    course: Course = (),
    wanted: Sequence[Sequence[tuple[int, float]]] = ((), ()),
) -> ChartData:
    """The chart of a notice about a goal. `points` are the raw readings of its series, in time order.

    For a period these are the readings within it (an `increase` may have the one before it first) and its expected
    `course`; without a period the chart spans the readings. `wanted` is what was wanted (at least, at most) where that
    changed.
    """
    title, line = _said(notice)
    drawn = _level(notice, points) if notice.period_start is None else _period(notice, points, goal, course)
    made = replace(
        drawn,
        title=title,
        headline=line,
        points=tuple(thin(drawn.points, MOST_POINTS)),
        unit=notice.unit,
        zone=notice.zone,
        value=notice.values.get("value"),
        at_least=notice.values.get("at_least"),
        at_most=notice.values.get("at_most"),
        least=thinned(wanted[0]),
        most=thinned(wanted[1]),
    )
    return in_percent(made) if notice.percent else made


def thinned(steps: Sequence[tuple[int, float]]) -> Steps:
    """A number that changes; no steps where it does not."""
    if len(steps) < 2:
        return ()
    return tuple((time, number) for time, number in thin(steps, MOST_POINTS) if number is not None)


def in_percent(data: ChartData) -> ChartData:
    """The chart of shares, their numbers as percentages."""
    names = ("value", "at_least", "at_most", "projection", "projection_low", "projection_high")
    numbers: dict[str, Any] = {}
    for name in names:
        share = getattr(data, name)
        numbers[name] = None if share is None else share * 100
    points = tuple((time, None if share is None else share * 100) for time, share in data.points)
    for name in ("least", "most"):
        numbers[name] = tuple((time, share * 100) for time, share in getattr(data, name))
    return replace(data, points=points, unit="%", **numbers)


def _level(notice: Notice, points: Sequence[Point]) -> ChartData:
    start = min((time for time, _ in points), default=notice.starts_at)
    return ChartData(
        ChartKind.LEVEL,
        standing=notice.standing,
        points=tuple(broken(points)),
        start=start if start < notice.at else notice.at - _ALONE,
        end=notice.at,
        now=notice.at,
    )


def _period(notice: Notice, points: Sequence[Point], goal: Goal, course: Course) -> ChartData:
    values = notice.values
    start, end = notice.period_start or 0, notice.period_end or notice.at
    return ChartData(
        ChartKind.PERIOD,
        standing=notice.standing,
        points=tuple(accumulated(points, goal, start, min(notice.at, end))),
        start=start,
        end=end,
        now=notice.at,
        course=course if "expected" in values else (),
        projection=values.get("projection"),
        projection_low=values.get("projection_low"),
        projection_high=values.get("projection_high"),
    )


def _said(notice: Notice) -> tuple[str, str]:
    """The title with the instance in brackets, and the headline without it."""
    match = re.fullmatch(re.escape(notice.title) + r"( \([^)]*\))? (.+)", notice.headline, re.DOTALL)
    if match is None:
        return notice.title, notice.headline
    return notice.title + (match[1] or ""), match[2][:1].upper() + match[2][1:]


def accumulated(points: Iterable[Point], goal: Goal, start: int, now: int) -> list[Point]:
    """The value of the goal's measure so far after each reading with start <= time <= now.

    What adds up is shown where it was complete: a daily reading at the end of its day, and none after `now`.
    """
    means = MEASURES[goal.measure]
    known = [(time, value) for time, value in points if value is not None and not isnan(value) and time <= now]
    inside = [(time, value) for time, value in known if time >= start]
    summary = summary_of(goal, start)
    summary.before = next((value for time, value in reversed(known) if time < start), None)
    width = usual_distance([time for time, _ in inside]) if means.counts else 0
    made: list[Point] = []
    for time, value in inside:
        summary.fold_one(time, value)
        made.append((min(time + width, now), summary.measure(goal)))
    return [(start, 0.0), *made] if means.adds_up and made else made


def usual_distance(times: Sequence[int]) -> int:
    """The median distance of different times; 0 if there are fewer than two."""
    gaps = sorted(b - a for a, b in pairwise(times) if b > a)
    return gaps[len(gaps) // 2] if gaps else 0


def broken(points: Sequence[Point], least: int = 0) -> list[Point]:
    """The points with a None where readings were missing for much longer than usual, so that no line is drawn there.

    A distance of no more than `least` is a usual one.
    """
    longest = _BREAK * max(usual_distance([time for time, _ in points]), least)
    made: list[Point] = []
    for time, value in points:
        if made and longest and time - made[-1][0] > longest:
            made.append((made[-1][0] + 1, None))
        made.append((time, None if value is None or isnan(value) else value))
    return made


def thin(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most about `most` points of the same shape: of each stretch of time the lowest, the highest, the last, a gap.

    However many there are, no more are drawn than can be told apart.
    """
    if len(points) <= most:
        return points
    start = points[0][0]
    wide = (points[-1][0] - start) * 3 // most + 1
    kept: list[Point] = [points[0]]
    for _, stretch in groupby(points, lambda point: (point[0] - start) // wide):
        kept.extend(_shape(list(stretch)))
    return kept


def _shape(stretch: Sequence[Point]) -> Iterator[Point]:
    numbers = [(value, index) for index, (_, value) in enumerate(stretch) if value is not None]
    chosen = {min(numbers)[1], max(numbers)[1]} if numbers else set()
    if len(numbers) < len(stretch):
        chosen.add(next(index for index, (_, value) in enumerate(stretch) if value is None))
    chosen.add(len(stretch) - 1)
    return (stretch[index] for index in sorted(chosen))
