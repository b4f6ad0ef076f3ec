"""What an instance is asked by its condition: each query bound to those of its series that the query means."""

from __future__ import annotations

from collections.abc import Sequence

from rules.combining import combine_of, combined, last_read
from rules.conditions import Condition
from rules.functions import FUNCTIONS, NEVER, Query, View
from rules.model import Combine, Series, Target
from rules.periods import next_look
from rules.selectors import selects
from rules.tracks import Track


class Question:
    """One query of a condition, and the series of an instance that it means; more of them may join the lists."""

    __slots__ = ("_bound", "_combine", "_function", "_series", "_tracks", "_views", "_zone", "query")

    def __init__(self, query: Query, target: Target, series: Sequence[Series], tracks: Sequence[Track]) -> None:
        self.query = query
        self._function = FUNCTIONS[query.function]
        self._combine = combine_of(target)
        self._zone = target.zone
        self._series = series
        self._tracks = tracks
        self._bound, self._views = 0, list[View]()

    @property
    def views(self) -> Sequence[View]:
        """What it sees of each series that it means."""
        if self._bound < len(self._tracks):  # the lists are in order of the series: it may be anywhere
            pairs = zip(self._series, self._tracks, strict=True)
            self._views = [View(self.query, track, self._zone) for one, track in pairs if self._means(one)]
            self._bound = len(self._tracks)
        return self._views

    def _means(self, series: Series) -> bool:
        return selects(self.query.selector, series)

    def lasts_until(self, now: int) -> int:
        """Before when its answer is sure to be that at `now`, while no reading comes; 0 where nothing is sure."""
        if self._function.drifts is not None:
            return 0
        until = NEVER
        for view in self._views if self._bound == len(self._tracks) else self.views:
            lasts = view.lasts_until(now)
            until = lasts if lasts < until else until
        return until

    def views_of(self, until: int) -> Sequence[View]:
        """Its views of the series that have a reading by a time."""
        return [view for view in self.views if view.track.count(until)]

    def is_open(self, views: Sequence[View]) -> bool:
        """Whether it is open which of several series is meant, or what is made of them."""
        return len(views) > 1 and self._combine is None and self._function.of_several is None

    def answer(self, now: int) -> float | None:
        """What it is answered at `now`; None: no value, or it is open."""
        views = self._views if self._bound == len(self._tracks) else self.views
        return views[0].ask(now) if len(views) == 1 else self._answer_of(views, now)  # of one as nearly always

    def answer_then(self, views: Sequence[View], until: int) -> float | None:
        """What it was answered as of a time, of the series that had readings by then."""
        return views[0].ask(until, past=True) if len(views) == 1 else self._answer_of(views, until, past=True)

    def answer_of(self, track: Track, now: int, until: int) -> float | None:
        """What it was answered at `now` of one of its series alone, by the readings up to a time."""
        following = track.next_after(until)
        if following is None or following > now:
            return next(view for view in self.views if view.track is track).ask(now, past=True)
        return View(self.query, track.upto(until), self._zone).ask(now)

    def _answer_of(self, views: Sequence[View], now: int, *, past: bool = False) -> float | None:
        function, combine = self._function, self._combine
        if not views:
            return function.of_none
        if self.is_open(views):
            return None
        if combine is Combine.LAST and function.of_several is None:
            last = last_read([view.track for view in views], now if past else None)
            views = [view for view in views if view.track in last]
        answers = [view.ask(now, past=past) for view in views]
        values = [value for value in answers if value is not None]
        if len(values) < len(answers):
            return None
        return function.of_several(values) if function.of_several else combined(combine, values)


def questions(
    condition: Condition, target: Target, series: Sequence[Series], tracks: Sequence[Track]
) -> Sequence[Question]:
    """What an instance of a target is asked, with its series and their readings."""
    return [Question(query, target, series, tracks) for query in condition.queries]


def answered_until(asked: Sequence[Question], now: int) -> int:
    """Before when all answers are sure to be those at `now`, while no reading comes; 0 where nothing is sure."""
    until = NEVER
    for question in asked:
        lasts = question.lasts_until(now)
        until = lasts if lasts < until else until
    return until


def look_again(condition: Condition, asked: Sequence[Question], now: int, newest: int | None) -> int | None:
    """When a condition is to be looked at after `now`: the first of its looks that may find something else.

    `newest` is the time of the newest reading.
    """
    every = condition.look_again
    if every is None:
        return None
    until = answered_until(asked, now)
    return next_look(max(now, until - 1), every, newest) if until < NEVER else None
