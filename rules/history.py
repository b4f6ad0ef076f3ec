"""The recorded readings as the engine sees them: for each series those within reach of its targets, in time order.

A history is a view of what is stored: adding a reading twice, late or revised gives the same view as adding all of
them in order. The engine only asks it; the pipeline adds to it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from math import isnan, nan
from typing import TYPE_CHECKING

from rules.model import LARGEST, InstanceKey, Measure, Reading, Series, Usual
from rules.specs import PAST_MOST, Specs

if TYPE_CHECKING:
    from rules.projection import Projector

_NEWEST = 16  # readings held of a series without a horizon: late ones and a slow recovery are judged by them
_TRIM_AT = 64  # readings beyond which a track looks whether it holds too many


@dataclass(slots=True)
class Summary:
    """Values of a stretch of a series folded in time order; None where there was no value."""

    start: int
    count: int = 0
    total: float = 0.0
    low: float | None = None
    high: float | None = None
    first: tuple[int, float] | None = None  # time and value
    last: float | None = None
    last_time: int | None = None
    increase: float = 0.0
    before: float | None = None  # the value before the next one, for increase
    at: int = 0  # index of the next reading to fold

    def fold(self, times: array[int], values: array[float], end: int) -> None:
        """Folds the readings from `at` up to index `end`."""
        for index in range(self.at, end):
            if not isnan(values[index]):
                self._fold_one(times[index], values[index])
        self.at = max(self.at, end)

    def _fold_one(self, time: int, value: float) -> None:
        before = self.before
        risen = 0.0 if before is None else value - before if value >= before else value
        self.count += 1
        if self.first is None:
            self.first = time, value
        self.total += value
        self.low = value if self.low is None or value < self.low else self.low
        self.high = value if self.high is None or value > self.high else self.high
        self.increase += risen
        self.before = self.last = value
        self.last_time = time

    def measure(self, measure: Measure) -> float | None:
        """The number a measure makes of the stretch. None if it has none; sum, count and increase of nothing are 0."""
        if measure is Measure.SUM:
            return self.total
        if measure is Measure.COUNT:
            return float(self.count)
        if measure is Measure.INCREASE:
            return self.increase
        if measure is Measure.MEAN:
            return self.total / self.count if self.count else None
        return {Measure.LAST: self.last, Measure.MIN: self.low, Measure.MAX: self.high}[measure]


class Added(Enum):
    """What a reading says to a history: something new, nothing new, or nothing it can tell since it is out of view."""

    NEW = auto()
    KNOWN = auto()
    OUT_OF_VIEW = auto()


@dataclass(slots=True, eq=False)
class Watch:
    """Of whoever made something of the readings before `until`; `stale` once one of them is new or another."""

    until: int
    stale: bool = False


class Track:
    """One series' readings, in time order. NaN stands for a reading without a value.

    All within the horizon are held, and beyond it, as far as `past`, the newest `PAST_MOST`: projections learn by them.
    """

    __slots__ = ("_summaries", "horizon", "past", "times", "values", "watches")

    def __init__(self, horizon: int, past: int = 0) -> None:
        self.horizon = horizon
        self.past = max(past, horizon)
        self.watches: list[Watch] = []
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self._summaries: dict[int, Summary] = {}

    def add(self, time: int, value: float | None) -> Added:
        """Records a reading. Those older than the horizon are not held, but for the last value before it."""
        number = nan if value is None else value
        times = self.times
        if times and time <= times[-1]:
            return self._insert(time, number)
        self._tell(time)
        times.append(time)
        self.values.append(number)
        if len(times) > (_TRIM_AT if self.horizon else 2 * _NEWEST):
            self._trim()
        return Added.NEW

    def _insert(self, time: int, number: float) -> Added:
        index = bisect_left(self.times, time)
        if self._is_out_of_view(index, time):
            return Added.OUT_OF_VIEW
        if self.times[index] != time:
            self.times.insert(index, time)
            self.values.insert(index, number)
        else:
            old = self.values[index]
            if old == number or (isnan(old) and isnan(number)):
                return Added.KNOWN
            self.values[index] = number
        self._summaries.clear()
        self._tell(time)
        return Added.NEW

    def _tell(self, time: int) -> None:
        for watch in self.watches:
            if time < watch.until:
                watch.stale = True

    def _is_out_of_view(self, index: int, time: int) -> bool:
        if not self.horizon:
            return index == 0 and len(self.times) >= _NEWEST and time != self.times[0]
        if time >= self.times[-1] - self.horizon or self._counted_from(index, time):
            return False
        return time < self.times[-1] - self.past or (index == 0 and self._beyond() > PAST_MOST)

    def _beyond(self) -> int:
        """How many readings older than the horizon are held."""
        return bisect_left(self.times, self.times[-1] - self.horizon)

    def _counted_from(self, index: int, time: int) -> bool:
        """Whether a reading before the horizon, to be put at `index`, is held or would be the last value before it."""
        inside = bisect_left(self.times, self.times[-1] - self.horizon)
        return self.times[index] == time or all(isnan(value) for value in self.values[index:inside])

    def _trim(self) -> None:
        if not self.horizon:
            del self.times[:-_NEWEST]
            del self.values[:-_NEWEST]
            return
        # The last value before the horizon stays: an increase counts from it.
        beyond = self._beyond()
        old = max(bisect_left(self.times, self.times[-1] - self.past), beyond - PAST_MOST - 1)
        cut = min(beyond, old) - 1
        while cut > 0 and isnan(self.values[cut]):
            cut -= 1
        if cut > len(self.times) // 2:
            del self.times[:cut]
            del self.values[:cut]
            self._summaries.clear()

    @property
    def newest(self) -> tuple[int, float | None] | None:
        """Time and value of the newest reading."""
        if not self.times:
            return None
        value = self.values[-1]
        return self.times[-1], None if isnan(value) else value

    def backwards(self, until: int | None = None) -> Iterator[tuple[int, float]]:
        """(time, value) from the newest reading, or the one at `until`, back; those without a value are left out."""
        for index in range(len(self.times) if until is None else bisect_right(self.times, until), 0, -1):
            if not isnan(self.values[index - 1]):
                yield self.times[index - 1], self.values[index - 1]

    def summary(self, start: int, end: int) -> Summary:
        """The readings with start <= time < end, folded. A growing stretch is folded on, not anew."""
        last = bisect_left(self.times, end) if self.times and end <= self.times[-1] else len(self.times)
        kept = self._summaries.get(start)
        if kept is None or kept.at > last:
            first = bisect_left(self.times, start)
            kept = Summary(start, before=self._value_before(first), at=first)
            if len(self._summaries) >= 4:
                self._summaries.clear()
            self._summaries[start] = kept
        kept.fold(self.times, self.values, last)
        return kept

    def added(self, start: int, end: int, measure: Measure, since: int) -> float:
        """What the readings with start <= time < end add to a sum, a count or an increase.

        An increase counts from the value before, if that is not older than `since`.
        """
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        values = self.values[first:last]
        if measure is Measure.SUM:
            total = sum(values)
            return total if not isnan(total) else sum(value for value in values if not isnan(value))
        if measure is Measure.COUNT:
            return float(sum(value == value for value in values))  # noqa: PLR0124
        oldest = bisect_left(self.times, since)
        while first > oldest and isnan(self.values[first - 1]):
            first -= 1
        known = [value for value in self.values[max(first - 1, oldest) : last] if not isnan(value)]
        return sum(new - old if new >= old else new for old, new in pairwise(known))

    def _value_before(self, index: int) -> float | None:
        for at in range(index - 1, -1, -1):
            if not isnan(self.values[at]):
                return self.values[at]
        return None

    def between(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """(time, value) of the readings with start <= time < end that have a value."""
        for index in range(bisect_left(self.times, start), bisect_left(self.times, end)):
            if not isnan(self.values[index]):
                yield self.times[index], self.values[index]

    def at(self, time: int) -> float | None:
        """The value of the newest reading not after `time`."""
        return self._value_before(bisect_right(self.times, time))

    def gap(self) -> int:
        """The usual distance of its readings: the median of the last 16 distances; 0 if it has fewer than two."""
        tail = self.times[-17:]
        gaps = sorted(b - a for a, b in pairwise(tail))
        return gaps[len(gaps) // 2] if gaps else 0


class History:
    """Tracks by series, and which series make up which instance."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self._tracks: dict[Series, Track] = {}
        self.usual: dict[InstanceKey, Usual] = {}
        """What was learned from what was stored before an instance had an alert for what is unusual."""
        self._members: dict[InstanceKey, list[Series]] = {}
        self._of_target: dict[str, dict[InstanceKey, None]] = {}
        self.projectors: dict[InstanceKey, Projector] = {}  # what projections were made of, kept to go on from
        for key in specs.lone_instances():
            self._of_target.setdefault(key.target, {})[key] = None

    def add(self, reading: Reading) -> Added:
        """Records a reading. Series that no target reads are out of view."""
        track = self._tracks.get(reading.series)
        if track is None:
            keys = self.specs.instances_of(reading.series)
            if not keys:
                return Added.OUT_OF_VIEW
            reach = self.specs.reach(reading.series.name)
            track = self._tracks[reading.series] = Track(reach.horizon, reach.past)
            for key in keys:
                self._members.setdefault(key, []).append(reading.series)
                self._of_target.setdefault(key.target, {})[key] = None
        value = reading.value
        return track.add(reading.time, value if value is not None and -LARGEST <= value <= LARGEST else None)

    def instances_of_target(self, target: str) -> Iterable[InstanceKey]:
        """The instances of a target that are known."""
        return self._of_target.get(target, ())

    def series(self, key: InstanceKey) -> list[Series]:
        """The series that fall into an instance, in the order they appeared."""
        return self._members.get(key, [])

    def track(self, series: Series) -> Track:
        """The readings of a series. Raises KeyError if it has none or no target reads it."""
        return self._tracks[series]

    def tracks(self, key: InstanceKey) -> list[Track]:
        """The readings of an instance's series."""
        return [self._tracks[series] for series in self.series(key)]
