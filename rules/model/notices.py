"""What is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a notice is sent."""

    FIRING = "firing"
    RESOLVED = "resolved"
    UPDATED = "updated"  # acknowledged, correction called, verified or failed
    ESCALATED = "escalated"
    RAISED = "raised"  # to a graver severity
    FLAPPING = "flapping"  # it comes and goes; nothing is told of that until it settles
    SETTLED = "settled"  # flaps no more, and fires
    UNDELIVERABLE = "undeliverable"  # another receiver refused a notice for good
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notifier is given: everything it may say, rendered, nothing to look up. JSON in the outbox.

    `values` are the numbers behind the words by name (value, at_least, at_most, progress, pace, required_rate,
    projection, projection_low, projection_high, chance, expected); those that are unknown are absent.
    """

    reason: Reason
    status: str  # "firing" or "resolved", as Alertmanager says it
    title: str  # of the target
    headline: str  # one line of plain words
    target: str
    alert: str
    severity: str
    standing: str
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    starts_at: int
    ends_at: int | None
    at: int
    receiver: str
    details: tuple[str, ...] = ()  # further lines: since when, correction, acknowledgement
    period_start: int | None = None
    period_end: int | None = None
    zone: str = "UTC"
    unit: str = ""
    percent: bool = False  # `values` in the goal's unit are shares, from 0 to 1, to be said in percent
    external_url: str = ""
    why: tuple[str, ...] = ()  # a few lines: what was read and compared, what comes next
