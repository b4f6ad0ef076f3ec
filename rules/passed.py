"""Looks that pass since they find nothing but other numbers: what is kept of the last, and when the next ones are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rules.functions import NEVER
from rules.goals import Glance, glance
from rules.model import AlertStatus, Assessment, InstanceState, RollingPeriod, Standing, Usual
from rules.model.quick import replace
from rules.periods import look_every
from rules.scene import Scene
from rules.tracks import Track


class Passed(NamedTuple):
    """A look that found nothing but other numbers: when it was, and when the newest value had arrived by then.

    Where nobody asks for that, it may have found another standing too, which it has `since` a time.
    """

    at: int
    standing: Standing
    since: int
    seen: int | None
    found: Glance
    alerts: Mapping[str, AlertStatus]
    usual: Usual | None

    def moved_on(self, state: InstanceState) -> InstanceState:
        """The state after the look, with those of the numbers that may be asked for."""
        _, value, time, start, end, *_ = self.found
        before = state.assessment
        assessment = replace(before, standing=self.standing, value=value, time=time, start=start, end=end)
        return replace(
            state,
            assessment=assessment,
            since=self.since,
            verdict=state.verdict if before.standing is self.standing else self.standing,
            seen=self.seen,
            alerts=self.alerts,
            usual=self.usual,
        )


def looks(scene: Scene, assessment: Assessment) -> tuple[int, int]:
    """After how long there is another look when nothing comes (0: never), and when there is one in any case."""
    if scene.condition is not None:
        return scene.condition.look_again or 0, NEVER
    if assessment.start is None or assessment.end is None:
        return 0, NEVER
    rolls = scene.target.goal is not None and isinstance(scene.target.goal.per, RollingPeriod)
    return look_every(assessment.start, assessment.end), NEVER if rolls else assessment.end


def seen_again(scene: Scene, track: Track, last: int, before: Glance, time: int) -> Glance:
    """What a look that was left out found, when its series' newest reading was the one of that time.

    It stood as `before`.
    """
    sight = before.sight
    if scene.condition is not None:
        asked = scene.questions
        value = asked[0].answer_of(track, last, time) if len(asked) == 1 else None
        return before._replace(value=value, time=time)
    if sight is None:
        return before._replace(value=track.at(time), time=time)
    again = glance(scene, last) if track.times[-1] == time else None
    if again is not None:
        return again
    start, end = before.start or 0, before.end or 0  # another reading is there already
    rolls = isinstance(sight.goal.per, RollingPeriod)
    if rolls:
        start, end = last + 1 - (end - start), last + 1
    measure = track.window if rolls else track.summary
    value = measure(sight.goal, start, min(time + 1, end)).measure(sight.goal)
    return Glance(before.standing, value, time if time < end else before.time, start, end, sight)
