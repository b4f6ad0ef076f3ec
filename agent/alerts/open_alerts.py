"""What is open right now, as the faces show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.alerts.muted import Mutes
from agent.runtime import OpenAlert, Unknown
from rules import alerts
from rules.model import (
    AlertState,
    AlertStatus,
    Event,
    InstanceKey,
    InstanceState,
    Muted,
    SourceState,
)
from rules.specs import Specs
from rules.words import headline

_ORDER = {AlertState.FIRING: 0, AlertState.RECOVERING: 1, AlertState.PENDING: 2}
_GRAVITY = {"critical": 0, "error": 1, "warning": 2}


def open_alerts(
    specs: Specs,
    instances: Mapping[InstanceKey, InstanceState],
    sources: Mapping[str, SourceState],
    mutes: Mutes,
) -> list[OpenAlert]:
    """Alerts that are not inactive: firing first, then by severity, then the oldest first."""
    found = [
        _of_source(specs, state, mutes) for state in sources.values() if state.alert.state is not AlertState.INACTIVE
    ]
    for state in instances.values():
        for name, status in state.alerts.items():
            if status.state is not AlertState.INACTIVE:
                found.append(_of_instance(specs, state, name, status, mutes))
    return sorted(
        found, key=lambda a: (_ORDER[AlertState(a.state)], _GRAVITY.get(a.labels.get("severity", ""), 3), a.since)
    )


def _of_instance(specs: Specs, state: InstanceState, name: str, status: AlertStatus, mutes: Mutes) -> OpenAlert:
    target = specs.targets.get(state.key.target)
    rule = specs.rule(state.key.target, name)
    labels = alerts.alert_labels(rule, state.key) if rule else ()
    line = headline(target, state.key, state.assessment, Event.FIRING, mutes.now, status.said) if target else name
    if status.flapping_since is not None:
        line = f"Flapping: {line}"
    raised = {"severity": status.severity} if status.severity else {}
    fired = alerts.is_open(status)
    muted = mutes.of(state.key, status, status.labels or labels, state) if fired else None
    return _alert(state.key, name, status, {**dict(labels), **raised}, line, muted)


def _of_source(specs: Specs, state: SourceState, mutes: Mutes) -> OpenAlert:
    rules = tuple(rule for name in specs.targets_of(state.name) for rule in specs.targets[name].alerts)
    labels = alerts.source_labels(state, alerts.worst_severity(rules))
    line = f"Source {state.name} can't be read: {state.last_error or 'no reason is known'}"
    muted = mutes.of(InstanceKey(""), state.alert, labels, None)
    return _alert(InstanceKey(""), alerts.SOURCE_ALERT, state.alert, dict(labels), line, muted)


def _alert(
    key: InstanceKey,
    name: str,
    status: AlertStatus,
    labels: Mapping[str, str],
    line: str,
    muted: tuple[Muted, str] | None,
) -> OpenAlert:
    by, words = muted or (None, "")
    taken = status.acknowledged
    return OpenAlert(
        key,
        name,
        status.fingerprint or alerts.fingerprint(tuple(sorted(labels.items()))),
        labels,
        line,
        status.state,
        status.since,
        status.fired_at,
        taken.by if taken else None,
        by,
        words,
        taken.id if taken else "",
    )


def find_alerts(name: str, alerts_: Sequence[OpenAlert], specs: Specs | None = None) -> list[OpenAlert]:
    """The open alerts a fingerprint, an alert's name, a target or a source means. Raises Unknown.

    Of what the specs know it is said that it has no open alert: another name was not meant.
    """
    fired = [one for one in alerts_ if one.state != AlertState.PENDING]
    found = [one for one in fired if name in _names(one)]
    if found:
        return found
    if specs is not None and name in _known(specs):
        raise Unknown(f"{name} has no open alert")
    raise Unknown.among("open alert", name, (known for one in fired for known in _names(one)))


def _known(specs: Specs) -> set[str]:
    return {*specs.targets, *specs.sources, *(rule.name for rules in specs.rules.values() for rule in rules)}


def _names(one: OpenAlert) -> tuple[str, ...]:
    names = (one.fingerprint, one.name, one.key.target, one.labels.get("source", ""))
    return tuple(name for name in names if name)
