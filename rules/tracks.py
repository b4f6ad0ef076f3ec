"""One series' readings within reach of the targets, in time order, and what is folded of their stretches."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import isnan, nan
from operator import sub
from typing import Any

from rules.conditions import Where
from rules.functions import Spread
from rules.held import NEWEST, Held
from rules.measures import Summary, summary_of
from rules.model import Goal, Measure
from rules.risen import RUNNING, Running
from rules.tally import Tally
from rules.windows import Window, window_of

PAST_MOST = 10_000  # readings beyond its horizon that a series is projected by: more would cost memory
LATEST = 2**63 - 1  # of all times
_TRIM_AT = 64  # readings more after which a track looks again whether it holds too many
_KEPT = 8  # summaries and windows kept to go on from


class Added(Enum):
    """What a reading says to a history: something new, nothing new, or nothing it can tell since it is out of view."""

    NEW = auto()
    KNOWN = auto()
    OUT_OF_VIEW = auto()


_NONE: Mapping[Any, Any] = {}  # never changed: most tracks have hardly anything to go on from
_NEW = Added.NEW  # a member of an enum is slow to look up


@dataclass(slots=True, eq=False)
class Watch:
    """Of whoever made something of the readings before `until`; `stale` once one of them is new or another."""

    until: int
    stale: bool = False


class Track(Held):
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
        "watches",
        "whole",
    )

    def __init__(self, horizon: int, past: int = 0) -> None:
        super().__init__()
        self.horizon = horizon
        self.past = max(past, horizon)
        self.watches: tuple[Watch, ...] = ()
        self.whole = True  # whether every reading that came had a value
        self.revised = 0  # how often a reading came that was not the newest
        self._running: Mapping[Measure, Running] = _NONE  # of measures that add up, once anyone asked
        self._summaries: tuple[Summary, ...] = ()
        self._windows: Mapping[tuple[int, Measure | Spread, str | None, int], Window] = _NONE
        self._tallies: Mapping[str, Tally] = _NONE
        self._gap: int | None = None  # known until another reading comes
        self._look_at = _TRIM_AT if horizon else 2 * NEWEST
        self._came = LATEST  # when the last reading came

    def add(self, time: int, value: float | None, now: int = LATEST) -> Added:
        """Records a reading that comes now. Older than the horizon only the last value before it is held."""
        number = nan if value is None else value
        added = _NEW
        if len(self.times) > self._look_at and (now != self._came or now == LATEST):  # a batch is judged together
            self._tidy(now)
        self._came, times = now, self.times
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

    def extend(self, times: Sequence[int], values: Sequence[float]) -> None:
        """As many `add`, of readings that are newer than all and have values; their times rise."""
        if len(self.times) > self._look_at:
            self._tidy(LATEST)
        self._tell(times[0])
        self.times.extend(times)
        self.values.extend(values)
        self._came, self._gap = LATEST, None

    def fill(self, times: array[int], values: array[float], now: int = LATEST) -> None:
        """As many `add`, for a track without a reading yet; the times rise. NaN stands for none."""
        self.times, self.values, self._gap = times, values, None
        self.whole = self.whole and not isnan(sum(values))
        if len(times) > self._look_at:
            self._tidy(now)

    def _insert(self, time: int, number: float, now: int) -> Added:
        if self._packed is not None and time <= self.times[0]:
            if number == (self.values[0] if time == self.times[0] else self._packed.value_at(time)):
                return Added.KNOWN
            self._unpack()
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
        self._summaries, self._windows = (), _NONE
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

    def _tidy(self, now: int) -> None:
        """Lets go of what is held no longer, and packs what only projections ask for: all beyond the horizon."""
        self._unpack()
        self._trim(now)
        if self.whole and self.past > self.horizon:
            newest = min(self.times[-1], now)
            self._pack(min(self._beyond(newest), bisect_right(self.times, newest) - NEWEST - 1) - 1)
        few = _TRIM_AT if self.horizon else NEWEST
        self._look_at = len(self.times) + (few if self._packed is None else self.held)  # packing takes time

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
        self._cut(cut, kept)

    def _cut(self, count: int, kept: Sequence[int] = ()) -> None:
        """Lets go of the first so many readings, but for those at the indices that are `kept`."""
        self.times = array("q", [self.times[index] for index in kept]) + self.times[count:]
        self.values = array("d", [self.values[index] for index in kept]) + self.values[count:]
        running = () if kept else ((one, sums.without(count)) for one, sums in self._running.items())
        left = {one: sums for one, sums in running if sums is not None}
        self._forget()
        self._running = left or _NONE

    def _unpack(self) -> None:
        super()._unpack()
        self._look_at = min(self._look_at, len(self.times) + _TRIM_AT)

    def _forget(self) -> None:
        self._running = self._windows = self._tallies = _NONE
        self._summaries = ()

    def added_up(self, measure: Measure, first: int, last: int) -> float:
        """The sum of the readings from index `first` up to `last`, or what a counter rose by with them."""
        running = self._running.get(measure) or self._summed(measure)
        return running.between(self, first, last)

    def added_up_each(self, measure: Measure, firsts: Sequence[int], lasts: Sequence[int]) -> list[float]:
        """The same of as many pairs of indices, of which none of `lasts` is less than the one before."""
        return self._summed(measure).each(self, firsts, lasts)

    def _summed(self, measure: Measure) -> Running:
        running = self._running.get(measure)
        if running is None:
            running = RUNNING[measure]()
            self._running = {**self._running, measure: running}
        return running

    def summary(self, goal: Goal, start: int, end: int) -> Summary:
        """The readings with start <= time < end, folded for the goal's measure. A growing stretch is folded on."""
        self._reach(start)
        last = bisect_left(self.times, end) if self.times and end <= self.times[-1] else len(self.times)
        for kept in self._summaries:
            if kept.start == start and kept.kind is goal.measure and kept.at <= last and kept.is_where(goal.where):
                break
        else:
            kept = self._begun(goal, start)
        kept.fold(self.times, self.values, last)
        return kept

    def _begun(self, goal: Goal, start: int) -> Summary:
        first = bisect_left(self.times, start)
        begun = summary_of(goal, start)
        begun.before, begun.at = self._value_before(first), first
        if first < len(self.times):  # else the next reading may be of before the start
            self._summaries = (*self._summaries[1 - _KEPT :], begun)
        return begun

    def window(self, goal: Goal, start: int, end: int) -> Summary:
        """The readings with start <= time < end by the goal's measure alone, where start and end move on together."""
        self._reach(start)
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
            goal = Goal(kind, where=where) if isinstance(kind, Measure) else Goal()
            kept = window_of(kind, summary_of(goal, 0), first)
            self._windows = {**(self._windows if len(self._windows) < _KEPT else _NONE), name: kept}
        kept.move(self, first, last)
        return kept

    def tally(self, where: Where, start: int, end: int) -> tuple[int, int]:
        """How many readings with start <= time < end have a value, and how many of these satisfy `where`."""
        self._reach(start)
        tally = self._tallies.get(where.text)
        if tally is None:
            tally = Tally(where)
            self._tallies = {**self._tallies, where.text: tally}
        return tally.between(self.values, bisect_left(self.times, start), bisect_left(self.times, end))

    def upto(self, time: int) -> Track:
        """A copy with the readings not after a time."""
        self._unpack()
        end = self.count(time)
        cut = Track(self.horizon, self.past)
        cut.fill(self.times[:end], self.values[:end])
        return cut

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
