"""Standing of a goal over a period: value so far, pace, required rate and the projection with its interval.

What adds up is projected by the pattern, level and trend of what came before (`rules.projection`). Where too little is
known for that, and for a number that is read, the rest of the period is supposed to go on at the mean rate of the part
that is covered by readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules import model
from rules.bounds import Unsettled, serving, settled
from rules.buckets import before
from rules.measures import MEASURES, Summary, may_fall
from rules.model import (
    DAY,
    Assessment,
    FixedPeriod,
    Goal,
    Measure,
    Period,
    Projection,
    RollingPeriod,
    Series,
    Standing,
)
from rules.model.quick import maker, quick
from rules.periods import bounds, told
from rules.plans import Way, course, part_planned, value_at
from rules.projection import Projector, projected
from rules.scene import Scene
from rules.tracks import Track

EARLY = 0.1  # the part of a period that must be covered before its pace says anything
_LATE_AFTER = 2  # usual distances between readings after which silence counts as nothing having happened

# A member of an enum is slow to look up.
_NO_DATA, _TOO_EARLY, _ON_TRACK = Standing.NO_DATA, Standing.TOO_EARLY, Standing.ON_TRACK
_BEHIND, _MET, _MISSED = Standing.BEHIND, Standing.MET, Standing.MISSED
_SHORT, _FINE = frozenset({_BEHIND, _MISSED}), frozenset({_ON_TRACK, _MET})
_assessment = maker(Assessment)
ONE_NUMBER = frozenset({None, model.Combine.SUM, model.Combine.LAST})  # how several series may combine to be projected
_LAST = Measure.LAST  # a member of an enum is slow to look up
_WAITING = "waiting for the period's last readings"

Combine = Callable[[Sequence[float]], float | None]


@quick
@dataclass(frozen=True, slots=True)
class Stretch:
    """One period of one instance: its measured value, and up to when readings cover it."""

    start: int
    end: int
    value: float | None
    covered: int
    summaries: Sequence[Summary]
    way: Way | None = None  # None where its course is a straight line
    gaps: bool = False  # whether there is no value since there are only readings without one

    @property
    def newest(self) -> int | None:
        """When its newest value was read."""
        if len(self.summaries) == 1:
            return self.summaries[0].last_time
        return max([s.last_time for s in self.summaries if s.last_time is not None], default=None)

    @property
    def fraction(self) -> float:
        """The part of the period that readings cover."""
        return (self.covered - self.start) / (self.end - self.start) if self.end > self.start else 1.0


_new_stretch = maker(Stretch)


class Sight(NamedTuple):
    """All that decides how a period stands at `now`, from which the numbers that say why follow, if it is `whole`."""

    goal: Goal
    stretch: Stretch
    standing: Standing
    now: int
    projection: Projection | None = None
    hold: bool = False
    reason: str = ""
    whole: bool = True


def assess_period(scene: Scene, goal: Goal, per: Period, combine: Combine) -> Assessment:
    """How an instance with a period stands now; or still, while the period before was missed or is undecided."""
    return described(sighted(scene, scene.now, goal, per, combine))


def sighted(scene: Scene, now: int, goal: Goal, per: Period, combine: Combine, *, briefly: bool = False) -> Sight:
    """What decides how an instance with a period stands at `now`, which may be later than the scene's.

    `briefly`: what stands by its value alone is not projected.
    """
    start, end = bounds(per, now, scene.target.zone)
    if isinstance(per, RollingPeriod):
        return _judged(scene, now, goal, _stretch(scene, now, goal, combine, _window(scene, now, start, end)))
    stretch = _stretch(scene, now, goal, combine, (start, end))
    current = _judged(scene, now, goal, stretch, ahead=True, briefly=briefly)
    if scene.created >= start or isinstance(per, FixedPeriod):
        return current
    if stretch.fraction >= EARLY:
        return current
    last = _stretch(scene, now, goal, combine, before(per, start, end, scene.target.zone))
    ended = _judged(scene, now, goal, last)
    return ended if ended.standing is _MISSED or ended.reason == _WAITING else current


def later(scene: Scene, sight: Sight, now: int) -> Sight:
    """What `sighted` finds later in the same period of one series, when nothing was read since."""
    so_far = sight.stretch
    covered = _covered(scene.tracks[0], so_far.start, so_far.end, now, scene.target.zone)
    stretch = _new_stretch(so_far.start, so_far.end, so_far.value, covered, so_far.summaries, so_far.way, so_far.gaps)
    return _judged(scene, now, sight.goal, stretch, ahead=True)


def _judged(
    scene: Scene, now: int, goal: Goal, stretch: Stretch, *, ahead: bool = False, briefly: bool = False
) -> Sight:
    """How a stretch stands by the numbers that count for it; no_data where there are none. `ahead`: it is projected."""
    if goal.at_least_from is not None or goal.at_most_from is not None:
        try:
            goal = settled(goal, scene, stretch.start, stretch.end)
        except Unsettled as lack:
            return Sight(goal, stretch, _NO_DATA, now, hold=True, reason=str(lack))
    if isinstance(goal.per, RollingPeriod):
        return _rolling(goal, stretch)
    return _assess(goal, stretch, now, scene if ahead else None, briefly=briefly)


def _window(scene: Scene, now: int, start: int, end: int) -> tuple[int, int]:
    """Start and end (exclusive) of a rolling period: it ends where the readings' knowledge does.

    Thirty days of daily readings are thirty readings, in the morning too, when today's is not there yet.
    """
    covered, newest = start, None
    for track in scene.tracks:
        covered = max(covered, _covered(track, start, end, now, scene.target.zone))
        if track.times and (newest is None or track.times[-1] > newest):
            newest = track.times[-1]
    until = covered + 1 if newest is None or newest >= covered else covered
    return until - (end - start), until


def _stretch(scene: Scene, now: int, goal: Goal, combine: Combine, span: tuple[int, int]) -> Stretch:
    start, end = span
    rolls, zone = isinstance(goal.per, RollingPeriod), scene.target.zone
    if len(scene.tracks) == 1:  # as nearly always, and then each look costs less
        track = scene.tracks[0]
        summaries = [(track.window if rolls else track.summary)(goal, start, end)]
        value, covered = _value(goal, track, summaries[0], start, end), _covered(track, start, end, now, zone)
    else:
        summaries = [(track.window if rolls else track.summary)(goal, start, end) for track in scene.tracks]
        measured = zip(scene.tracks, summaries, strict=True)
        found = [_value(goal, track, summary, start, end) for track, summary in measured]
        known = [value for value in found if value is not None]
        unread = goal.measure is _LAST and any(_is_unread(goal, track, start, end) for track in scene.tracks)
        value = None if unread else combine(known)
        covered = max([_covered(track, start, end, now, zone) for track in scene.tracks])
    way = None
    if goal.plan is not None or goal.weekdays:
        planned = serving(goal.plan, scene.key, _with_values(scene.beside)) if goal.plan else ()
        way = Way(goal, span, scene.tracks, planned, zone, covered, _projector(scene))
    gaps = value is None and any(track.has_only_gaps(start, end) for track in scene.tracks)
    return _new_stretch(start, end, value, covered, summaries, way, gaps)


def _with_values(beside: Iterable[tuple[Series, Track]]) -> Iterator[tuple[Series, Track]]:
    """The series that have any value: one whose readings were all revised to have none plans nothing."""
    return ((series, track) for series, track in beside if track.valued(len(track.times)) >= 0)


def _value(goal: Goal, track: Track, summary: Summary, start: int, end: int) -> float | None:
    """What a series measures. Readings without a value make none, where no reading at all adds up to nothing."""
    if goal.measure is _LAST and _is_unread(goal, track, start, end):
        return None
    if not summary.count and track.has_only_gaps(start, end):
        return None
    return summary.measure(goal)


def _is_unread(goal: Goal, track: Track, start: int, end: int) -> bool:
    """Whether a last value is not known, since the newest reading in a period that rolls has none."""
    return isinstance(goal.per, RollingPeriod) and track.ends_in_gap(start, end)


def _projector(scene: Scene) -> Projector:
    """What projections of the instance are made of."""
    projector = scene.projectors.get(scene.key)
    if projector is None:
        projector = scene.projectors[scene.key] = Projector()
    return projector


def _covered(track: Track, start: int, end: int, now: int, zone: str) -> int:
    """Up to when the readings tell what happened: a daily reading covers its day, so yesterday's reaches to midnight.

    Of a number for each day or hour it does not matter at which minute of it the reading is stamped.
    A reading that is late by more than its usual distance counts as nothing having happened, else a number that
    stopped would be projected for ever.
    """
    until = end if end < now else now
    if not track.times:
        return start if start > until else until
    gap = track.gap()
    known, late = told(track.times[-1], gap, zone), now - _LATE_AFTER * gap
    known = known if known > late else late
    covered = known if known < until else until
    return covered if covered > start else start


def _assess(goal: Goal, stretch: Stretch, now: int, scene: Scene | None, *, briefly: bool = False) -> Sight:
    """How a stretch stands; with a scene it is projected while it lasts."""
    ended = now >= stretch.end
    value = stretch.value
    if value is None:
        nothing = ended or stretch.gaps or MEASURES[goal.measure].adds_up
        reason = _WAITING if ended else "no value" if nothing else ""
        return Sight(goal, stretch, _NO_DATA if nothing else _TOO_EARLY, now, None, nothing, reason)
    if ended and stretch.covered < stretch.end:
        # The last readings of a period may still be on their way; only what they can't change is said before.
        sure = _standing(goal, value, None, falls=may_fall(goal, stretch.summaries))
        if sure is _MET or sure is _MISSED:
            return Sight(goal, stretch, sure, now)
        return Sight(goal, stretch, _NO_DATA, now, None, hold=True, reason=_WAITING)
    if ended:
        return Sight(goal, stretch, _ended(goal, value), now)
    falls = may_fall(goal, stretch.summaries)
    if briefly and (sure := _standing(goal, value, None, falls=falls)) is not _TOO_EARLY:
        return Sight(goal, stretch, sure, now, whole=False)
    projection = None if scene is None else _ahead(scene, goal, stretch, value, falls=falls)
    return Sight(goal, stretch, _standing(goal, value, projection, falls=falls), now, projection)


def _ended(goal: Goal, value: float) -> Standing:
    """How a period stands in which nothing will come any more."""
    short, over = goal.at_least is not None and value < goal.at_least, goal.at_most is not None and value > goal.at_most
    return _MISSED if short or over else _MET


def _standing(goal: Goal, value: float, projection: Projection | None, *, falls: bool) -> Standing:
    """How a period stands that goes on; `falls` says whether its value may."""
    low, high = goal.at_least, goal.at_most
    short = low is not None and value < low
    over = high is not None and value > high
    means = MEASURES[goal.measure]
    if (over and means.final and not falls) or (short and not means.rises):
        return _MISSED  # nothing that may still come makes it good
    if (low is None or (not short and not falls)) and (high is None or (not over and not means.rises)):
        return _MET  # nothing that may still come takes it away
    if projection is None or _says_nothing(goal, projection):
        return _TOO_EARLY
    mid = projection.value
    return _BEHIND if (low is not None and mid < low) or (high is not None and mid > high) else _ON_TRACK


def _says_nothing(goal: Goal, projection: Projection) -> bool:
    """Whether the interval is as wide as the projection is large, and holds a bound: any standing would be a guess."""
    low, high = projection.low, projection.high
    if low is None or high is None or high - low < abs(projection.value):
        return False
    return any(bound is not None and low < bound < high for bound in (goal.at_least, goal.at_most))


def _ahead(scene: Scene, goal: Goal, stretch: Stretch, value: float, *, falls: bool) -> Projection | None:
    """Where the value ends: as far from its plan, in proportion, as it is now; without a plan by what was before."""
    part = part_planned(stretch.way, _moment(goal, stretch)) if stretch.way and goal.plan else None
    if part is None:
        return _project(scene, goal, stretch, value, falls=falls)
    return Projection(value / part) if part >= EARLY else None


def _project(scene: Scene, goal: Goal, stretch: Stretch, value: float, *, falls: bool) -> Projection | None:
    means = MEASURES[goal.measure]
    if not means.grows:
        return Projection(value) if stretch.fraction >= EARLY else None
    half: float | None = None
    if means.adds_up and goal.per is not None and scene.target.combine in ONE_NUMBER:
        projector, zone = _projector(scene), scene.target.zone
        period = stretch.start, stretch.end
        ahead = projector.ahead(scene.tracks, goal.measure, goal.per, period, stretch.covered, zone)
        if ahead is not None:
            return projected(goal, value, value + ahead.mean, ahead.half, falls=falls)
        half = projector.spread(stretch.covered)
    if stretch.fraction < EARLY:
        return None
    mid = value / stretch.fraction if means.adds_up else _projected_last(scene.tracks, stretch, value)
    return projected(goal, value, mid, half, falls=falls)


def _projected_last(tracks: Sequence[Track], stretch: Stretch, value: float) -> float:
    """Where a number that is read, not added up, ends if it goes on as it did since its first reading in the period.

    Before its readings span a tenth of the period it is taken for a running total that began at nothing.
    """
    first_time, first = stretch.summaries[0].first or (stretch.start, 0.0)
    gap = max(track.gap() for track in tracks)
    at = max(stretch.newest or 0, stretch.covered - gap)  # a number that stopped went on as it is
    if len(tracks) > 1 or not gap or at - first_time < EARLY * (stretch.end - stretch.start):
        return value / stretch.fraction
    return gone_on((first_time, first), (at, value), stretch.end, gap)


def gone_on(first: tuple[int, float], last: tuple[int, float], end: int, gap: int) -> float:
    """Where a number ends that goes on as it did between two readings, up to the last reading that fits in."""
    still = (end - 1 - last[0]) // gap * gap
    return last[1] + (last[1] - first[1]) / (last[0] - first[0]) * max(still, 0)


def is_budget(low: float | None, high: float | None, value: float | None, projection: Projection | None) -> bool:
    """Whether the upper bound is the one that matters: the only one, or the one that is or will be exceeded."""
    if low is None or high is None:
        return low is None
    return any(number is not None and number > high for number in (value, projection.value if projection else None))


def described(sight: Sight) -> Assessment:
    """The assessment with the numbers that say why it stands so."""
    goal, stretch, standing, now, projection, hold, reason, _ = sight
    value = stretch.value
    wanted = goal.at_most if is_budget(goal.at_least, goal.at_most, value, projection) else goal.at_least
    expected = None if wanted is None or projection is None else _expected(goal, stretch, wanted)
    return _assessment(
        standing,
        value,
        stretch.newest,
        goal.at_least,
        goal.at_most,
        stretch.start,
        stretch.end,
        expected,
        value / expected if value is not None and expected else None,
        value / wanted if value is not None and wanted else None,
        _required_rate(goal, stretch, wanted, now),
        projection,
        None if hold else standing in _SHORT,
        None if hold else standing in _FINE,
        reason=reason,
        hold=hold,
    )


def _moment(goal: Goal, stretch: Stretch) -> int:
    """The time that the value is of: what adds up covers a stretch, what is read is of its reading's time."""
    return stretch.covered if MEASURES[goal.measure].adds_up else stretch.newest or stretch.start


