"""Standing of a goal over a period: value so far, pace, required rate and the linear projection with its interval.

The projection supposes that the rest of the period goes on at the mean rate of the part that is covered by readings.
Its 80 % interval comes from how much equal stretches of that part differ: the variance of the mean of k stretches
and of the m still to come, s² (m + m² / k), as for any mean of independent stretches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import stdev

from rules.bounds import Unsettled, serving, settled
from rules.measures import MEASURES, Summary, may_fall
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    Assessment,
    FixedPeriod,
    Goal,
    Measure,
    Period,
    Projection,
    RollingPeriod,
    Standing,
)
from rules.periods import bounds
from rules.plans import Way, course, part_planned, value_at
from rules.scene import Scene
from rules.tracks import Track

EARLY = 0.1  # the part of a period that must be covered before its pace says anything
_Z80 = 1.2816  # half width of an 80 % interval in standard deviations of the normal distribution
_LATE_AFTER = 2  # usual distances between readings after which silence counts as nothing having happened

_WAITING = "waiting for the period's last readings"

Combine = Callable[[Sequence[float]], float | None]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One period of one instance: its measured value, and up to when readings cover it."""

    start: int
    end: int
    value: float | None
    covered: int
    summaries: Sequence[Summary]
    way: Way | None  # None where its course is a straight line

    @property
    def newest(self) -> int | None:
        """When its newest value was read."""
        return max((s.last_time for s in self.summaries if s.last_time is not None), default=None)

    @property
    def fraction(self) -> float:
        """The part of the period that readings cover."""
        return (self.covered - self.start) / (self.end - self.start) if self.end > self.start else 1.0


def assess_period(scene: Scene, goal: Goal, per: Period, combine: Combine) -> Assessment:
    """How an instance with a period stands now; or still, while the period before was missed or is undecided."""
    start, end = bounds(per, scene.now, scene.target.zone)
    if isinstance(per, RollingPeriod):
        return _judged(scene, goal, _stretch(scene, goal, combine, *_window(scene, start, end)))
    current = _judged(scene, goal, _stretch(scene, goal, combine, start, end))
    if isinstance(per, FixedPeriod) or scene.created >= start or current.standing is not Standing.TOO_EARLY:
        return current
    last = _stretch(scene, goal, combine, *bounds(per, start - 1, scene.target.zone))
    before = _judged(scene, goal, last)
    return before if before.standing is Standing.MISSED or before.reason == _WAITING else current


def _judged(scene: Scene, goal: Goal, stretch: Stretch) -> Assessment:
    """How a stretch stands by the numbers that count for it; no_data where there are none."""
    try:
        goal = settled(goal, scene, stretch.start, stretch.end)
    except Unsettled as lack:
        held = _described(goal, stretch, Standing.NO_DATA, scene.now, None, hold=True)
        return replace(held, reason=str(lack))
    return _rolling(goal, stretch) if isinstance(goal.per, RollingPeriod) else _assess(goal, stretch, scene.now)


def _window(scene: Scene, start: int, end: int) -> tuple[int, int]:
    """Start and end (exclusive) of a rolling period: it ends where the readings' knowledge does.

    Thirty days of daily readings are thirty readings, in the morning too, when today's is not there yet.
    """
    covered = max(_covered(track, start, end, scene.now) for track in scene.tracks)
    newest = max((track.newest[0] for track in scene.tracks if track.newest), default=covered)
    until = covered + 1 if newest >= covered else covered
    return until - (end - start), until


def _stretch(scene: Scene, goal: Goal, combine: Combine, start: int, end: int) -> Stretch:
    width = bucket_width(end - start)
    summaries = [track.summary(goal, start, end, width) for track in scene.tracks]
    values = [v for v in (summary.measure(goal) for summary in summaries) if v is not None]
    covered = max(_covered(track, start, end, scene.now) for track in scene.tracks)
    way = None
    if goal.plan is not None or goal.weekdays:
        planned = serving(goal.plan, scene.key, scene.beside) if goal.plan else ()
        way = Way(goal, (start, end), scene.tracks, planned, scene.target.zone, covered)
    return Stretch(start, end, combine(values), covered, summaries, way)


