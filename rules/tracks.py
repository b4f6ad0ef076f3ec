"""One series' readings within reach of the targets, in time order, and what is folded of their stretches."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from math import isnan, nan
from operator import le, lt, sub

from rules.conditions import Where
from rules.functions import Spread
from rules.measures import MEASURES, Summary, summary_of
from rules.model import Goal, Measure
from rules.risen import RUNNING, Running
from rules.tally import Tally
from rules.windows import Window, window_of

NEWEST = 16  # readings, and values, held of a series however old: late ones, N of M and a slow recovery need them
PAST_MOST = 10_000  # readings beyond its horizon that a series is projected by: more would cost memory
LATEST = 2**63 - 1  # of all times
_TRIM_AT = 64  # readings more after which a track looks again whether it holds too many
_KEPT = 8  # summaries and windows kept to go on from


class Added(Enum):
    """What a reading says to a history: something new, nothing new, or nothing it can tell since it is out of view."""

    NEW = auto()
    KNOWN = auto()
    OUT_OF_VIEW = auto()


_NEW = Added.NEW  # a member of an enum is slow to look up
_SUM = Measure.SUM


@dataclass(slots=True, eq=False)
class Watch:
    """Of whoever made something of the readings before `until`; `stale` once one of them is new or another."""

    until: int
    stale: bool = False


class Track:
    """One series' readings, in time order. NaN stands for a reading without a value.

    The newest few are held, all within the horizon, and beyond it, as far as `past`, the newest `PAST_MOST`:
    projections learn by them. Both reach back from the newest reading, but for those ahead of now: a clock that leaps
    at the source hides nothing.
    """

    __slots__ = (
        "_came",
        "_gap",
        "_look_at",
        "_running",
        "_summaries",
        "_tallies",
        "_windows",
        "horizon",
        "past",
        "revised",
        "times",
        "values",
        "watches",
        "whole",
    )

    def __init__(self, horizon: int, past: int = 0) -> None:
        self.horizon = horizon
        self.past = max(past, horizon)
        self.watches: list[Watch] = []
        self.whole = True  # whether every reading that came had a value
        self.revised = 0  # how often a reading came that was not the newest
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self._running: dict[Measure, Running] = {}  # of measures that add up, once anyone asked
        self._summaries: dict[tuple[int, Measure, str | None], Summary] = {}
        self._windows: dict[tuple[int, Measure | Spread, str | None, int], Window] = {}
        self._tallies: dict[str, Tally] = {}
        self._gap: int | None = None  # known until another reading comes
        self._look_at = _TRIM_AT if horizon else 2 * NEWEST
        self._came = LATEST  # when the last reading came

    def add(self, time: int, value: float | None, now: int = LATEST) -> Added:
        """Records a reading that comes now. Older than the horizon only the last value before it is held."""
        number = nan if value is None else value
        times = self.times
        added = _NEW
        if len(times) > self._look_at and (now != self._came or now == LATEST):  # those of a batch are judged together
            self._trim(now)
            self._look_at = len(self.times) + (_TRIM_AT if self.horizon else NEWEST)
        self._came = now
        if value is None:
            self.whole = False
        if times and time <= times[-1]:
            added = self._insert(time, number, now)
        else:
            if self.watches:
                self._tell(time)
            times.append(time)
            self.values.append(number)
            if self._gap is not None and not self._keeps_pace():
                self._gap = None
        return added

    def fill(self, times: array[int], values: array[float], now: int = LATEST) -> None:
        """As many `add`, for a track without a reading yet; the times rise. NaN stands for none."""
        self.times, self.values, self._gap = times, values, None
        self.whole = self.whole and not isnan(sum(values))
        if len(times) > self._look_at:
            self._trim(now)
            self._look_at = len(self.times) + (_TRIM_AT if self.horizon else NEWEST)

    def _insert(self, time: int, number: float, now: int) -> Added:
        index = bisect_left(self.times, time)
        if self._is_out_of_view(index, time, min(self.times[-1], now)):
            return Added.OUT_OF_VIEW
        if self.times[index] != time:
            self.times.insert(index, time)
            self.values.insert(index, number)
        else:
            old = self.values[index]
            if old == number or (isnan(old) and isnan(number)):
                return Added.KNOWN
            self.values[index] = number
        for running in self._running.values():
            running.cut(self, index)
        self._gap = None
        self.revised += 1
        self._summaries.clear()
        self._windows.clear()
        self._tell(time)
        for tally in self._tallies.values():
            tally.cut(index)
        return _NEW

    def _tell(self, time: int) -> None:
        for watch in self.watches:
            if time < watch.until:
                watch.stale = True

    def _is_out_of_view(self, index: int, time: int, newest: int) -> bool:
        held = bisect_right(self.times, newest)  # what is ahead of now takes no place of theirs
        if held - index < NEWEST or len(self._valued_from(index, held)) < NEWEST:
            return False
        if not self.horizon:  # what is held beyond the newest few is held by chance: a restart would not read it
            oldest = min(held - NEWEST, self._valued_from(0, held)[0])
            return index < oldest or (index == oldest and time != self.times[index])
        if time >= newest - self.horizon or self._counted_from(index, time, newest):
            return False
        return time < newest - self.past or (index == 0 and self._beyond(newest) > PAST_MOST)

    def _beyond(self, newest: int) -> int:
        """How many readings older than the horizon are held."""
        return bisect_left(self.times, newest - self.horizon)

    def _counted_from(self, index: int, time: int, newest: int) -> bool:
        """Whether a reading before the horizon, to be put at `index`, is held or would be the last value before it."""
        inside = self._beyond(newest)
        return self.times[index] == time or all(isnan(value) for value in self.values[index:inside])

    def _trim(self, now: int) -> None:
        newest = min(self.times[-1], now)
        held = bisect_right(self.times, newest)
        cut = held - NEWEST
        if self.horizon:
            # The last value before the horizon stays: an increase counts from it.
            beyond = self._beyond(newest)
            old = max(bisect_left(self.times, newest - self.past), beyond - PAST_MOST - 1)
            cut = min(beyond, old, cut + 1) - 1
            if cut <= len(self.times) // 2:
                return
        if cut <= 0:
            return
        kept = [] if self.whole else [index for index in self._valued_from(0, held) if index < cut]
        if not kept and isnan(self.values[cut]) and (before := self.valued(cut)) >= 0:
            kept = [before]
        self.times[:cut] = array("q", [self.times[index] for index in kept])
        self.values[:cut] = array("d", [self.values[index] for index in kept])
        running = () if kept else ((one, sums.without(cut)) for one, sums in self._running.items())
        self._running = {one: sums for one, sums in running if sums is not None}
        self._summaries.clear()
        self._windows.clear()
        self._tallies.clear()

    def added_up(self, measure: Measure, first: int, last: int) -> float:
        """The sum of the readings from index `first` up to `last`, or what a counter rose by with them."""
        running = self._running.get(measure)
        if running is None:
            running = self._running[measure] = RUNNING[measure]()
        return running.between(self, first, last)

    def _valued_from(self, first: int, end: int) -> list[int]:
        """The indices from `first` to `end` of its newest readings with a value, as many as are held however old."""
        found: list[int] = []
        index = end
        while len(found) < NEWEST and (index := self.valued(index)) >= first:
            found.append(index)
        return found[::-1]

    @property
    def newest(self) -> tuple[int, float | None] | None:
        """Time and value of the newest reading."""
        return self._reading(-1) if self.times else None

    def count(self, until: int) -> int:
        """How many readings are not after a time."""
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

    def summary(self, goal: Goal, start: int, end: int) -> Summary:
        """The readings with start <= time < end, folded for the goal's measure. A growing stretch is folded on."""
        last = bisect_left(self.times, end) if self.times and end <= self.times[-1] else len(self.times)
        name = (start, goal.measure, goal.where)
        kept = self._summaries.get(name)
        if kept is None or kept.at > last:
            first = bisect_left(self.times, start)
            kept = summary_of(goal, start)
            kept.before, kept.at = self._value_before(first), first
            if len(self._summaries) >= _KEPT:
                self._summaries.clear()
            if first < len(self.times):  # else the next reading may be of before the start
                self._summaries[name] = kept
        kept.fold(self.times, self.values, last)
        return kept

    def window(self, goal: Goal, start: int, end: int) -> Summary:
        """The readings with start <= time < end by the goal's measure alone, where start and end move on together."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        summary = self.rolling(goal.measure, end - start, first, last, where=goal.where).summary
        newest = self.valued(last)
        summary.start = start
        summary.last, summary.last_time = (self.values[newest], self.times[newest]) if newest >= first else (None, None)
        return summary

    def rolling(
        self, kind: Measure | Spread, length: int, first: int, last: int, offset: int = 0, where: str | None = None
    ) -> Window:
        """The window of a length that holds the readings from index `first` up to `last`, moved on.

        Another offset is another window.
        """
        name = (length, kind, where, offset)
        kept = self._windows.get(name)
        if kept is None or first < kept.first or last < kept.last:
            if len(self._windows) >= _KEPT:
                self._windows.clear()
            goal = Goal(kind, where=where) if isinstance(kind, Measure) else Goal()
            kept = self._windows[name] = window_of(kind, summary_of(goal, 0), first)
        kept.move(self, first, last)
        return kept

    def added(self, start: int, end: int, measure: Measure, since: int) -> float:
        """What the readings with start <= time < end add to a measure that adds up.

        An increase counts from the value before, if that is not older than `since`.
        """
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
        begin = bisect_left(self.times, edges[0])
        times = self.times[begin : bisect_left(self.times, edges[-1], begin)].tolist()
        values, add = self.values[begin : begin + len(times)].tolist(), MEASURES[measure].added
        if measure is _SUM:  # mostly there is one reading for each
            one_each = len(times) == len(edges) - 1 and all(map(le, edges, times)) and all(map(lt, times, edges[1:]))
            if one_each and not isnan(sum(values)):
                return values
        places = [bisect_left(times, edge) for edge in edges]
        return [add(values[first:last]) for first, last in pairwise(places)]

    def tally(self, where: Where, start: int, end: int) -> tuple[int, int]:
        """How many readings with start <= time < end have a value, and how many of these satisfy `where`."""
        tally = self._tallies.get(where.text)
        if tally is None:
            tally = self._tallies[where.text] = Tally(where)
        return tally.between(self.values, bisect_left(self.times, start), bisect_left(self.times, end))

    def has_only_gaps(self, start: int, end: int) -> bool:
        """Whether none of its readings with start <= time < end has a value; without any there, none at all."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        return all(map(isnan, self.values[first:last] if last > first else self.values))

    def ends_in_gap(self, start: int, end: int) -> bool:
        """Whether the newest of its readings with start <= time < end has no value."""
        index = bisect_left(self.times, end) - 1
        return index >= 0 and self.times[index] >= start and isnan(self.values[index])

    def _value_before(self, index: int) -> float | None:
        found = self.valued(index)
        return self.values[found] if found >= 0 else None

    def between(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """(time, value) of the readings with start <= time < end that have a value."""
        for index in range(bisect_left(self.times, start), bisect_left(self.times, end)):
            if not isnan(self.values[index]):
                yield self.times[index], self.values[index]

    def at(self, time: int) -> float | None:
        """The newest value not after `time`; readings without one are passed over."""
        return self._value_before(bisect_right(self.times, time))

    def newest_at(self, time: int) -> tuple[int, float | None] | None:
        """Time and value of the newest reading not after `time`."""
        index = bisect_right(self.times, time) - 1
        return self._reading(index) if index >= 0 else None

    def upto(self, time: int) -> Track:
        """A copy with the readings not after a time."""
        end = self.count(time)
        cut = Track(self.horizon, self.past)
        cut.fill(self.times[:end], self.values[:end])
        return cut

    def next_after(self, time: int) -> int | None:
        """The time of the first reading after `time`; None if there is none."""
        index = bisect_right(self.times, time)
        return self.times[index] if index < len(self.times) else None

    def _reading(self, index: int) -> tuple[int, float | None]:
        value = self.values[index]
        return self.times[index], None if isnan(value) else value

    def gap(self) -> int:
        """The usual distance of its readings: the median of the last 16 distances; 0 if it has fewer than two.

        What is held by chance, for it came before what made it too old, counts no more than after a restart.
        """
        if self._gap is None:
            tail = self._newest()
            gaps = sorted(map(sub, tail[1:], tail))
            self._gap = gaps[len(gaps) // 2] if gaps else 0
        return self._gap

    def _keeps_pace(self) -> bool:
        """Whether the newest distance is the same as the one that it takes the place of, so that their median stays."""
        times = self.times
        if not self.horizon or len(times) < 18 or times[-18] < times[-1] - self.past:
            return False
        return times[-1] - times[-2] == times[-17] - times[-18]

    def _newest(self) -> array[int]:
        """The times of its last 17 readings, of those that a restart would read."""
        tail = self.times[-17:] if self.horizon else self.times[-NEWEST:]
        if not self.horizon or not tail or tail[0] >= tail[-1] - self.past:
            return tail
        first = bisect_left(self.times, tail[-1] - self.past)
        before = first - 1
        while before >= 0 and isnan(self.values[before]):
            before -= 1
        return (self.times[before : before + 1] if before >= 0 else array("q")) + self.times[first:]
