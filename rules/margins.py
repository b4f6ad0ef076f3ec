"""How far an instance may go on before it can stand otherwise, where that can be said in advance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nextafter

from rules import burning, periods
from rules.functions import NEVER
from rules.levels import range_of, settled_at
from rules.measures import MEASURES, Summary, may_fall
from rules.model import HOUR, LARGEST, BurnRate, CalendarPeriod, Measure, RollingPeriod, Standing
from rules.model.quick import quick, replace
from rules.paced import Paced, Planned, Room
from rules.periods import look_every
from rules.plans import whole_plan
from rules.progress import EARLY, Sight
from rules.risen import RUNNING
from rules.scene import Scene
from rules.spare import ROUNDED, Gain, Spare, Summed, Trend, side
from rules.steady import is_by_plan, level_bucket
from rules.tracks import Track

_MET, _MISSED, _TOO_EARLY = Standing.MET, Standing.MISSED, Standing.TOO_EARLY  # a member of an enum is slow to look up
_FINAL = frozenset({_MET, _MISSED})
_SILENT = 2  # usual distances between readings


@quick
@dataclass(frozen=True, slots=True)
class Margins:
    """It stands the same before `until`, as long as all spare something and numbers lie between `least` and `most`.

    That is said of looks up to `silent` after the newest reading.
    """

    spares: Sequence[Spare]
    until: int
    silent: int
    least: float = -LARGEST
    most: float = LARGEST

    @property
    def in_runs(self) -> bool:
        """Whether it is worth while to ask all spares of many readings before they are in the track."""
        return bool(self.spares) and all(spare.in_runs for spare in self.spares)

    def lasts(self, times: Sequence[int], numbers: Sequence[float]) -> int:
        """After how many of these readings all spares hold; they come as far apart as those before them."""
        held = len(times)
        for spare in self.spares:
            held = spare.lasts(times[:held], numbers[:held])
        return held

    def hold(self, at: int, time: int, number: float) -> bool:
        """Whether it stands the same after one more reading too, which comes at a time."""
        if not (self.least <= number <= self.most and time <= at <= time + self.silent):
            return False
        for spare in self.spares:  # noqa: SIM110 - asked at every reading, and `all` costs three times as much
            if not spare.holds(time, number):
                return False
        return True


def margins(scene: Scene, sight: Sight, now: int, pairs: Sequence[BurnRate] = ()) -> Margins | None:
    """How far an instance of one series stands in a period as it does at `now`, and does not burn as fast as any pair.

    None where nothing is sure.
    """
    found = _margins(scene, sight, now)
    if found is not None and pairs:
        found = replace(found, spares=[*found.spares, *burning.spares(scene, now, pairs, found.silent)])
    return found if found is not None and all(spare.is_left() for spare in found.spares) else None


def of_level(scene: Scene, now: int, value: float, *, out: bool) -> Margins | None:
    """How far an instance of one series stands as by its newest value at `now`; None where not by that alone."""
    target = scene.target
    if (target.goal is not None and target.goal.per is not None) or scene.condition is not None:
        return None
    if len(scene.tracks) != 1:
        return None
    return Margins((), NEVER, NEVER, *range_of(settled_at(scene, now), target.recover, value, out=out))


def _margins(scene: Scene, sight: Sight, now: int) -> Margins | None:
    goal, stretch, gap = sight.goal, sight.stretch, scene.tracks[0].gap()
    if sight.hold or stretch.value is None or not gap:
        return None
    silent = _SILENT * gap
    if isinstance(goal.per, RollingPeriod):
        every = look_every(stretch.start, stretch.end)
        silent = (gap // every + 1) * every if every < gap else silent  # no more of what leaves is held back than that
        if scene.beside or 2 * silent >= stretch.end - stretch.start:  # what is wanted is as of the moving end
            return None
        return _of_bounds(scene, sight, NEVER, silent)
    if now >= stretch.end:
        return _of_before(scene, sight, now, silent)
    if not MEASURES[goal.measure].grows and is_by_plan(sight):
        return None
    return (_of_growing if MEASURES[goal.measure].grows else _of_level)(scene, sight, silent)


def _of_before(scene: Scene, sight: Sight, now: int, silent: int) -> Margins | None:
    """Early in a period, where that before counts still, all of which is known."""
    per = sight.goal.per
    if not isinstance(per, CalendarPeriod) or sight.stretch.covered < sight.stretch.end:
        return None
    start, end = periods.bounds(per, now, scene.target.zone)
    return Margins((), start + int(EARLY * (end - start)), silent)


def _of_level(scene: Scene, sight: Sight, silent: int) -> Margins | None:
    """What has no pace: for the first part of a period it is too early, and then its value says how it stands."""
    goal, stretch = sight.goal, sight.stretch
    means, early = MEASURES[goal.measure], stretch.start + int(EARLY * (stretch.end - stretch.start))
    waits = sight.standing is _TOO_EARLY
    if not waits and (stretch.newest or 0) <= early:
        return None  # some of it may be taken for covered that is not when the next reading comes
    until = early if waits else stretch.end
    always = means.rises and may_fall(goal, stretch.summaries) if waits else sight.standing in _FINAL
    return Margins((), until, silent) if always else _of_bounds(scene, sight, until, silent)


def _of_growing(scene: Scene, sight: Sight, silent: int) -> Margins | None:
    """What has a pace: what adds up, as long as it can't fall, and a number that is read."""
    goal, stretch = sight.goal, sight.stretch
    if goal.measure is Measure.LAST:
        return _of_last(scene, sight, silent)
    if may_fall(goal, stretch.summaries):
        return None
    if sight.standing in _FINAL:
        return Margins((), stretch.end, silent, *_numbers(goal.measure, LARGEST))
    return _of_sum(scene, sight, silent)


