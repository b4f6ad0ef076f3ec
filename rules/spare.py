"""What there is to spare until a measure is on the other side of a bound, kept up with each reading that comes.

So the measure need not be made at each reading: what the reading adds is counted, what is about to leave a window is
taken for gone, and what a projection loses with time is taken for lost a while ahead.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import ClassVar, NamedTuple

from rules.conditions import Where
from rules.measures import Summary
from rules.model import HOUR, LARGEST, Goal, Measure
from rules.progress import gone_on
from rules.tracks import Track

ROUNDED = 1e-6  # as a part of a number: what adding in another order may make of it, and more
_NEAR = 1e-9  # as a part of a bound: a number between two others may be rounded to beyond both
_AT_ONCE = 64  # usual distances between readings for which what leaves a window is looked up at once

Gain = Callable[[float], float]
"""What a reading's number adds to what is to spare."""


class Spare:
    """Something holds as long as there is something to spare, to which readings add and of which time takes `rate`."""

    __slots__ = ("_gain", "_rate", "_spare", "_time")

    in_runs: ClassVar[bool] = False
    """Whether it mostly holds for many readings, and is asked of them before they are in the track."""

    def __init__(self, spare: float, gain: Gain, rate: float = 0.0, time: int = 0) -> None:
        """`spare` is that of `time`."""
        self._spare = spare
        self._gain = gain
        self._rate = rate
        self._time = time

    def is_left(self) -> bool:
        """Whether it holds until the next reading."""
        return self._spare > 0.0

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        self._spare += self._gain(number) - self._rate * (time - self._time)
        self._time = time
        return self._spare > 0.0

    def lasts(self, times: Sequence[int], numbers: Sequence[float]) -> int:
        """After how many of these readings it holds, all of which come as far apart as those before them."""
        for done, (time, number) in enumerate(zip(times, numbers, strict=True)):
            if not self.holds(time, number):
                return done
        return len(times)


