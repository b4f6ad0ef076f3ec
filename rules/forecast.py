"""What the buckets still to come in a period will add, from pattern, level and trend of those before; and how surely.

A bucket (a day of a month, an hour of a day) has a slot (its weekday, its hour). Its value is a level times the factor
of its slot. Six ways of forecasting differ in the level: exponentially weighted means, one that follows the trend, one
of some weeks and one between, each as it is and moved as the same stretch went one season ago (a year, a week), where
that is known. `rules.skill` weighs them by how each did in the periods before. A value far from what was expected
counts only as far as `_CLIP` times the usual miss, so that one odd day is not projected on.

The constants were tuned on the development series of `bench/projection.py`, never on those it is judged by.
"""

from __future__ import annotations

from array import array
from collections.abc import MutableSequence, Sequence
from itertools import accumulate, count
from math import sqrt
from typing import NamedTuple

from rules.skill import Levels, Made, Skill

_FAST, _MIDDLE, _SLOW = (0.5 ** (1 / half) for half in (2, 10, 28))  # half-lives of the levels, in buckets
_SHARES = 0.5, 0.35, 0.15  # how much each level is trusted before anything is known
_SEASON = 0.25  # and the course of a season ago
_WAYS = *(share * (1.0 - _SEASON) for share in _SHARES), *(share * _SEASON for share in _SHARES)
_SOON = 30  # for more buckets than these the faster levels say less
_MOST = 2.0  # nothing more than doubled or less than halved is taken from a season ago
_CLIP = 2.0
_CALMEST = 0.1  # the usual miss of a series that hardly ever misses, as a share of what is expected
_STEADY = 0.97  # the weight of what the usual miss was before
_FADED = 0.5 ** (1 / 16)  # half-life of the factors, in cycles
_CYCLES_BEFORE = 4  # how many cycles make the level that the course of a season ago began at
_SHRINK = 0.25  # how many occurrences of a slot its factor is drawn to 1 by
_UNSURE = 0.2  # buckets that a forecast of even one bucket is unsure by
_LEAST = 12  # buckets before which nothing is said, however short a cycle is
_EVERY = 10  # of so many forecasts of a period one is held against what came: those between are much alike


class Ahead(NamedTuple):
    """The sum expected of what is still to come, and half the width of its 80 % interval."""

    mean: float
    half: float


class Alike(NamedTuple):
    """Of buckets that are all alike: between what the level of each is, and how many units of the usual miss of one
    half an interval has for each of them, at most; and what `part` the last one has in any level, at most."""

    least: float
    most: float
    miss: float
    units: float
    part: float

    def after(self, value: float) -> Alike:
        """The same after one more: it moves a level by no more than its part, and misses by no more than it is off."""
        least, most, miss, units, part = self
        below, above = least - value, value - most
        least, most = least - part * below if below > 0.0 else least, most + part * above if above > 0.0 else most
        return Alike(least, most, max(miss, value - self.least, self.most - value), units, part)

    def half(self, left: float) -> float:
        """No interval is wider, on each side, when so many are left."""
        return self.units * self.miss * (left + _UNSURE)