def _of_bounds(scene: Scene, sight: Sight, until: int, silent: int) -> Margins | None:
    """Where it is on which side of each bound the value is that says how it stands."""
    goal, stretch, rolls = sight.goal, sight.stretch, isinstance(sight.goal.per, RollingPeriod)
    bounds = [bound for bound in (goal.at_least, goal.at_most) if bound is not None]
    if rolls and goal.measure in RUNNING:
        return _of_moving_sum(scene.tracks[0], sight, bounds, silent)
    spares, largest = list[Spare](), LARGEST
    for one in [side(goal, stretch.summaries[0], stretch.value or 0.0, bound) for bound in bounds]:
        if one is None:
            return None
        window = stretch.start, stretch.end
        spares.append(one.of_window(scene.tracks[0], window, silent) if rolls else Spare(one.spare, one.gain))
        largest = min(largest, one.largest)
    return Margins(spares, until, silent, -largest, largest)


def _of_moving_sum(track: Track, sight: Sight, bounds: Sequence[float], silent: int) -> Margins | None:
    """Where it is known what a window adds up to wherever it moves on to, at most until the next reading is due."""
    measure, value = sight.goal.measure, sight.stretch.value or 0.0
    length = sight.stretch.end - sight.stretch.start
    for until in (silent, track.gap() - 1):
        spares = [Summed(measure, bound, track, length, until, above=value > bound) for bound in bounds]
        if all(spare.is_left() for spare in spares):
            return Margins(spares, NEVER, until)
    return None


def _of_last(scene: Scene, sight: Sight, silent: int) -> Margins | None:
    """A number that is read: for the first part of a period it is too early, and then it is said by how it went on."""
    goal, stretch = sight.goal, sight.stretch
    spares, until, by_plan = list[Spare](), stretch.end, is_by_plan(sight)
    if not by_plan and sight.standing is _TOO_EARLY and sight.projection is None:
        until = stretch.start + int(EARLY * (stretch.end - stretch.start))
    else:
        trend = _planned(sight, silent) if by_plan else _trend(scene, sight, silent)
        if trend is None:
            return None
        spares.append(trend)
    if goal.at_most is None and goal.at_least is not None and not stretch.summaries[0].fell:
        met = side(goal, stretch.summaries[0], stretch.value or 0.0, goal.at_least)
        if met is None:
            return None
        spares.append(Spare(met.spare, met.gain))  # it is met as soon as the value is
    return Margins(spares, until, silent)


def _trend(scene: Scene, sight: Sight, silent: int) -> Trend | None:
    """Of how a number that is read went on so far, where there are no looks between its readings."""
    stretch, projection, track = sight.stretch, sight.projection, scene.tracks[0]
    first, newest, length = stretch.summaries[0].first, stretch.newest, stretch.end - stretch.start
    if projection is None or first is None or newest is None or newest - first[0] < EARLY * length:
        return None
    if look_every(stretch.start, stretch.end) <= silent or track.gap() > HOUR // 2:
        return None
    between = _between(sight, projection.value)
    return Trend(first, stretch.end, track, between) if between is not None else None


