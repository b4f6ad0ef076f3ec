"""What readings add up to, as running sums over a series, so that any window of them is told by one difference."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from rules.exact import Exact
from rules.model import Measure

if TYPE_CHECKING:
    from rules.tracks import Track


class Running(Exact):
    """What the first n readings add up to, for each n."""

    _opens: ClassVar[bool] = False
    """Whether the first of all adds nothing."""

    __slots__ = ("_before", "_sums")

    def __init__(self) -> None:
        super().__init__()
        self._sums: MutableSequence[int] = array("q", [0])
        self._before: float | None = None  # the last value summed

    def between(self, track: Track, first: int, last: int) -> float:
        """What the readings from index `first` up to `last` add; one without a value adds nothing."""
        sums = self._upto(track, last)
        return (sums[last] - sums[first]) / self._unit

    def each(self, track: Track, firsts: Sequence[int], lasts: Sequence[int]) -> list[float]:
        """The same between as many pairs of indices, of which the last reaches farthest."""
        sums = self._upto(track, lasts[-1])
        unit = self._unit
        return [(sums[last] - sums[first]) / unit for first, last in zip(firsts, lasts, strict=True)]

    def _upto(self, track: Track, last: int) -> Sequence[int]:
        if len(self._sums) <= last:
            for value in track.values[len(self._sums) - 1 :]:
                self._go_on(value)
        return self._sums

    def cut(self, track: Track, index: int) -> None:
        """Forgets what was summed from the reading at `index` on: it changed, or came in between."""
        if index + 1 < len(self._sums):
            del self._sums[index + 1 :]
            self._total = self._sums[-1]
            valued = track.valued(index)
            self._before = track.values[valued] if valued >= 0 else None

    def without(self, count: int) -> Self | None:
        """The same of the readings after the first so many, of which the first has a value if any before had one.

        None where it is not summed up to there.
        """
        if count + 1 >= len(self._sums):
            return None
        gone = self._sums[count + self._opens]
        self._sums = _packed([0, *[one - gone for one in self._sums[count + 1 :]]])
        self._total -= gone
        return self

    def _go_on(self, value: float) -> None:
        if value == value:  # noqa: PLR0124 - NaN is not itself
            self.add(self._part(value, self._before))
            self._before = value
        try:
            self._sums.append(self._total)
        except OverflowError:
            self._sums = [*self._sums, self._total]

    def _part(self, value: float, before: float | None) -> float:
        """What a value adds after the one before it, if there was one."""
        raise NotImplementedError

    def _refine(self, bits: int) -> None:
        super()._refine(bits)
        self._sums = _packed([one << bits for one in self._sums])


class Total(Running):
    """Their sum."""

    __slots__ = ()

    def _part(self, value: float, before: float | None) -> float:
        return value


class Risen(Running):
    """What a counter rose by: a fall is a new start from zero, and the first value has risen by nothing."""

    _opens = True
    __slots__ = ()

    def _part(self, value: float, before: float | None) -> float:
        return 0.0 if before is None else value if value < before else value - before


RUNNING: Mapping[Measure, type[Running]] = {Measure.SUM: Total, Measure.INCREASE: Risen}


def _packed(sums: list[int]) -> MutableSequence[int]:
    """In eight bytes each, where they fit into them."""
    try:
        return array("q", sums)
    except OverflowError:
        return sums
