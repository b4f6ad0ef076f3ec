"""The life of one alert: inactive, pending for a while, firing, perhaps recovering, and inactive again.

As in Prometheus (rules/alerting.go) the time is an argument, `for` delays firing and `keep_firing_for` delays the
resolve; here a firing alert whose condition has gone is *recovering* until that delay is over.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from rules.model import (
    AlertRule,
    AlertState,
    AlertStatus,
    Event,
    InstanceKey,
    Labels,
    NoDataThen,
    SourceState,
    Standing,
    Target,
    labels_of,
)
from rules.model.quick import replace

NO_DATA_ALERT = "no-data"
SOURCE_ALERT = "source-down"
_OPEN = frozenset({AlertState.FIRING, AlertState.RECOVERING})
_SEVERITIES = ("critical", "error", "warning", "info")


def step(
    status: AlertStatus, *, active: bool, for_: int, keep_firing_for: int, now: int, may_fire: bool = True
) -> tuple[AlertStatus, Event | None]:
    """The alert after its condition was found active or not at `now`, and what happened to it, if anything.

    `may_fire` False holds a pending alert back while its readings are too old to fire on.
    """
    if status.state in _OPEN:
        return _step_firing(status, active=active, keep_firing_for=keep_firing_for, now=now)
    if not active:
        if status.state is AlertState.INACTIVE:
            return status, None
        return replace(status, state=AlertState.INACTIVE, since=now), Event.INACTIVE
    began = status.since if status.state is AlertState.PENDING else now
    if may_fire and now - began >= for_:
        return _fired(status, now), Event.FIRING
    if status.state is AlertState.PENDING:
        return status, None
    return replace(status, state=AlertState.PENDING, since=now), Event.PENDING


def _fired(status: AlertStatus, now: int) -> AlertStatus:
    """A new episode: nothing of the one before counts."""
    return replace(
        status,
        state=AlertState.FIRING,
        since=now,
        fired_at=now,
        open_since=now,
        episode=status.episode + 1,
        acknowledged=None,
        escalated=0,
        changes=0,
        eased_at=None,
    )


def _step_firing(
    status: AlertStatus, *, active: bool, keep_firing_for: int, now: int
) -> tuple[AlertStatus, Event | None]:
    if active:
        if status.state is AlertState.FIRING:
            return status, None
        return replace(status, state=AlertState.FIRING, since=now), Event.FIRING
    began = status.since if status.state is AlertState.RECOVERING else now
    if now - began >= keep_firing_for:
        return replace(status, state=AlertState.INACTIVE, since=now, acknowledged=None), Event.RESOLVED
    if status.state is AlertState.RECOVERING:
        return status, None
    return replace(status, state=AlertState.RECOVERING, since=now), Event.RECOVERING


def is_open(status: AlertStatus) -> bool:
    """Whether the alert has fired and is not resolved."""
    return status.state in _OPEN


def wake(status: AlertStatus, *, for_: int, keep_firing_for: int) -> int | None:
    """When time alone moves the alert on, in UTC microseconds: it fires, or is resolved. None: time alone does not."""
    if status.state is AlertState.PENDING:
        return status.since + for_
    return status.since + keep_firing_for if status.state is AlertState.RECOVERING else None


def is_later(status: AlertStatus, now: int) -> bool:
    """Whether any of the times that a span is counted from is later than now."""
    return (
        status.since > now
        or (status.open_since or now) > now
        or (status.eased_at or now) > now
        or (status.flapping_since or now) > now
    )


def not_later(status: AlertStatus, now: int) -> AlertStatus:
    """The status, with now for each such time that is later. When it fired names the firing, and stays."""

    def moved(at: int | None) -> int | None:
        return None if at is None else min(at, now)

    return replace(
        status,
        since=min(status.since, now),
        open_since=moved(status.open_since),
        eased_at=moved(status.eased_at),
        flapping_since=moved(status.flapping_since),
    )


def alert_labels(rule: AlertRule, key: InstanceKey) -> Labels:
    """alertname, target, severity, the instance's labels, then the rule's own."""
    labels = {"alertname": rule.name, "target": key.target, "severity": rule.severity}
    return labels_of({**labels, **dict(key.labels), **dict(rule.labels)})


@lru_cache(maxsize=1024)
def fingerprint(labels: Labels) -> str:
    """16 hexadecimal digits naming a label set."""
    text = "\xff".join(f"{name}\xfe{value}" for name, value in labels)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def worst_severity(rules: tuple[AlertRule, ...]) -> str:
    """The gravest severity of some rules; warning if there are none."""
    found = {rule.severity for rule in rules}
    return next((name for name in _SEVERITIES if name in found), "warning")


def alert_rules(target: Target) -> tuple[AlertRule, ...]:
    """A target's own rules, and the one for readings that stopped, which goes to everyone the others go to."""
    asked = target.no_data is not None and target.no_data.then is NoDataThen.ALERT
    if not asked or any(rule.when is Standing.NO_DATA for rule in target.alerts):
        return target.alerts
    receivers = tuple(dict.fromkeys(name for rule in target.alerts for name in rule.notify))
    rule = AlertRule(NO_DATA_ALERT, Standing.NO_DATA, severity=worst_severity(target.alerts), notify=receivers)
    return (*target.alerts, rule)


def source_labels(source: SourceState, severity: str) -> Labels:
    """The labels of a source's alert."""
    return labels_of({"alertname": SOURCE_ALERT, "source": source.name, "severity": severity})
