"""What a period's value will be at its end: what was so far, and what `rules.forecast` expects of the buckets left.

A projector reads an instance's tracks bucket by bucket and keeps what it made of them: a new reading costs nothing
until a bucket is over. It starts anew with a new period, but for hours, of which it learns on for half a day, and when
a reading changes in a bucket that is over already, so that what it says follows from the readings alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import hypot, inf, isinf, sqrt
from statistics import stdev
from typing import NamedTuple

from rules.buckets import Cut, Grid, before, cut, grid_of
from rules.forecast import Ahead, Alike, Forecast
from rules.held import Held
from rules.model import DAY, HOUR, CalendarPeriod, Goal, Measure, Period, Projection
from rules.periods import told
from rules.specs import SURE
from rules.tracks import PAST_MOST, Track, Watch

# How many periods before are learned from: a season and more.
_PERIODS = {"hour": 24, "day": 28, "week": 57, "month": 13, "quarter": 5, "year": 2}
_BEGUN_ANEW = 12  # hours: what is learned of them goes on from one to the next for so long
_FIXED_PAST = 400 * DAY
# Half widths of an 80 % interval: of the normal distribution, and of Student's t with two degrees of freedom.
_Z80 = 1.2816
_T80 = 0.8 * sqrt(2.0 / (1.0 - 0.8**2))


class Bucket(NamedTuple):
    """The one that is not over yet: its value so far, what is expected of all of it, and `later` of those after it.

    `half` is that of the interval of a projection at its beginning: none in it is wider.
    `alike` says what will be of those after it, if they are as long as it is.
    """

    begin: int
    end: int
    so_far: float
    level: float
    later: float
    half: float
    alike: Alike | None

    @property
    def width(self) -> int:
        """How long it lasts."""
        return self.end - self.begin


class Past(NamedTuple):
    """The edges of all buckets in a row, and of each period the place of its first bucket and the slots of all."""

    edges: Sequence[int]
    periods: Sequence[tuple[int, Sequence[int]]]


class Drawn(NamedTuple):
    """What `rules.plans` made of a plan: of what, its points (time, value), and whether it reaches to the end."""

    of: object
    line: tuple[tuple[int, float], ...]
    whole: bool


class Projector:
    """Of one instance of a period goal whose readings add up."""

    __slots__ = (
        "_begun",
        "_cut",
        "_deviation",
        "_done",
        "_forecast",
        "_grid",
        "_measure",
        "_period",
        "_since",
        "_tracks",
        "_values",
        "_watch",
        "planned",
    )

    def __init__(self) -> None:
        self._tracks: tuple[Track, ...] = ()
        self._period = 0, 0
        self._measure = Measure.SUM
        self._watch = Watch(0)
        self._begun = 0  # when the first reading is that was learned from
        self._deviation: float | None = None  # of the period's values, once it was asked for
        self.planned: Drawn | None = None  # kept as long as the plan is the same

    def ahead(
        self, tracks: Sequence[Track], measure: Measure, per: Period, period: tuple[int, int], covered: int, zone: str
    ) -> Ahead | None:
        """What the period adds after `covered`, up to when its readings are known. None if too little is known.

        Where many readings make a bucket, each stands for the time until the next one as soon as it is there: else what
        is expected would fall from one to the next, and rise again by a whole reading.
        """
        self._follow(tracks, measure, per, period, covered, zone)
        if not self._forecast.ready:
            return None
        begin, end = self._cut.edges[self._done], self._cut.edges[min(self._done + 1, len(self._cut.slots))]
        if self._comes_at_once():
            return self._forecast.ahead(_part(begin, covered, end), self._added(begin, end))
        read = [track for track in tracks if track.times]
        reached = [min(told(track.times[-1], track.gap(), zone), covered + track.gap()) for track in read]
        return self._forecast.ahead(_part(begin, min(max(covered, *reached), end), end))

    @property
    def until(self) -> int:
        """When the current bucket is over."""
        edges = self._cut.edges
        return edges[min(self._done + 1, len(edges) - 1)]

    def bucket(self) -> Bucket | None:
        """The bucket of the last projection; None where there is none, or where its value comes at once."""
        if not self._forecast.ready or self._done >= len(self._cut.slots) or self._comes_at_once():
            return None
        begin, end = self._cut.edges[self._done], self._cut.edges[self._done + 1]
        forecast, width = self._forecast, self._grid.width
        alike = forecast.alike() if end - begin == width and not (self._period[1] - end) % width else None
        level, later, half = forecast.bucket()
        return Bucket(begin, end, self._added(begin, end), level, later, half, alike)

    def _comes_at_once(self) -> bool:
        return max([track.gap() for track in self._tracks]) * 2 >= self._grid.width

    def course(
        self, tracks: Sequence[Track], measure: Measure, per: Period, period: tuple[int, int], covered: int, zone: str
    ) -> Sequence[tuple[int, float]]:
        """The part of the period that is usually reached by the end of each bucket. Empty if too little is known."""
        self._follow(tracks, measure, per, period, covered, zone)
        if not self._forecast.ready:
            return ()
        whole = cut(*period, self._grid, zone)
        usual = [max(self._forecast.factors[slot], 0.0) for slot in whole.slots]
        for rest in {0, len(usual) - 1}:  # the first and the last may be cut off
            usual[rest] *= min((whole.edges[rest + 1] - whole.edges[rest]) / self._grid.width, 1.0)
        total = sum(usual)
        if total <= 0:
            return ()
        return tuple(zip(whole.edges, (part / total for part in accumulate(usual, initial=0.0)), strict=True))

    def _follow(
        self, tracks: Sequence[Track], measure: Measure, per: Period, period: tuple[int, int], covered: int, zone: str
    ) -> None:
        """Takes in what is new; starts anew where what it knows is of something else or no longer so."""
        known = self._period == period and self._measure is measure and tuple(tracks) == self._tracks
        if not known or self._watch.stale or covered < self._watch.until:
            self._start(tracks, measure, per, period, zone)
        self._fold(covered)

    def spread(self, covered: int) -> float | None:
        """Half the 80 % interval of the linear pace, from how much the buckets of the period differ.

        The variance of the mean of k buckets and of the m still to come is s² (m + m² / k), as for any mean of
        independent ones. None with fewer than three.
        """
        full = len(self._values)
        if full < 3:
            return None
        if self._deviation is None:
            self._deviation = stdev(self._values)
        left = max((self._period[1] - covered) / self._grid.width, 0.0)
        return _Z80 * self._deviation * sqrt(left + left * left / full)

    def _start(
        self, tracks: Sequence[Track], measure: Measure, per: Period, period: tuple[int, int], zone: str
    ) -> None:
        same = not self._watch.stale and self._measure is measure and tuple(tracks) == self._tracks
        for track in self._tracks:
            track.watches = tuple(one for one in track.watches if one is not self._watch)
        self._tracks, self._measure = tuple(tracks), measure
        first = _oldest(tracks, period[0])
        if same and _lasts(per) and self._is_next(period, first):
            self._fold(period[0])
        else:
            spans = _spans(tracks, per, period, zone)
            self._since = spans[0][0] if spans else period[0]
            self._begun = max(first, self._since)
            self._grid = grid_of(period[1] - period[0])
            self._learn(spans, first, zone)
        self._period = period
        self._cut = _known(cut(*period, self._grid, zone), first, self._grid)
        self._forecast.begin(self._cut.slots)
        if not _lasts(per):
            self._forecast.settle()
        self._done = 0
        self._values: Sequence[float] = ()  # of its buckets, while too little is known
        self._deviation = None
        self._watch = Watch(max(period[0], first))  # one of before the first would be another beginning
        for track in tracks:
            track.watches = (*track.watches, self._watch)

    def _is_next(self, period: tuple[int, int], first: int) -> bool:
        """Whether an hour follows the last one, of what was learned from up to that: it would be learned from as well.

        Where the readings are many, that may be other hours.
        """
        (begin, end), few = self._period, all(track.held <= PAST_MOST for track in self._tracks)
        follows = end == period[0] and _since_anew(end) == _since_anew(begin) + 1
        return follows and few and max(first, self._since) == self._begun

    def _learn(self, spans: list[tuple[int, int]], first: int, zone: str) -> None:
        """Takes the periods before in."""
        self._forecast = Forecast(self._grid.slots, self._grid.season)
        past = _past(tuple(spans), first, self._grid, zone)
        values = self._added_each(past.edges, [track.unpacked() for track in self._tracks]) if spans else []
        for at, slots in past.periods:
            self._forecast.begin(slots)
            self._forecast.fold(values[at : at + len(slots)])

    def _fold(self, covered: int) -> None:
        """Takes in the buckets that are over by now."""
        edges = self._cut.edges
        if self._done + 1 >= len(edges) or covered < edges[self._done + 1]:
            return
        done = min(bisect_left(edges, covered + 1) - 1, len(self._cut.slots))
        values = self._added_each(edges[self._done : done + 1], self._tracks)
        self._forecast.fold(values)
        if not self._forecast.ready:
            self._values = (*self._values, *values)
        self._deviation = None
        self._done = done
        self._watch.until = edges[done]

    def _added_each(self, edges: Sequence[int], tracks: Sequence[Held]) -> list[float]:
        each = [track.added_each(edges, self._measure, self._since) for track in tracks]
        return each[0] if len(each) == 1 else [sum(parts) for parts in zip(*each, strict=True)]

    def _added(self, start: int, end: int) -> float:
        return sum(track.added(start, end, self._measure, self._since) for track in self._tracks)


def _part(begin: int, at: int, end: int) -> float:
    """The part of a bucket that is over at a time."""
    return (at - begin) / (end - begin) if end > begin else 0.0


def _spans(tracks: Sequence[Track], per: Period, period: tuple[int, int], zone: str) -> list[tuple[int, int]]:
    """The periods before of which all readings are held, the oldest first: as many as tell something.

    Where the readings are too many for one, the stretch before the period that is held in any case.
    """
    start, end = period
    first = _oldest(tracks, start)
    most = _PERIODS[per.unit] if isinstance(per, CalendarPeriod) else _periods_before(end - start)
    if _lasts(per):
        most += _since_anew(start)
    spans: list[tuple[int, int]] = []
    many = [track for track in tracks if track.held > PAST_MOST]
    while len(spans) < most and start > first:
        span = before(per, start, end, zone)
        if many and not all(_few(track, span[0], period[0]) for track in many):
            break
        spans.insert(0, span)
        start, end = span
    if spans or period[0] <= first:
        return spans
    return [(period[0] - (SURE[per.unit] if isinstance(per, CalendarPeriod) else SURE["month"]), period[0])]


def _known(whole: Cut, first: int, grid: Grid) -> Cut:
    """From the bucket with the first reading on; and a mere rest of a bucket says nothing."""
    skipped = 0
    for low, high in pairwise(whole.edges):
        if high > first and 2 * (high - low) >= grid.width:
            break
        skipped += 1
    return Cut(whole.edges[skipped:], whole.slots[skipped:]) if skipped else whole


@lru_cache(maxsize=16)  # many instances learn from the same periods
def _past(spans: tuple[tuple[int, int], ...], first: int, grid: Grid, zone: str) -> Past:
    """How the periods before, one after the other, are cut."""
    edges: dict[int, int] = {}  # each once, with its place
    periods: list[tuple[int, Sequence[int]]] = []
    for start, end in spans:
        known = _known(cut(start, end, grid, zone), first, grid)
        for edge in known.edges:
            edges.setdefault(edge, len(edges))
        periods.append((edges[known.edges[0]], known.slots))
    return Past(list(edges), periods)


def _lasts(per: Period) -> bool:
    """Whether what was learned is kept for the next period: an hour is over before it would have paid."""
    return isinstance(per, CalendarPeriod) and per.unit == "hour"


def _since_anew(start: int) -> int:
    """How many hours before one are learned from beside those that always are."""
    return start // HOUR % _BEGUN_ANEW


def _periods_before(length: int) -> int:
    """How many stretches as long as a fixed period are learned from: about a year and a thousand buckets."""
    return max(min(_FIXED_PAST, 1_000 * grid_of(length).width) // max(length, 1), 1)


def _few(track: Track, start: int, end: int) -> bool:
    times = track.unpacked().times
    return bisect_left(times, end) - bisect_left(times, start) <= PAST_MOST


def _oldest(tracks: Sequence[Track], otherwise: int) -> int:
    return min((track.oldest for track in tracks if track.oldest is not None), default=otherwise)


def projected(goal: Goal, value: float, mid: float, half: float | None, *, falls: bool) -> Projection:
    """The projection with its interval and the chance of the goal; `falls` says whether the value may still sink.

    It may as well where it is expected to: a sum whose readings were negative in the periods before.

    Misses have the tails of Student's t distribution with two degrees of freedom: that is what the median, the 95 % and
    the 99 % quantile of those on the development series of `bench/projection.py` fit, measured in their 80 % quantile.
    """
    if half is None:
        return Projection(mid)
    least = -inf if falls or mid < value - 1e-9 * half else value  # the rest is rounding
    low = 1.0 if goal.at_least is None or goal.at_least <= least else 1.0 - _below(goal.at_least, mid, half)
    high = 1.0 if goal.at_most is None else 0.0 if goal.at_most < least else _below(goal.at_most, mid, half)
    return Projection(mid, max(mid - half, least), mid + half, chance=max(low + high - 1.0, 0.0))


def _below(bound: float, mid: float, half: float) -> float:
    """The chance of a value not above the bound."""
    if half <= 0.0:
        return float(mid <= bound)
    distance = (bound - mid) / half * _T80
    return float(distance > 0.0) if isinf(distance) else 0.5 + distance / (2.0 * hypot(sqrt(2.0), distance))
