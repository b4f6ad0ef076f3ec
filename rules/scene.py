"""What one instance is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules import alerts
from rules.conditions import Condition
from rules.model import Assessment, InstanceKey, InstanceState, Series, Standing, Target
from rules.model.quick import quick, replace
from rules.projection import Projector
from rules.questions import Question
from rules.tracks import Track


@quick
@dataclass(frozen=True, slots=True)
class Scene:
    """An instance, its readings and what was said of it before.

    `down` names its sources that can't be read now; `quiet_since` is when its newest value arrived, or it began.
    `silent_until` is up to when nothing more is known to have come: now, or the last time all its sources were read;
    None if one never was, or if nobody asks since silence is all right. `projectors` keep what projections were made
    of; a projection is the same without them. `beside` are the series that say what is wanted, with their readings.
    `questions` are what its condition asks of its series.
    """

    key: InstanceKey
    target: Target
    now: int
    series: Sequence[Series]
    tracks: Sequence[Track]
    condition: Condition | None
    down: tuple[str, ...]
    verdict: Standing | None
    previous: Assessment | None
    created: int
    quiet_since: int
    silent_until: int | None
    projectors: dict[InstanceKey, Projector]
    beside: Sequence[tuple[Series, Track]] = ()
    questions: Sequence[Question] = ()


def comes_beside(scene: Scene) -> list[int]:
    """When what is wanted changes, as far as that is known ahead."""
    return [at for _, track in scene.beside if (at := track.next_after(scene.now)) is not None]


def not_later(state: InstanceState, now: int) -> InstanceState:
    """The state, with now for each time that is later: the clock was set back since, and no span waits for it."""
    if not (state.since > now or state.created > now or (state.seen or 0) > now):
        for status in state.alerts.values():
            if alerts.is_later(status, now):
                break
        else:
            return state
    return replace(
        state,
        since=min(state.since, now),
        created=min(state.created, now),
        seen=None if state.seen is None else min(state.seen, now),
        alerts={name: alerts.not_later(status, now) for name, status in state.alerts.items()},
    )