def _between(sight: Sight, mid: float) -> tuple[float, float] | None:
    """The least and the largest projection by which it stands as it does."""
    low = -inf if sight.goal.at_least is None else sight.goal.at_least
    high = inf if sight.goal.at_most is None else sight.goal.at_most
    if sight.standing is Standing.BEHIND:
        return (-inf, nextafter(low, -inf)) if mid < low else (nextafter(high, inf), inf)
    return (low, high) if sight.standing is Standing.ON_TRACK else None


def _planned(sight: Sight, silent: int) -> Planned | None:
    """Of how it goes on by a plan, which for what adds up has to grow."""
    goal, stretch, projection = sight.goal, sight.stretch, sight.projection
    line = whole_plan(stretch.way) if stretch.way is not None else ()
    if not line or stretch.value is None:
        return None
    mid = projection.value if projection is not None else 0.0
    room = _room(sight, mid, ROUNDED * _scale(sight, mid))
    if projection is None:
        room = room._replace(least=-inf, most=inf)
    if goal.measure is Measure.LAST:
        early = projection is None and sight.standing is _TOO_EARLY
        between = (-inf, inf) if early else _between(sight, mid)
        return Planned(line, stretch, Room(*between, inf, 0.0), None, 0) if between is not None else None
    if any(b < a for (_, a), (_, b) in pairwise(line)):
        return None
    return Planned(line, stretch, room, _adding(goal.measure, stretch.summaries[0]), silent)


def _of_sum(scene: Scene, sight: Sight, silent: int) -> Margins | None:
    """Where the projection says it."""
    goal, stretch, projection = sight.goal, sight.stretch, sight.projection
    if sight.now > (stretch.newest or 0) + silent:
        return None
    if is_by_plan(sight):
        planned = _planned(sight, silent)
        return Margins([planned], stretch.end, silent, *_numbers(goal.measure, LARGEST)) if planned else None
    bucket = level_bucket(scene, sight)
    if bucket is None or projection is None or projection.high is None:
        return None
    scale = _scale(sight, projection.value)
    if goal.measure is Measure.INCREASE:  # a reading is as large as the counter
        scale += stretch.summaries[0].before or 0.0
    room = _room(sight, projection.value, ROUNDED * scale)
    paced = Paced(bucket, stretch, room, _adding(goal.measure, stretch.summaries[0]), scene.tracks[0], silent)
    until = bucket.end if bucket.alike is None else stretch.end
    return Margins([paced], until, silent, *_numbers(goal.measure, scale))


def _scale(sight: Sight, mid: float) -> float:
    return abs(mid) + abs(sight.goal.at_least or 0.0) + abs(sight.goal.at_most or 0.0)


def _room(sight: Sight, mid: float, slack: float) -> Room:
    """Where a projection lies as it does: above each bound or below it, and the value below those not yet reached."""
    value, low, high = sight.stretch.value or 0.0, sight.goal.at_least, sight.goal.at_most
    behind = sight.standing is Standing.BEHIND
    least, most, stop = -inf, inf, inf
    if low is not None:
        least, most = (least, low) if behind and mid < low else (low, most)
        stop = low if value < low else stop
    if high is not None:
        least, most = (high, most) if behind and mid > high else (least, min(most, high))
        stop = min(stop, high)
    return Room(least, most, stop, slack)


def _numbers(measure: Measure, largest: float) -> tuple[float, float]:
    """Between which numbers those of readings have to lie: what adds up is supposed to grow."""
    grows = MEASURES[measure].grows and measure is not Measure.COUNT
    return (0.0, largest) if grows else (-LARGEST, LARGEST)


def _adding(measure: Measure, summary: Summary) -> Gain:
    """What a number adds to the measure."""
    if measure is Measure.COUNT:
        return lambda _: 1.0
    if measure is Measure.SUM:
        return float
    before = summary.before

    def risen(number: float) -> float:
        nonlocal before
        old, before = before, number
        return number if old is None or number < old else number - old

    return risen
