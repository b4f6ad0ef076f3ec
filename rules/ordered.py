"""Values in order of size, of which some come and others go."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain

_MOST = 1024  # values in a block: as few as to be moved for nearly nothing when one comes or goes between them
_FEW = 32  # values that come at once, from which on all are sorted anew


class Ordered:
    """Values by size, in blocks, so that a month of them takes one more as quickly as an hour does."""

    __slots__ = ("_blocks", "_ends", "_most")

    def __init__(self) -> None:
        self._blocks: list[array[float]] = []  # none of them empty
        self._most: list[float] = []  # the largest value of each block
        self._ends: list[int] | None = None  # how many values there are up to the end of each; known until one changes

    def add(self, values: Sequence[float]) -> None:
        """Takes values in."""
        if len(values) >= _FEW:
            self._begin(sorted(chain(self, values)))
            return
        for value in values:
            self._add_one(value)

    def remove(self, value: float) -> None:
        """Takes out a value that is there."""
        at = bisect_left(self._most, value)
        block = self._blocks[at]
        del block[bisect_left(block, value)]
        self._ends = None
        if block:
            self._most[at] = block[-1]
        else:
            del self._blocks[at], self._most[at]

    def _begin(self, ordered: Sequence[float]) -> None:
        half = _MOST // 2
        self._blocks = [array("d", ordered[at : at + half]) for at in range(0, len(ordered), half)]
        self._most = [block[-1] for block in self._blocks]
        self._ends = None

    def _add_one(self, value: float) -> None:
        if not self._blocks:
            self._begin([value])
            return
        at = min(bisect_right(self._most, value), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, value)
        self._ends = None
        self._most[at] = block[-1]
        if len(block) > _MOST:
            self._blocks[at : at + 1] = block[: _MOST // 2], block[_MOST // 2 :]
            self._most[at : at + 1] = block[_MOST // 2 - 1], block[-1]

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def __iter__(self) -> Iterator[float]:
        return chain.from_iterable(self._blocks)

    def __getitem__(self, rank: int) -> float:
        if self._ends is None:
            self._ends = list(accumulate(map(len, self._blocks)))
        at = bisect_right(self._ends, rank)
        return self._blocks[at][rank - self._ends[at]]
