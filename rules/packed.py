"""Readings that are hardly ever asked for, in as little memory as holds them exactly."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from operator import sub
from typing import NamedTuple

_CODES = ("H", 16), ("I", 32)  # of arrays, and their bits
_ALIKE = 16  # many series are read at the same times, and have the same steps then
_SAMPLE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Times that rise, in steps of a `unit` after the first, `begin`; a range where all are as far apart."""

    begin: int
    unit: int
    steps: Sequence[int]

    def index(self, time: int) -> int | None:
        """The place of a time; None if it is none of them."""
        step, rest = divmod(time - self.begin, self.unit)
        index = bisect_left(self.steps, step)
        return None if rest or index == len(self.steps) or self.steps[index] != step else index


class Packed(NamedTuple):
    """Readings with a value, in time order. `values` has 32 bits each where these hold all of them exactly."""

    at: Steps
    values: array[float]

    def value_at(self, time: int) -> float | None:
        """The value of the reading at a time; None if there is none."""
        index = self.at.index(time)
        return None if index is None else self.values[index]

    def times(self) -> array[int]:
        """The times of all, not to be changed."""
        return _times(self.at)


def packed(times: array[int], values: array[float]) -> Packed | None:
    """The readings with rising times and no NaN, two at least; None where that would take hardly less."""
    steps = _steps(times.tobytes())
    return None if steps is None else Packed(steps, _smallest(values))


@lru_cache(_ALIKE)
def _steps(of: bytes) -> Steps | None:
    times = array("q", of)
    apart = array("q", map(sub, times[1:], times))
    unit = gcd(*apart)
    most = (times[-1] - times[0]) // unit
    if most == len(apart):
        return Steps(times[0], unit, range(len(times)))
    code = next((code for code, bits in _CODES if most < 1 << bits), None)
    return None if code is None else Steps(times[0], unit, array(code, [(one - times[0]) // unit for one in times]))


@lru_cache(_ALIKE)
def _times(of: Steps) -> array[int]:
    return array("q", [of.begin + of.unit * step for step in of.steps])


def _smallest(values: array[float]) -> array[float]:
    for some in (values[:_SAMPLE], values):  # mostly the first few tell
        small = array("f", some)
        if small != some:
            return values
    return small
