"""The engine alone in virtual time: the batches and wake-ups of a rehearsal in which nobody is told and nothing called.

What is told and called changes no verdict, so what only counts verdicts leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent.timers import Timers
from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import InstanceKey, InstanceState, Reading, Transition
from rules.specs import Specs
from rules.tracks import Added

_NEW = Added.NEW  # a member of an enum is slow to look up


Verdict = tuple[int, Mapping[InstanceKey, InstanceState], Sequence[Transition]]
"""What the engine found at one time: the instances that changed, and what happened to their alerts."""


class Verdicts:
    """Plays readings from `start` on to the engine. Nobody polls: what did not come, was not there."""

    def __init__(self, specs: Specs, start: int) -> None:
        self.specs = specs
        self.history = History(specs)
        self._start = start
        self._instances: dict[InstanceKey, InstanceState] = {}
        self._states = States(self._instances, {}, start)
        self._timers = Timers[InstanceKey](lambda key: self._instances[key].wake)

    def begin(self) -> Iterator[Verdict]:
        """Looks at every instance once, as a starting daemon does."""
        known = (key for target in self.specs.targets for key in self.history.instances_of_target(target))
        yield self._decide(Batch(due=list(known)), self._start)

    def play(self, arrivals: Iterable[tuple[int, Iterable[Reading]]]) -> Iterator[Verdict]:
        """The verdicts on what arrives together, in order of time, and on what time alone brings between."""
        add, timers = self.history.add, self._timers
        for at, readings in arrivals:
            due_at = timers.next_due()
            if due_at is not None and due_at < at:
                yield from self.wait(at)
            fresh = [reading for reading in readings if add(reading) is _NEW]
            due = timers.take_due(at) if due_at is not None and due_at <= at else ()
            yield self._decide(Batch(fresh, (), due), at)

    def wait(self, until: int) -> Iterator[Verdict]:
        """The verdicts that time alone brings before `until`."""
        while (at := self._timers.next_due()) is not None and at < until:
            yield self._decide(Batch(due=self._timers.take_due(at)), at)

    def _decide(self, batch: Batch, at: int) -> Verdict:
        changed, transitions = evaluate(self.specs, self._states, batch, at, self.history)
        for key, state in changed.instances.items():
            self._instances[key] = state
            if state.wake is not None:
                self._timers.set((key,))
        return at, changed.instances, transitions
