"""What a chart shows: the numbers of one notice and the readings behind it, ready to be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import isnan

from rules.model import Measure, Notice

MOST_POINTS = 1_500  # more than pixels in a chart tell nothing
_ALONE = 60_000_000  # what the chart of a single reading spans
_BREAK = 5  # usual distances between readings after which a line is broken

Point = tuple[int, float | None]
"""Time and value; None is a reading without a value."""

_ADDS_UP = frozenset({Measure.SUM, Measure.COUNT, Measure.INCREASE})
_PACED = _ADDS_UP


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

    `paced` says whether a steady pace from nothing to the goal means something. `projection` is the value expected at
    `end`, with the bounds of its 80 % interval where they are known.
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
    paced: bool = False
    projection: float | None = None
    projection_low: float | None = None
    projection_high: float | None = None
    lanes: tuple[Lane, ...] = ()
    form: str = "png"  # or svg


def chart_data(notice: Notice, points: Sequence[Point], measure: str = "last") -> ChartData:
    """The chart of a notice. `points` are the raw readings of its series, in time order.

    For a period these are the readings within it (an `increase` may have the one before it first); without a period
    the chart spans the readings.
    """
    title, line = _said(notice)
    drawn = _level(notice, points) if notice.period_start is None else _period(notice, points, Measure(measure))
    return replace(
        drawn,
        title=title,
        headline=line,
        points=tuple(thin(drawn.points, MOST_POINTS)),
        unit=notice.unit,
        zone=notice.zone,
        value=notice.values.get("value"),
        at_least=notice.values.get("at_least"),
        at_most=notice.values.get("at_most"),
    )


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


def _period(notice: Notice, points: Sequence[Point], measure: Measure) -> ChartData:
    values = notice.values
    start, end = notice.period_start or 0, notice.period_end or notice.at
    return ChartData(
        ChartKind.PERIOD,
        standing=notice.standing,
        points=tuple(accumulated(points, measure, start, min(notice.at, end))),
        start=start,
        end=end,
        now=notice.at,
        paced=measure in _PACED and "expected" in values,
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


def accumulated(points: Iterable[Point], measure: Measure, start: int, now: int) -> list[Point]:
    """The measure's value so far after each reading with start <= time <= now.

    What adds up is shown where it was complete: a daily reading at the end of its day, and none after `now`.
    """
    known = [(time, value) for time, value in points if value is not None and not isnan(value) and time <= now]
    inside = [(time, value) for time, value in known if time >= start]
    before = next((value for time, value in reversed(known) if time < start), None)
    values = _folded([value for _, value in inside], measure, before)
    width = usual_distance([time for time, _ in inside]) if measure in {Measure.SUM, Measure.COUNT} else 0
    made = [(min(time + width, now), value) for (time, _), value in zip(inside, values, strict=True)]
    return [(start, 0.0), *made] if measure in _ADDS_UP and made else list(made)


def _folded(values: Sequence[float], measure: Measure, before: float | None) -> list[float]:
    made: list[float] = []
    total = 0.0
    last = before
    for count, value in enumerate(values, 1):
        if measure is Measure.INCREASE:  # a counter that falls was started anew
            total += 0.0 if last is None else value - last if value >= last else value
        else:
            total += value
        last = value
        folds: Mapping[Measure, float] = {
            Measure.COUNT: count,
            Measure.MEAN: total / count,
            Measure.LAST: value,
            Measure.MIN: min(made[-1], value) if made else value,
            Measure.MAX: max(made[-1], value) if made else value,
        }
        made.append(folds.get(measure, total))
    return made


def usual_distance(times: Sequence[int]) -> int:
    """The median distance of different times; 0 if there are fewer than two."""
    gaps = sorted(b - a for a, b in pairwise(times) if b > a)
    return gaps[len(gaps) // 2] if gaps else 0


def broken(points: Sequence[Point]) -> list[Point]:
    """The points with a None where readings were missing for much longer than usual, so that no line is drawn there."""
    longest = _BREAK * usual_distance([time for time, _ in points])
    made: list[Point] = []
    for time, value in points:
        if made and longest and time - made[-1][0] > longest:
            made.append((made[-1][0] + 1, None))
        made.append((time, None if value is None or isnan(value) else value))
    return made


def thin(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most about `most` points of the same shape: of each stretch the lowest, the highest and the last, and gaps."""
    if len(points) <= most:
        return points
    size = -(-len(points) * 3 // most)
    kept: list[Point] = [points[0]]
    for at in range(0, len(points), size):
        stretch = points[at : at + size]
        numbers = [(value, index) for index, (_, value) in enumerate(stretch) if value is not None]
        chosen = {index for index, (_, value) in enumerate(stretch) if value is None} if len(numbers) < size else set()
        chosen |= {min(numbers)[1], max(numbers)[1]} if numbers else set()
        chosen.add(len(stretch) - 1)
        kept.extend(stretch[index] for index in sorted(chosen))
    return kept
