"""What one instance is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rules.conditions import Condition
from rules.history import Track
from rules.model import Assessment, InstanceKey, Series, Standing, Target


@dataclass(frozen=True, slots=True)
class Scene:
    """An instance, its readings and what was said of it before.

    `down` names its sources that can't be read now; `quiet_since` is when its newest value arrived, or it began.
    `silent_until` is up to when nothing more is known to have come: now, or the last time all its sources were read;
    None if one never was.
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
