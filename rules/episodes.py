"""One alert at one evaluation: what its rule makes of how the instance stands, and the transitions that say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rules import alerts, often
from rules.model import MINUTE, AlertRule, AlertState, AlertStatus, Event, Transition
from rules.scene import Scene
from rules.whens import Asked, holds

_NONE: tuple[Transition, ...] = ()


def advance(
    asked: Asked, before: AlertStatus, may_fire: Callable[[], bool]
) -> tuple[AlertStatus, Sequence[Transition]]:
    """The alert after its instance was found to stand so, and what happened to it.

    `may_fire` says whether the readings are recent enough to fire on.
    """
    found = holds(asked)
    if found is None or (not found and before.state is AlertState.INACTIVE and asked.rule.often is None):
        return before, _NONE
    return _step(asked, before, may_fire, found=found)


def _step(
    asked: Asked, before: AlertStatus, may_fire: Callable[[], bool], *, found: bool
) -> tuple[AlertStatus, Sequence[Transition]]:
    rule, active, enough, status = asked.rule, found, True, before
    if rule.often is not None:
        status, breaches = often.count(asked, rule.often, before, holds=found)
        enough = breaches >= rule.often.breaches
        active = enough if alerts.is_open(before) else breaches > 0
    after, event = alerts.step(
        status,
        active=active,
        for_=rule.for_,
        keep_firing_for=rule.keep_firing_for,
        now=asked.scene.now,
        may_fire=enough and may_fire(),
    )
    if event is None:
        return after, _NONE
    after = _named(asked, before, after)
    return after, (_transition(asked, before, after, event),)


def _named(asked: Asked, before: AlertStatus, after: AlertStatus) -> AlertStatus:
    """The status with fingerprint and labels: as it fired while it is open, else as they are configured."""
    labels = before.labels if alerts.is_open(before) and before.labels else ()
    labels = labels or alerts.alert_labels(asked.rule, asked.scene.key)
    known = before.fingerprint if alerts.is_open(before) else alerts.fingerprint(labels)
    return replace(after, fingerprint=known, labels=labels)


def _transition(asked: Asked, before: AlertStatus, after: AlertStatus, event: Event) -> Transition:
    return Transition(
        asked.scene.key,
        asked.rule.name,
        after.fingerprint,
        after.episode,
        event,
        asked.scene.now,
        before.state,
        after.state,
        after.labels,
        asked.assessment,
        after.fired_at,
    )


def wake(rule: AlertRule, status: AlertStatus, scene: Scene) -> int | None:
    """When time alone moves the alert on."""
    if rule.often is not None and status.state is AlertState.PENDING:
        return scene.now + MINUTE  # it waits for readings, or for those it has to be recent enough
    return alerts.wake(status, for_=rule.for_, keep_firing_for=rule.keep_firing_for)
