"""How rare a distance is among those seen before, learned one at a time.

The tail is estimated beyond the edge that 97 % of the distances lie within (B. M. Hill, "A simple general approach to
inference about the tail of a distribution", Annals of Statistics 3, 1975), with a typical excess as if seen before, so
that the first excesses already can be judged. Distances alike that were seen make one less rare.
"""

from __future__ import annotations

from array import array
from math import exp, log, log10

from rules.model.usual import Distances

_INSIDE = 0.97
_MEMORY = 2000  # readings after which what was learned of the edge fades
_STEP, _LARGEST_STEP = 6.0, 0.3
_EXCESS, _COUNT, _LARGEST_COUNT = 0.3, 20.0, 100.0
_FIRST = 20  # typical excesses: what the first distance counts for after none
_ALIKE = 0.9  # of the distance
_NOTABLE = 2.0  # -log10 of the probability from which a distance is kept
_PAST, _RUN = 32, 12  # distances kept; of those within so many readings only the largest

UNKNOWN = Distances(0.0, _EXCESS * _COUNT, _COUNT)


class Tail:
    """The distances seen so far, and what each further one adds."""

    __slots__ = ("_count", "_excess", "_last", "_past", "edge")

    def __init__(self, known: Distances) -> None:
        self.edge = known.edge
        self._excess, self._count, self._past, self._last = known.excess, known.count, known.past, known.last

    @property
    def distances(self) -> Distances:
        """As they are kept."""
        return Distances(self.edge, self._excess, self._count, self._past, self._last)

    def take(self, far: float, floor: float, weight: float, seen: float, moves: tuple[float, float]) -> float:
        """How rare it is to be `far` away, as -log10 of the probability; 0 for what lies within the edge or `floor`.

        `weight` is how much the reading counts, `seen` all readings so far, `moves` what `moves_of` makes of these.
        """
        rare = self._measured(far, max(self.edge, floor), weight, seen) if far > self.edge and far > floor else 0.0
        self.edge = self.edge * moves[far > self.edge] if self.edge != 0.0 else 2 * far
        return rare

    def _measured(self, far: float, edge: float, weight: float, seen: float) -> float:
        typical = self._excess / self._count
        beyond = log(far / edge) if edge > 0.0 else _FIRST * typical
        tail = beyond / (typical * log(10)) - log10(1 - _INSIDE)
        known = array("f", self._past)
        rare = tail - log10(1 + sum(1 for one in known if one >= far * _ALIKE))
        excess, count = self._excess + weight * min(beyond, 3 * typical), self._count + weight
        fade = min(1.0, _LARGEST_COUNT / count)
        self._excess, self._count = excess * fade, count * fade
        if tail > _NOTABLE:
            self._past, self._last = _with(known, far, again=seen - self._last <= _RUN), seen
        return rare


def _with(past: array[float], far: float, *, again: bool) -> bytes:
    if past and again:
        past[-1] = max(past[-1], far)
    else:
        past = array("f", [*past[1 - _PAST :], far])
    return past.tobytes()


def moves_of(weight: float, seen: float) -> tuple[float, float]:
    """By what an edge shrinks, or grows, so that in the long run it is the quantile: up rarely and far."""
    step = weight * min(_LARGEST_STEP, _STEP * max(1 / seen, 1 / _MEMORY))
    return exp(step * (_INSIDE - 1)), exp(step * _INSIDE)
