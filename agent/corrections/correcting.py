"""Corrections as a decision moves them on: begun, called within bounds, verified, undone. Pure but for templates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from agent.alerts.notices import Notices, plain
from agent.corrections.bounds import Bounds
from agent.corrections.called import Answered, taken
from agent.corrections.calls import Calls, Context
from agent.deciding.decided import Decision, happened
from agent.deciding.memory import Memory
from connectors.template import TemplateError, render_json
from rules import beginning, corrections
from rules.control import drive
from rules.corrections import ACTING, LOST, OPEN
from rules.history import History
from rules.model import (
    AlertState,
    Correction,
    CorrectRule,
    Event,
    InstanceState,
    Pid,
    RunState,
    Snapshot,
    Target,
    Transition,
)
from rules.muting import Situation
from rules.routing import CONSOLE
from rules.specs import Specs
from rules.undoing import last_made, undoing
from rules.words import clock_time

WOULD = "would make the call "
_GONE = "what it was for is gone"


class Corrector:
    """Corrects by one configuration on what is remembered."""

    def __init__(self, specs: Specs, notices: Notices, memory: Memory, situation: Situation, history: History) -> None:
        self.specs = specs
        self.notices = notices
        self.memory = memory
        self.situation = situation
        self._history = history
        self.bounds = Bounds(specs, notices.config, memory, situation, history)
        self.calls = Calls(specs, notices.config)

    def correct(self, decision: Decision, answers: Sequence[Answered]) -> None:
        """Begins the runs that transitions ask for, takes in how calls ended, and moves on what can move."""
        for transition in list(decision.transitions):
            if self.situation.held(transition.key) is None:
                self._begin(decision, transition)
        for answered in answers:
            self._take_answer(decision, answered)
        self.step_runs(decision)

    def release(self, decision: Decision, transition: Transition) -> None:
        """Begins the runs of an alert that was held and still fires; what a person is asked is told with it.

        Where the number had come back in those that there were, it flapped, and may have settled while it was held.
        """
        runs = decision.runs_of(transition.key, transition.fingerprint, transition.fired_at)
        flaps = decision.status(transition.key, transition.alert, "").flapping_since is not None
        if not runs:
            fired = transition.fired_at or transition.at
            self._begin(decision, replace(transition, before=AlertState.PENDING, at=fired))
        elif not flaps and all(corrections.had_come_back(run) for run in runs):
            self._begin(decision, replace(transition, event=Event.SETTLED, at=decision.now))
        decision.released.add(transition.key)

    def correct_released(self, decision: Decision) -> None:
        """Moves on what was begun while it was told, and that alone: looked at twice, what waits said two reasons."""
        released, decision.released = decision.released, set()
        self._move_on(decision, [run for run in decision.open_runs() if run.key in released])

    def _begin(self, decision: Decision, transition: Transition) -> None:
        target = self.specs.targets.get(transition.key.target)
        if target is None or not target.correct:
            return
        for run in beginning.begin(target, transition, self.memory.runs_of(transition.key)):
            rule = self.rule(run)
            if run.state is RunState.PROPOSED and rule is not None:
                self.move(decision, None, self.proposal(decision, run, rule))
            else:
                self.move(decision, None, run)

    def proposal(self, decision: Decision, run: Correction, rule: CorrectRule) -> Correction:
        """What a person is asked says what would be done; what may not be done is not asked."""
        why = self.bounds.unmet(decision, run, rule)
        if why is not None:
            return corrections.skipped(run, decision.now, why)
        state, first = decision.instance(run.key), replace(run, attempt=run.attempt + 1)
        if rule.output is not None and run.output is None and state is not None:  # shown; each call sets it anew
            first = self._driven(first, rule, state, self.calls.context(first, decision), decision.now)
        detail = f"{WOULD}{self.calls.preview(first, decision)}"
        return replace(run, output=first.output, detail=detail, asked=self.calls.configured(run))

    # moving on

    def step_runs(self, decision: Decision, every: bool = False) -> None:
        """Moves on the runs that were touched or whose time has come, or `every` open one, in order of arrival."""
        self._move_on(decision, self._runs_to_step(decision, every=every))

    def _move_on(self, decision: Decision, runs: Iterable[Correction]) -> None:
        for run in runs:
            self._step(decision, run)
        self._hold_up(decision)
        self._let_on(decision)
        for undo in self._undoes(decision):
            self.start(decision, undo)

    def start(self, decision: Decision, run: Correction) -> None:
        """Takes a new run in, and moves it on."""
        self.move(decision, None, run)
        self._step(decision, run)

    def decide(self, decision: Decision, proposal: Correction, decided: Correction) -> None:
        """Takes a person's word on a proposal in; only what comes of it in the end is said."""
        if decided.state is RunState.APPROVED:
            decision.came_to.append((decided.action, decided.state))
            self._step(decision, proposal, decided)
        else:
            self.move(decision, proposal, decided)
        self.step_runs(decision)

    def adopt(self, decision: Decision) -> None:
        """Ends the runs that another configuration leaves without their rule or their instance."""
        for run in decision.open_runs():
            if self.rule(run) is None:
                self.move(decision, run, corrections.skipped(run, decision.now, "no longer configured"))
            elif run.state is not RunState.CALLED and decision.instance(run.key) is None:
                self.move(decision, run, corrections.skipped(run, decision.now, _GONE))
        self._let_on(decision)

    def _runs_to_step(self, decision: Decision, *, every: bool) -> list[Correction]:
        runs = {**self.memory.open_runs, **decision.runs}
        touched = decision.instances.keys()
        found = [
            run
            for run in runs.values()
            if run.state in OPEN
            and (
                every
                or run.key in touched
                or run.id in decision.runs
                or corrections.is_due(run, decision.now)
                or (run.state is RunState.VERIFYING and not self.bounds.sources(run.key).isdisjoint(decision.sources))
            )
        ]
        return sorted(found, key=lambda run: (run.created, run.id))

    def _hold_up(self, decision: Decision) -> None:
        """What waits for something else says that the breaker tripped which it waits for by now."""
        for run in decision.open_runs() if decision.tripped else ():
            if run.action not in decision.tripped or run.state is not RunState.APPROVED:
                continue
            wait = self.bounds.broken(decision, run)
            if wait is not None and wait.until is not None and (run.not_before or 0) < wait.until:
                self.move(decision, run, corrections.waiting(run, decision.now, *wait))

    def _let_on(self, decision: Decision) -> None:
        """Moves on the runs that waited for others which have ended, as long as that ends some more."""
        if not any(run.state not in ACTING for run in decision.runs.values()):
            return
        seen: set[str] = set()
        while ready := [run for run in decision.open_runs() if self._is_free(decision, run) and run.id not in seen]:
            for run in ready:
                seen.add(run.id)
                self._step(decision, run, replace(run, waits_for="", not_before=None))

    def _is_free(self, decision: Decision, run: Correction) -> bool:
        other = decision.run(run.waits_for) if run.waits_for else None
        return bool(run.waits_for) and (other is None or other.state not in ACTING)

    def _step(self, decision: Decision, run: Correction, as_: Correction | None = None) -> None:
        """Moves one run on; `as_` is how it is taken for that."""
        rule = self.rule(run)
        if rule is None:
            self.move(decision, run, corrections.skipped(run, decision.now, "no longer configured"))
            return
        before = as_ or run
        state = decision.instance(run.key)
        after = corrections.step(before, rule, state, decision.now, self.bounds.read_at(decision, run))
        if after.state is RunState.CALLED and before.state is not RunState.CALLED:
            if before.state is RunState.VERIFYING:
                before = corrections.approved_again(before)
            after = self._called(decision, before, after, rule, state)
        if after.state is RunState.PROPOSED and before.state is not RunState.PROPOSED:
            after = self.proposal(decision, replace(after, output=None), rule)
        self.move(decision, run, after)

    def _called(
        self, decision: Decision, run: Correction, after: Correction, rule: CorrectRule, state: InstanceState | None
    ) -> Correction:
        """The run as called, or why it is not yet, or not at all."""
        now = decision.now
        if state is None:
            return corrections.skipped(run, now, _GONE)
        context = self.calls.context(after, decision)
        thing = self.bounds.thing(run, context)
        run, after = replace(run, thing=thing), replace(after, thing=thing)
        wait = self.bounds.wait(decision, run, rule)
        if wait is not None:
            return corrections.waiting(run, now, *wait)
        why = self.bounds.unmet(decision, run, rule)
        if why is not None:
            return corrections.given_up(run, rule, now, why)
        after = replace(after, before=after.before or _snapshot(state, now))
        if rule.output is not None:
            after = self._driven(after, rule, state, context, now)
        if after.state is not RunState.CALLED:
            return after
        if rule.dry_run or self.notices.config.corrections.dry_run:
            said = f"dry run, the call would be {self.calls.preview(after, decision)}"
            return replace(corrections.skipped(after, now, said), attempt=run.attempt, dry_run=True)
        return after

    def _driven(
        self, run: Correction, rule: CorrectRule, state: InstanceState, context: Context, now: int
    ) -> Correction:
        """The run with its controlled value."""
        if isinstance(rule.output, Pid):
            found = drive(rule.output, state.assessment, run.driven, rule.cooldown, now)
            if found is None:
                before = replace(run, state=RunState.APPROVED, attempt=run.attempt - 1)
                return corrections.waiting(before, now, "waits for a number to drive", now + rule.cooldown)
            return replace(run, output=orjson.dumps(plain(found[0])).decode(), driven=found[1])
        try:
            made = render_json(rule.output, context)
            return replace(run, output=orjson.dumps(made).decode())
        except (TemplateError, orjson.JSONEncodeError) as error:
            return corrections.answered(run, rule, now, f"output: {error}", error=True, permanent=True)

    def _take_answer(self, decision: Decision, answered: Answered) -> None:
        run = self.memory.runs.get(answered.run_id)
        rule = self.rule(run) if run else None
        if run is None or rule is None or run.state is not RunState.CALLED:
            return
        state = decision.instance(run.key)
        read = self.bounds.read_at(decision, run)
        if answered.withheld:
            if not answered.unanswered:
                decision.unmade.append((run.action, run.updated))
            after = corrections.held_back(run, decision.now, answered.answer, answered.not_within)
            if not run.undoes and not corrections.is_firing(run, state):
                after = corrections.helped(after, rule, state, decision.now, read) or corrections.skipped(
                    after, decision.now, answered.answer
                )
        else:
            after = taken(run, rule, decision.now, answered)
            if after.state in LOST and not run.undoes:  # the number may be back, by an earlier call or without one
                after = corrections.helped(after, rule, state, decision.now, read) or after
                if after.state in LOST and not corrections.is_open(run, state):
                    after = corrections.skipped(after, decision.now, f"{answered.answer}; the alert is over")
        self.move(decision, run, after)

    def stopped(self, run_id: str, now: int) -> str | None:
        """Why a call in the outbox must not be made after all."""
        run = self.memory.runs.get(run_id)
        rule = self.rule(run) if run else None
        if run is None or rule is None or run.state is not RunState.CALLED:
            return "it is no longer wanted"
        return self.bounds.stopped(Decision(now, self.memory), run, rule)

    # rules

    def rule(self, run: Correction) -> CorrectRule | None:
        """What the run goes by; None if it is no longer configured."""
        target = self.specs.targets.get(run.key.target)
        rules = [rule for rule in target.correct if rule.on == run.alert] if target else []
        if run.undoes:
            found = next((rule for rule in rules if rule.undo and rule.undo.action == run.action), None)
            if found is None and run.state is RunState.CALLED and self._is_gone(target, run):
                found = beginning.bare_rule(run.alert, run.action)
            return found and replace(found, action=run.action, cooldown=0, precondition=None, undo=None, output=None)
        own = next((rule for rule in rules if rule.action == run.action), None)
        is_there = target is not None and run.action in self.notices.config.actions
        return beginning.bare_rule(run.alert, run.action) if own is None and run.by_hand and is_there else own

    def _is_gone(self, target: Target | None, run: Correction) -> bool:
        """Whether a run's alert is no longer configured, but its action is."""
        known = target is not None and any(rule.name == run.alert for rule in target.alerts)
        return not known and run.action in self.notices.config.actions

    def _undoes(self, decision: Decision) -> Iterable[Correction]:
        """The runs that take back what failed, or, once, what was called for an alert that is over now."""
        runs = dict(decision.runs)
        for one in decision.transitions:
            if one.event is Event.RESOLVED:
                runs |= {run.id: run for run in decision.runs_of(one.key, one.fingerprint, one.fired_at)}
        last = last_made(runs.values())
        for run in runs.values():
            rule = None if run.undoes or run.undone_by or run.state in OPEN else self.rule(run)
            if rule is None or rule.undo is None or not run.attempt or run.dry_run:
                continue
            if rule.undo.on_resolved:
                due = run.id in last and not corrections.is_open(run, decision.instance(run.key))
            else:
                due = run.state in LOST
            if due:
                undo = undoing(run, rule.undo.action, decision.now)
                decision.put_run(replace(run, undone_by=undo.id))
                yield undo

    # saying

    def move(self, decision: Decision, before: Correction | None, after: Correction) -> None:
        """Takes a run's new state in, with the transition that says so and the call that it asks for."""
        if before == after:
            return
        state = decision.instance(after.key)
        if after.state is RunState.APPROVED and not after.detail and (after.not_before or 0) > decision.now:
            after = replace(after, detail=self.bounds.cools(decision, after, after.not_before or 0))
        after = self._with_numbers(decision, after, state)
        if says := not self._is_unsaid(decision, before, after):
            known = decision.run(after.id)
            after = replace(after, said=(known.said if known else 0) + 1)
        decision.put_run(after)
        if before is None or before.state is not after.state:
            decision.came_to.append((after.action, after.state))
        tripped = self._tripped(decision, before, after)
        if state is not None and says:
            self._say(decision, before, after, state, tripped)

    def _say(
        self, decision: Decision, before: Correction | None, after: Correction, state: InstanceState, tripped: str
    ) -> None:
        """Puts it in transitions; of a question that lapsed, and of a breaker that tripped without anyone to escalate
        to, both those who were told and the next ones hear."""
        rule = self.rule(after)
        lapsed = before is not None and before.state is RunState.PROPOSED and corrections.has_lapsed(after, state)
        to = rule.escalate_to if rule and (lapsed or after.state is RunState.ESCALATED) else ()
        if after.undoes and after.state in LOST and not to and not corrections.is_open(after, state):
            to = self._concerned(after, state, decision.now)  # no message about the alert is left to say it in
        both = lapsed or bool(tripped and not to)
        if tripped and not to:
            to = self._fallback()
        event = Event.UNCORRECTED if lapsed or after.state is RunState.FAILED else Event.CORRECTION
        if both:
            known = decision.groups.told_of(after.fingerprint)
            to = tuple(name for name in to if name not in known)
        said = corrections.line(after)
        detail = f"{said}. {tripped}" if tripped else said
        for one in (event, Event.ESCALATED) if both and to else (Event.ESCALATED if to else event,):
            moved = happened(self.specs, state, after.alert, one, decision.now)
            moved = replace(moved, detail=detail, to=to if one is Event.ESCALATED else (), nth=after.sayings)
            decision.transitions.append(moved)
            if after.state is RunState.CALLED:
                decision.deliveries.append(self.calls.delivery(after, moved))

    def _is_unsaid(self, decision: Decision, before: Correction | None, after: Correction) -> bool:
        """Whether nobody has to hear of it: nothing that is said changed, or the firing says it, or the call will."""
        if before is not None:
            return before.state is after.state and before.detail == after.detail
        return after.state is not RunState.APPROVED or (after.not_before or 0) <= decision.now

    def _with_numbers(self, decision: Decision, run: Correction, state: InstanceState | None) -> Correction:
        """An ended run with the numbers as they are then, and in words, where a call was made."""
        if run.state in OPEN or run.after is not None or run.before is None or state is None or run.undoes:
            return run
        target = self.specs.targets.get(run.key.target)
        is_read = corrections.is_read_after(run, state.assessment, self.bounds.read_at(decision, run))
        if is_read or run.called_at is None or run.state not in LOST:
            run = replace(run, after=_snapshot(state, decision.now))
        return replace(run, detail=corrections.with_numbers(run, target)) if target else run

    def _tripped(self, decision: Decision, before: Correction | None, after: Correction) -> str:
        """What is said of the action's breaker if this failure trips it."""
        if after.state not in LOST or before is None or before.state not in OPEN:
            return ""
        outcomes, now = self.bounds.outcomes(decision, after.action), decision.now
        was, is_ = (self.bounds.breaker(after.action, known, now) for known in (outcomes[:-1], outcomes))
        if is_ is None or (was is not None and was.until > now):
            return ""
        target = self.specs.targets.get(after.key.target)
        zone = target.zone if target else "UTC"
        until = f"{clock_time(is_.until, zone)} {zone}"
        decision.tripped.append(after.action)
        return f"The breaker of {after.action} tripped: {is_.failures} in a row did not help; no call before {until}"

    def _concerned(self, run: Correction, state: InstanceState, now: int) -> tuple[str, ...]:
        """The receivers that hear of the run's alert."""
        at = happened(self.specs, state, run.alert, Event.ESCALATED, now)
        return tuple(dict.fromkeys(group.receiver for group in self.notices.groups_of(at, now)))

    def _fallback(self) -> tuple[str, ...]:
        route = self.notices.config.route
        return (route.receiver if route else CONSOLE,)


def _snapshot(state: InstanceState, now: int) -> Snapshot:
    found = state.assessment
    return Snapshot(now, found.standing, found.value, found.time, found.inputs)
