"""What a goal measures of a window that moves on with time: each reading is taken in once, and taken out once.

What a window says follows from the readings in it alone, whatever was in it before: counts and order are exact, and
so are sums until they are rounded to a number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from math import isnan
from typing import TYPE_CHECKING

from rules.measures import Summary
from rules.model import Measure

if TYPE_CHECKING:
    from rules.tracks import Track

_ONE = 1 << 1074  # every float is a whole multiple of 2 ** -1074
_SUMMED = frozenset({Measure.SUM, Measure.MEAN, Measure.INCREASE})
_EXTREME = frozenset({Measure.MIN, Measure.MAX})


class Window:
    """The readings from index `first` up to `last` of a track; `summary` says only what its measure asks."""

    __slots__ = ("_extremes", "_total", "first", "last", "summary")

    def __init__(self, summary: Summary, first: int) -> None:
        """`summary` has nothing folded yet."""
        self.summary = summary
        self.first = self.last = first
        self._total = 0  # of a sum or an increase, in units of 2 ** -1074
        self._extremes: deque[tuple[int, float]] = deque()  # index and value of each that is, or may be, the extreme

    def move(self, track: Track, first: int, last: int) -> Summary:
        """The readings from `first` to `last`, neither of them less than before, in one summary."""
        summary, values = self.summary, track.values
        for index in range(self.first, min(first, self.last)):
            if not isnan(values[index]):
                summary.count -= 1
                self._take_out(track, index, values[index])
        new = [index for index in range(max(first, self.last), last) if not isnan(values[index])]
        summary.count += len(new)
        for index in new:
            self._take_in(track, index, values[index])
        summary.order([values[index] for index in new])
        self.first, self.last = first, last
        newest = track.valued(last)
        inside = newest >= first
        summary.last, summary.last_time = (values[newest], track.times[newest]) if inside else (None, None)
        if summary.kind in _SUMMED:
            summary.total = summary.increase = self._total / _ONE
        elif summary.kind in _EXTREME:
            summary.low = summary.high = self._extremes[0][1] if self._extremes else None
        return summary

    def _take_in(self, track: Track, index: int, value: float) -> None:
        summary, kind = self.summary, self.summary.kind
        if kind in _SUMMED:
            self._total += _exact(_risen(track, index) if kind is Measure.INCREASE else value)
        elif kind in _EXTREME:
            least = kind is Measure.MIN
            while self._extremes and (self._extremes[-1][1] >= value if least else self._extremes[-1][1] <= value):
                self._extremes.pop()
            self._extremes.append((index, value))
        elif summary.where is not None and summary.where.holds(value):
            summary.satisfied += 1

    def _take_out(self, track: Track, index: int, value: float) -> None:
        summary, kind = self.summary, self.summary.kind
        if kind in _SUMMED:
            self._total -= _exact(_risen(track, index) if kind is Measure.INCREASE else value)
        elif kind in _EXTREME:
            if self._extremes[0][0] == index:
                self._extremes.popleft()
        elif kind is Measure.QUANTILE:
            del summary.ordered[bisect_left(summary.ordered, value)]
        elif summary.where is not None and summary.where.holds(value):
            summary.satisfied -= 1


def _exact(value: float) -> int:
    """The value in units of 2 ** -1074."""
    over, under = value.as_integer_ratio()
    return over << (1075 - under.bit_length())


def _risen(track: Track, index: int) -> float:
    """What a counter rose by with a reading; a fall is a new start from zero."""
    value, before = track.values[index], track.valued(index)
    if before < 0:
        return 0.0
    old = track.values[before]
    return value - old if value >= old else value
