"""One batch, from what happened to what is to be committed: evaluate, correct, tell. Pure but for templates."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import orjson

from agent.decided import Decision, happened
from agent.memory import Memory
from agent.notices import Notices, context_of, idempotency_key
from agent.store.records import Delivery, DeliveryKind
from agent.telling import Teller
from rules import corrections
from rules.engine import Batch, States, evaluate
from rules.explain import explain, why, why_source
from rules.health import source_transition
from rules.history import History
from rules.model import (
    HOUR,
    MINUTE,
    Acknowledgement,
    AlertState,
    Correction,
    CorrectRule,
    Event,
    InstanceKey,
    MutedBy,
    Reading,
    RunState,
    Silence,
    SourceState,
    Transition,
)
from rules.muting import Situation
from rules.specs import Specs
from rules.tracks import Added
from rules.words import headline

_LOOKS_AHEAD = 12  # to find what comes next: enough for what is near, and little to decide


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
    memory.remember(
        decision.instances.values(), decision.sources.values(), stored, decision.runs.values(), decision.groups
    )
    for silence in decision.silences:
        memory.silences[silence.id] = silence


class Decider:
    """Decides batches by one configuration on what is remembered."""

    def __init__(self, specs: Specs, notices: Notices, memory: Memory, history: History) -> None:
        self.specs = specs
        self.notices = notices
        self.memory = memory
        self.history = history
        self.situation = Situation(specs, notices.mutings, memory.silences)
        self.situation.note(memory.instances.values(), memory.sources.values())
        self.teller = Teller(specs, notices, self.situation, self._why)

    def decide(self, batch: Batch, now: int, answers: Sequence[Answered] = (), looks: Sequence[str] = ()) -> Decision:
        """Everything that follows from a batch of readings, polls and due times, and from calls that ended.

        `looks` are the groups whose time has come.
        """
        decision = Decision(now, self.memory)
        changed, transitions = evaluate(self.specs, self.memory.states, batch, now, self.history)
        decision.instances.update(changed.instances)
        decision.sources.update(changed.sources)
        decision.transitions += transitions
        ended = self.situation.note(decision.instances.values(), decision.sources.values())
        if transitions or answers or self.memory.open_runs:
            self._correct(decision, answers)
        looks = [*looks, *self.teller.woken(decision, ended)]
        if looks or decision.transitions or decision.released:
            self._tell(decision, looks)
        return decision

    def adopt(self, now: int) -> Decision:
        """The decision that puts what is open under this configuration."""
        decision = Decision(now, self.memory)
        self._tell(decision, self.teller.adopt(decision))
        return decision

    def silence(self, silence: Silence, now: int) -> Decision:
        """The decision that keeps a silence, new or changed; what it muted no longer is told."""
        decision = Decision(now, self.memory, silences=[silence])
        self.situation.silences.put(silence, now)
        self._tell(decision, self.teller.woken(decision, [(MutedBy.SILENCE, silence.id)]))
        return decision

    def acknowledge(
        self, alerts_: Iterable[tuple[InstanceKey, str]], sources: Iterable[str], taken: Acknowledgement
    ) -> Decision:
        """The decision that marks open alerts, of instances (key and rule) and of sources, as taken by a person."""
        decision = Decision(taken.at, self.memory)
        for key, name in alerts_:
            state = decision.instance(key)
            if state is not None and name in state.alerts:
                after = replace(state.alerts[name], acknowledged=taken)
                decision.instances[key] = replace(state, alerts={**state.alerts, name: after})
                said = happened(self.specs, state, name, Event.ACKNOWLEDGED, taken.at)
                decision.transitions.append(replace(said, taken=taken))
        for name in sources:
            source = self.memory.sources[name]
            after_all = replace(source, alert=replace(source.alert, acknowledged=taken))
            decision.sources[name] = after_all
            of_all = source_transition(self.specs, source, after_all, Event.ACKNOWLEDGED, taken.at)
            decision.transitions.append(replace(of_all, taken=taken))
        self._tell(decision)
        return decision

    def retire(self, transitions: Iterable[Transition], now: int) -> Decision:
        """The decision that tells of alerts which a new configuration ended."""
        decision = Decision(now, self.memory, transitions=list(transitions))
        self._tell(decision)
        return decision

    # corrections

    def _correct(self, decision: Decision, answers: Sequence[Answered]) -> None:
        for transition in list(decision.transitions):
            if self.situation.held(transition.key) is None:
                self._begin(decision, transition)
        for answered in answers:
            self._take_answer(decision, answered)
        self._step_runs(decision)

    def _begin(self, decision: Decision, transition: Transition) -> None:
        target = self.specs.targets.get(transition.key.target)
        if target is not None and target.correct:
            for run in corrections.begin(target, transition, self.memory.runs_of(transition.key)):
                self._move(decision, None, run)

    def _step_runs(self, decision: Decision) -> None:
        for run in self._runs_to_step(decision):
            rule = self._rule(run)
            if rule is None:
                self._move(decision, run, replace(run, state=RunState.SKIPPED, detail="no longer configured"))
                continue
            self._move(decision, run, self._step(decision, run, rule))

    def _runs_to_step(self, decision: Decision) -> list[Correction]:
        runs = {**self.memory.open_runs, **decision.runs}
        touched = decision.instances.keys()
        return [
            run
            for run in runs.values()
            if run.state in corrections.OPEN
            and (run.key in touched or run.id in decision.runs or corrections.is_due(run, decision.now))
        ]

    def _step(self, decision: Decision, run: Correction, rule: CorrectRule) -> Correction:
        state = decision.instance(run.key)
        after = corrections.step(run, rule, state, decision.now)
        held = self.situation.held(run.key)
        if held is not None and after.state is RunState.CALLED:
            return replace(run, not_before=decision.now + MINUTE, updated=decision.now, detail=f"waits for {held}")
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
        decision.put_run(after)
        state = decision.instance(after.key)
        unsaid = before is None and (after.not_before or 0) <= decision.now  # it is called in the same breath
        if state is None or unsaid or (before and before.state is after.state and before.detail == after.detail):
            return
        rule = self._rule(after)
        to = rule.escalate_to if rule and after.state is RunState.ESCALATED else ()
        moved = happened(self.specs, state, after.alert, Event.ESCALATED if to else Event.CORRECTION, decision.now)
        transition = replace(moved, detail=corrections.line(after), to=to)
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

    def _tell(self, decision: Decision, looks: Sequence[str] = ()) -> None:
        said = len(decision.transitions)
        self.teller.tell(decision, decision.transitions[:said], looks)
        if decision.released:
            self._correct_released(decision)
            self.teller.tell(decision, decision.transitions[said:])

    def _correct_released(self, decision: Decision) -> None:
        """What was held and still fires is corrected now."""
        for transition in decision.released:
            if not decision.runs_of(transition.key, transition.fingerprint, transition.fired_at):
                fired = transition.fired_at or transition.at
                self._begin(decision, replace(transition, before=AlertState.PENDING, at=fired))
        decision.released.clear()
        self._step_runs(decision)

    def _why(self, decision: Decision, transition: Transition) -> tuple[str, ...]:
        """What was read and compared, and what comes next."""
        if not transition.key.target:
            source = decision.source(dict(transition.labels).get("source", ""))
            return why_source(source, decision.now) if source else ()
        state = decision.instance(transition.key)
        if state is None or transition.key.target not in self.specs.targets:
            return ()
        sources = ChainMap(decision.sources, self.memory.sources)
        states = States({state.key: state}, sources, self.memory.listening)
        found = explain(self.specs, states, self.history, state.key, decision.now, _LOOKS_AHEAD)
        return why(found, transition.alert)
