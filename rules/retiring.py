"""What a new configuration ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rules import alerts
from rules.engine import States
from rules.health import fold_polls, source_transition
from rules.history import History
from rules.model import (
    AlertRule,
    AlertState,
    AlertStatus,
    Event,
    Health,
    InstanceKey,
    InstanceState,
    Polled,
    SourceState,
    Transition,
)
from rules.specs import Specs

NOT_CONFIGURED = "is no longer configured"


@dataclass(slots=True)
class Retired:
    """What a new configuration ends: the keys to forget, the states that change, and the resolves of what was open."""

    forget: list[InstanceKey] = field(default_factory=list)
    instances: list[InstanceState] = field(default_factory=list)
    sources: list[SourceState] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)


def retire(specs: Specs, states: States, now: int, history: History) -> Retired:
    """Ends instances whose target is gone or means other series now, and open alerts whose rule or source is gone.

    `history` holds what is stored, as `specs` see it.
    """
    retired = Retired()
    for key, state in states.instances.items():
        target = specs.targets.get(key.target)
        gone = target is None or {name for name, _ in key.labels} != set(target.by)
        gone = gone or (bool(key.labels) and not history.series(key))
        known = set() if gone else {rule.name for rule in specs.rules[key.target]}
        lost = {name: status for name, status in state.alerts.items() if name not in known}
        retired.transitions += [_retired(state, n, status, now) for n, status in lost.items() if alerts.is_open(status)]
        if gone:
            retired.forget.append(key)
        elif lost:
            retired.instances.append(
                replace(state, alerts={n: status for n, status in state.alerts.items() if n in known})
            )
    for source in states.sources.values():
        if source.name not in specs.sources and alerts.is_open(source.alert):
            after, _ = fold_polls(replace(source, health=Health.UNKNOWN), Polled(source.name, now), now)
            resolved = source_transition(specs, source, after, Event.RESOLVED, now)
            retired.transitions.append(replace(resolved, detail=NOT_CONFIGURED))
            retired.sources.append(after)
    return retired


def _retired(state: InstanceState, name: str, status: AlertStatus, now: int) -> Transition:
    labels = status.labels or alerts.alert_labels(AlertRule(name, state.assessment.standing), state.key)
    return Transition(
        state.key,
        name,
        status.fingerprint,
        status.episode,
        Event.RESOLVED,
        now,
        status.state,
        AlertState.INACTIVE,
        labels,
        state.assessment,
        status.fired_at,
        NOT_CONFIGURED,
    )
