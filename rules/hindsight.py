"""What readings change that come late, or several at once: how an instance stood at the times of its last readings.

Bands, conditions and the last value of a rolling period are judged as of each time at which one of their series has a
reading, as if the readings had come one by one. In sight are as many such times as each series holds readings however
old they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rules import often
from rules.bounds import Unsettled
from rules.combining import combine_of
from rules.conditions import Condition
from rules.goals import assess, assess_condition
from rules.held import NEWEST
from rules.levels import NO_GOAL, NO_VALUE, OF_A_LEVEL, judge, judge_several, reading_times
from rules.model import AlertRule, AlertStatus, Assessment, InstanceKey, Measure, Reading, RollingPeriod, Standing
from rules.model.quick import replace
from rules.scene import Scene
from rules.tracks import Track

_OF_A_READING = OF_A_LEVEL | {Standing.MET, Standing.MISSED}


def stood(scene: Scene, time: int) -> Assessment | None:
    """How the instance stood as of a time; None where nothing was known, or where it is not judged by readings."""
    goal = scene.target.goal or NO_GOAL
    if scene.target.checkin:
        return None
    try:
        if scene.condition:
            found = assess_condition(scene, scene.condition, time)
        elif goal.per is not None:
            found = assess(_as_of(scene, time))
        elif len(scene.tracks) == 1:
            found = judge(scene, time)
        elif combine_of(scene.target) is not None:
            found = judge_several(scene, combine_of(scene.target), time)
        else:
            return None
    except Unsettled:
        return None  # what was wanted then is not known
    return None if found.hold else found


def _as_of(scene: Scene, time: int) -> Scene:
    """The scene at a time, with the newest readings of then: enough for a last value."""
    tracks = [_cut(track, time) for track in scene.tracks if track.count(time)]
    return replace(scene, tracks=tracks, now=time, silent_until=None)


def _cut(track: Track, time: int) -> Track:
    end = track.count(time)
    first = max(0, end - NEWEST)
    cut = Track(track.horizon)
    cut.fill(track.times[first:end], track.values[first:end])
    return cut


def is_by_reading(scene: Scene) -> bool:
    """Whether it is judged at each reading: not over a period, but for the last value of one that rolls."""
    goal = scene.target.goal
    if goal is None or scene.target.checkin:
        return False
    return goal.per is None or (isinstance(goal.per, RollingPeriod) and goal.measure is Measure.LAST)


def _in_sight(scene: Scene) -> list[int]:
    """The times as of which the instance can be judged: those for which all that is asked is held."""
    times = reading_times(scene.tracks)
    spans = [query.sight for query in scene.condition.queries if query.sight] if scene.condition else []
    if not spans:
        return times
    oldest = max(track.times[-1] for track in scene.tracks if track.times) - min(spans) if times else 0
    return [time for time in times if time >= oldest]


class Recalled(NamedTuple):
    """How an instance was found to stand when anything was last known of its condition, and as of which time.

    It was looked for at `now`, at all changes before `until`. `marks` says of each track how often it had been revised
    by then, and how far it went.
    """

    now: int
    until: int
    marks: Sequence[tuple[int, int]]
    time: int | None
    found: Assessment | None


def last_known(scene: Scene, recalled: dict[InstanceKey, Recalled]) -> Assessment | None:
    """How the instance stood when anything was last known of it; None if that is out of sight.

    What is `recalled` of a condition is gone on from: as of a time before all that was read since, it says the same.
    """
    if not is_by_reading(scene):
        return None
    known = recalled.get(scene.key) if scene.condition else None
    until = _same_until(scene, known) if known is not None else None
    last, found, changes = None, None, _changes(scene)
    for time in changes:
        if known is not None and until is not None and time < until:
            if known.time is None or time == known.time:
                last, found = known.time, known.found
                break
            if time > known.time:
                continue
        found = stood(scene, time)
        if found is not None:
            last = time
            break
    if scene.condition:
        marks = [(track.revised, track.times[-1] if track.times else -1) for track in scene.tracks]
        until = scene.now + 1 if scene.now in changes else scene.now
        recalled[scene.key] = Recalled(scene.now, until, marks, last, found)
    return found


def _same_until(scene: Scene, known: Recalled) -> int | None:
    """Before when all stands as it was recalled; None if something came late since, or the clock was set back."""
    if scene.now < known.now or len(scene.tracks) != len(known.marks):
        return None
    until = known.until
    for track, (revised, newest) in zip(scene.tracks, known.marks, strict=True):
        if track.revised != revised:
            return None
        fresh = track.next_after(newest)
        until = until if fresh is None else min(until, fresh - 1)  # just before it an age was the greatest
    return until


def was_never_known(scene: Scene, assessment: Assessment) -> bool:
    """Whether for want of values nothing was known at any reading there ever was, now that all are there."""
    goal = scene.target.goal
    if goal is not None and goal.per is not None and not is_by_reading(scene):
        return all(track.valued(len(track.times)) < 0 for track in scene.tracks)
    times = reading_times(scene.tracks)
    wanting = assessment.reason.startswith(NO_VALUE) or (goal is not None and goal.per is not None)
    return is_by_reading(scene) and wanting and len(times) < NEWEST and len(_in_sight(scene)) == len(times)


def _changes(scene: Scene) -> list[int]:
    """When the instance may have begun to stand otherwise, the last first: at readings, or as they left a window."""
    times = _in_sight(scene)
    if times:  # what is wanted may be another by a reading of its own
        times += [time for _, track in scene.beside for time in track.times[-NEWEST:] if times[0] <= time <= scene.now]
    queries = scene.condition.queries if scene.condition else ()
    spans = {query.window + query.offset for query in queries} | {query.offset for query in queries}
    left = {time + span for span in spans for time in times if span and time + span <= scene.now}
    changes = sorted({*times, *left}, reverse=True)
    if any(query.look_again is not None and not query.window for query in queries):  # an age grows between them
        ends = [max(after - 1, time) for time, after in zip(changes, [scene.now, *changes], strict=False)]
        return sorted({*changes, *ends}, reverse=True)
    return changes


def passed(scene: Scene, readings: Iterable[Reading]) -> list[int]:
    """The times before the newest of a batch at which something was read, as far as they are in sight.

    An instance that is seen for the first time has no past to answer for, nor have readings that come late.
    """
    last = scene.previous.time if scene.previous is not None else None
    if last is None or scene.down:
        return []
    times = [time for time in sorted({reading.time for reading in readings})[:-1] if time > last]
    if not times or (len(scene.tracks) == 1 and not scene.condition):
        return times
    seen = _in_sight(scene)
    return [time for time in times if time in seen]


def is_old(condition: Condition, newest: int, now: int) -> bool:
    """Whether the condition may have changed by time alone since the newest of the readings, before that came."""
    return condition.look_again is not None and newest + condition.look_again <= now


def judged_anew(
    scene: Scene, rules: Sequence[AlertRule], alerts: Mapping[str, AlertStatus], readings: Sequence[Reading]
) -> Mapping[str, AlertStatus]:
    """The alerts with what is remembered (N of M) of the readings known before made anew, where some come late.

    That goes as far back as is in sight. Of an instance that is seen for the first time all are made.
    """
    last = scene.previous.time if scene.previous is not None else None
    known = [rule for rule in rules if rule.often is not None and rule.when in _OF_A_READING]
    if scene.down or not known or not readings or not is_remembered(scene):
        return alerts
    times = [reading.time for reading in readings]
    old = scene.condition is not None and is_old(scene.condition, max(times), scene.now)
    if last is not None and min(times) > last and not old:
        return alerts
    found = list(_stood_through(scene, last))
    if not found:
        return alerts
    changed = dict(alerts)
    for rule in known:
        if rule.often is not None:
            judged = [(time, one.standing is rule.when) for time, one in found if one is not None]
            before = changed.get(rule.name, AlertStatus())
            changed[rule.name] = often.judged_anew(before, rule.often.of, found[0][0], judged)
    return changed


def _stood_through(scene: Scene, last: int | None) -> Iterator[tuple[int, Assessment | None]]:
    """How the instance stood as of each reading up to the `last`, before the next came: a window may have moved on."""
    again = scene.condition.look_again if scene.condition else None
    times = _in_sight(scene)
    for time, after in zip(times, [*times[1:], times[-1]], strict=True) if times else ():
        if last is None or time <= last:
            moved = stood(scene, after - 1) if again is not None and after - time > again else None
            yield time, moved or stood(scene, time)


def is_remembered(scene: Scene) -> bool:
    """Whether judgements of its readings are remembered, which can be made anew where those are in sight."""
    goal = scene.target.goal
    if goal is None or not is_by_reading(scene):
        return False
    return goal.per is not None or goal.condition is not None or scene.target.combine is not None
