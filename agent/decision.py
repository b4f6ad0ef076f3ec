"""One batch, from what happened to what is to be committed: evaluate, correct, tell. Pure but for templates."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from agent.memory import Memory
from agent.notices import SPREADING, Notices, Telling, context_of, heard_before, idempotency_key, reason_of
from agent.store.records import Delivery, DeliveryKind
from rules import alerts, corrections
from rules.engine import Batch, States, evaluate
from rules.explain import explain, why, why_source
from rules.health import source_transition
from rules.history import History
from rules.model import (
    HOUR,
    Acknowledgement,
    AlertState,
    AlertStatus,
    Correction,
    CorrectRule,
    Event,
    InstanceKey,
    InstanceState,
    Reading,
    Reason,
    RunState,
    SourceState,
    Transition,
)
from rules.specs import Specs
from rules.tracks import Added
from rules.words import headline

_LOOKS_AHEAD = 12  # to find what comes next: enough for what is near, and little to decide


@dataclass(slots=True)
class Decision:
    """What a batch changes."""

    now: int
    instances: dict[InstanceKey, InstanceState] = field(default_factory=dict)
    sources: dict[str, SourceState] = field(default_factory=dict)
    runs: dict[str, Correction] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    told: list[tuple[Transition, Reason]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answered:
    """How the call of a correction ended."""

    run_id: str
    answer: str
    error: bool
    permanent: bool


def sorted_out(history: History, readings: Iterable[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Adds readings to the history: those to store, and of these those to decide on. What is known is neither."""
    store, fresh = [], []
    for reading in readings:
        added = history.add(reading)
        if added is not Added.KNOWN:
            store.append(reading)
        if added is Added.NEW:
            fresh.append(reading)
    return store, fresh


def take_in(memory: Memory, decision: Decision, stored: Iterable[SourceState] = ()) -> None:
    """Remembers a decision that is in force: committed, `stored` sources too, or only rehearsed."""
    memory.remember(decision.instances.values(), decision.sources.values(), stored, decision.runs.values())


