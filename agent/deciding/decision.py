"""One batch, from what happened to what is to be committed: evaluate, correct, tell. Pure but for templates."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from agent.alerts.adopting import adopt
from agent.alerts.notices import Notices
from agent.alerts.telling import Teller
from agent.alerts.unread import READ_WITHIN, Unread
from agent.corrections.called import Answered
from agent.corrections.correcting import Corrector
from agent.corrections.undoing import take_back
from agent.deciding.decided import Decision, happened
from agent.deciding.memory import Memory
from agent.health.troubles import Troubles
from rules.engine import Batch, States, evaluating
from rules.explain import explain, is_past, why, why_at_once, why_source, why_then
from rules.health import source_transition
from rules.history import History
from rules.model import (
    Acknowledgement,
    Event,
    InstanceKey,
    MutedBy,
    Reading,
    Silence,
    SourceState,
    Transition,
)
from rules.muting import Situation
from rules.specs import Specs
from rules.starting import as_due
from rules.steps import Steps, at_once, in_parts
from rules.tracks import Added

T = TypeVar("T")
_READINGS = 500  # between two steps
_LOOKS_AHEAD = 12  # to find what comes next: enough for what is near, and little to decide


def sorted_out(history: History, readings: Iterable[Reading], now: int) -> tuple[list[Reading], list[Reading]]:
    """Adds readings that come now to the history: those to store, and of these those to decide on.

    What is known is neither.
    """
    return at_once(sorting_out(history, readings, now))


def sorting_out(history: History, readings: Iterable[Reading], now: int) -> Steps[tuple[list[Reading], list[Reading]]]:
    """As `sorted_out`, in steps."""
    store, fresh = [], []
    for number, reading in enumerate(readings, 1):
        if not number % _READINGS:
            yield
        added = history.add(reading, now)
        if added is not Added.KNOWN:
            store.append(reading)
        if added is Added.NEW:
            fresh.append(reading)
    return store, fresh


def take_in(memory: Memory, decision: Decision, stored: Iterable[SourceState] = ()) -> None:
    """Remembers a decision that is in force: committed, `stored` sources too, or only rehearsed."""
    at_once(taking_in(memory, decision, stored))


def taking_in(memory: Memory, decision: Decision, stored: Iterable[SourceState] = ()) -> Steps[None]:
    """As `take_in`, in steps."""
    for action, at in decision.unmade:
        memory.forget_call(action, at)
    yield from in_parts(decision.instances.values(), lambda states: memory.remember(states, (), (), ()))
    memory.remember((), decision.sources.values(), stored, decision.runs.values(), decision.groups)
    for silence in decision.silences:
        memory.silences[silence.id] = silence
    memory.groups.heard_of(decision.sources)
    memory.groups.put_off(decision.put_off, memory.listening + READ_WITHIN)
    memory.switches.update(decision.switches)
    memory.troubles |= decision.troubles


class Decider:
    """Decides batches by one configuration on what is remembered."""

    def __init__(self, specs: Specs, notices: Notices, memory: Memory, history: History) -> None:
        self.specs = specs
        self.notices = notices
        self.memory = memory
        self.history = history
        self.situation = Situation(specs, notices.mutings, memory.silences)
        self.situation.note(memory.instances.values(), memory.sources.values())
        self.watching = Troubles(notices, memory, self.situation)
        self.corrector = Corrector(specs, notices, memory, self.situation, history)
        unread = Unread(specs, history)
        self.teller = Teller(specs, notices, self.situation, unread, self._why, self.corrector.release)

    def decide(self, batch: Batch, now: int, answers: Sequence[Answered] = (), looks: Sequence[str] = ()) -> Decision:
        """Everything that follows from a batch of readings, polls and due times, and from calls that ended.

        `looks` are the groups whose time has come.
        """
        return at_once(self.deciding(batch, now, answers, looks))

    def deciding(
        self,
        batch: Batch,
        now: int,
        answers: Sequence[Answered] = (),
        looks: Sequence[str] = (),
        *,
        starts: bool = False,
    ) -> Steps[Decision]:
        """As `decide`, in steps; `starts`: all are looked at because the process starts."""
        decision = Decision(now, self.memory)
        if self.memory.is_set_back:
            decision.silences += self.situation.silences.set_back(now)
        decision.sources.update({source.name: source for source in self.memory.scheduled_anew(now)})
        states = self.memory.states
        changed, transitions = found = yield from evaluating(self.specs, states, batch, now, self.history)
        if starts:
            changed, transitions = as_due(self.specs, states, found, self.history, now, now + READ_WITHIN)
        decision.instances.update(changed.instances)
        decision.sources.update(changed.sources)
        decision.transitions += transitions
        yield from self.following(decision, answers, looks)
        return decision

    def following(self, decision: Decision, answers: Sequence[Answered] = (), looks: Sequence[str] = ()) -> Steps[None]:
        """Takes in all that follows from what a decision holds of instances, sources and transitions."""
        ended = self.situation.note(decision.instances.values(), decision.sources.values())
        if decision.sources:
            ended += self.watching.look(decision)
        if decision.transitions or answers or self.memory.open_runs:
            self.corrector.correct(decision, answers)
        looks = [*looks, *self.memory.groups.awaiting(decision.sources), *self.teller.woken(decision, ended)]
        if looks or decision.transitions or decision.released:
            yield from self._telling(decision, looks)

    def adopt(self, now: int) -> Decision:
        """The decision that puts what is open under this configuration."""
        decision = Decision(now, self.memory, silences=self.situation.silences.set_back(now))
        self.corrector.adopt(decision)
        self._tell(decision, adopt(self.teller, decision))
        return decision

    def silence(self, silence: Silence, now: int) -> Decision:
        """The decision that keeps a silence, new or changed: told messages show it, what it no longer mutes is told."""
        decision = Decision(now, self.memory, silences=[silence])
        self.situation.silences.put(silence, now)
        looks = self.teller.woken(decision, [(MutedBy.SILENCE, silence.id)])
        for name in dict.fromkeys([*looks, *self.teller.silenced(decision, silence)]):
            self.teller.look_at(decision, name)  # waits for no poll: people see at once what they did
        self._tell(decision)
        return decision

    def acknowledge(
        self, alerts_: Iterable[tuple[InstanceKey, str]], sources: Iterable[str], taken: Acknowledgement
    ) -> Decision:
        """The decision that marks open alerts, of instances (key and rule) and of sources, as taken by a person."""
        decision = Decision(taken.at, self.memory)
        for key, name in alerts_:
            state = decision.instance(key)
            if state is not None and name in state.alerts:
                before = state.alerts[name]
                after = replace(before, acknowledged=taken, changes=before.changes + 1)
                decision.instances[key] = replace(state, alerts={**state.alerts, name: after})
                said = happened(self.specs, state, name, Event.ACKNOWLEDGED, taken.at)
                decision.transitions.append(replace(said, taken=taken, nth=after.changes))
        for name in sources:
            source = self.memory.sources[name]
            again = source.alert.changes + 1
            after_all = replace(source, alert=replace(source.alert, acknowledged=taken, changes=again))
            decision.sources[name] = after_all
            of_all = source_transition(self.specs, source, after_all, Event.ACKNOWLEDGED, taken.at)
            decision.transitions.append(replace(of_all, taken=taken, nth=again))
        self._tell(decision)
        return decision

    def act(self, change: Callable[[Decision], T], now: int) -> tuple[Decision, T]:
        """The decision that a person's act makes, and what it says."""
        decision = Decision(now, self.memory)
        said = change(decision)
        self._tell(decision)
        return decision, said

    def retire(self, transitions: Sequence[Transition], now: int, actions: Container[str]) -> Decision:
        """The decision that tells of alerts which a new configuration ended, and takes back what corrected them.

        `actions` are those of the new configuration.
        """
        decision = Decision(now, self.memory)
        take_back(self.corrector, decision, transitions, actions)
        decision.transitions += transitions
        self._tell(decision)
        return decision

    # telling

    def _tell(self, decision: Decision, looks: Sequence[str] = ()) -> None:
        at_once(self._telling(decision, looks))

    def _telling(self, decision: Decision, looks: Sequence[str]) -> Steps[None]:
        said = len(decision.transitions)
        yield from self.teller.telling(decision, decision.transitions[:said], looks)
        if decision.released:
            self.corrector.correct_released(decision)
            yield from self.teller.telling(decision, decision.transitions[said:])

    def _why(self, decision: Decision, transition: Transition) -> tuple[str, ...]:
        """What was read and compared, and what comes next."""
        if not transition.key.target:
            source = decision.source(dict(transition.labels).get("source", ""))
            return why_source(source, decision.now) if source else ()
        state = decision.instance(transition.key)
        if state is None or transition.key.target not in self.specs.targets:
            return ()
        target = self.specs.targets[transition.key.target]
        if is_past(state, transition, decision.now):
            return why_then(target, transition)
        sources = ChainMap(decision.sources, self.memory.sources)
        states = States({state.key: state}, sources, self.memory.listening)
        found = explain(self.specs, states, self.history, state.key, decision.now, _LOOKS_AHEAD)
        return (*why_at_once(target, transition), *why(found, transition.alert))
