"""What is made of a window that moves on with time: each reading is taken in once, and taken out once.

What a window says follows from the readings in it alone, whatever was in it before: counts and order are exact, and
so are sums until they are rounded to a number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING

from rules.exact import Exact, ExactSpread
from rules.functions import Spread
from rules.measures import Summary
from rules.model import Measure

if TYPE_CHECKING:
    from rules.tracks import Track


class Window:
    """The readings from index `first` up to `last` of a track; `summary` says only what its kind asks."""

    __slots__ = ("first", "last", "summary")

    def __init__(self, summary: Summary, first: int) -> None:
        """`summary` has nothing folded yet."""
        self.summary = summary
        self.first = self.last = first

    def move(self, track: Track, first: int, last: int) -> None:
        """Goes on to the readings from `first` to `last`, neither of them less than before."""
        summary, values, begin = self.summary, track.values, self.last
        for index in range(self.first, first if first < begin else begin):
            value = values[index]
            if value == value:  # noqa: PLR0124 - NaN is not itself
                summary.count -= 1
                self._take_out(track, index, value)
        for index in range(first if first > begin else begin, last):
            value = values[index]
            if value == value:  # noqa: PLR0124
                summary.count += 1
                self._take_in(track, index, value)
        self.first, self.last = first, last
        self._tell(summary)

    @property
    def number(self) -> float | None:
        """What is said of its values, where that is no measure of a goal; None of none."""
        return None

    def _take_in(self, track: Track, index: int, value: float) -> None:
        """One more value; those before it are in already, as far as they are inside."""

    def _take_out(self, track: Track, index: int, value: float) -> None:
        """The oldest value leaves."""

    def _tell(self, summary: Summary) -> None:
        """Says in the summary what the values make."""


class _Sum(Window):
    __slots__ = ("_total",)

    def __init__(self, summary: Summary, first: int) -> None:
        super().__init__(summary, first)
        self._total = Exact()

    def _take_in(self, track: Track, index: int, value: float) -> None:
        self._total.add(value)

    def _take_out(self, track: Track, index: int, value: float) -> None:
        self._total.add(value, -1)

    def _tell(self, summary: Summary) -> None:
        summary.total = float(self._total)


class _Increase(Window):
    __slots__ = ()

    def move(self, track: Track, first: int, last: int) -> None:
        super().move(track, first, last)
        self.summary.increase = track.added_up(Measure.INCREASE, first, last)


class _Extreme(Window):
    __slots__ = ("_kept", "_least")

    def __init__(self, summary: Summary, first: int) -> None:
        super().__init__(summary, first)
        self._least = summary.kind is Measure.MIN
        self._kept: deque[tuple[int, float]] = deque()  # index and value of each that is, or may be, the extreme

    def _take_in(self, track: Track, index: int, value: float) -> None:
        kept = self._kept
        while kept and (kept[-1][1] >= value if self._least else kept[-1][1] <= value):
            kept.pop()
        kept.append((index, value))

    def _take_out(self, track: Track, index: int, value: float) -> None:
        if self._kept[0][0] == index:
            self._kept.popleft()

    def _tell(self, summary: Summary) -> None:
        summary.low = summary.high = self._kept[0][1] if self._kept else None


class _BySize(Window):
    __slots__ = ("_new",)

    def __init__(self, summary: Summary, first: int) -> None:
        super().__init__(summary, first)
        self._new: list[float] = []

    def _take_in(self, track: Track, index: int, value: float) -> None:
        self._new.append(value)

    def _take_out(self, track: Track, index: int, value: float) -> None:
        self.summary.ordered.remove(value)

    def _tell(self, summary: Summary) -> None:
        summary.ordered.add(self._new)
        self._new.clear()


class _Satisfied(Window):
    __slots__ = ()

    def _take_in(self, track: Track, index: int, value: float) -> None:
        where = self.summary.where
        self.summary.satisfied += where is not None and where.holds(value)

    def _take_out(self, track: Track, index: int, value: float) -> None:
        where = self.summary.where
        self.summary.satisfied -= where is not None and where.holds(value)


class _Stddev(Window):
    __slots__ = ("_spread",)

    def __init__(self, summary: Summary, first: int) -> None:
        super().__init__(summary, first)
        self._spread = ExactSpread()

    @property
    def number(self) -> float | None:
        return self._spread.deviation(self.summary.count) if self.summary.count else None

    def _take_in(self, track: Track, index: int, value: float) -> None:
        self._spread.add(value)

    def _take_out(self, track: Track, index: int, value: float) -> None:
        self._spread.add(value, -1)


class _Changes(Window):
    __slots__ = ("_changes", "_newest")

    def __init__(self, summary: Summary, first: int) -> None:
        super().__init__(summary, first)
        self._changes = 0
        self._newest = 0.0

    @property
    def number(self) -> float | None:
        return float(self._changes) if self.summary.count else None

    def _take_in(self, track: Track, index: int, value: float) -> None:
        self._changes += self.summary.count > 1 and value != self._newest
        self._newest = value

    def _take_out(self, track: Track, index: int, value: float) -> None:
        if self.summary.count:  # the next one was compared with it
            following, values = index + 1, track.values
            while isnan(values[following]):
                following += 1
            self._changes -= values[following] != value


_KINDS: Mapping[Measure | Spread, type[Window]] = {
    Measure.SUM: _Sum,
    Measure.MEAN: _Sum,
    Measure.INCREASE: _Increase,
    Measure.MIN: _Extreme,
    Measure.MAX: _Extreme,
    Measure.QUANTILE: _BySize,
    Measure.SHARE: _Satisfied,
    Spread.STDDEV: _Stddev,
    Spread.CHANGES: _Changes,
}


def window_of(kind: Measure | Spread, summary: Summary, first: int) -> Window:
    """A window in which nothing is yet; `summary` has nothing folded."""
    return _KINDS.get(kind, Window)(summary, first)
