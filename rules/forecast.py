"""What the buckets still to come in a period will add, from pattern, level and trend of those before; and how surely.

A bucket (a day of a month, an hour of a day) has a slot (its weekday, its hour). Its value is a level times the factor
of its slot. The level is a mix of exponentially weighted means, a fast one that follows the trend and slower ones that
dampen it; how the same stretch went one season ago (a year, a week) moves it, where that is known. A value far from
what was expected counts only as far as `_CLIP` times the usual miss, so that one odd day is not projected on.

The interval is a conformal one: how far off the same forecast was in the periods before, as a multiple of the usual
miss of one bucket and of the number of buckets that were left; the multiple that held 80 % of them is taken, with a
prior for when there are few. Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, chapter 4.
The constants were tuned on the development series of `bench/projection.py`, never on those it is judged by.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from math import exp, log, sqrt
from typing import NamedTuple

_FAST, _MIDDLE, _SLOW = (0.5 ** (1 / half) for half in (2, 6, 60))  # half-lives of the levels, in buckets
_FAST_SHARE, _MIDDLE_SHARE = 0.55, 0.40  # of the level for as many buckets as `_SOON`; the more, the smaller
_SOON = 30
_SEASON = 0.25  # how much of the course of a season ago is taken over
_MOST = 2.0  # nothing more than doubled or less than halved is taken from a season ago
_CLIP = 2.5
_CALMEST = 0.1  # the usual miss of a series that hardly ever misses, as a share of what is expected
_STEADY = 0.97  # the weight of what the usual miss was before
_FADED = 0.5 ** (1 / 16)  # half-life of the factors, in cycles
_CYCLES_BEFORE = 4  # how many cycles make the level that the course of a season ago began at
_NARROWEST = 0.05
_SHRINK = 0.25  # how many occurrences of a slot its factor is drawn to 1 by
_PERIODS = 12  # periods before that the interval is learned from
_PRIOR, _PRIOR_WEIGHT = 1.4, 3.0  # the multiple before anything is learned, and how many periods it weighs
_NEAR = 0.1  # the share of a period within which its forecasts were alike
_NEAR_WEIGHT = 4.0  # how many periods the multiple of all forecasts weighs beside that of those alike
_UNSURE = 0.2  # buckets that a forecast of even one bucket is unsure by
_LEAST = 12  # buckets before which nothing is said


class Ahead(NamedTuple):
    """The sum expected of what is still to come, and half the width of its 80 % interval."""

    mean: float
    half: float


class Forecast:
    """Folds buckets, one period after the other. What it says follows from them alone."""

    __slots__ = (
        "_at", "_base", "_factors", "_fast", "_fast_of", "_flat", "_level", "_made", "_middle", "_middle_of", "_miss",
        "_miss_of", "_misses", "_multiple", "_past", "_period", "_season", "_seen", "_shares", "_slots", "_slow",
        "_slow_of", "_sum", "ready", "total",
    )  # fmt: skip

    def __init__(self, slots: int, season: int = 0) -> None:
        """`slots` make a cycle; after `season` buckets, whole cycles, the course is alike (0: never)."""
        self.total = 0.0  # of the period so far
        self.ready = False  # whether it has seen enough to say anything: two cycles
        self._slots = slots
        self._season = season
        self._period: Sequence[int] = ()  # the slots of its buckets
        self._at = 0  # how many of them are folded
        self._level = 0.0  # expected of the buckets left
        self._shares = 0.0  # their factors, added up
        self._flat = slots == 1
        self._factors = [1.0] * slots
        self._sum = [0.0] * slots  # of each slot its values, levels and occurrences, the older the less
        self._base = [0.0] * slots
        self._seen = [0.0] * slots
        self._fast = self._middle = self._slow = 0.0  # values, the older the less
        self._fast_of = self._middle_of = self._slow_of = 0.0  # and the factors they had
        self._miss = self._miss_of = 0.0  # how far off a forecast of one bucket was, and the weight of that
        self._past = array("d", [0.0])  # the running sum of all values
        self._made: list[tuple[float, float]] = []  # of this period: the total expected, and one unit of doubt
        self._misses: deque[array[float]] = deque(maxlen=_PERIODS)  # in units of doubt, of each period from its end
        self._multiple: tuple[int, float] | None = None

    @property
    def factors(self) -> Sequence[float]:
        """What is usual of each slot, beside the level."""
        return self._factors

    def begin(self, slots: Sequence[int]) -> None:
        """A period begins whose buckets have these slots."""
        if self._made and self._at == len(self._period):
            self._misses.append(array("d", [_miss(self.total - mean, doubt) for mean, doubt in reversed(self._made)]))
        self._made, self._multiple = [], None
        self._period, self._at, self.total = slots, 0, 0.0
        self._shares = self._sum_of_factors()
        self._level = self._expect()

    def fold(self, values: Sequence[float]) -> None:
        """The next buckets of the period are over."""
        for value in values:
            slot = self._period[self._at]
            self._at += 1
            self._shares -= self._factors[slot]
            self.total += value
            self._past.append(self._past[-1] + value)
            self._learn(slot, self._tamed(slot, value))
            left = len(self._period) - self._at
            if left and self.ready:
                self._level = level = self._expect()
                doubt = (left + _UNSURE) * self._miss / self._miss_of
                self._made.append((self.total + level * self._shares, doubt))

    def _tamed(self, slot: int, value: float) -> float:
        """The value as far as it counts. Notes how far it is from what was expected of it."""
        seen = len(self._past) - 1
        if seen <= self._slots:
            return value
        expected = self._factors[slot] * self._middle / self._middle_of if self._middle_of else 0.0
        usual = self._miss / self._miss_of if self._miss_of else 0.0
        self._miss = self._miss * _STEADY + abs(value - expected)
        self._miss_of = self._miss_of * _STEADY + 1.0
        if not self.ready:
            self.ready = seen >= max(2 * self._slots, _LEAST)
            return value
        most = _CLIP * max(usual, _CALMEST * abs(expected))
        if value > expected + most:
            return expected + most
        return max(value, expected - most)

    def _learn(self, slot: int, value: float) -> None:
        if value < 0.0 and not self._flat:  # no level times a factor
            self._flat, self._factors = True, [1.0] * self._slots
            self._shares = self._sum_of_factors()
        factor = self._factors[slot]
        self._fast = self._fast * _FAST + value
        self._fast_of = self._fast_of * _FAST + factor
        self._middle = self._middle * _MIDDLE + value
        self._middle_of = self._middle_of * _MIDDLE + factor
        self._slow = self._slow * _SLOW + value
        self._slow_of = self._slow_of * _SLOW + factor
        if self._flat:
            return
        self._sum[slot] = self._sum[slot] * _FADED + value
        self._base[slot] = self._base[slot] * _FADED + (self._middle / self._middle_of if self._middle_of else 0.0)
        self._seen[slot] = self._seen[slot] * _FADED + 1.0
        if slot == self._slots - 1 and self.ready:
            self._factors = self._new_factors()
            self._shares = self._sum_of_factors()

    def _new_factors(self) -> list[float]:
        """What each slot is of the level, drawn to 1 where it was seen seldom; their mean is 1."""
        calm = _SHRINK * sum(self._base) / sum(self._seen)
        if calm <= 0.0:
            return self._factors
        raw = [(value + calm) / (base + calm) for value, base in zip(self._sum, self._base, strict=True)]
        mean = sum(raw) / self._slots
        return [one / mean for one in raw]

    def _expect(self) -> float:
        """The level of the buckets left."""
        if not self._fast_of or not self._middle_of:
            return 0.0
        left = len(self._period) - self._at
        near = 1.0 if left <= _SOON else sqrt(_SOON / left)
        fast, middle = near * _FAST_SHARE, near * _MIDDLE_SHARE
        usual = self._middle / self._middle_of
        level = fast * self._fast / self._fast_of + middle * usual + (1.0 - fast - middle) * self._slow / self._slow_of
        return level + _SEASON * usual * self._course()

    def _course(self) -> float:
        """By how much of its level the same stretch rose a season ago; 0 where that isn't known."""
        then = len(self._past) - 1 - self._season
        before = then - _CYCLES_BEFORE * self._slots
        if not self._season or before < 0:
            return 0.0
        level = self._past[then] - self._past[before]
        if self._shares <= 0.0 or level <= 0.0:
            return 0.0
        left = min(len(self._period) - self._at, self._season)
        rose = (self._past[then + left] - self._past[then]) / self._shares / (level / (then - before))
        return min(max(rose, 1.0 / _MOST), _MOST) - 1.0

    def _sum_of_factors(self) -> float:
        """Of the buckets left."""
        left = len(self._period) - self._at
        whole, rest = divmod(left, self._slots)
        factors = self._factors
        return whole * sum(factors) + sum([factors[slot] for slot in self._period[self._at : self._at + rest]])

    def ahead(self, elapsed: float, today: float | None = None) -> Ahead:
        """What the period still adds when the share `elapsed` of its current bucket is over.

        With `today`, the bucket's own value so far, the bucket is one whose value comes at once or is counted up: what
        it lacks is still to come, but less and less in its second half. Else its rest comes as time goes.
        """
        left = len(self._period) - self._at
        if not left:
            return Ahead(0.0, 0.0)
        first = self._factors[self._period[self._at]] * self._level
        rest = first * (1.0 - elapsed)
        if today is not None:
            rest = max(first - today, 0.0) * min(2.0 * (1.0 - elapsed), 1.0)
        later = self._level * self._shares - first
        buckets = left - elapsed
        usual = self._miss / self._miss_of if self._miss_of else 0.0
        doubt = usual * (buckets + _UNSURE * min(buckets, 1.0))
        return Ahead(rest + later, self._learned(left) * doubt)

    def _learned(self, left: int) -> float:
        """The multiple of a unit of doubt that an interval has on each side when `left` buckets are left."""
        if self._multiple is None or self._multiple[0] != left:
            near = max(int(_NEAR * len(self._period)), 1)
            every = _held([one for period in self._misses for one in period], _PRIOR, len(self._misses) / _PRIOR_WEIGHT)
            alike = [one for period in self._misses for one in period[max(left - 1 - near, 0) : left + near]]
            self._multiple = left, _held(alike, every, len(self._misses) / _NEAR_WEIGHT)
        return self._multiple[1]


def _miss(miss: float, doubt: float) -> float:
    return abs(miss) / doubt if doubt > 0.0 else 0.0


def _held(misses: Sequence[float], prior: float, weight: float) -> float:
    """What 80 % of the misses stayed below, as a geometric mean with what was supposed, which weighs 1."""
    if not misses:
        return prior
    found = max(sorted(misses)[min(int(0.8 * (len(misses) + 1)), len(misses) - 1)], _NARROWEST)
    return exp((weight * log(found) + log(prior)) / (weight + 1.0))
