"""How rare a distance is among those seen before, learned one at a time.

The tail is estimated beyond the edge that 97 % of the distances lie within (B. M. Hill, "A simple general approach to
inference about the tail of a distribution", Annals of Statistics 3, 1975), with a typical excess as if seen before, so
that the first excesses already can be judged. Distances alike that were seen make one less rare.
"""

from __future__ import annotations

from array import array
from math import exp, log, log10

from rules.model.quick import replace
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


def measured(distances: Distances, far: float, floor: float, weight: float, seen: float) -> tuple[float, Distances]:
    """How rare it is to be `far` away, as -log10 of the probability, and the distances with it.

    0 for what lies within the edge or `floor`. `weight` is how much the reading counts, `seen` all readings so far.
    """
    edge = max(distances.edge, floor)
    rare = 0.0
    after = distances
    if far > edge:
        typical = distances.excess / distances.count
        excess = log(far / edge) if edge > 0.0 else _FIRST * typical
        tail = excess / (typical * log(10)) - log10(1 - _INSIDE)
        past = array("f", distances.past)
        rare = tail - log10(1 + sum(1 for one in past if one >= far * _ALIKE))
        after = _with_excess(distances, min(excess, 3 * typical), weight)
        if tail > _NOTABLE:
            after = _with_past(after, past, far, seen)
    return rare, _with_edge(after, far, weight, seen)


def _with_excess(distances: Distances, excess: float, weight: float) -> Distances:
    total, count = distances.excess + weight * excess, distances.count + weight
    fade = min(1.0, _LARGEST_COUNT / count)
    return replace(distances, excess=total * fade, count=count * fade)


def _with_past(distances: Distances, past: array[float], far: float, seen: float) -> Distances:
    if past and seen - distances.last <= _RUN:
        past[-1] = max(past[-1], far)
    else:
        past = array("f", [*past[1 - _PAST :], far])
    return replace(distances, past=past.tobytes(), last=seen)


def _with_edge(distances: Distances, far: float, weight: float, seen: float) -> Distances:
    """The edge moved so that in the long run it is the quantile: up rarely and far, down often and little."""
    if distances.edge == 0.0:
        return replace(distances, edge=2 * far) if far else distances
    step = weight * min(_LARGEST_STEP, _STEP * max(1 / seen, 1 / _MEMORY))
    return replace(distances, edge=distances.edge * exp(step * (_INSIDE if far > distances.edge else _INSIDE - 1)))
