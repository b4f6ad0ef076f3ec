"""What a goal can measure of a stretch of readings: one table, read by goals, words, charts and the configuration.

A stretch is folded once into a `Summary`; a measure says which number that makes, and how that number behaves.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from math import isnan
from operator import gt

from rules.conditions import Where, compile_where
from rules.functions import quantile
from rules.model import Combine, Goal, Measure
from rules.ordered import Ordered

_INCREASE = Measure.INCREASE  # a member of an enum is slow to look up
_QUANTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_NONE = Ordered()


@dataclass(slots=True)
class Summary:
    """Values of a stretch of a series folded in time order, for one measure; None where there was no value."""

    start: int
    kind: Measure = Measure.SUM
    count: int = 0
    total: float = 0.0
    low: float | None = None
    high: float | None = None
    first: tuple[int, float] | None = None  # time and value
    last: float | None = None
    last_time: int | None = None
    increase: float = 0.0  # of a measure of increases only
    fell: bool = False  # whether a value was less than the one before it, in the stretch
    before: float | None = None  # the value before the next one, for increase only
    at: int = 0  # index of the next reading to fold
    where: Where | None = None
    satisfied: int = 0  # readings that `where` holds of
    ordered: Ordered = _NONE  # all values, for quantiles only

    def is_where(self, text: str | None) -> bool:
        """Whether that is its `where`, as written."""
        return text is None if self.where is None else self.where.text == text

    def fold(self, times: array[int], values: array[float], end: int) -> None:
        """Folds the readings from `at` up to index `end`."""
        if end <= self.at:
            return
        if end == self.at + 1 and (value := values[self.at]) == value:
            self.fold_one(times[self.at], value)  # as nearly always
            self.at = end
            return
        held = zip(times[self.at : end], values[self.at : end], strict=True)
        known = [pair for pair in held if not isnan(pair[1])]
        if self.kind is _INCREASE or self.where is not None:
            for time, value in known:
                self._fold_one(time, value)
        elif known:
            self._fold_several(known)
        if self.kind is Measure.QUANTILE:
            self.ordered.add([value for _, value in known])
        self.at = end

    def _fold_several(self, known: Sequence[tuple[int, float]]) -> None:
        """As `_fold_one` with each, where the measure asks for no more: a start folds all of a period at once."""
        values = [value for _, value in known]
        ordered = values if self.last is None else [self.last, *values]
        self.fell = self.fell or any(map(gt, ordered, ordered[1:]))
        total = self.total
        for value in values:  # `sum` may round otherwise
            total += value
        low, high = min(values), max(values)
        self.count, self.total = self.count + len(values), total
        self.low = low if self.low is None or low < self.low else self.low
        self.high = high if self.high is None or high > self.high else self.high
        self.first = self.first or known[0]
        self.last_time, self.last = known[-1]

    def fold_one(self, time: int, value: float) -> None:
        """Folds one more reading."""
        self._fold_one(time, value)
        if self.kind is Measure.QUANTILE:
            self.ordered.add([value])

    def _fold_one(self, time: int, value: float) -> None:
        self.count += 1
        if self.first is None:
            self.first = time, value
        elif self.last is not None and value < self.last:
            self.fell = True
        self.total += value
        if self.low is None or value < self.low:
            self.low = value
        if self.high is None or value > self.high:
            self.high = value
        if self.kind is _INCREASE:
            before, self.before = self.before, value
            self.increase += 0.0 if before is None else value - before if value >= before else value
        elif self.where is not None and self.where.holds(value):
            self.satisfied += 1
        self.last = value
        self.last_time = time

    def measure(self, goal: Goal) -> float | None:
        """The number the goal's measure makes of the stretch; None if there is none."""
        return MEASURES[goal.measure].of(self, goal)


@dataclass(frozen=True, slots=True)
class Means:
    """How a measure is computed, and how it behaves.

    `of` makes the number of a stretch; `added` what values in a row add to it, NaN being no value, where it adds up.
    `grows`: time adds to it, so that it has a pace. `adds_up`: what two stretches add is what both add together.
    `counts`: each reading adds its own part, whatever was before it. `falls`: whether it may fall again, as far as the
    readings so far tell; `rises`: whether it may rise. `final`: a bound once exceeded stays so where it does not fall.
    `combine`: how several series of an instance become one, unless said otherwise.
    """

    of: Callable[[Summary, Goal], float | None]
    added: Callable[[Sequence[float]], float] = lambda _: 0.0
    grows: bool = False
    adds_up: bool = False
    counts: bool = False
    falls: Callable[[Summary], bool] = lambda _: True
    rises: bool = True
    final: bool = True
    combine: Combine | None = None


