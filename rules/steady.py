"""Looks between two readings that are sure to find what the one before them found, or what those around them find."""

from __future__ import annotations

from rules.functions import NEVER
from rules.goals import Glance
from rules.measures import MEASURES
from rules.model import HOUR, RollingPeriod, Standing
from rules.periods import told
from rules.plans import whole_plan
from rules.progress import EARLY, ONE_NUMBER, Sight
from rules.projection import Bucket
from rules.questions import answered_until
from rules.scene import Scene
from rules.tracks import Track

_MET, _MISSED = Standing.MET, Standing.MISSED  # a member of an enum is slow to look up
_LATE = 3  # usual distances after the newest reading, from which on less and less is expected
_ROUNDED = 1e-9  # as a part of a number: what adding in another order may make of it, and more


def steady(scene: Scene, now: int, found: Glance) -> int:
    """Before when looks without a reading are sure to find what one at `now` found; 0 where nothing is sure.

    Where the period rolls, they find it moved on to their own time.
    """
    sight = found.sight
    if scene.condition is not None:
        return answered_until(scene.questions, now)
    if sight is None:
        return NEVER
    track, per = scene.tracks[0], sight.goal.per
    if isinstance(per, RollingPeriod):
        return _until_rolled(sight, track, per, scene.target.zone)
    if _is_settled(scene, sight):
        return sight.stretch.end
    bucket = level_bucket(scene, sight)
    return min(bucket.end, (sight.stretch.newest or 0) + _LATE * track.gap()) if bucket is not None else 0


def _until_rolled(sight: Sight, track: Track, per: RollingPeriod, zone: str) -> int:
    """Until its first reading leaves it, or readings are missed."""
    first = track.next_after(sight.stretch.start - 1)
    gap = track.gap()
    if first is None or not gap:
        return 0
    return min(first + per.length, told(track.times[-1], gap, zone)) + 1


def _is_settled(scene: Scene, sight: Sight) -> bool:
    """Whether a period stands as it does by its value alone."""
    goal, stretch = sight.goal, sight.stretch
    if is_by_plan(sight) or sight.now >= stretch.end or stretch.value is None:
        return False
    if stretch.fraction < EARLY or sight.standing is Standing.TOO_EARLY:
        return False
    return sight.standing is _MET or sight.standing is _MISSED or not MEASURES[goal.measure].grows


def is_by_plan(sight: Sight) -> bool:
    """Whether it is projected by a plan: one that is known up to the period's end."""
    way = sight.stretch.way
    return sight.goal.plan is not None and way is not None and bool(whole_plan(way))


def level_bucket(scene: Scene, sight: Sight) -> Bucket | None:
    """The bucket that is not over, where what is expected of it stays as it is until readings are missed."""
    goal, newest, gap = sight.goal, sight.stretch.newest, scene.tracks[0].gap()
    if sight.projection is None or sight.projection.high is None or newest is None or is_by_plan(sight):
        return None
    projector = scene.projectors.get(scene.key) if scene.target.combine in ONE_NUMBER else None
    bucket = projector.bucket() if projector is not None and MEASURES[goal.measure].adds_up else None
    if bucket is None or gap > HOUR // 2 or not bucket.begin <= newest <= bucket.end - gap:
        return None
    return bucket if newest <= sight.now < min(bucket.end, newest + _LATE * gap) else None


def may_lie_between(scene: Scene, sight: Sight, later: int) -> bool:
    """Whether a projection only falls, or only rises, from a look on until a later one without a reading."""
    goal, stretch = sight.goal, sight.stretch
    if stretch.way is not None or isinstance(goal.per, RollingPeriod) or not sight.now < later < stretch.end:
        return False
    if stretch.fraction < EARLY or sight.projection is None or not MEASURES[goal.measure].grows:
        return False
    if not MEASURES[goal.measure].adds_up:
        return later <= (stretch.newest or 0) + scene.tracks[0].gap()
    projector = scene.projectors.get(scene.key) if scene.target.combine in ONE_NUMBER else None
    return projector is None or later < projector.until


def lies_between(one: Sight, other: Sight | None) -> bool:
    """Whether all looks between two stand as both do, if the projection only falls or only rises between them."""
    if other is None or other.standing is not one.standing or one.stretch.value != other.stretch.value:
        return False
    if one.projection is None or other.projection is None:
        return False
    low, high = one.goal.at_least, one.goal.at_most
    mids = one.projection.value, other.projection.value
    if one.standing is Standing.BEHIND:
        short, over = low is not None and max(mids) < low, high is not None and min(mids) > high
        if not (short or over):
            return False
    elif one.standing is not Standing.ON_TRACK:
        return False
    widths = [2.0 * (each.high - each.value) for each in (one.projection, other.projection) if each.high is not None]
    return max(widths, default=0.0) * (1.0 + _ROUNDED) < min(map(abs, mids)) or not widths
