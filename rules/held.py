"""What is held of one series: its readings in time order, and what can be asked of them by time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isnan
from operator import le, lt

from rules.measures import MEASURES
from rules.model import Measure
from rules.packed import Packed, packed

NEWEST = 16  # readings, and values, held of a series however old: late ones, N of M and a slow recovery need them

_WORTH_PACKING = 64  # readings, at least
_SUM = Measure.SUM  # a member of an enum is slow to look up


class Held:
    """Readings in time order. NaN stands for a reading without a value.

    The older ones may be packed away, which changes no answer: `times` and `values` are of the others then, and of all
    again once somebody asks for an older one.
    """

    __slots__ = ("_packed", "times", "values")

    def __init__(self) -> None:
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self._packed: Packed | None = None

    @property
    def newest(self) -> tuple[int, float | None] | None:
        """Time and value of the newest reading."""
        return self._reading(-1) if self.times else None

    @property
    def held(self) -> int:
        """How many readings are held."""
        return len(self.times) + (len(self._packed.values) if self._packed is not None else 0)

    @property
    def oldest(self) -> int | None:
        """The time of the oldest reading that is held."""
        if self._packed is not None:
            return self._packed.at.begin
        return self.times[0] if self.times else None

    def count(self, until: int) -> int:
        """How many readings are not after a time."""
        self._reach(until)
        return bisect_right(self.times, until)

    def valued(self, count: int) -> int:
        """The index of the newest reading that has a value, among the first so many; -1 if there is none."""
        index, values = count - 1, self.values
        while index >= 0 and isnan(values[index]):
            index -= 1
        return index

    def backwards(self, until: int | None = None) -> Iterator[tuple[int, float]]:
        """(time, value) from the newest reading, or the one at `until`, back; those without a value are left out."""
        for index in range(len(self.times) if until is None else bisect_right(self.times, until), 0, -1):
            if not isnan(self.values[index - 1]):
                yield self.times[index - 1], self.values[index - 1]
        if self._packed is not None:
            before = zip(reversed(self._packed.times()), reversed(self._packed.values), strict=True)
            yield from (pair for pair in before if until is None or pair[0] <= until)

    def has_only_gaps(self, start: int, end: int) -> bool:
        """Whether none of its readings with start <= time < end has a value; without any there, none at all."""
        self._reach(start)
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        return all(map(isnan, self.values[first:last] if last > first else self.values))

    def ends_in_gap(self, start: int, end: int) -> bool:
        """Whether the newest of its readings with start <= time < end has no value."""
        self._reach(end)
        index = bisect_left(self.times, end) - 1
        return index >= 0 and self.times[index] >= start and isnan(self.values[index])

    def _value_before(self, index: int) -> float | None:
        found = self.valued(index)
        return self.values[found] if found >= 0 else None

    def between(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """(time, value) of the readings with start <= time < end that have a value."""
        self._reach(start)
        for index in range(bisect_left(self.times, start), bisect_left(self.times, end)):
            if not isnan(self.values[index]):
                yield self.times[index], self.values[index]

    def at(self, time: int) -> float | None:
        """The newest value not after `time`; readings without one are passed over."""
        self._reach(time)
        return self._value_before(bisect_right(self.times, time))

    def newest_at(self, time: int) -> tuple[int, float | None] | None:
        """Time and value of the newest reading not after `time`."""
        self._reach(time)
        index = bisect_right(self.times, time) - 1
        return self._reading(index) if index >= 0 else None

    def next_after(self, time: int) -> int | None:
        """The time of the first reading after `time`; None if there is none."""
        self._reach(time)
        index = bisect_right(self.times, time)
        return self.times[index] if index < len(self.times) else None

    def _reading(self, index: int) -> tuple[int, float | None]:
        value = self.values[index]
        return self.times[index], None if isnan(value) else value

    def added(self, start: int, end: int, measure: Measure, since: int) -> float:
        """What the readings with start <= time < end add to a measure that adds up.

        An increase counts from the value before, if that is not older than `since`.
        """
        self._reach(start)
        means = MEASURES[measure]
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        if means.counts:
            return means.added(self.values[first:last])
        oldest = bisect_left(self.times, since)
        while first > oldest and isnan(self.values[first - 1]):
            first -= 1
        return means.added(self.values[max(first - 1, oldest) : last])

    def added_each(self, edges: Sequence[int], measure: Measure, since: int) -> list[float]:
        """What the readings between each two edges add."""
        if not MEASURES[measure].counts:
            return [self.added(start, end, measure, since) for start, end in pairwise(edges)]
        self._reach(edges[0])
        begin = bisect_left(self.times, edges[0])
        times = self.times[begin : bisect_left(self.times, edges[-1], begin)].tolist()
        values, add = self.values[begin : begin + len(times)].tolist(), MEASURES[measure].added
        plain = measure is _SUM and not isnan(sum(values))
        if plain and len(times) == len(edges) - 1 and _is_one_each(edges, times):  # as mostly
            return values
        places = [bisect_left(times, edge) for edge in edges]
        if plain:
            return [values[at] if end - at == 1 else add(values[at:end]) for at, end in pairwise(places)]
        return [add(values[at:end]) for at, end in pairwise(places)]

    def unpacked(self) -> Held:
        """All readings in sight, for whoever has much to ask: a copy where some are packed."""
        if self._packed is None:
            return self
        everything = Held()
        everything.times = self._packed.times() + self.times
        everything.values = array("d", self._packed.values) + self.values
        return everything

    def _reach(self, time: int) -> None:
        """Has the readings from a time on, and the last one before it, in sight."""
        if self._packed is not None and time <= self.times[0]:
            self._unpack()

    def _unpack(self) -> None:
        """Has all in sight."""
        if self._packed is not None:
            everything = self.unpacked()
            self.times, self.values, self._packed = everything.times, everything.values, None
            self._forget()

    def _pack(self, count: int) -> None:
        """Packs the first so many readings away, which all have values, if that is worth it."""
        self._packed = packed(self.times[:count], self.values[:count]) if count >= _WORTH_PACKING else None
        if self._packed is not None:
            self.times, self.values = self.times[count:], self.values[count:]
            self._forget()

    def _valued_from(self, first: int, end: int) -> list[int]:
        """The indices from `first` to `end` of its newest readings with a value, as many as are held however old."""
        found: list[int] = []
        index = end
        while len(found) < NEWEST and (index := self.valued(index)) >= first:
            found.append(index)
        return found[::-1]

    def _forget(self) -> None:
        """What was made of readings by their places is to be made anew."""


def _is_one_each(edges: Sequence[int], times: Sequence[int]) -> bool:
    """Whether each of as many times lies between its own two edges; mostly it is the first of them."""
    return times == edges[:-1] or (all(map(le, edges, times)) and all(map(lt, times, edges[1:])))
