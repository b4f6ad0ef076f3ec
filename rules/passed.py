"""Looks that pass since they find nothing but other numbers: what is kept of the last, and when the next ones are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rules.functions import NEVER
from rules.goals import Glance
from rules.model import AlertStatus, Assessment, InstanceState, RollingPeriod, Usual
from rules.model.quick import replace
from rules.periods import look_every
from rules.scene import Scene


class Passed(NamedTuple):
    """A look that found nothing but other numbers: when it was, and when the newest value had arrived by then."""

    at: int
    seen: int | None
    found: Glance
    alerts: Mapping[str, AlertStatus]
    usual: Usual | None

    def moved_on(self, state: InstanceState) -> InstanceState:
        """The state after the look, with those of the numbers that may be asked for."""
        _, value, time, start, end, *_ = self.found
        assessment = replace(state.assessment, value=value, time=time, start=start, end=end)
        return replace(state, assessment=assessment, seen=self.seen, alerts=self.alerts, usual=self.usual)


def looks(scene: Scene, assessment: Assessment) -> tuple[int, int]:
    """After how long there is another look when nothing comes (0: never), and when there is one in any case."""
    if scene.condition is not None:
        return scene.condition.look_again or 0, NEVER
    if assessment.start is None or assessment.end is None:
        return 0, NEVER
    rolls = scene.target.goal is not None and isinstance(scene.target.goal.per, RollingPeriod)
    return look_every(assessment.start, assessment.end), NEVER if rolls else assessment.end
