"""Flap detection: an alert that keeps changing is said to flap, once, and once that it settled.

Nagios' weighted percent state change: of the last 21 checks (`of`) each of the 20 possible changes counts, the newest
half as much again as the oldest (weights 0.8 to 1.2). From `high` on the alert flaps, down to `low` it goes on.
Source: https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html

Here a check is a reading, or a change without one, and what may change is whether the alert is open: a condition that
comes and goes within `for` and `keep_firing_for` bothers nobody. A flapping alert is held open, as if it went on firing
for ever, so that whoever was told of it knows it as firing until it settles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import ne

from rules import alerts
from rules.model import HOUR, AlertRule, AlertState, AlertStatus, Event, Flapping
from rules.model.quick import replace
from rules.scene import Scene
from rules.whens import Asked

FOR_EVER = 1 << 62
_OLDEST, _NEWEST = 0.8, 1.2
_STALLED = 3  # usual distances between readings after which no further one is waited for


def change(checks: Sequence[bool], of: int) -> float:
    """The weighted share of changes among the last `of` checks, 0 to 1."""
    step = (_NEWEST - _OLDEST) / (of - 2)
    return sum(_OLDEST + step * i for i in _changes(checks, of)) / (of - 1)


def changes(checks: Sequence[bool], of: int) -> int:
    """How often the alert changed in its last `of` checks."""
    return len(_changes(checks, of))


def _changes(checks: Sequence[bool], of: int) -> list[int]:
    """Which of the `of` - 1 possible changes happened, the oldest is 0; before the first check it was not open."""
    padded = [False] * max(of - len(checks), 0) + list(checks[-of:])
    return list(compress(range(of), map(ne, padded, padded[1:])))


def follow(
    asked: Asked, before: AlertStatus, after: AlertStatus, event: Event | None
) -> tuple[AlertStatus, Event | None, Event | None]:
    """The status, its change and what is said of flapping, if anything, after an alert was moved on.

    While it flapped `before`, it was moved on with `FOR_EVER` to go on firing for.
    """
    flapping, held = asked.rule.flapping, before.flapping_since is not None
    recovered = after.state is AlertState.RECOVERING and asked.scene.now - after.since >= asked.rule.keep_firing_for
    on = alerts.is_open(after) and not recovered
    if flapping is None or (held and _has_stalled(asked, before, on=on)):
        # As if it never was otherwise: without any check another look would take this reading for a newer one.
        checks, checked_at = ((True,) * flapping.of, asked.assessment.time or 0) if flapping and on else ((), None)
        return _settled(asked, replace(after, checks=checks, checked_at=checked_at), event, on=on)
    after = _noted(after, flapping.of, asked.assessment.time or 0, on=on)
    if on is alerts.is_open(before) and not held:
        return after, event, None
    share = change(after.checks, flapping.of)
    if held:
        return _settled(asked, after, event, on=on) if share <= flapping.low else (after, event, None)
    if share < flapping.high:
        return after, event, None
    return _begun(asked, before, after, event)


def _begun(
    asked: Asked, before: AlertStatus, after: AlertStatus, event: Event | None
) -> tuple[AlertStatus, Event | None, Event]:
    now = asked.scene.now
    if event is Event.RESOLVED:
        recovering = before.state is AlertState.RECOVERING
        event = None if recovering else Event.RECOVERING
        since = before.since if recovering else now
        after = replace(after, state=AlertState.RECOVERING, since=since, acknowledged=before.acknowledged)
    return replace(after, flapping_since=now, changes=after.changes + 1), event, Event.FLAPPING


def _settled(
    asked: Asked, after: AlertStatus, event: Event | None, *, on: bool
) -> tuple[AlertStatus, Event | None, Event | None]:
    after = replace(after, flapping_since=None)
    if on:
        return replace(after, changes=after.changes + 1), event, Event.SETTLED
    over = replace(after, state=AlertState.INACTIVE, since=asked.scene.now, acknowledged=None)
    return over, Event.RESOLVED, None


def _noted(status: AlertStatus, of: int, time: int, *, on: bool) -> AlertStatus:
    """One more check of a newer reading, or of a change. Nothing is kept of an alert that was not open."""
    last = status.checks[-1] if status.checks else False
    newer = status.checked_at is None or time > status.checked_at
    if not newer and last is on:
        return status
    return _checked(status, (*status.checks, on)[-of:], time if newer else status.checked_at)


def gone_on(status: AlertStatus, of: int, time: int, readings: int) -> AlertStatus:
    """As after so many newer readings, the last at `time`, by each of which the alert was found as it is."""
    return _checked(status, (*status.checks, *[alerts.is_open(status)] * min(readings, of))[-of:], time)


def checked_on(status: AlertStatus, after: AlertStatus, flapping: Flapping | None) -> AlertStatus:
    """The status with nothing of `after` but the check of a newer reading, by which an alert that is held stays so."""
    if flapping is None or not status.checks or (after.checked_at or 0) <= (status.checked_at or 0):
        return status
    return _checked(status, (*status.checks, status.checks[-1])[-flapping.of :], after.checked_at)


def _checked(status: AlertStatus, checks: tuple[bool, ...], at: int | None) -> AlertStatus:
    if not any(checks):
        return replace(status, checks=(), checked_at=None) if status.checks else status
    return replace(status, checks=checks, checked_at=at)


def _has_stalled(asked: Asked, status: AlertStatus, *, on: bool) -> bool:
    """No further readings are to be waited for: they stopped, and that counts as fine, or none came for long."""
    return (asked.assessment.silent and not on) or asked.scene.now >= settles_at(asked.scene, status)


def moments(rule: AlertRule, status: AlertStatus, scene: Scene) -> list[int]:
    """When time alone may move a flapping alert on; that it would have been over by then is a change that counts."""
    found = [settles_at(scene, status)]
    if status.state is AlertState.RECOVERING and status.checks[-1:] == (True,):
        found.append(status.since + rule.keep_firing_for)
    return found


def settles_at(scene: Scene, status: AlertStatus) -> int:
    """When a flapping alert settles as it stands, if no reading comes before."""
    usual = max((track.gap() for track in scene.tracks), default=0)
    begun = status.flapping_since or 0  # time alone may have begun it, long after the newest reading
    return max(scene.quiet_since, status.since, begun) + max(_STALLED * usual, HOUR)
