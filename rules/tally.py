"""How many of a series' readings satisfy a condition, so that any window of them is told by two differences."""

from __future__ import annotations

from array import array
from math import isnan

from rules.conditions import Where


class Tally:
    """Running counts over a series: of the first n readings those with a value, and those of them that satisfy."""

    __slots__ = ("_satisfied", "_valued", "_where")

    def __init__(self, where: Where) -> None:
        self._where = where
        self._valued = array("q", [0])
        self._satisfied = array("q", [0])

    def between(self, values: array[float], first: int, last: int) -> tuple[int, int]:
        """(with a value, satisfying) among the readings from index `first` up to `last`."""
        for index in range(len(self._valued) - 1, last):
            value = values[index]
            valued = not isnan(value)
            self._valued.append(self._valued[-1] + valued)
            self._satisfied.append(self._satisfied[-1] + (valued and self._where.holds(value)))
        return self._valued[last] - self._valued[first], self._satisfied[last] - self._satisfied[first]

    def cut(self, index: int) -> None:
        """Forgets what was counted from the reading at `index` on: it changed, or came in between."""
        del self._valued[index + 1 :]
        del self._satisfied[index + 1 :]
