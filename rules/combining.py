"""How the values of several series become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from rules.measures import MEASURES
from rules.model import Combine, Goal, Target

_COMBINE: Mapping[Combine, Callable[[Sequence[float]], float]] = {
    Combine.SUM: sum,
    Combine.MEAN: fmean,
    Combine.MIN: min,
    Combine.MAX: max,
}


def combine_of(target: Target) -> Combine | None:
    """How several series in one instance become one number; None: they can't."""
    return target.combine or MEASURES[(target.goal or Goal()).measure].combine


def combined(combine: Combine | None, values: Sequence[float]) -> float | None:
    """The one value; None if there is none. `last` has to have chosen one of them before."""
    if not values:
        return None
    return values[0] if len(values) == 1 else _COMBINE[combine or Combine.SUM](values)
