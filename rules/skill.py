"""How well forecasts did: what each way of forecasting is trusted by, and how wide the interval around all of them is.

Several ways are weighed by how far off each was, a prior times a power of its mean miss: over whole periods, so that
what suits a series takes over, and over the last buckets, so that a new level is followed. Source: Bates and Granger,
The Combination of Forecasts, 1969; a power of the miss as in Stock and Watson, Combination Forecasts, 2004.

The interval is a conformal one: how far off the weighted forecast was, as a multiple of the usual miss of one bucket
and of the number of buckets that were left; the multiple that held most of them is taken, with a prior for when there
are few. Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, chapter 4.
The constants were tuned on the development series of `bench/projection.py`, never on those it is judged by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from typing import NamedTuple

_TRUST = 12  # the power of its mean miss over whole periods that a way's weight falls by
_UNKNOWN = 0.5  # how many periods a miss of one unit of doubt weighs that each way is supposed to have had
_REMEMBERED = 0.5 ** (1 / 24)  # half-life of the misses over whole periods, in periods
_TRUST_LATELY = 3  # the same power for the last buckets
_CALM = 1.0  # units of doubt that are added to what was missed lately, for noise has no say
_LATELY = 0.5 ** (1 / 2)  # half-life of those, in forecasts
_RECENT = 8  # forecasts that are looked back at
_FARTHEST = 6.0  # no miss counts as more units of doubt than this when ways are compared
_PERIODS = 12  # periods before that the interval is learned from
_HELD = 0.75  # of their misses, for 80 % of those to come: the weights have become better since
_PRIOR, _PRIOR_WEIGHT = 1.4, 3.0  # the multiple before anything is learned, and how many periods it weighs
_NEAR = 0.1  # the share of a period within which its forecasts were alike
_NEAR_WEIGHT = 4.0  # how many periods the multiple of all forecasts weighs beside that of those alike
_NARROWEST = 0.05


class Made(NamedTuple):
    """A forecast made when `left` buckets were left, whose factors add up to `shares`.

    Where the second half of the ways says the same as the first, `levels` has the first only.
    """

    left: int
    so_far: float
    shares: float
    levels: list[float]  # by each way
    doubt: float  # one unit of it


class Skill:
    """Of the ways of one forecast. What it says follows from what it was told, in that order."""

    __slots__ = ("_losses", "_made", "_misses", "_multiple", "_prior", "_recent", "_trust", "_weights")

    def __init__(self, prior: Sequence[float]) -> None:
        """`prior` are the weights before anything is known; they add up to 1."""
        self._prior = self._trust = prior
        self._losses = [_UNKNOWN] * len(prior)  # of each way over whole periods, the older the less
        self._made: list[Made] = []  # of this period
        self._recent: deque[Made] = deque(maxlen=_RECENT)
        self._weights: Sequence[float] | None = None  # by what was lately too, once it was asked for
        self._misses: deque[list[tuple[int, float]]] = deque(maxlen=_PERIODS)  # of each period, by buckets left
        self._multiple: tuple[int, float] | None = None

    def note(self, made: Made) -> None:
        """What is forecast now; it is held against what comes."""
        self._made.append(made)
        self._recent.append(made)
        self._weights = None

    def end(self, total: float) -> None:
        """A period is over that came to `total`; what was forecast in it is held against that."""
        made, self._made = self._made, []
        if not made:
            return
        misses = []
        sums = [0.0] * len(self._prior)
        for one in made:
            rest = total - one.so_far
            level = _mixed(self._trust, one.levels)
            misses.append((one.left, abs(rest - level * one.shares) / one.doubt if one.doubt > 0.0 else 0.0))
            sums = [old + far for old, far in zip(sums, self._far(one, rest, one.shares, one.doubt), strict=True)]
        self._misses.append(misses)
        self._multiple = self._weights = None
        self._losses = [loss * _REMEMBERED + far / len(made) for loss, far in zip(self._losses, sums, strict=True)]
        least = min(self._losses)
        raw = [p * (least / loss) ** _TRUST for p, loss in zip(self._prior, self._losses, strict=True)]
        self._trust = _shares(raw)

    def drop(self) -> None:
        """The period ends before it is over: what was forecast in it can't be held against anything."""
        self._made = []
        self._recent.clear()
        self._weights = None

    def mix(self, levels: list[float]) -> float:
        """The level by all ways together."""
        if self._weights is None:
            lately = [_CALM] * len(self._prior)
            for last, one in pairwise(self._recent):
                if last.left > one.left:  # else another period began
                    far = self._far(
                        last,
                        one.so_far - last.so_far,
                        last.shares - one.shares,
                        last.doubt * (last.left - one.left) / last.left,
                    )
                    lately = [
                        old * _LATELY + (way + _CALM) * (1.0 - _LATELY) for old, way in zip(lately, far, strict=True)
                    ]
            self._weights = _shares([p / far**_TRUST_LATELY for p, far in zip(self._trust, lately, strict=True)])
        return _mixed(self._weights, levels)

    def _far(self, made: Made, came: float, shares: float, doubt: float) -> list[float]:
        """How far off each way was of what came, in units of doubt."""
        if doubt <= 0.0:
            return [0.0] * len(self._prior)
        far = [min(abs(came - level * shares) / doubt, _FARTHEST) for level in made.levels]
        return far if len(far) == len(self._prior) else far * 2

    def multiple(self, left: int, buckets: int) -> float:
        """The units of doubt that an interval has on each side when `left` of so many buckets are left."""
        if self._multiple is None or self._multiple[0] != left:
            near = max(int(_NEAR * buckets), 1)
            many = len(self._misses)
            every = _held([miss for misses in self._misses for _, miss in misses], _PRIOR, many / _PRIOR_WEIGHT)
            alike = [miss for misses in self._misses for at, miss in misses if abs(at - left) <= near]
            self._multiple = left, _held(alike, every, many / _NEAR_WEIGHT)
        return self._multiple[1]


def _shares(raw: Sequence[float]) -> list[float]:
    whole = sum(raw)
    return [one / whole for one in raw]


def _mixed(weights: Sequence[float], levels: list[float]) -> float:
    whole = levels if len(levels) == len(weights) else levels * 2
    return sum([weight * level for weight, level in zip(weights, whole, strict=True)])


def _held(misses: Sequence[float], prior: float, weight: float) -> float:
    """What most of the misses stayed below, as a geometric mean with what was supposed, which weighs 1."""
    if not misses:
        return prior
    found = max(sorted(misses)[min(int(_HELD * (len(misses) + 1)), len(misses) - 1)], _NARROWEST)
    return exp((weight * log(found) + log(prior)) / (weight + 1.0))
