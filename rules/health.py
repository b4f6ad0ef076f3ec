"""Source health: up after a read, down after failing twice in a row; one alert for the source, none for its targets."""

from __future__ import annotations

from dataclasses import replace

from rules import alerts
from rules.model import Event, Health, InstanceKey, Polled, SourceState, Transition
from rules.specs import Specs

DOWN_AFTER = 2  # one failure may be a blip, and a poll later is soon enough


def fold_polls(before: SourceState, polled: Polled, now: int) -> tuple[SourceState, Event | None]:
    """The source after a poll, and what happened to its alert, if anything."""
    if polled.error is None:
        after = replace(before, health=Health.UP, failures=0, last_success=polled.at, last_error=polled.partly)
    else:
        failures = before.failures + 1
        down = failures >= DOWN_AFTER or before.health is Health.DOWN
        health = Health.DOWN if down else before.health
        after = replace(before, health=health, failures=failures, last_error=polled.error)
    if after.health is not before.health:
        after = replace(after, since=now)
    status, event = alerts.step(before.alert, active=after.health is Health.DOWN, for_=0, keep_firing_for=0, now=now)
    return replace(after, alert=status), event


def source_transition(specs: Specs, before: SourceState, after: SourceState, event: Event, now: int) -> Transition:
    """The stored change of a source's alert; as grave as the gravest alert that is blind without the source."""
    rules = tuple(rule for name in specs.targets_of(after.name) for rule in specs.targets[name].alerts)
    labels = alerts.source_labels(after, alerts.worst_severity(rules))
    return Transition(
        InstanceKey(""),
        alerts.SOURCE_ALERT,
        before.alert.fingerprint if alerts.is_open(before.alert) else alerts.fingerprint(labels),
        after.alert.episode,
        event,
        now,
        before.alert.state,
        after.alert.state,
        labels,
        fired_at=after.alert.fired_at,
        detail=after.last_error or "",
    )