class Decider:
    """Decides batches by one configuration on what is remembered."""

    def __init__(self, specs: Specs, notices: Notices, memory: Memory, history: History) -> None:
        self.specs = specs
        self.notices = notices
        self.memory = memory
        self.history = history

    def decide(self, batch: Batch, now: int, answers: Sequence[Answered] = ()) -> Decision:
        """Everything that follows from a batch of readings, polls and due times, and from calls that ended."""
        decision = Decision(now)
        changed, transitions = evaluate(self.specs, self.memory.states, batch, now, self.history)
        decision.instances.update(changed.instances)
        decision.sources.update(changed.sources)
        decision.transitions += transitions
        self._correct(decision, answers)
        for transition in list(decision.transitions):
            self._tell(decision, transition)
        return decision

    def acknowledge(
        self, alerts_: Iterable[tuple[InstanceKey, str]], sources: Iterable[str], taken: Acknowledgement
    ) -> Decision:
        """The decision that marks open alerts, of instances (key and rule) and of sources, as taken by a person."""
        decision = Decision(taken.at)
        for key, name in alerts_:
            state = self._instance(decision, key)
            if state is not None and name in state.alerts:
                after = replace(state.alerts[name], acknowledged=taken)
                decision.instances[key] = replace(state, alerts={**state.alerts, name: after})
                decision.transitions.append(self._happened(state, name, Event.ACKNOWLEDGED, taken.at))
        for name in sources:
            source = self.memory.sources[name]
            after_all = replace(source, alert=replace(source.alert, acknowledged=taken))
            decision.sources[name] = after_all
            decision.transitions.append(source_transition(self.specs, source, after_all, Event.ACKNOWLEDGED, taken.at))
        for transition in list(decision.transitions):
            self._tell(decision, transition)
        return decision

    def retire(self, transitions: Iterable[Transition], now: int) -> Decision:
        """The decision that tells of alerts which a new configuration ended."""
        decision = Decision(now, transitions=list(transitions))
        for transition in decision.transitions:
            self._tell(decision, transition)
        return decision

    # corrections

    def _correct(self, decision: Decision, answers: Sequence[Answered]) -> None:
        for transition in list(decision.transitions):
            target = self.specs.targets.get(transition.key.target)
            if target is not None and target.correct:
                for run in corrections.begin(target, transition, self.memory.runs_of(transition.key)):
                    self._move(decision, None, run)
        for answered in answers:
            self._take_answer(decision, answered)
        for run in self._runs_to_step(decision):
            rule = self._rule(run)
            if rule is None:
                self._move(decision, run, replace(run, state=RunState.SKIPPED, detail="no longer configured"))
                continue
            self._move(decision, run, self._step(decision, run, rule))

    def _runs_to_step(self, decision: Decision) -> list[Correction]:
        runs = {**self.memory.runs, **decision.runs}
        touched = decision.instances.keys()
        return [
            run
            for run in runs.values()
            if run.state in corrections.OPEN
            and (run.key in touched or run.id in decision.runs or corrections.is_due(run, decision.now))
        ]

    def _step(self, decision: Decision, run: Correction, rule: CorrectRule) -> Correction:
        state = self._instance(decision, run.key)
        after = corrections.step(run, rule, state, decision.now)
        if after.state is RunState.CALLED and run.state is RunState.APPROVED:
            free = corrections.within_budget(self._calls(decision, run.action), self._budget(run.action), decision.now)
            if free:
                return replace(run, not_before=free, updated=decision.now, detail="waits for the action's budget")
        return after

    def _calls(self, decision: Decision, action: str) -> list[int]:
        """When the action was called, calls that this decision makes counted."""
        made = [run.updated for run in decision.runs.values() if run.action == action and run.state is RunState.CALLED]
        return [*self.memory.calls_of(action), *made]

    def _budget(self, action: str) -> tuple[int, int] | None:
        entry = self.notices.config.actions.get(action)
        return entry.budget if entry else None

    def _take_answer(self, decision: Decision, answered: Answered) -> None:
        run = self.memory.runs.get(answered.run_id)
        rule = self._rule(run) if run else None
        if run is None or rule is None or run.state is not RunState.CALLED:
            return
        after = corrections.answered(
            run, rule, decision.now, answered.answer, error=answered.error, permanent=answered.permanent
        )
        self._move(decision, run, after)

    def _rule(self, run: Correction) -> CorrectRule | None:
        target = self.specs.targets.get(run.key.target)
        if target is None:
            return None
        return next((r for r in target.correct if r.on == run.alert and r.action == run.action), None)

    def _move(self, decision: Decision, before: Correction | None, after: Correction) -> None:
        """Takes a run's new state in, with the transition that says so and the call that it asks for."""
        if before == after:
            return
        decision.runs[after.id] = after
        state = self._instance(decision, after.key)
        unsaid = before is None and (after.not_before or 0) <= decision.now  # it is called in the same breath
        if state is None or unsaid or (before and before.state is after.state and before.detail == after.detail):
            return
        rule = self._rule(after)
        to = rule.escalate_to if rule and after.state is RunState.ESCALATED else ()
        happened = self._happened(state, after.alert, Event.ESCALATED if to else Event.CORRECTION, decision.now)
        transition = replace(happened, detail=corrections.line(after), to=to)
        decision.transitions.append(transition)
        if after.state is RunState.CALLED:
            decision.deliveries.append(self._call(after, transition))

    def _call(self, run: Correction, transition: Transition) -> Delivery:
        target = self.specs.targets.get(run.key.target)
        assessment = transition.assessment
        said = headline(target, run.key, assessment, Event.FIRING, transition.at) if target and assessment else ""
        context = context_of(target, transition, said)
        which = {"fingerprint": run.fingerprint, "starts_at": transition.fired_at}
        payload = {"run": run.id, "context": {**context, "attempt": run.attempt, "correction": run.id, **which}}
        return Delivery(
            key=idempotency_key(run.id, str(run.attempt)),
            kind=DeliveryKind.CALL,
            receiver=run.action,
            position=0,
            lane=f"action/{run.action}/{run.key.target}/{run.key.labels}",
            payload=orjson.dumps(payload),
            created=transition.at,
            next_at=transition.at,
            expires_at=transition.at + HOUR,
        )

    # telling

    def _tell(self, decision: Decision, transition: Transition) -> None:
        reason = reason_of(transition)
        over = transition.after is AlertState.INACTIVE
        if reason is None or (over and reason is Reason.UPDATED):  # its resolve is told with the same runs, and is last
            return
        status = self._status(decision, transition)
        runs = [
            run
            for run in {**self.memory.runs, **decision.runs}.values()
            if run.fingerprint == transition.fingerprint and run.created == transition.fired_at
        ]
        telling = Telling(transition, status, runs, self._why(decision, transition))
        receivers = self.notices.receivers(telling, reason)
        decision.deliveries += self.notices.deliveries(telling, reason, receivers)
        if reason in SPREADING:
            self._mark_told(decision, transition, (*heard_before(telling, reason), *receivers))

    def _why(self, decision: Decision, transition: Transition) -> tuple[str, ...]:
        """What was read and compared, and what comes next."""
        if not transition.key.target:
            name = dict(transition.labels).get("source", "")
            source = decision.sources.get(name) or self.memory.sources.get(name)
            return why_source(source, decision.now) if source else ()
        state = self._instance(decision, transition.key)
        if state is None or transition.key.target not in self.specs.targets:
            return ()
        sources = ChainMap(decision.sources, self.memory.sources)
        states = States({state.key: state}, sources, self.memory.listening)
        found = explain(self.specs, states, self.history, state.key, decision.now, _LOOKS_AHEAD)
        return why(found, transition.alert)

    def _mark_told(self, decision: Decision, transition: Transition, receivers: tuple[str, ...]) -> None:
        told = tuple(dict.fromkeys(receivers))
        if not transition.key.target:
            name = dict(transition.labels)["source"]
            source = decision.sources[name]
            decision.sources[name] = replace(source, alert=replace(source.alert, told=told))
            return
        state = self._instance(decision, transition.key)
        if state is not None and transition.alert in state.alerts:
            status = replace(state.alerts[transition.alert], told=told)
            decision.instances[state.key] = replace(state, alerts={**state.alerts, transition.alert: status})

    def _status(self, decision: Decision, transition: Transition) -> AlertStatus:
        if not transition.key.target:
            name = dict(transition.labels).get("source", "")
            source = decision.sources.get(name) or self.memory.sources.get(name)
            return source.alert if source else AlertStatus()
        state = self._instance(decision, transition.key)
        return state.alerts.get(transition.alert, AlertStatus()) if state else AlertStatus()

    def _instance(self, decision: Decision, key: InstanceKey) -> InstanceState | None:
        return decision.instances.get(key) or self.memory.instances.get(key)

    def _happened(self, state: InstanceState, alert: str, event: Event, now: int) -> Transition:
        """A transition of an alert whose state stays: acknowledged, corrected, escalated."""
        status = state.alerts.get(alert, AlertStatus())
        rule = next((r for r in self.specs.rules.get(state.key.target, ()) if r.name == alert), None)
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
