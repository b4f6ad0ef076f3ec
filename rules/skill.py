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

from array import array
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from operator import mul
from typing import NamedTuple

_TRUST = 12  # the power of its mean miss over whole periods that a way's weight falls by
_UNKNOWN = 0.5  # how many periods a miss of one unit of doubt weighs that each way is supposed to have had
_REMEMBERED = 0.5 ** (1 / 24)  # half-life of the misses over whole periods, in periods
_TRUST_LATELY = 4  # and of that over the last buckets
_CALM = 1.0  # the same for what was missed lately
_LATELY = 0.5 ** (1 / 2)  # half-life of those, in forecasts
_FARTHEST = 6.0  # no miss counts as more units of doubt than this when ways are compared
_NOISE = 0.3  # units of doubt that are added to a mean miss: smaller differences have no say
_ALIKE = 0.02  # a unit of doubt is no smaller part of what came: ways that differ by less are alike
_PERIODS = 12  # periods before that the interval is learned from
_HELD = 0.78  # of their misses, for 80 % of those to come: the weights have become better since
_PRIOR, _PRIOR_WEIGHT = 1.4, 3.0  # the multiple before anything is learned, and how many periods it weighs
_NEAR = 0.1  # the share of a period within which its forecasts were alike
_NEAR_WEIGHT = 4.0  # how many periods the multiple of all forecasts weighs beside that of those alike
_WAYS = 6
_NARROWEST, _WILDEST = 0.05, 1e6  # what a multiple is at least and at most


Levels = tuple[float, float, float]


class Made(NamedTuple):
    """A forecast made when `left` buckets were left, whose factors add up to `shares`.

    The ways are the levels, each as it is and then each times `rose`, which is 1 where nothing is known of that.
    """

    left: int
    so_far: float
    shares: float
    levels: Levels
    rose: float
    doubt: float  # one unit of it


class Skill:
    """Of the ways of one forecast. What it says follows from what it was told, in that order."""

    __slots__ = (
        "_counts",
        "_every",
        "_kept",
        "_lately",
        "_lefts",
        "_losses",
        "_made",
        "_many",
        "_misses",
        "_multiple",
        "_periods",
        "_previous",
        "_prior",
        "_trust",
    )

    def __init__(self, prior: Sequence[float]) -> None:
        """`prior` are the weights before anything is known; they add up to 1."""
        self._prior = self._trust = prior
        self._losses: Sequence[float] = [_UNKNOWN] * len(prior)  # of each way over whole periods, the older the less
        self._periods = 0.0  # the weight of these
        self._made: Sequence[Made] = []  # of this period
        self._previous: Sequence[Made] = ()  # of the one before
        self._lately: Sequence[float] = [_CALM] * len(prior)  # of each way over the last buckets, before those
        self._kept: array[float] | None = None  # once it is settled, `_trust`, `_lately` and the last of what is made
        self._counts: Sequence[int] = ()  # of the last periods, how many forecasts
        self._many = 0  # how many these periods are
        self._lefts = array("H")  # of each of these, how many buckets were left
        self._misses = array("d")  # and how far off it was
        self._multiple: tuple[int, float] | None = None
        self._every: float | None = None  # the multiple of all forecasts of these periods, once it was asked for

    def note(self, made: Made) -> None:
        """What is forecast now; it is held against what comes."""
        if self._kept is None:
            self._made = [*self._made, made]
        else:
            trust, lately, last = _taken_out(self._kept)
            self._kept = _in_a_row(trust, self._with(lately, [*last, made]), [made])

    def settle(self) -> None:
        """No period will end any more: of what was forecast only what is needed to go on is kept."""
        # Kept for as long as the period lasts, of many instances: an array takes a third of a list of numbers.
        lately = self._with(self._with(self._lately, self._previous), self._made)
        self._kept = _in_a_row(self._trust, lately, self._made[-1:])
        self._previous = self._made = self._losses = self._trust = self._lately = ()
        self._lefts, self._misses = self._lefts[:], self._misses[:]  # without room to grow
        self._counts = ()

    def end(self, total: float) -> None:
        """A period is over that came to `total`; what was forecast in it is held against that."""
        made, self._previous, self._made = self._made, self._made, []
        if not made:
            return
        one, two, three, four, five, six = self._trust
        for left, so_far, shares, (fast, middle, slow), rose, doubt in made:
            level = (one + four * rose) * fast + (two + five * rose) * middle + (three + six * rose) * slow
            far = abs(total - so_far - level * shares)
            self._lefts.append(left)
            self._misses.append(min(far / doubt, _WILDEST) if doubt > 0.0 else 0.0)
        self._counts = *self._counts, len(made)
        if len(self._counts) > _PERIODS:
            gone, *self._counts = self._counts
            del self._lefts[:gone], self._misses[:gone]
        self._multiple = self._every = None
        self._many = len(self._counts)
        many = len(made)
        losses = [loss * _REMEMBERED + far / many for loss, far in zip(self._losses, _far(made, total), strict=True)]
        self._periods = self._periods * _REMEMBERED + 1.0
        calm = _NOISE * self._periods
        least = min(losses) + calm
        raw = [p * (least / (loss + calm)) ** _TRUST for p, loss in zip(self._prior, losses, strict=True)]
        self._trust, self._losses = _shares(raw), losses

    def drop(self) -> None:
        """The period ends before it is over: what was forecast in it can't be held against anything."""
        self._made, self._previous = [], ()

    def mix(self, levels: Levels, rose: float) -> float:
        """The level by all ways of forecasting together, each weighted by how well it did; `rose` as in `Made`."""
        if self._kept is None:
            trust, lately = self._trust, self._with(self._with(self._lately, self._previous), self._made)
        else:
            trust, lately, _ = _taken_out(self._kept)
        weights = _shares([p / far**_TRUST_LATELY for p, far in zip(trust, lately, strict=True)])
        return sum(map(mul, weights, (*levels, *[level * rose for level in levels])), 0.0)

    def _with(self, lately: Sequence[float], made: Sequence[Made]) -> Sequence[float]:
        """How far off each way was lately, these forecasts of one period included."""
        for last, one in pairwise(made):
            doubt = last.doubt * (last.left - one.left) / last.left
            between = last._replace(shares=last.shares - one.shares, doubt=doubt)
            far = _far([between], one.so_far)
            lately = [old * _LATELY + (way + _CALM) * (1.0 - _LATELY) for old, way in zip(lately, far, strict=True)]
        return lately

    def multiple(self, left: int, buckets: int) -> float:
        """The units of doubt that an interval has on each side when `left` of so many buckets are left."""
        if self._multiple is None or self._multiple[0] != left:
            near = max(int(_NEAR * buckets), 1)
            many = self._many
            if self._every is None:
                self._every = _held(self._misses, _PRIOR, many / _PRIOR_WEIGHT)
            told = zip(self._lefts, self._misses, strict=True)
            alike = [miss for at, miss in told if abs(at - left) <= near]
            self._multiple = left, _held(alike, self._every, many / _NEAR_WEIGHT)
        return self._multiple[1]

    def most(self) -> float:
        """The multiple is never more than this in the period."""
        return max([_PRIOR, *self._misses])


