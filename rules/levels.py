"""How an instance stands whose goal has no period: by its newest values, now or as of one of its readings."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nextafter

from rules.bounds import Unsettled, settled
from rules.combining import combine_of, combined, lateness
from rules.held import NEWEST
from rules.model import LARGEST, Assessment, Combine, Goal, Recover, Standing
from rules.model.quick import maker, replace
from rules.scene import Scene
from rules.tracks import Track

NO_VALUE = "no value"
NO_GOAL = Goal()
OF_A_LEVEL = frozenset({Standing.IN_BAND, Standing.OUT_OF_BAND})
_IN, _OUT = Standing.IN_BAND, Standing.OUT_OF_BAND  # a member of an enum is slow to look up
_assessment = maker(Assessment)


def reading_times(tracks: Sequence[Track], until: int | None = None) -> list[int]:
    """The last times, up to one, at which any of the series has a reading: as many as each holds however old."""
    if len(tracks) == 1:
        times = tracks[0].times
        count = len(times) if until is None else tracks[0].count(until)
        return list(times[max(0, count - NEWEST) : count])
    found: set[int] = set()
    for track in tracks:
        count = len(track.times) if until is None else track.count(until)
        found.update(track.times[max(0, count - NEWEST) : count])
    return sorted(found)[-NEWEST:]


def judge(scene: Scene, until: int | None = None) -> Assessment:
    """How an instance of one series stands, now or as of its reading at `until`.

    The newest value that is either outside the goal or inside the recover band decides; one between the two leaves it
    as it was. So the verdict follows from the readings alone, in whatever order they came. Of a newest reading without
    a value nothing is known. Raises Unsettled.
    """
    goal, recover = settled_at(scene, scene.now if until is None else until), scene.target.recover
    track = scene.tracks[0]
    newest = index = (len(track.times) if until is None else track.count(until)) - 1
    if newest < 0:
        return held(replace(scene, previous=None), NO_VALUE)
    value = track.values[newest]
    if value != value:  # noqa: PLR0124 - NaN is not itself
        known = track.valued(newest)
        return _valueless(goal, *((track.times[known], track.values[known]) if known >= 0 else (None, None)))
    out = breaches = breaching(goal, recover, value)
    seen = 1
    while out is None and seen < NEWEST and (index := track.valued(index)) >= 0:  # a restart would read no more
        out, seen = breaching(goal, recover, track.values[index]), seen + 1
    if out is None:
        out = scene.verdict is _OUT and seen >= NEWEST
    return _leveled(goal, value, track.times[newest], breaches=breaches, out=out)


def judge_several(scene: Scene, combine: Combine | None, until: int | None = None) -> Assessment:
    """As `judge`, of several series: by what their newest values make together, at each time one has a reading."""
    goal = settled_at(scene, scene.now if until is None else until)
    time, value = _newest(scene.tracks, combine, until)
    if value is None:
        return _valueless(goal, time, None)
    out = breaches = breaching(goal, scene.target.recover, value)
    if out is None:
        out = _before(scene, combine, time)
    return _leveled(goal, value, time, breaches=breaches, out=out)


def _before(scene: Scene, combine: Combine | None, until: int | None) -> bool:
    """Whether the series together were last outside the goal, or inside the recover band, before a time."""
    times = reading_times(scene.tracks, until)
    for time in times[-2::-1]:
        value = _newest(scene.tracks, combine, time)[1]
        out = None if value is None else _breached(scene, time, value)
        if out is not None:
            return out
    return scene.verdict is _OUT and len(times) >= NEWEST  # else there was nothing before


def judgements(scene: Scene, until: int | None, count: int) -> list[bool] | None:
    """Whether the instance was out of band as of each of the last `count` values up to `until`, oldest first.

    None where it is not judged value by value. Values before the first that is either outside the goal or inside
    the recover band count as in band, unless none is either: then all are as the verdict is.
    """
    goal, tracks = scene.target.goal or NO_GOAL, scene.tracks
    if goal.per is not None or scene.condition or scene.target.checkin or len(tracks) != 1 or scene.target.combine:
        return None
    found: list[bool | None] = []
    same = goal.at_least_from is None and goal.at_most_from is None
    for time, value in tracks[0].backwards(until):
        found.append(breaching(goal, scene.target.recover, value) if same else _breached(scene, time, value))
        if len(found) >= NEWEST or (len(found) >= count and found[-1] is not None):
            break
    last = scene.verdict is _OUT and len(found) >= NEWEST and all(out is None for out in found)
    outs: list[bool] = []
    for out in reversed(found):
        last = last if out is None else out
        outs.append(last)
    return outs[-count:]


def _breached(scene: Scene, time: int, value: float) -> bool | None:
    """Whether a value breached what was wanted at its time; None where that is not known either."""
    try:
        return breaching(settled_at(scene, time), scene.target.recover, value)
    except Unsettled:
        return None


def settled_at(scene: Scene, at: int) -> Goal:
    """The goal with the numbers that it looks up, as of a time. Raises Unsettled where there is none."""
    goal = scene.target.goal or NO_GOAL
    if goal.at_least_from is None and goal.at_most_from is None:
        return goal
    return settled(goal, scene, at, at + 1)


def breaching(goal: Goal, recover: Recover | None, value: float) -> bool | None:
    """Whether a value is outside the goal; None where it is inside, but not yet inside the recover band."""
    low, high = goal.at_least, goal.at_most
    if (low is not None and value < low) or (high is not None and value > high):
        return True
    if recover is None:
        return False
    low, high = recover.at_least, recover.at_most
    return None if (low is not None and value < low) or (high is not None and value > high) else False


def range_of(goal: Goal, recover: Recover | None, value: float, *, out: bool) -> tuple[float, float]:
    """Between which numbers a value lies that leaves an instance in band, or `out`, as this one does."""
    if not out:
        return _at_least(goal), _at_most(goal)
    low, high = _at_least(goal), _at_most(goal)
    if recover is not None:
        low, high = max(low, _at_least(recover)), min(high, _at_most(recover))
    return (-LARGEST, nextafter(low, -inf)) if value < low else (nextafter(high, inf), LARGEST)


def _at_least(bounds: Goal | Recover) -> float:
    return -LARGEST if bounds.at_least is None else bounds.at_least


def _at_most(bounds: Goal | Recover) -> float:
    return LARGEST if bounds.at_most is None else bounds.at_most


def _leveled(goal: Goal, value: float, time: int | None, *, breaches: bool | None, out: bool) -> Assessment:
    return _assessment(
        _OUT if out else _IN,
        value,
        time,
        goal.at_least,
        goal.at_most,
        breaching=breaches is True,
        recovered=breaches is False,
    )


def _valueless(goal: Goal, time: int | None, value: float | None) -> Assessment:
    """The newest reading has no value; `value` is the last that is known, and `time` is when that was."""
    return _assessment(Standing.NO_DATA, value, time, goal.at_least, goal.at_most, reason=NO_VALUE, hold=True)


def held(scene: Scene, reason: str) -> Assessment:
    """Nothing can be said now; the numbers stay as they were."""
    goal, last = scene.target.goal or NO_GOAL, scene.previous
    return Assessment(
        Standing.NO_DATA,
        value=last.value if last else None,
        time=last.time if last else None,
        at_least=last.at_least if last and goal.at_least_from else goal.at_least,
        at_most=last.at_most if last and goal.at_most_from else goal.at_most,
        start=last.start if last else None,
        end=last.end if last else None,
        reason=reason,
        hold=True,
    )


def newest(scene: Scene) -> tuple[int | None, float | None]:
    """Time and value of the newest reading of an instance; of several series, of what their newest combine to."""
    combine = combine_of(scene.target)
    if len(scene.tracks) > 1 and combine is None:
        return None, None
    return _newest(scene.tracks, combine, None)


def _newest(tracks: Sequence[Track], combine: Combine | None, until: int | None) -> tuple[int | None, float | None]:
    read = (track.newest if until is None else track.newest_at(until) for track in tracks)
    pairs = [pair for pair in read if pair is not None]
    if combine is Combine.LAST and pairs:
        pairs = [max(pairs, key=lateness)]
    values = [value for _, value in pairs if value is not None]
    time = max((time for time, _ in pairs), default=None)
    return time, combined(combine, values) if len(values) == len(pairs) else None