def bucket_width(length: int) -> int:
    """The stretch of time whose sums are compared: a natural unit of which the period has at least five."""
    for width in (7 * DAY, DAY, HOUR, 5 * MINUTE, MINUTE):
        if length >= 5 * width:
            return width
    return max(length // 30, 1)


def _covered(track: Track, start: int, end: int, now: int) -> int:
    """Up to when the readings tell what happened: a daily reading covers its day, so yesterday's reaches to midnight.

    A reading that is late by more than its usual distance counts as nothing having happened, else a number that
    stopped would be projected for ever.
    """
    newest, gap = track.newest, track.gap()
    told = max(newest[0] + gap, now - _LATE_AFTER * gap) if newest is not None else now
    return max(start, min(end, now, told))


def _assess(goal: Goal, stretch: Stretch, now: int) -> Assessment:
    ended = now >= stretch.end
    value = stretch.value
    if value is None:
        standing = Standing.NO_DATA if ended else Standing.TOO_EARLY
        return _described(goal, stretch, standing, now, None, hold=ended)
    if ended and stretch.covered < stretch.end:
        # The last readings of a period may still be on their way; nothing is said before they had their time.
        return _described(goal, stretch, Standing.NO_DATA, now, None, hold=True)
    projection = None if ended else _ahead(goal, stretch, value)
    return _described(goal, stretch, _standing(goal, stretch, value, projection, ended=ended), now, projection)


def _standing(goal: Goal, stretch: Stretch, value: float, projection: Projection | None, *, ended: bool) -> Standing:
    low, high = goal.at_least, goal.at_most
    short = low is not None and value < low
    over = high is not None and value > high
    if ended:
        return Standing.MISSED if short or over else Standing.MET
    means = MEASURES[goal.measure]
    falls = may_fall(goal, stretch.summaries)
    if (over and means.final and not falls) or (short and not means.rises):
        return Standing.MISSED  # nothing that may still come makes it good
    kept = (low is None or (not short and not falls)) and (high is None or (not over and not means.rises))
    if kept:
        return Standing.MET  # nothing that may still come takes it away
    if projection is None:
        return Standing.TOO_EARLY
    behind = (low is not None and projection.value < low) or (high is not None and projection.value > high)
    return Standing.BEHIND if behind else Standing.ON_TRACK


def _project(goal: Goal, stretch: Stretch, value: float) -> Projection | None:
    if stretch.fraction < EARLY:
        return None
    if not MEASURES[goal.measure].grows:
        return Projection(value)
    mid = _projected_last(stretch, value) if goal.measure is Measure.LAST else value / stretch.fraction
    spread = _spread(goal, stretch)
    if spread is None:
        return Projection(mid)
    floor = mid - spread if may_fall(goal, stretch.summaries) else value
    return Projection(mid, max(mid - spread, floor), mid + spread)


def _ahead(goal: Goal, stretch: Stretch, value: float) -> Projection | None:
    """Where the value ends: as far from its plan, in proportion, as it is now; without a plan by what was before."""
    part = part_planned(stretch.way, _moment(goal, stretch)) if stretch.way and goal.plan else None
    if part is None:
        return _project(goal, stretch, value)
    return Projection(value / part) if part >= EARLY else None


def _projected_last(stretch: Stretch, value: float) -> float:
    """Where a number that is read, not added up, ends if it goes on as it did since its first reading in the period.

    Before its readings span a tenth of the period it is taken for a running total that began at nothing.
    """
    first_time, first = stretch.summaries[0].first or (stretch.start, 0.0)
    span = stretch.covered - first_time
    if len(stretch.summaries) > 1 or span < EARLY * (stretch.end - stretch.start):
        return value / stretch.fraction
    return value + (value - first) / span * (stretch.end - stretch.covered)


def _spread(goal: Goal, stretch: Stretch) -> float | None:
    """Half the width of the projection's 80 % interval; None with fewer than three stretches to compare."""
    if len(stretch.summaries) > 1 and not MEASURES[goal.measure].adds_up:
        return None
    if goal.measure is Measure.LAST:
        return None
    width = stretch.summaries[0].width
    full = (stretch.covered - stretch.start) // width
    if full < 3:
        return None
    sums = [sum(summary.buckets.get(i, 0.0) for summary in stretch.summaries) for i in range(full)]
    left = max((stretch.end - stretch.covered) / width, 0.0)
    return _Z80 * stdev(sums) * sqrt(left + left * left / full)


def is_budget(low: float | None, high: float | None, value: float | None, projection: Projection | None) -> bool:
    """Whether the upper bound is the one that matters: the only one, or the one that is or will be exceeded."""
    if low is None or high is None:
        return low is None
    return any(number is not None and number > high for number in (value, projection.value if projection else None))


def _described(
    goal: Goal, stretch: Stretch, standing: Standing, now: int, projection: Projection | None, *, hold: bool = False
) -> Assessment:
    value = stretch.value
    wanted = goal.at_most if is_budget(goal.at_least, goal.at_most, value, projection) else goal.at_least
    expected = None if wanted is None or projection is None else _expected(goal, stretch, wanted)
    return Assessment(
        standing,
        value=value,
        time=stretch.newest,
        at_least=goal.at_least,
        at_most=goal.at_most,
        start=stretch.start,
        end=stretch.end,
        expected=expected,
        pace=value / expected if value is not None and expected else None,
        progress=value / wanted if value is not None and wanted else None,
        required_rate=_required_rate(goal, stretch, wanted, now),
        projection=projection,
        breaching=None if hold else standing in {Standing.BEHIND, Standing.MISSED},
        recovered=None if hold else standing in {Standing.ON_TRACK, Standing.MET},
        hold=hold,
        reason=_WAITING if hold else "",
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
    """What is needed (at_least) or left (at_most) per day from now to the period's end."""
    days = (stretch.end - max(now, stretch.start)) / DAY
    if not MEASURES[goal.measure].grows or wanted is None or stretch.value is None or days <= 0:
        return None
    return max(wanted - stretch.value, 0.0) / days


def _rolling(goal: Goal, stretch: Stretch) -> Assessment:
    """A rolling period ends at every moment: it is met or missed, and no_data while nothing is in it."""
    value = stretch.value
    if value is None:
        return _described(goal, stretch, Standing.NO_DATA, stretch.end, None, hold=True)
    standing = _standing(goal, stretch, value, None, ended=True)
    return _described(goal, stretch, standing, stretch.end, None)