class Forecast:
    """Folds buckets, one period after the other. What it says follows from them alone."""

    __slots__ = (
        "_at", "_expected", "_flat", "_gone", "_kept", "_least", "_past", "_period", "_season", "_settled", "_skill",
        "_slots", "_told", "ready", "total",
    )  # fmt: skip

    def __init__(self, slots: int, season: int = 0) -> None:
        """`slots` make a cycle; after `season` buckets, whole cycles, the course is alike (0: never)."""
        self.total = 0.0  # of the period so far
        self.ready = False  # whether it has seen enough to say anything: two cycles
        self._slots = slots
        self._season = season
        self._least = max(2 * slots, _LEAST)  # buckets before which nothing is said
        self._period: Sequence[int] = ()  # the slots of its buckets
        self._at = 0  # how many of them are folded
        self._expected: tuple[float, float] | None = None  # the level of the buckets left and their factors' sum
        self._flat = slots == 1
        # In a row: the factor of each slot; of each slot the sum of its values, and of its levels, the older the less;
        # by the fast, the middle and the slow level the sum of values and that of the factors they had; and how far off
        # a forecast of one bucket was, with the weight of that.
        self._kept: Sequence[float] = [1.0] * slots + [0.0] * (2 * slots + 8)
        self._told = 0  # how many buckets there were
        self._past: MutableSequence[float] = [0.0]  # the running sum of all values
        self._gone = 0  # how many of them are gone
        self._settled = False
        self._skill = Skill(_WAYS)

    @property
    def factors(self) -> Sequence[float]:
        """What is usual of each slot, beside the level."""
        return self._kept[: self._slots]

    def begin(self, slots: Sequence[int]) -> None:
        """A period begins whose buckets have these slots."""
        if self._at == len(self._period):
            self._skill.end(self.total)
        else:
            self._skill.drop()
        self._expected = None
        self._period, self._at, self.total = slots, 0, 0.0

    def settle(self) -> None:
        """No other period will begin: what only those would need is let go."""
        self._skill.settle()
        # Kept for as long as the period lasts, of many instances: an array takes a third of a list of numbers.
        self._kept = array("d", self._kept)
        self._settled = True
        if self._season >= len(self._period):
            then = self._told - self._season
            self._gone = max(then - _CYCLES_BEFORE * self._slots, 0)
            self._past = self._past[self._gone : max(then + len(self._period) + 1, 0)]
        self._past = array("d", self._past)

    def fold(self, values: Sequence[float]) -> None:
        """The next buckets of the period are over."""
        if self._flat or min(values, default=0.0) >= 0.0:
            self._fold(values)
        else:  # no level times a factor
            below = next(at for at, value in enumerate(values) if value < 0.0)
            self._fold(values[:below])
            self._flat, self._kept = True, [1.0] * self._slots + list(self._kept[self._slots :])
            self._fold(values[below:])
        self._expected = None

    def _fold(self, values: Sequence[float]) -> None:
        totals = list(accumulate(values, initial=self.total))
        if not (self._settled and self._season >= len(self._period)):
            self._past.extend(accumulate(values, initial=self._past.pop()))
        self._learn(values, totals)
        if self._settled:
            self._kept = array("d", self._kept)
        self.total = totals[-1]
        self.ready = self._told >= self._least

    def _learn(self, values: Sequence[float], totals: Sequence[float]) -> None:
        cycle, least, kept, told, period = self._slots, self._least, list(self._kept), self._told, self._at
        factors, sums, base = kept[:cycle], kept[cycle : 2 * cycle], kept[2 * cycle : 3 * cycle]
        fast, fast_of, middle, middle_of, slow, slow_of, miss, miss_of = kept[3 * cycle :]
        last = -1 if self._flat else cycle - 1
        level = middle / middle_of if middle_of else 0.0
        slots = self._period[period : period + len(values)]
        stop = told + (len(self._period) - period - 2) % _EVERY + 1  # where a forecast is made
        for number, value, slot in zip(count(told + 1), values, slots, strict=False):
            factor = factors[slot]
            if number > cycle:
                expected = factor * level
                off = value - expected
                far = off if off > 0.0 else -off
                if far * miss_of > _CLIP * miss and number > least:  # a value counts as far as it is no odd one
                    most = _CLIP * max(miss / miss_of, _CALMEST * abs(expected))
                    if far > most:
                        value = expected + (most if off > 0.0 else -most)  # noqa: PLW2901
                miss, miss_of = miss * _STEADY + far, miss_of * _STEADY + 1.0
            fast, fast_of = fast * _FAST + value, fast_of * _FAST + factor
            middle, middle_of = middle * _MIDDLE + value, middle_of * _MIDDLE + factor
            slow, slow_of = slow * _SLOW + value, slow_of * _SLOW + factor
            level = middle / middle_of
            sums[slot] = sums[slot] * _FADED + value
            base[slot] = base[slot] * _FADED + level
            if slot == last and number >= least:
                factors = _drawn(sums, base, _SHRINK * level) or factors
            if number == stop:
                stop += _EVERY
                if number >= least:
                    levels = fast / fast_of, level, slow / slow_of
                    shares = self._shares(period + number - told, factors)
                    self._note(number, period + number - told, totals[number - told], shares, levels, miss / miss_of)
        self._kept = [*factors, *sums, *base, fast, fast_of, middle, middle_of, slow, slow_of, miss, miss_of]
        self._at, self._told = period + len(values), told + len(values)

    def _note(self, told: int, at: int, total: float, shares: float, levels: Levels, miss: float) -> None:
        """Forecasts what is left, to be held against what comes."""
        left = len(self._period) - at
        moved = self._moved(told, left, shares)
        self._skill.note(Made(left, total, shares, _calmed(left, levels), moved, (left + _UNSURE) * miss))

    def _moved(self, told: int, left: int, shares: float) -> float:
        """How much more the buckets left, whose factors add up to `shares`, came to a season ago; 1 if not known."""
        then = told - self._season - self._gone
        before = then - _CYCLES_BEFORE * self._slots
        if not self._season or before < 0 or shares <= 0.0:
            return 1.0
        rose = self._course(before, then, min(left, self._season)) / shares
        return min(max(rose, 1.0 / _MOST), _MOST) if rose else 1.0

    def _course(self, before: int, then: int, left: int) -> float:
        """What the `left` buckets from `then` on added up to, in levels of those before; 0 if these were nothing."""
        past = self._past
        level = (past[then] - past[before]) / (then - before)
        return (past[then + left] - past[then]) / level if level > 0.0 else 0.0

    def _shares(self, at: int, factors: Sequence[float]) -> float:
        """What the factors of the buckets left add up to."""
        whole, rest = divmod(len(self._period) - at, self._slots)
        return whole * self._slots + sum([factors[slot] for slot in self._period[at : at + rest]])

    def _level(self) -> tuple[float, float]:
        """The level of the buckets left, and what their factors add up to."""
        if self._expected is None:
            left, shares = len(self._period) - self._at, self._shares(self._at, self._kept)
            moved = self._moved(self._told, left, shares)
            self._expected = self._skill.mix(_calmed(left, self._levels()), moved), shares
        return self._expected

    def _levels(self) -> Levels:
        fast, fast_of, middle, middle_of, slow, slow_of, _, _ = self._kept[3 * self._slots :]
        return fast / fast_of, middle / middle_of, slow / slow_of

    def _miss(self) -> float:
        """How far off a forecast of one bucket usually is."""
        return self._kept[-2] / (self._kept[-1] or 1.0)

    def bucket(self) -> tuple[float, float, float]:
        """What is expected of the whole current bucket and of those after it; and half the interval as it begins."""
        level, shares = self._level()
        first = self._kept[self._period[self._at]] * level
        return first, level * shares - first, self._half(len(self._period) - self._at, 0.0)

    def alike(self) -> Alike | None:
        """What holds of all buckets left, if they are alike."""
        if self._slots > 1 or self._season:
            return None
        levels, fast_of = self._levels(), self._kept[3 * self._slots + 1]
        return Alike(min(levels), max(levels), self._miss(), self._skill.most(), 1.0 / fast_of)

    def ahead(self, elapsed: float, today: float | None = None) -> Ahead:
        """What the period still adds when the share `elapsed` of its current bucket is over.

        With `today`, the bucket's own value so far, the bucket is one whose value comes at once or is counted up: what
        it lacks is still to come, but less and less in its second half. Else its rest comes as time goes.
        """
        left = len(self._period) - self._at
        if not left:
            return Ahead(0.0, 0.0)
        level, shares = self._level()
        first = self._kept[self._period[self._at]] * level
        rest = first * (1.0 - elapsed)
        if today is not None:
            rest = max(first - today, 0.0) * min(2.0 * (1.0 - elapsed), 1.0)
        later = level * shares - first
        return Ahead(rest + later, self._half(left, elapsed))

    def _half(self, left: int, elapsed: float) -> float:
        buckets = left - elapsed
        doubt = self._miss() * (buckets + _UNSURE * min(buckets, 1.0))
        return self._skill.multiple(left, len(self._period)) * doubt


def _drawn(sums: Sequence[float], base: Sequence[float], calm: float) -> list[float]:
    """What each slot is of the level, drawn to 1 by as much as `calm`; their mean is 1. None if the level is none."""
    if calm <= 0.0:
        return []
    raw = [(value + calm) / (level + calm) for value, level in zip(sums, base, strict=True)]
    mean = sum(raw) / len(raw)
    return [one / mean for one in raw]


def _calmed(left: int, levels: Levels) -> Levels:
    """The levels for so many buckets."""
    if left <= _SOON:
        return levels
    near, (fast, middle, slow) = sqrt(_SOON / left), levels
    return slow + near * (fast - slow), slow + near * (middle - slow), slow
