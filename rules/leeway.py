"""How far a condition is sure to say the same: as long as each of its queries stays on one side of a bound of its own.

What a comparison has to spare is shared out among its queries. What an earlier window will say is known in advance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import fsum

from rules.comparisons import Comparison
from rules.conditions import Condition
from rules.functions import NEVER, Query, Spread, View
from rules.margins import Margins
from rules.measures import Summary
from rules.model import LARGEST, SECOND, Goal, Measure
from rules.scene import Scene
from rules.spare import Side, Spare, Summed, of_spread, side

_MEAN, _QUANTILE = Measure.MEAN, Measure.QUANTILE  # a member of an enum is slow to look up
_NEAR = 1e-9  # as a part of a sum: what rounding may make of it, and more
_SILENT = 2  # usual distances between readings
_AHEAD = 64  # usual distances for which it is found out what an earlier window will say
_SOON = 8  # the same, of which it is not worth while
_MEASURED: Mapping[str, Measure | Spread] = {
    "last": Measure.LAST,
    "avg": Measure.MEAN,
    "sum": Measure.SUM,
    "count": Measure.COUNT,
    "min": Measure.MIN,
    "max": Measure.MAX,
    "quantile": Measure.QUANTILE,
    "stddev": Spread.STDDEV,
}
_SUMMED: Mapping[str, Measure] = {"sum": Measure.SUM, "increase": Measure.INCREASE, "rate": Measure.INCREASE}
_COSTLY = {"quantile", "stddev"}


def is_worth_while(condition: Condition) -> bool:
    """Whether it costs more to ask it than to find out how far it is sure."""
    return condition.comparisons is not None and any(query.function in _COSTLY for query in condition.queries)


def of_condition(scene: Scene, condition: Condition, now: int) -> Margins | None:
    """How far a condition on one series says what it says `now`, where no look comes between two readings.

    None where nothing is sure.
    """
    if condition.comparisons is None or len(scene.tracks) != 1:
        return None
    if not all(
        query.function in _MEASURED or (query.function in _SUMMED and not query.offset) for query in condition.queries
    ):
        return None
    track, every = scene.tracks[0], condition.look_again
    gap = track.gap()
    silent = _SILENT * gap if every is None else min(_SILENT * gap, every - 1)
    answers = [question.answer(now) for question in scene.questions] if gap < silent else []
    values = [answer for answer in answers if answer is not None]
    if len(values) < len(scene.questions):
        return None
    spares, until, largest = list[Spare](), NEVER, LARGEST
    for comparison in condition.comparisons:
        for index, bound in _bounds(comparison, values):
            query, view = scene.questions[index].query, scene.questions[index].views[0]
            if query.function in _SUMMED and not query.offset:
                spares.append(_summed(query, view, values[index], bound, silent))
                continue
            one = _side(query, view, values[index], bound)
            if one is None:
                return None
            if query.offset:
                until = min(until, _known_until(one, view, gap))
            else:
                spares.append(one.of_window(track, (view.end + 1 - query.window, view.end + 1), silent))
            largest = min(largest, one.largest)
    is_left = until >= now + _SOON * gap and all(spare.is_left() for spare in spares)
    return Margins(spares, until, silent, -largest, largest) if is_left else None


def _bounds(comparison: Comparison, values: Sequence[float]) -> Iterator[tuple[int, float]]:
    """Each of its queries, and a bound: it comes to the same while they all stay on this side of theirs."""
    weights, total = comparison.weights, comparison.constant
    scale = abs(total)
    for index, weight in weights:
        total += weight * values[index]
        scale += abs(weight * values[index])
    slack = max(abs(total) - _NEAR * scale, 0.0)
    for index, weight in weights:
        part = slack / (weight * len(weights))
        yield index, values[index] - (part if total > 0.0 else -part)


def _summed(query: Query, view: View, value: float, bound: float, silent: int) -> Spare:
    per = query.window / SECOND if query.function == "rate" else 1.0
    return Summed(_SUMMED[query.function], bound, view.track, query.window, silent, above=value > bound, per=per)


def _side(query: Query, view: View, value: float, bound: float) -> Side | None:
    """On which side of its bound a query is, and how far."""
    measure = _MEASURED[query.function]
    if view.is_local:
        return None
    if isinstance(measure, Spread):
        values = view.values
        return of_spread(len(values), fsum(values) / len(values), value, bound)
    if measure is _QUANTILE:
        summary = view.rolling(measure).summary
    else:
        count = len(view.values) if query.window else 1
        summary = Summary(0, count=count, total=value * count if measure is _MEAN else value)
    return side(_goal(measure, query.fraction), summary, value, bound)


@lru_cache(maxsize=64)
def _goal(measure: Measure, fraction: float) -> Goal:
    return Goal(measure, quantile=fraction)


def _known_until(one: Side, view: View, gap: int) -> int:
    """Before when what an earlier window says is sure to stay on its side, as far as all is known that enters it."""
    end = view.end + 1
    known = min(end + min(_AHEAD * gap, view.window), view.track.times[-1] + 1)
    enter = [(time, one.gain(value)) for time, value in view.track.between(end, known)]
    start = end - view.window
    leave = [(time + view.window, -one.gain(value)) for time, value in view.track.between(start, known - view.window)]
    spare = one.spare
    for time, gain in sorted(enter + leave):
        spare += gain
        if not (spare > 0.0 and abs(gain) <= one.largest):
            return time + view.offset
    return known + view.offset