def _mean(summary: Summary, _: Goal) -> float | None:
    return summary.total / summary.count if summary.count else None


def _share(summary: Summary, _: Goal) -> float | None:
    return summary.satisfied / summary.count if summary.count else None


def _quantile(summary: Summary, goal: Goal) -> float | None:
    return quantile(summary.ordered, goal.quantile) if summary.ordered else None


def _sum(values: Sequence[float]) -> float:
    total = sum(values)
    return total if not isnan(total) else sum(value for value in values if not isnan(value))


def _count(values: Sequence[float]) -> float:
    return float(sum(value == value for value in values))  # noqa: PLR0124 - NaN is not itself


def _risen(values: Sequence[float]) -> float:
    """From the first value on; a fall is a new start from zero."""
    known = [value for value in values if not isnan(value)]
    return sum(new - old if new >= old else new for old, new in pairwise(known))


def _never(_: Summary) -> bool:
    return False


MEASURES: Mapping[Measure, Means] = {
    Measure.SUM: Means(
        of=lambda summary, _: summary.total,
        added=_sum,
        grows=True,
        adds_up=True,
        counts=True,
        falls=lambda summary: (summary.low or 0.0) < 0.0,
        combine=Combine.SUM,
    ),
    Measure.COUNT: Means(
        of=lambda summary, _: float(summary.count),
        added=_count,
        grows=True,
        adds_up=True,
        counts=True,
        falls=_never,
        combine=Combine.SUM,
    ),
    Measure.INCREASE: Means(
        of=lambda summary, _: summary.increase,
        added=_risen,
        grows=True,
        adds_up=True,
        falls=_never,
        combine=Combine.SUM,
    ),
    Measure.LAST: Means(
        of=lambda summary, _: summary.last,
        grows=True,
        falls=lambda summary: summary.fell,
        final=False,
    ),
    Measure.MIN: Means(of=lambda summary, _: summary.low, rises=False),
    Measure.MAX: Means(of=lambda summary, _: summary.high, falls=_never),
    Measure.MEAN: Means(of=_mean),
    Measure.SHARE: Means(of=_share),
    Measure.QUANTILE: Means(of=_quantile),
}


def summary_of(goal: Goal, start: int) -> Summary:
    """A summary for the goal's measure with nothing folded yet. Raises ConditionError for a `where` that is none."""
    where = compile_where(goal.where) if goal.where else None
    ordered = Ordered() if goal.measure is Measure.QUANTILE else _NONE
    return Summary(start, goal.measure, where=where, ordered=ordered)


def may_fall(goal: Goal, summaries: Iterable[Summary]) -> bool:
    """Whether the measure may fall again, as far as the readings so far tell."""
    falls = MEASURES[goal.measure].falls
    for summary in summaries:  # noqa: SIM110 - asked for at every reading, and `any` costs three times as much
        if falls(summary):
            return True
    return False


def parse_measure(text: str) -> tuple[Measure, float]:
    """A measure as it is written, with the part of the values below a quantile: `p95` is (quantile, 0.95).

    Raises ValueError for anything else.
    """
    match = _QUANTILE.fullmatch(text)
    if match and float(match[1]) <= 100:
        return Measure.QUANTILE, float(match[1]) / 100
    if text not in NAMES:
        near = ["mean"] if text in {"avg", "average"} else get_close_matches(text, NAMES, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"has to be one of {', '.join(NAMES)}, or a quantile such as p95{hint}")
    return Measure(text), 0.0


NAMES = tuple(str(measure) for measure in Measure if measure is not Measure.QUANTILE)


def measure_text(goal: Goal) -> str:
    """The measure as it is written: `sum`, `p95`."""
    return f"p{goal.quantile * 100:.10g}" if goal.measure is Measure.QUANTILE else str(goal.measure)
