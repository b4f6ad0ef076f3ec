"""What people do with corrections: approve and reject, ask for one, and switch all of them off. Each counts once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from agent.acts import Act, Person
from agent.alerts.open_alerts import find_alerts
from agent.clock import Clock
from agent.corrections.answering import answered, approved
from agent.corrections.correcting import Corrector
from agent.deciding.decided import Decision, happened
from agent.deciding.memory import CORRECTIONS
from agent.pipeline import Pipeline
from agent.runtime import ActionState, OpenAlert, Switched, Unknown, Word
from connectors.calling import needs_output
from rules import beginning, corrections
from rules.model import HOUR, SECOND, Approval, Correction, Event, RunState, Series, Switch

T = TypeVar("T")
_LEAST = 4  # digits of an id that are enough, if they mean one


class Approving(ABC):
    """The part of the daemon that people correct with. Single writer: of two clicks the second finds what was done."""

    clock: Clock
    pipeline: Pipeline

    @abstractmethod
    def alerts(self) -> Sequence[OpenAlert]:
        """Alerts that are not inactive."""

    async def approve(self, correction: str, person: Person, note: str = "", seen: int | None = None) -> Word:
        """Approves a proposal, by its id or the first digits of its short one; `seen` is when what they saw was said.

        Raises Unknown.
        """

        def change(decision: Decision) -> Word:
            run, said = self._asked(correction), Approval(person.name, decision.now, note)
            return approved(self.pipeline.decider.corrector, decision, run, said, seen)

        return await self._act(change, person, "approve", note)

    async def reject(self, correction: str, person: Person, note: str = "") -> Word:
        """Rejects a proposal. Raises Unknown."""

        def change(decision: Decision) -> Word:
            run, said = self._asked(correction), Approval(person.name, decision.now, note, given=False)
            return answered(self.pipeline.decider.corrector, decision, run, said)

        return await self._act(change, person, "reject", note)

    def _asked(self, name: str) -> Correction:
        return _find(name, self.pipeline.memory.runs.values())

    async def run_action(self, action: str, alert: str, person: Person, note: str = "") -> Word:
        """Has an action called for an open alert, as its correction would be. Raises Unknown."""
        corrector = self.pipeline.decider.corrector
        known = corrector.notices.config.actions
        if action not in known:
            raise Unknown(f"no action {action!r}{_near(action, known)}")
        found = find_alerts(alert, self.alerts(), corrector.specs)
        if len(found) > 1:
            names = ", ".join(f"{one.fingerprint} ({one.name} of {one.subject})" for one in found[:5])
            raise Unknown(f"{alert!r} means {len(found)} alerts; say which: {names}")
        approval = Approval(person.name, self.clock.now(), note)

        def change(decision: Decision) -> Word:
            return _by_hand(self.pipeline.decider.corrector, decision, action, found[0], approval)

        return await self._act(change, person, "run", note)

    async def switch_corrections(self, on: bool, person: Person, note: str = "") -> Switched:
        """Switches all corrections on or off. Off, nothing is called; what waits goes on when they are on again."""

        def change(decision: Decision) -> Switched:
            before = self.pipeline.memory.switches.get(CORRECTIONS, Switch(True, "", 0))
            if before.on is on:
                return Switched(before, counted=False)
            after = Switch(on, person.name, decision.now, note)
            decision.switches[CORRECTIONS] = after
            decision.acts.append(Act(decision.now, person, f"corrections {'on' if on else 'off'}", CORRECTIONS, note))
            self.pipeline.decider.corrector.step_runs(decision, every=True)
            return Switched(after, counted=True)

        return await self.pipeline.act(change)

    def switch(self) -> Switch:
        """Whether corrections are made, and who said so last."""
        return self.pipeline.memory.switches.get(CORRECTIONS, Switch(True, "", 0))

    def actions(self) -> Sequence[ActionState]:
        """The actions by name, with how their budgets and breakers stand."""
        return list(_actions(self.pipeline.decider.corrector, self.clock.now()))

    async def _act(self, change: Callable[[Decision], Word], person: Person, act: str, note: str) -> Word:
        def audited(decision: Decision) -> Word:
            word = change(decision)
            if word.counted:
                run = word.run
                about = f"{run.action} for {run.alert} of {Series(*run.key)} ({run.short})"
                decision.acts.append(Act(decision.now, person, act, about, note))
            return word

        return await self.pipeline.act(audited)


def _actions(corrector: Corrector, now: int) -> Iterable[ActionState]:
    memory = corrector.memory
    for entry in corrector.notices.config.actions.values():
        span = entry.budget[1] * SECOND if entry.budget else HOUR
        calls = sum(at > now - span for at in memory.calls_of(entry.name))
        found = corrector.bounds.breaker(entry.name, memory.outcomes_of(entry.name), now)
        failures, until = (found.failures, found.until) if found else (0, None)
        yield ActionState(entry.name, entry.kind, entry.budget, calls, failures, until)


def _find(name: str, runs: Iterable[Correction]) -> Correction:
    """The run of an id, or of the first digits of its short one; one that still waits for an answer before others."""
    known = {run.id: run for run in runs}
    if name in known:
        return known[name]
    wanted = name.strip().lower()
    found = [run for run in known.values() if wanted and run.short.startswith(wanted)]
    if found and len(wanted) < _LEAST:
        raise Unknown(f"{name!r} is too short for a correction; give {_LEAST} digits of its id or more")
    asked = [run for run in found if run.state is RunState.PROPOSED]
    if len(asked or found) == 1:
        return (asked or found)[0]
    if found:
        raise Unknown(_ambiguous(name, sorted(run.short for run in asked or found)))
    proposed = {run.short: run for run in known.values() if run.state is RunState.PROPOSED}
    raise Unknown(f"no correction {name[:100]!r}{_near(wanted, proposed)}")


def _ambiguous(name: str, shorts: Sequence[str]) -> str:
    """Which corrections begin so, and how many digits tell every one of them from the others."""
    said = f"{len(shorts)} corrections begin with {name!r}: {', '.join(shorts)}"
    lengths = range(_LEAST, len(shorts[0]) + 1)
    digits = next((length for length in lengths if len({short[:length] for short in shorts}) == len(shorts)), None)
    return f"{said}; give {f'{digits} digits' if digits else 'the whole id'}"


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, 1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(names[:5])}" if names else ""


def _by_hand(corrector: Corrector, decision: Decision, action: str, alert: OpenAlert, asked: Approval) -> Word:
    key, state = alert.key, decision.instance(alert.key)
    status = state.alerts.get(alert.name) if state else None
    if state is None or status is None or not key.target:
        raise Unknown(f"{alert.name} of {alert.subject} has no number to correct")
    firing = happened(corrector.specs, state, alert.name, Event.FIRING, decision.now)
    known = {run.id: run for run in (*corrector.memory.runs_of(key), *decision.runs.values())}
    for run in known.values():
        if (run.action, run.alert) == (action, alert.name) and run.state in corrections.OPEN:
            said = f"correction {run.short} does that already: {corrections.line(run)}"
            return Word(run, said, counted=False, agrees=run.by_hand)
    target = corrector.specs.targets[key.target]
    rule = next((rule for rule in target.correct if (rule.on, rule.action) == (alert.name, action)), None)
    entry = corrector.notices.config.actions.get(action)
    if (rule is None or rule.output is None) and entry is not None and needs_output(entry.config):
        raise Unknown(f"{action} takes {{{{ output }}}}, and no correction of {alert.name} gives it one")
    earlier = corrector.memory.runs_of(key)
    begun = beginning.by_hand(firing, rule or beginning.bare_rule(alert.name, action), earlier, asked)
    if begun.id in known:
        return Word(known[begun.id], "it was done just now", counted=False)
    corrector.move(decision, None, begun)
    corrector.step_runs(decision)
    after = decision.run(begun.id) or begun
    return Word(after, corrections.line(after), counted=True)