def _expected(goal: Goal, stretch: Stretch, wanted: float) -> float | None:
    """What should be there by now: on the course of the period, or at any time for what does not grow."""
    means = MEASURES[goal.measure]
    if stretch.way is not None:
        line = course(stretch.way, wanted)
        return value_at(line, _moment(goal, stretch)) if line else None
    if means.adds_up:
        return wanted * stretch.fraction
    return None if means.grows else wanted


def _required_rate(goal: Goal, stretch: Stretch, wanted: float | None, now: int) -> float | None:
    """What is needed (at_least) or left (at_most) per day from now to the period's end.

    Less than nothing where a value that may fall has to come down to its bound.
    """
    days = (stretch.end - max(now, stretch.start)) / DAY
    if not MEASURES[goal.measure].grows or wanted is None or stretch.value is None or days <= 0:
        return None
    sinks = wanted == goal.at_most and may_fall(goal, stretch.summaries)
    return (wanted - stretch.value if sinks else max(wanted - stretch.value, 0.0)) / days


def _rolling(goal: Goal, stretch: Stretch) -> Sight:
    """A rolling period ends at every moment: it is met or missed, and no_data while nothing is in it."""
    value, end = stretch.value, stretch.end
    if value is None:
        return Sight(goal, stretch, _NO_DATA, end, hold=True, reason=_WAITING)
    return Sight(goal, stretch, _ended(goal, value), end)