def _in_a_row(trust: Sequence[float], lately: Sequence[float], last: Sequence[Made]) -> array[float]:
    numbers = array("d", (*trust, *lately))
    for left, so_far, shares, levels, rose, doubt in last:
        numbers.extend((left, so_far, shares, *levels, rose, doubt))
    return numbers


def _taken_out(kept: array[float]) -> tuple[Sequence[float], Sequence[float], Sequence[Made]]:
    """The other way round."""
    trust, lately, last = kept[:_WAYS], kept[_WAYS : 2 * _WAYS], kept[2 * _WAYS :]
    if not last:
        return trust, lately, ()
    left, so_far, shares, fast, middle, slow, rose, doubt = last
    return trust, lately, (Made(int(left), so_far, shares, (fast, middle, slow), rose, doubt),)


def _shares(raw: Sequence[float]) -> list[float]:
    whole = sum(raw)
    return [one / whole for one in raw]


def _far(made: Sequence[Made], total: float) -> list[float]:
    """How far off each way was of what came, in units of doubt, in all of these forecasts."""
    as_is = _off(made, total, moved=False)
    return as_is + (_off(made, total, moved=True) if any(one.rose != 1.0 for one in made) else as_is)


def _off(made: Sequence[Made], total: float, *, moved: bool) -> list[float]:
    """The same of each level, as it is or moved. Written out: it is most of what a start does."""
    fast_off = middle_off = slow_off = 0.0
    for _, so_far, shares, (fast, middle, slow), rose, doubt in made:
        came = total - so_far
        alike = _ALIKE * (came if came > 0.0 else -came)
        unit = doubt if doubt > alike else alike
        if unit <= 0.0:
            continue
        share = shares * rose if moved else shares
        far = abs(came - fast * share) / unit
        fast_off += far if far < _FARTHEST else _FARTHEST
        far = abs(came - middle * share) / unit
        middle_off += far if far < _FARTHEST else _FARTHEST
        far = abs(came - slow * share) / unit
        slow_off += far if far < _FARTHEST else _FARTHEST
    return [fast_off, middle_off, slow_off]


def _held(misses: Sequence[float], prior: float, weight: float) -> float:
    """What most of the misses stayed below, as a geometric mean with what was supposed, which weighs 1."""
    if not misses:
        return prior
    ordered = sorted(misses)
    at, rest = divmod(min(_HELD * (len(ordered) + 1), len(ordered)) - 1.0, 1.0)
    low, high = ordered[max(int(at), 0)], ordered[min(int(at) + 1, len(ordered) - 1)]
    found = max(low + rest * (high - low), _NARROWEST)
    return exp((weight * log(found) + log(prior)) / (weight + 1.0))
