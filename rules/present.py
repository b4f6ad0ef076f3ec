"""What is read now, apart from what a clock that was ahead stamped: that counts when its time has come.

A goal with a period looks at no later time than now by itself; where the newest reading counts, it is found here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rules.model import MINUTE, Reading, Target
from rules.model.quick import replace
from rules.questions import questions
from rules.scene import Scene
from rules.tracks import Track

EARLY = MINUTE
"""So much ahead of now a reading counts at once: clocks differ."""


def come(readings: Sequence[Reading], now: int) -> Sequence[Reading]:
    """The readings that count at `now`: those stamped no more than `EARLY` ahead of it."""
    end = now + EARLY
    for reading in readings:
        if reading.time > end:
            return [one for one in readings if one.time <= end]
    return readings


def of_now(scene: Scene, *, anew: bool) -> Scene:
    """The scene with the readings that count by now; the very same where none lies ahead, as nearly always.

    What was judged by a reading of a later time, since this clock was ahead then, stays so until it is judged `anew`.
    """
    end = scene.now + EARLY
    for track in scene.tracks:
        if track.times and track.times[-1] > end:
            judged = scene.previous.time if scene.previous is not None else None
            is_of_now = _is_by_newest(scene.target) and (anew or judged is None or judged <= end)
            return _cut(scene) if is_of_now else scene
    return scene


def _cut(scene: Scene) -> Scene:
    tracks, condition = counting(scene.tracks, scene.now), scene.condition
    asked = questions(condition, scene.target, scene.series, tracks) if condition is not None else ()
    return replace(scene, tracks=tracks, questions=asked)


def counting(tracks: Sequence[Track], now: int) -> Sequence[Track]:
    """The readings that count by `now`; the very same tracks where none lies ahead, as nearly always."""
    end = now + EARLY
    for track in tracks:
        if track.times and track.times[-1] > end:
            return [track.upto(end) for track in tracks]
    return tracks


def comes(tracks: Sequence[Track], now: int) -> list[int]:
    """When the next reading of each counts, of those that have one ahead of `now`."""
    ahead = (track.next_after(now + EARLY) for track in tracks)
    return [time - EARLY for time in ahead if time is not None]


def _is_by_newest(target: Target) -> bool:
    return target.checkin is None and (target.goal is None or target.goal.per is None)
