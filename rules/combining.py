"""How the values of several series become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from rules.measures import MEASURES
from rules.model import Combine, Goal, Target
from rules.tracks import Track

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


def last_read(tracks: Sequence[Track], until: int | None = None) -> list[Track]:
    """The track with the newest reading; of several with one of the same time the one with the largest value."""
    read = [(track.newest if until is None else track.newest_at(until), track) for track in tracks]
    best = max(
        ((pair, track) for pair, track in read if pair is not None), key=lambda one: lateness(one[0]), default=None
    )
    return [best[1]] if best else []


def lateness(pair: tuple[int, float | None]) -> tuple[int, bool, float]:
    """What the last of several readings (time and value) is the largest by."""
    return pair[0], pair[1] is not None, pair[1] or 0.0
