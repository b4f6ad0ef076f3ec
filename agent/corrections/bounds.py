"""What holds a corrective call back: what many runs share. Pure but for templates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.deciding.memory import Memory
from connectors.template import TemplateError, render
from rules import corrections
from rules.breaker import BREAKER, Outcome, Tripped, outcome_of, tripped
from rules.conditions import compile_condition
from rules.corrections import ACTING, OPEN
from rules.history import History
from rules.model import (
    MINUTE,
    Correction,
    CorrectRule,
    Health,
    InstanceKey,
    InstanceState,
    RunState,
    Series,
    Switch,
)
from rules.muting import Situation
from rules.preconditions import unmet
from rules.specs import Specs
from rules.words import clock_time

_SOON = MINUTE  # what another run or a dependency holds back is looked at again


class Wait(NamedTuple):
    """Why a call is not made now, when to look again (None: something else moves it on), and the run it waits for."""

    why: str
    until: int | None
    waits_for: str = ""


class Bounds:
    """The bounds of one configuration."""

    def __init__(
        self, specs: Specs, config: Configuration, memory: Memory, situation: Situation, history: History
    ) -> None:
        self._specs = specs
        self._config = config
        self._memory = memory
        self._situation = situation
        self._history = history

    def wait(self, decision: Decision, run: Correction, rule: CorrectRule) -> Wait | None:
        """What an approved run whose time has come still waits for."""
        return (
            self._held(decision, run)
            or self._unread(decision, run)
            or self._off(decision, run)
            or self._cooling(decision, run, rule)
            or self.broken(decision, run)
            or self._over_budget(decision, run)
            or self._busy(decision, run)
        )

    def stopped(self, decision: Decision, run: Correction, rule: CorrectRule) -> str | None:
        """Why a call that was decided on must not be made after all."""
        state = decision.instance(run.key)
        if not run.undoes and not corrections.is_firing(run, state):
            return f"{corrections.CAME_BACK} the call"
        found = self._held(decision, run) or self._off(decision, run)
        return found.why if found else self.unmet(decision, run, rule)

    def unmet(self, decision: Decision, run: Correction, rule: CorrectRule) -> str | None:
        """Why the precondition of the correction forbids its call now; None if it does not."""
        state: InstanceState | None = decision.instance(run.key)
        if rule.precondition is None or state is None:
            return None
        return unmet(compile_condition(rule.precondition), state, self._specs, self._history, decision.now)

    def thing(self, run: Correction, context: Mapping[str, Any]) -> str:
        """A hash that names what the call acts on: what the action says, or the instance."""
        entry = self._config.actions.get(run.action)
        named = str(Series(*run.key))
        with suppress(TemplateError):  # nor will the call come out
            named = render(getattr(entry.config if entry else None, "acts_on", ""), context) or named
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    def off(self, decision: Decision) -> Switch | None:
        """Who switched corrections off, while they are, as the decision leaves it."""
        switch = next(iter(decision.switches.values()), None)
        return self._memory.off if switch is None else None if switch.on else switch

    def breaker(self, action: str, outcomes: Sequence[Outcome], now: int) -> Tripped | None:
        """How the breaker of an action stands, if it has tripped."""
        entry = self._config.actions.get(action)
        return tripped(entry.breaker if entry else BREAKER, outcomes, now)

    def outcomes(self, decision: Decision, action: str) -> list[Outcome]:
        """How the corrections of an action ended, those too that this decision ends."""
        known = self._memory.runs
        new = (run for run in decision.runs.values() if run.action == action)
        ended = (run for run in new if run.id not in known or known[run.id].state in OPEN)
        found = (outcome_of(run.state, decision.now) for run in sorted(ended, key=lambda run: run.place))
        return [*self._memory.outcomes_of(action), *(outcome for outcome in found if outcome is not None)]

    def _held(self, decision: Decision, run: Correction) -> Wait | None:
        name = self._situation.held(run.key)
        return None if name is None else Wait(f"waits for {name}", decision.now + _SOON)

    def _unread(self, decision: Decision, run: Correction) -> Wait | None:
        """A source that fails: what its number is by now, nobody knows."""
        state = decision.instance(run.key)
        if run.undoes or state is None or not state.assessment.hold:
            return None
        found = (decision.source(name) for name in self.sources(run.key))
        if not any(source is not None and source.health is Health.DOWN for source in found):
            return None
        return Wait(f"waits for a reading: {state.assessment.reason}", None)

    def read_at(self, decision: Decision, run: Correction) -> int | None:
        """When the readings of the run's instance last came in, or a source said that there are no others."""
        state = decision.instance(run.key)
        found = [source.last_success for name in self.sources(run.key) if (source := decision.source(name))]
        if state is not None:
            found.append(state.seen)
        return max((at for at in found if at is not None), default=None)

    def sources(self, key: InstanceKey) -> set[str]:
        """The names of the sources that the readings of an instance come from."""
        names = (dict(series.labels).get("source") for series in self._history.series(key))
        return {name for name in names if name}

    def _off(self, decision: Decision, run: Correction) -> Wait | None:
        switch = self.off(decision)
        if switch is None:
            return None
        note = f": {switch.note}" if switch.note else ""
        at = clock_time(switch.at, self._zone(run))
        return Wait(f"corrections are off since {at}, by {switch.by}{note}", None)

    def _cooling(self, decision: Decision, run: Correction, rule: CorrectRule) -> Wait | None:
        """After the call of another run on the same thing."""
        if run.undoes:
            return None
        others = (one.called_at for one in self._on_the_same(decision, run))
        until = max((_by(run, at, decision.now) + rule.cooldown for at in others if at is not None), default=0)
        if until <= decision.now:
            return None
        return Wait(self.cools(decision, run, until), until)

    def cools(self, decision: Decision, run: Correction, until: int) -> str:
        """That a run waits after an earlier call, for the same instance or on the same thing."""
        return f"waits for the cool-down of {run.action}, until {self._time(run, until, decision)}"

    def _over_budget(self, decision: Decision, run: Correction) -> Wait | None:
        entry = self._config.actions.get(run.action)
        made = [one for one in decision.runs.values() if one.state is RunState.CALLED]
        known = [_by(run, at, decision.now) for at in self._memory.calls_of(run.action, decision.unmade)]
        own = [*known, *(one.updated for one in made if one.action == run.action)]
        free = corrections.within_budget(own, entry.budget if entry else None, decision.now)
        if free:
            return Wait(f"waits for the action's budget, until {self._time(run, free, decision)}", free)
        budget = self._config.corrections.budget
        every_call = self._memory.all_calls(decision.unmade) if budget else []
        known = [_by(run, at, decision.now) for at in every_call]
        every = [*known, *(one.updated for one in made)] if budget else []
        free = corrections.within_budget(every, budget, decision.now)
        why = "waits for the budget of all corrections"
        return Wait(f"{why}, until {self._time(run, free, decision)}", free) if free else None

    def broken(self, decision: Decision, run: Correction) -> Wait | None:
        """The action's breaker, while it is open or one tries whether it may be closed."""
        known = [one._replace(at=_by(run, one.at, decision.now)) for one in self.outcomes(decision, run.action)]
        found = self.breaker(run.action, known, decision.now)
        if found is None:
            return None
        if found.until > decision.now:
            until = self._time(run, found.until, decision)
            why = f"the breaker of {run.action} is open until {until}: {found.failures} in a row did not help"
            return Wait(f"waits, {why}", found.until)
        trial = next(
            (o for o in decision.open_runs() if o.action == run.action and o.state in ACTING and o.id != run.id), None
        )
        if trial is None:
            return None
        return Wait(f"waits for correction {trial.short}, which tries {run.action} again", None, trial.id)

    def _busy(self, decision: Decision, run: Correction) -> Wait | None:
        other = next((one for one in self._on_the_same(decision, run) if one.state in ACTING), None)
        if other is None:
            return None
        of = f"{other.alert} of {Series(*other.key)}"
        return Wait(f"waits for correction {other.short} ({of}), which acts on the same", None, other.id)

    def _on_the_same(self, decision: Decision, run: Correction) -> list[Correction]:
        """The other runs of the action on the same thing."""
        known = {one.id: one for one in self._memory.runs_on(run.action, run.thing)}
        known |= {i: one for i, one in decision.runs.items() if (one.action, one.thing) == (run.action, run.thing)}
        known.pop(run.id, None)
        return list(known.values())

    def _zone(self, run: Correction) -> str:
        target = self._specs.targets.get(run.key.target)
        return target.zone if target else "UTC"

    def _time(self, run: Correction, at: int, decision: Decision) -> str:
        return clock_time(at, self._zone(run), decision.now)


def _by(run: Correction, at: int, now: int) -> int:
    """The time of a call or its outcome. One that is yet to come was before the clock was set back: it counts from when
    the run began to wait, so that it does so for one span, and for no more than that over a restart."""
    return at if at <= now else min(run.updated, now)
