"""The functions that a condition may call, over one series: one table, read by whoever checks, computes or explains.

Windows are (end - window, end], as in Prometheus, and the functions of a window mean what its `…_over_time` mean
(https://prometheus.io/docs/prometheus/latest/querying/functions/). `increase` and `rate` differ: nothing is
extrapolated, they count from the last value before the window.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import floor, fsum
from operator import ne
from typing import TYPE_CHECKING

from rules.exact import ExactSpread
from rules.expressions import NUMBER, TRUTH
from rules.model import DAY, MINUTE, SECOND, Goal, Measure, Selector
from rules.periods import shifted

if TYPE_CHECKING:
    from rules.ordered import Ordered
    from rules.tracks import Track
    from rules.windows import Window

Value = float | None
# Values, from which on a window that moves on with time is cheaper than to go through them all, in C or in Python.
_MANY_IN_C, _MANY = 100, 15
NEVER = 1 << 62
_INCREASED = Measure.INCREASE  # a member of an enum is slow to look up
_LOOK_AGAIN = 20  # times in a window; what lies in it changes by time alone


class Spread(Enum):
    """What a condition asks of a window beside what goals measure."""

    STDDEV = "stddev"
    CHANGES = "changes"


class Need(Enum):
    """Whether a function takes an argument."""

    NO = "no"
    MAY = "may"
    MUST = "must"


class View:
    """A query of one series, and what its function sees when it is asked: the readings up to `end`.

    Those in the window are the ones with an index from `first` up to `last`. Without `offset` the newest of the
    track counts, whatever its time. Where `end` is `past`, what was read later does not count.
    """

    __slots__ = (
        "_compute",
        "_times",
        "end",
        "first",
        "fraction",
        "is_local",
        "last",
        "offset",
        "past",
        "track",
        "window",
        "zone",
    )

    def __init__(self, query: Query, track: Track, zone: str) -> None:
        """Of a target in `zone`, in which whole days are counted."""
        self._compute = FUNCTIONS[query.function].compute
        self.track = track
        self._times = track.times  # what the places are of: a track that lets go of readings, or packs them, has others
        self.window = query.window
        self.offset = query.offset
        self.is_local = query.offset >= DAY and zone != "UTC"
        self.fraction = query.fraction
        self.zone = zone
        self.end = self.first = self.last = 0
        self.past = False

    def ask(self, now: int, *, past: bool = False) -> Value:
        """The query's value at `now`, which may be `past`. None: there is no value."""
        self.past = past
        self.turn_to(now)
        return self._compute(self)

    def turn_to(self, now: int) -> None:
        """Sees what there is at a time."""
        end = self.end = shifted(now, self.offset, self.zone) if self.is_local else now - self.offset
        if self.window:
            times, before = self.track.times, self.first
            self._times = times
            last = self.last = bisect_right(times, end) if times and times[-1] > end else len(times)
            start = end - self.window
            # Nearly always one reading has left since it was last asked.
            if before + 1 < last and times[before] <= start < times[before + 1]:
                self.first = before + 1
            else:
                self.first = bisect_right(times, start, 0, last)

    def lasts_until(self, now: int) -> int:
        """Before when it sees the readings that it sees at `now`, while none comes; 0: that isn't known."""
        if not (self.window or self.offset):
            return NEVER
        if self.is_local:
            return 0
        if self.end != now - self.offset or self._times is not self.track.times:
            self.turn_to(now)
        times, last = self.track.times, self.last
        if not self.window:
            following = bisect_right(times, self.end)
            return times[following] + self.offset if following < len(times) else NEVER
        if self.first == last == len(times):
            return NEVER
        leaves = times[self.first] + self.window
        return (leaves if last == len(times) or leaves < times[last] else times[last]) + self.offset

    @property
    def newest(self) -> tuple[int, Value] | None:
        """Time and value of the newest reading, then."""
        return self.track.newest_at(self.end) if self.offset or self.past else self.track.newest

    @property
    def values(self) -> Sequence[float]:
        """The values in the window."""
        found = self.track.values[self.first : self.last]
        return found if self.track.whole else [value for value in found if value == value]  # noqa: PLR0124 - not NaN

    @property
    def before(self) -> float | None:
        """The last value before the window."""
        index = self.track.valued(self.first)
        return self.track.values[index] if index >= 0 else None

    def holds_fewer(self, many: int) -> bool:
        """Whether there are fewer readings than so many in the window."""
        return self.last - self.first < many

    def rolling(self, kind: Measure | Spread) -> Window:
        """What is made of the window by moving it on from where it was when it was last asked for."""
        return self.track.rolling(kind, self.window, self.first, self.last, self.offset)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what it takes beside a series, what it gives, and how it is computed.

    `window` and `offset` are durations, `fraction` a number from 0 to 1. `of_several` makes one value of those of
    several series, where that needs no `combine`; `of_none` is its value where there is no series. A `drifts` value
    changes by time alone, without a window: it is looked at again after so many microseconds.
    """

    compute: Callable[[View], Value]
    window: Need = Need.NO
    offset: Need = Need.MAY
    fraction: Need = Need.NO
    gives: str = NUMBER
    of_several: Callable[[Sequence[float]], float] | None = None
    of_none: Value = None
    drifts: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One call in a condition: a function of one selector over the last `window` microseconds, `offset` before now."""

    function: str
    selector: Selector
    window: int
    text: str
    offset: int = 0
    fraction: float = 0.0
    position: int = 0  # of the selector in the condition

    @property
    def reach(self) -> int:
        """How far back its readings are needed; 0: only the newest."""
        a_day_more = DAY if self.offset >= DAY else 0  # days are local, and some have more hours than others
        return self.window + self.offset + a_day_more

    @property
    def sight(self) -> int:
        """How long before the newest reading it can be asked for its value of then; 0: as far as readings are held."""
        return min(self.window + self.offset, DAY)

    @property
    def look_again(self) -> int | None:
        """After how long it may have another value though nothing was read; None: never."""
        if self.window:
            return max(self.window // _LOOK_AGAIN, SECOND)
        return MINUTE if self.offset else FUNCTIONS[self.function].drifts


def until_left(track: Track, now: int, window: int) -> int:
    """Before when the readings in (now - window, now] stay the same as it moves on with time."""
    leaves, enters = track.next_after(now - window), track.next_after(now)
    return min(NEVER if leaves is None else leaves + window, NEVER if enters is None else enters)


def _last(view: View) -> Value:
    return view.newest[1] if view.newest else None


def _age(view: View) -> Value:
    return (view.end - view.newest[0]) / SECOND if view.newest else None


def _absent(view: View) -> Value:
    if view.window:
        return float(not view.values)
    return float(view.newest is None or view.newest[1] is None)


def _of_values(
    compute: Callable[[Sequence[float]], float], kind: Measure | Spread, many: int = _MANY_IN_C
) -> Callable[[View], Value]:
    """A function of the values in the window, of which there has to be one.

    Of many values the same number is made of those that came in and went out since it was last asked for.
    """
    goal = Goal(kind) if isinstance(kind, Measure) else None

    def computed(view: View) -> Value:
        if view.holds_fewer(many):
            values = view.values
            return float(compute(values)) if values else None
        window = view.rolling(kind)
        if goal is None or not window.summary.count:
            return window.number
        return window.summary.measure(goal)

    return computed


def _count(view: View) -> Value:
    if view.track.whole:
        return float(view.last - view.first)
    return float(len(view.values) if view.holds_fewer(_MANY) else view.rolling(Measure.COUNT).summary.count)


def _increase(view: View) -> Value:
    """What a counter rose by, a fall being a restart from zero. It takes two values to say."""
    track, first, last = view.track, view.first, view.last
    count = last - first if track.whole else _count(view) or 0
    if count < 2 and (not count or view.before is None):
        return None
    return track.added_up(_INCREASED, first, last)


def _rate(view: View) -> Value:
    risen = _increase(view)
    return None if risen is None else risen / (view.window / SECOND)


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def _stddev(values: Sequence[float]) -> float:
    spread = ExactSpread()
    for value in values:
        spread.add(value)
    return spread.deviation(len(values))


def quantile(ordered: Sequence[float] | Ordered, fraction: float) -> float:
    """The quantile of values in order of size, of which there is one at least: between two of them by their distance.

    The definition of Prometheus' `quantile_over_time`, type 7 of https://en.wikipedia.org/wiki/Quantile.
    """
    most = len(ordered) - 1
    rank = fraction * most
    low = floor(rank)
    part = rank - low
    return ordered[low] * (1 - part) + ordered[min(low + 1, most)] * part


def _quantile(view: View) -> Value:
    if view.holds_fewer(_MANY):
        values = sorted(view.values)
        return quantile(values, view.fraction) if values else None
    ordered = view.rolling(Measure.QUANTILE).summary.ordered
    return quantile(ordered, view.fraction) if len(ordered) else None


FUNCTIONS: Mapping[str, Function] = {
    "last": Function(_last),
    "at": Function(_last, offset=Need.MUST),
    "age": Function(_age, drifts=10 * SECOND),
    "absent": Function(_absent, window=Need.MAY, gives=TRUTH, of_several=min, of_none=1.0),
    "avg": Function(_of_values(_mean, Measure.MEAN), window=Need.MUST),
    "sum": Function(_of_values(fsum, Measure.SUM), window=Need.MUST),
    "min": Function(_of_values(min, Measure.MIN), window=Need.MUST),
    "max": Function(_of_values(max, Measure.MAX), window=Need.MUST),
    "count": Function(_count, window=Need.MUST),
    "stddev": Function(_of_values(_stddev, Spread.STDDEV, _MANY), window=Need.MUST),
    "quantile": Function(_quantile, window=Need.MUST, fraction=Need.MUST),
    "changes": Function(
        _of_values(lambda values: sum(map(ne, values, values[1:])), Spread.CHANGES, _MANY),
        window=Need.MUST,
    ),
    "increase": Function(_increase, window=Need.MUST),
    "rate": Function(_rate, window=Need.MUST),
}
