"""Source health: up after a read, down after failing twice in a row; one alert for the source, none for its targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules import alerts
from rules.cron import next_run
from rules.model import SECOND, Event, Health, InstanceKey, Polled, SourceRule, SourceState, Transition
from rules.specs import Specs

DOWN_AFTER = 2  # one failure may be a blip, and a poll later is soon enough
_LATE = 10 * SECOND  # how long after it is due a poll may end


def fold_polls(before: SourceState, polled: Polled, now: int) -> tuple[SourceState, Event | None]:
    """The source after a poll, and what happened to its alert, if anything."""
    health, failures, last_success, last_error = Health.UP, 0, before.last_success, polled.partly
    if polled.error is None:
        last_success = polled.at
    else:
        failures, last_error = before.failures + 1, polled.error
        down = failures >= DOWN_AFTER or before.health is Health.DOWN
        health = Health.DOWN if down else before.health
    since = before.since if health is before.health else now
    status, event = alerts.step(before.alert, active=health is Health.DOWN, for_=0, keep_firing_for=0, now=now)
    return SourceState(before.name, health, since, failures, last_success, last_error, status), event


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


def evaluate_sources(
    specs: Specs, known: Mapping[str, SourceState], polls: Sequence[Polled], now: int
) -> tuple[dict[str, SourceState], list[Transition]]:
    """The sources after their polls, and what happened to their alerts."""
    changed: dict[str, SourceState] = {}
    transitions: list[Transition] = []
    for polled in polls:
        before = changed.get(polled.source) or known.get(polled.source) or SourceState(polled.source)
        after, event = fold_polls(before, polled, now)
        changed[polled.source] = after
        if event:
            transition = source_transition(specs, before, after, event, now)
            transitions.append(transition)
            alert = replace(after.alert, fingerprint=transition.fingerprint, labels=transition.labels)
            changed[polled.source] = replace(after, alert=alert)
    return changed, transitions


def is_recent(rule: SourceRule, source: SourceState | None, now: int) -> bool:
    """Whether at most one poll of a source is missing by now. One that is called, or was never read, misses none."""
    last = source.last_success if source is not None else None
    if last is None:
        return True
    if rule.cron is not None:
        return now <= next_run(rule.cron, rule.zone, next_run(rule.cron, rule.zone, last)) + _LATE
    return rule.every is None or now <= last + 2 * rule.every + _LATE


def has_turned(rule: SourceRule | None, before: SourceState | None, after: SourceState, now: int) -> bool:
    """Whether a poll brought a source down or back.

    The first one after a pause brings it back too: what was held until then is looked at, whatever it gives.
    """
    if rule is not None and not is_recent(rule, before, now) and is_recent(rule, after, now):
        return True
    was_down = before is not None and before.health is Health.DOWN
    return (after.health is Health.DOWN or was_down) and before != after
