"""Corrections as a decision moves them on: begun, called within bounds, verified. Pure but for templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from agent.decided import Decision, happened
from agent.memory import Memory
from agent.notices import Notices, context_of, idempotency_key
from agent.store.records import Delivery, DeliveryKind
from rules import corrections
from rules.model import HOUR, MINUTE, AlertState, Correction, CorrectRule, Event, RunState, Transition
from rules.muting import Situation
from rules.specs import Specs
from rules.words import headline


@dataclass(frozen=True, slots=True)
class Answered:
    """How the call of a correction ended."""

    run_id: str
    answer: str
    error: bool
    permanent: bool


class Corrector:
    """Corrects by one configuration on what is remembered."""

    def __init__(self, specs: Specs, notices: Notices, memory: Memory, situation: Situation) -> None:
        self.specs = specs
        self.notices = notices
        self.memory = memory
        self.situation = situation

    def correct(self, decision: Decision, answers: Sequence[Answered]) -> None:
        """Begins the runs that transitions ask for, takes in how calls ended, and moves on what can move."""
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

    def correct_released(self, decision: Decision) -> None:
        """What was held and still fires is corrected now."""
        for transition in decision.released:
            if not decision.runs_of(transition.key, transition.fingerprint, transition.fired_at):
                fired = transition.fired_at or transition.at
                self._begin(decision, replace(transition, before=AlertState.PENDING, at=fired))
        decision.released.clear()
        self._step_runs(decision)