class Leaving(Spare):
    """Of a window that ends with the newest reading, or up to `silent` after it, and which readings leave."""

    __slots__ = ("_known", "_leave", "_length", "_renew", "_reserve", "_silent", "_step", "_track")

    def __init__(self, side: Side, track: Track, window: tuple[int, int], silent: int) -> None:
        """`side` is that of the window from a time up to another, which is longer than twice `silent`."""
        super().__init__(side.spare, side.gain)
        self._track = track
        self._length = window[1] - window[0]
        self._silent = silent
        self._step = max(min(_AT_ONCE * track.gap(), self._length // 8), silent + 1)
        self._leave: list[tuple[int, float]] = []  # time and gain of what leaves next
        self._known = window[0]  # what is before has left or is among these
        self._reserve = 0.0
        self._look_up(window[0] + self._step)

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        if time >= self._renew and not self._moves(time + 1 - self._length):
            return False
        self._spare += self._gain(number)
        return self._spare > 0.0

    def _moves(self, start: int) -> bool:
        """Takes out what leaves as the window moves on; False where that may not be held any more."""
        if start > self._known:
            return False
        gone = [gain for time, gain in self._leave if time < start]
        del self._leave[: len(gone)]
        self._spare += self._reserve - sum(gone)
        self._look_up(start + self._step)
        return True

    def _look_up(self, end: int) -> None:
        """Holds back the most that may be lost until the window starts at `end`."""
        self._leave += [(time, self._gain(value)) for time, value in self._track.between(self._known, end)]
        self._known, self._renew = end, end - 1 + self._length - self._silent
        lost = self._reserve = 0.0
        for _, gain in self._leave:
            lost += gain
            self._reserve = max(self._reserve, lost)
        self._spare -= self._reserve


class Summed(Spare):
    """Of a sum in such a window, or of what a counter rose by in it: that is known exactly, and quickly."""

    __slots__ = ("_bound", "_length", "_measure", "_per", "_sign", "_silent", "_track")

    def __init__(
        self, measure: Measure, bound: float, track: Track, length: int, silent: int, *, above: bool, per: float = 1.0
    ) -> None:
        """It lies above the bound or below it, divided by `per`, from the track's newest reading on."""
        super().__init__(inf, float)
        self._measure = measure
        self._bound = bound
        self._per = per
        self._sign = 1.0 if above else -1.0
        self._track = track
        self._length = length
        self._silent = silent
        self._spare = inf if self.holds(track.times[-1], 0.0) else -inf

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too, wherever the window moves on to before the next."""
        times, last = self._track.times, len(self._track.times)
        start = time + 1 - self._length
        first = bisect_left(times, start)
        for index in range(first, bisect_left(times, start + self._silent, first) + 1):
            made = self._track.added_up(self._measure, index, last) / self._per
            if not self._sign * (made - self._bound) > 0.0:
                return False
        return True


class Trend(Spare):
    """Of where a number that is read will end if it goes on as it did since a first reading: it lies between two."""

    __slots__ = ("_between", "_end", "_first", "_track")

    def __init__(self, first: tuple[int, float], end: int, track: Track, between: tuple[float, float]) -> None:
        super().__init__(inf, float)
        self._first = first
        self._end = end
        self._track = track
        self._between = between

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        gap = self._track.gap()
        if not 0 < gap <= HOUR // 2:
            return False
        least, most = self._between
        return least <= gone_on(self._first, (time, number), self._end, gap) <= most


class Side(NamedTuple):
    """What a measure has to spare until it is on the other side of a bound, and what a number adds to that.

    So it is for numbers no larger than `largest`.
    """

    spare: float
    gain: Gain
    largest: float = LARGEST

    def of_window(self, track: Track, window: tuple[int, int], silent: int) -> Spare:
        """What there is to spare as the window moves on with the readings, up to `silent` after the newest."""
        return Leaving(self, track, window, silent) if self.spare < inf else Spare(self.spare, self.gain)


def side(goal: Goal, summary: Summary, value: float, bound: float) -> Side | None:
    """On which side of a bound a measure of a stretch is, and for how long; None where nothing is known in advance."""
    known = _SIDES.get(goal.measure)
    return None if known is None or value == bound else known(goal, summary, bound, 1.0 if value > bound else -1.0)


def of_spread(count: int, mean: float, deviation: float, bound: float) -> Side | None:
    """Of values whose standard deviation is less than a bound: they are no farther from their mean than from this."""
    if deviation >= bound:
        return None
    most, scale = bound * bound, count * (bound * bound + mean * mean)
    spare = count * (most - deviation * deviation) - ROUNDED * scale
    return Side(spare, lambda number: most - (number - mean) * (number - mean))


def of_share(where: Where, satisfied: int, count: int, bound: float, sign: float) -> Side:
    """Of the share of readings that satisfy a condition: it is more than the bound, or with the sign -1 less."""
    good, bad = sign * (1.0 - bound), -sign * bound
    spare = sign * (satisfied - bound * count)
    return Side(spare - ROUNDED * (count + 1), lambda number: good if where.holds(number) else bad)


def _of_share(_: Goal, summary: Summary, bound: float, sign: float) -> Side | None:
    where = summary.where
    return None if where is None else of_share(where, summary.satisfied, summary.count, bound, sign)


def _of_mean(_: Goal, summary: Summary, bound: float, sign: float) -> Side:
    spare, scale = sign * (summary.total - bound * summary.count), abs(summary.total) + abs(bound) * summary.count
    return Side(spare - ROUNDED * scale, lambda number: sign * (number - bound), scale)


def _of_sum(_: Goal, summary: Summary, bound: float, sign: float) -> Side:
    scale = abs(summary.total) + abs(bound)
    return Side(sign * (summary.total - bound) - ROUNDED * scale, lambda number: sign * number, scale)


def _of_count(_: Goal, summary: Summary, bound: float, sign: float) -> Side:
    return Side(sign * (summary.count - bound) - ROUNDED, lambda _: sign)


def _of_quantile(goal: Goal, summary: Summary, bound: float, sign: float) -> Side:
    """It lies between the values of two ranks, those around `part` times the last one, so both are on the side."""
    part, near = goal.quantile, bound + sign * _NEAR * abs(bound)
    rank, slack = part * (summary.count - 1), ROUNDED * (summary.count + 1)
    if sign > 0.0:
        return Side(rank - summary.ordered.upto(near) - slack, lambda number: part - (number <= near))
    return Side(summary.ordered.below(near) - rank - 1.0 - slack, lambda number: (number < near) - part)


def _of_newest(_: Goal, __: Summary, bound: float, sign: float) -> Side:
    return Side(inf, lambda number: 0.0 if sign * (number - bound) > 0.0 else -inf)


def _of_least(goal: Goal, summary: Summary, bound: float, sign: float) -> Side | None:
    return _of_newest(goal, summary, bound, sign) if sign > 0.0 else None  # the least may leave, or is there to stay


def _of_most(goal: Goal, summary: Summary, bound: float, sign: float) -> Side | None:
    return _of_newest(goal, summary, bound, sign) if sign < 0.0 else None


_SIDES: Mapping[Measure, Callable[[Goal, Summary, float, float], Side | None]] = {
    Measure.SUM: _of_sum,
    Measure.COUNT: _of_count,
    Measure.MEAN: _of_mean,
    Measure.SHARE: _of_share,
    Measure.QUANTILE: _of_quantile,
    Measure.LAST: _of_newest,
    Measure.MIN: _of_least,
    Measure.MAX: _of_most,
}
