"""A query asked of many times at once, of a series that holds already what is read at the later ones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from operator import sub, truediv
from typing import NamedTuple

from rules.functions import FUNCTIONS, NEVER, Query, Spread, Value, View
from rules.measures import summary_of
from rules.model import SECOND, Goal, Measure
from rules.periods import shifted
from rules.tracks import Track
from rules.windows import Window, window_of


class Asked(NamedTuple):
    """Times at which something is asked, none before the last, and how many readings there are by each."""

    at: Sequence[int]
    held: Sequence[int]


class Seen(NamedTuple):
    """What is seen at as many times: the end of the window, and the indices from which and up to which it holds."""

    ends: Sequence[int]
    firsts: Sequence[int]
    lasts: Sequence[int]


class Ahead(View):
    """A query of one series: at each time it sees the readings that there are by then."""

    __slots__ = ("_column", "_moved", "_of", "query")

    def __init__(self, query: Query, track: Track, zone: str) -> None:
        super().__init__(query, track, zone)
        self.query = query
        self._column = _COLUMNS.get(query.function)
        self._moved: Window | None = None
        self._of: Sequence[int] = ()  # the readings in which that window has its places

    def seen(self, asked: Asked) -> Seen:
        """What it sees at each time."""
        at, held = asked
        ends = at
        if self.offset:
            ends = [shifted(now, self.offset, self.zone) if self.is_local else now - self.offset for now in at]
        lasts = self._places(ends, held) if self.offset else held
        firsts = self._places([end - self.window for end in ends], lasts) if self.window else lasts
        return Seen(ends, firsts, lasts)

    def _places(self, edges: Sequence[int], most: Sequence[int]) -> list[int]:
        """How many of the readings that there are lie up to each edge."""
        times = self.track.times
        if self.is_local:  # an hour that comes twice begins anew
            return [min(bisect_right(times, edge), end) for edge, end in zip(edges, most, strict=True)]
        place, found = min(bisect_right(times, edges[0]), most[0]), list[int]()
        for edge, end in zip(edges, most, strict=True):
            while place < end and times[place] <= edge:
                place += 1
            found.append(place)
        return found

    def lasts(self, seen: Seen, held: Sequence[int]) -> list[int]:
        """Before when the answer at each time is sure to stay while no reading comes; 0 where nothing is sure."""
        if self.is_local or FUNCTIONS[self.query.function].drifts is not None:
            return [0] * len(held)
        times, window, offset = self.track.times, self.window, self.offset
        if not offset:
            pairs = zip(seen.firsts, held, strict=True)
            return [times[first] + window if first < last else NEVER for first, last in pairs]
        found = []
        for first, last, end in zip(seen.firsts, seen.lasts, held, strict=True):
            enters = times[last] if last < end else NEVER
            leaves = times[first] + window if first < last else NEVER
            found.append(min(enters, leaves) + offset)
        return found

    def answers(self, seen: Seen) -> Sequence[Value]:
        """What it is answered at each time."""
        if self._column is not None and self.track.whole:
            found = self._column(self, seen)
            if found is not None:
                return found
        compute, answers = self._compute, list[Value]()
        for self.end, self.first, self.last in zip(*seen, strict=True):
            answers.append(compute(self))
        return answers

    @property
    def newest(self) -> tuple[int, Value] | None:
        """Time and value of the newest reading, then."""
        if not self.last:
            return None
        value = self.track.values[self.last - 1]
        return self.track.times[self.last - 1], value if value == value else None  # noqa: PLR0124 - NaN is not itself

    def rolling(self, kind: Measure | Spread) -> Window:
        """What is made of the window by moving it on."""
        window = self._moved
        if window is None or self._of is not self.track.times or self.first < window.first or self.last < window.last:
            goal = Goal(kind) if isinstance(kind, Measure) else Goal()
            window = self._moved = window_of(kind, summary_of(goal, 0), self.first)
            self._of = self.track.times
        window.move(self.track, self.first, self.last)
        return window

    def anew(self) -> None:
        """Makes its window anew: readings came in between those that it went through."""
        self._moved = None


def _added(measure: Measure, least: int) -> Callable[[Ahead, Seen], Sequence[float] | None]:
    """What windows add up to, where each holds at least so many readings."""

    def added(view: Ahead, seen: Seen) -> Sequence[float] | None:
        if min(map(sub, seen.lasts, seen.firsts)) < least:
            return None
        return view.track.added_up_each(measure, seen.firsts, seen.lasts)

    return added


_sums, _increases = _added(Measure.SUM, 1), _added(Measure.INCREASE, 2)


def _means(view: Ahead, seen: Seen) -> Sequence[float] | None:
    sums = _sums(view, seen)
    return None if sums is None else list(map(truediv, sums, map(sub, seen.lasts, seen.firsts)))


def _rates(view: Ahead, seen: Seen) -> Sequence[float] | None:
    risen, seconds = _increases(view, seen), view.window / SECOND
    return None if risen is None else [one / seconds for one in risen]


_COLUMNS: Mapping[str, Callable[[Ahead, Seen], Sequence[Value] | None]] = {
    "avg": _means,
    "increase": _increases,
    "rate": _rates,
    "sum": _sums,
}
"""What each of many windows comes to, by running sums: if all readings have values, and None where one has too few."""
