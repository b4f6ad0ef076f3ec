"""What a decision changes, seen over what is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agent.acts import Act
from agent.alerts.groups import GroupChanges
from agent.deciding.memory import Memory
from agent.store.records import Delivery
from rules import alerts
from rules.corrections import OPEN
from rules.health import source_transition
from rules.model import (
    AlertState,
    AlertStatus,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    Member,
    RunState,
    Silence,
    SourceState,
    Switch,
    Transition,
    Trouble,
)
from rules.specs import Specs


@dataclass(slots=True)
class Decision:
    """What a batch changes. `released` are the instances whose alerts were held until now and have begun to be
    corrected.

    `came_to` are the actions of corrections that changed their state, with the new one, `tripped` the actions whose
    breaker opened.
    `unmade` are calls (action, time) that were decided on before and turned out not to be made.
    `spilled` are bursts that alerts have joined and that are to be told of, with what is to be said of one of them.
    `put_off` are groups that are looked at later, each with a source that is to be read first.
    """

    now: int
    memory: Memory
    instances: dict[InstanceKey, InstanceState] = field(default_factory=dict)
    sources: dict[str, SourceState] = field(default_factory=dict)
    runs: dict[str, Correction] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    switches: dict[str, Switch] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    released: set[InstanceKey] = field(default_factory=set)
    came_to: list[tuple[str, RunState]] = field(default_factory=list)
    tripped: list[str] = field(default_factory=list)
    spilled: dict[str, Transition | None] = field(default_factory=dict)
    put_off: dict[str, str] = field(default_factory=dict)
    unmade: list[tuple[str, int]] = field(default_factory=list)
    groups: GroupChanges = field(init=False)
    _runs_of: dict[InstanceKey, dict[str, Correction]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups = GroupChanges(self.memory.groups)

    def instance(self, key: InstanceKey) -> InstanceState | None:
        """The instance as this decision leaves it."""
        return self.instances.get(key) or self.memory.instances.get(key)

    def source(self, name: str) -> SourceState | None:
        """The source as this decision leaves it."""
        return self.sources.get(name) or self.memory.sources.get(name)

    def put_run(self, run: Correction) -> None:
        """The correction, new or changed; one that ends gets its place among those that did."""
        before = self.run(run.id)
        if run.state not in OPEN and (before is None or before.state in OPEN):
            run = replace(run, place=max(self.memory.places, *(one.place for one in self.runs.values()), 0) + 1)
        self.runs[run.id] = run
        self._runs_of.setdefault(run.key, {})[run.id] = run

    def run(self, name: str) -> Correction | None:
        """The correction as this decision leaves it."""
        return self.runs.get(name) or self.memory.runs.get(name)

    def open_runs(self) -> list[Correction]:
        """The corrections that are not ended, as this decision leaves them; the first to arrive first."""
        runs = {**self.memory.open_runs, **self.runs}.values()
        return sorted((run for run in runs if run.state in OPEN), key=lambda run: (run.created, run.id))

    def runs_of(self, key: InstanceKey, fingerprint: str, fired_at: int | None) -> list[Correction]:
        """The corrections of one firing of an alert of the instance."""
        known = {run.id: run for run in self.memory.runs_of(key)} | self._runs_of.get(key, {})
        return [run for run in known.values() if run.fingerprint == fingerprint and run.of == fired_at]

    def status(self, key: InstanceKey, alert: str, source: str) -> AlertStatus:
        """How an alert stands: of an instance, or of the source of this name where the key has no target."""
        if not key.target:
            found = self.source(source)
            return found.alert if found else AlertStatus()
        state = self.instance(key)
        return state.alerts.get(alert, AlertStatus()) if state else AlertStatus()


def happened(specs: Specs, state: InstanceState, alert: str, event: Event, now: int) -> Transition:
    """A transition of an alert whose state stays: acknowledged, corrected, escalated, told again."""
    status = state.alerts.get(alert, AlertStatus())
    rule = specs.rule(state.key.target, alert)
    labels = status.labels or (alerts.alert_labels(rule, state.key) if rule else ())
    return Transition(
        state.key,
        alert,
        status.fingerprint,
        status.episode,
        event,
        now,
        status.state,
        status.state,
        labels,
        state.assessment,
        status.fired_at,
    )


def as_it_fires(specs: Specs, decision: Decision, member: Member, transition: Transition | None = None) -> Transition:
    """How an alert of a group fires by now; `transition` is what an alert goes through right now, this one or not."""
    if transition is not None and transition.fingerprint == member.fingerprint:
        return transition
    if not member.key.target:
        source = decision.source(dict(member.labels).get("source", ""))
        if source is not None:
            return source_transition(specs, source, source, Event.FIRING, decision.now)
    state = decision.instance(member.key)
    if state is not None and member.alert in state.alerts:
        return happened(specs, state, member.alert, Event.FIRING, decision.now)
    return Transition(
        member.key, member.alert, member.fingerprint, 0, Event.FIRING, decision.now, AlertState.FIRING,
        AlertState.FIRING, member.labels, fired_at=member.fired_at,
    )  # fmt: skip
