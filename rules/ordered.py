"""Values in order of size, of which some come and others go."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

_MOST = 1024  # values in a block: as few as to be moved for nearly nothing when one comes or goes between them
_FEW = 32  # values that come at once, from which on all are sorted anew unless there are this many times as many


class Ordered:
    """Values by size, in blocks, so that a month of them takes one more as quickly as an hour does."""

    __slots__ = ("_blocks", "_most", "_size")

    def __init__(self) -> None:
        self._blocks: list[array[float]] = []  # none of them empty
        self._most: list[float] = []  # the largest value of each block
        self._size = 0

    def add(self, values: Sequence[float]) -> None:
        """Takes values in."""
        if len(values) >= max(_FEW, self._size // _FEW):
            self._begin(sorted(chain(self, values)))
            return
        for value in values:
            self._add_one(value)

    def remove(self, value: float) -> None:
        """Takes out a value that is there."""
        at = bisect_left(self._most, value)
        block = self._blocks[at]
        del block[bisect_left(block, value)]
        self._size -= 1
        if block:
            self._most[at] = block[-1]
        else:
            del self._blocks[at], self._most[at]

    def _begin(self, ordered: Sequence[float]) -> None:
        half = _MOST // 2
        self._blocks = [array("d", ordered[at : at + half]) for at in range(0, len(ordered), half)]
        self._most = [block[-1] for block in self._blocks]
        self._size = len(ordered)

    def _add_one(self, value: float) -> None:
        if not self._blocks:
            self._begin([value])
            return
        at = min(bisect_right(self._most, value), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, value)
        self._size += 1
        self._most[at] = block[-1]
        if len(block) > _MOST:
            self._blocks[at : at + 1] = block[: _MOST // 2], block[_MOST // 2 :]
            self._most[at : at + 1] = block[_MOST // 2 - 1], block[-1]

    def below(self, value: float) -> int:
        """How many values are less than one."""
        return self._count(bisect_left(self._most, value), value, bisect_left)

    def upto(self, value: float) -> int:
        """How many values are no more than one."""
        return self._count(bisect_right(self._most, value), value, bisect_right)

    def _count(self, at: int, value: float, place: Callable[[array[float], float], int]) -> int:
        within = place(self._blocks[at], value) if at < len(self._blocks) else 0
        return sum(map(len, self._blocks[:at])) + within

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[float]:
        return chain.from_iterable(self._blocks)

    def __getitem__(self, rank: int) -> float:
        if 2 * rank < self._size:
            for block in self._blocks:
                if rank < len(block):
                    return block[rank]
                rank -= len(block)
        back = self._size - rank
        for block in reversed(self._blocks):
            if 0 < back <= len(block):
                return block[-back]
            back -= len(block)
        raise IndexError
