"""The engine alone in virtual time: the batches and wake-ups of a rehearsal in which nobody is told and nothing called.

What is told and called changes no verdict, so what only counts verdicts leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent.timers import Timers
from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import InstanceKey, InstanceState, Reading, Series, Transition
from rules.specs import Specs
from rules.tracks import Added
from rules.turns import Found, Turn

_NEW = Added.NEW  # a member of an enum is slow to look up


Arrival = tuple[int, Sequence[Reading]]
"""When readings arrive together, at least one, and which."""
Verdict = tuple[int, Mapping[InstanceKey, InstanceState], Sequence[Transition]]
"""What the engine found at one time: the instances that changed, and what happened to their alerts."""


class Verdicts:
    """Plays readings from `start` on to the engine. Nobody polls: what did not come, was not there.

    Without `every`, verdicts are left out that differ from the one before in nothing but numbers.
    """

    def __init__(self, specs: Specs, start: int, *, every: bool = True) -> None:
        self.specs = specs
        self.history = History(specs)
        self._start = start
        self._every = every
        self._instances: dict[InstanceKey, InstanceState] = {}
        self._states = States(self._instances, {}, start)
        self._wakes: dict[InstanceKey, int | None] = {}
        self._timers = Timers[InstanceKey](self._wakes.get)
        self._coming: Iterator[Arrival] = iter(())
        self._next: Arrival | None = None

    def begin(self) -> Iterator[Verdict]:
        """Looks at every instance once, as a starting daemon does."""
        known = (key for target in self.specs.targets for key in self.history.instances_of_target(target))
        yield self._decided(Batch(due=list(known)), self._start)

    def play(self, arrivals: Iterable[Arrival]) -> Iterator[Verdict]:
        """The verdicts on what arrives together, in order of time, and on what time alone brings between."""
        self._coming = iter(arrivals)
        while (arrival := self._next or next(self._coming, None)) is not None:
            self._next = None
            at, readings = arrival
            yield from self.wait(at)
            fresh = [reading for reading in readings if self.history.add(reading) is _NEW]
            yield self._decided(Batch(fresh, (), self._timers.take_due(at)), at)
            yield from self._in_turn(readings[0].series)

    def wait(self, until: int) -> Iterator[Verdict]:
        """The verdicts that time alone brings before `until`."""
        while (at := self._timers.next_due()) is not None and at < until:
            yield self._decided(Batch(due=self._timers.take_due(at)), at)

    def _in_turn(self, series: Series) -> Iterator[Verdict]:
        """The verdicts on what comes next of a series that concerns one instance alone, until anything else comes."""
        keys = self.history.instances_of(series)
        if len(keys) != 1 or self.history.is_anything_beside:
            return
        turn = Turn(self.specs, self._states, keys[0], self.history)
        for at, reading in self._following(series):
            if not self._every and turn.passes(at, reading):
                self._passed(turn)
            else:
                yield self._found(at, turn.take(at, reading))
        last = turn.end()
        if last is not None:
            yield self._found(*last)

    def _following(self, series: Series) -> Iterator[tuple[int, Reading]]:
        for arrival in self._coming:
            at, readings = arrival
            reading = readings[0]
            other = reading.series is not series and reading.series != series
            if len(readings) > 1 or other or self._timers.is_due(at):
                self._next = arrival
                return
            if self.history.add(reading) is _NEW:
                yield at, reading

    def _decided(self, batch: Batch, at: int) -> Verdict:
        changed, transitions = evaluate(self.specs, self._states, batch, at, self.history)
        return self._found(at, (changed.instances, transitions))

    def _found(self, at: int, found: Found) -> Verdict:
        instances, transitions = found
        for key, state in instances.items():
            self._instances[key] = state
            self._wakes[key] = state.wake
            self._timers.set((key,))
        return at, instances, transitions

    def _passed(self, turn: Turn) -> None:
        """Another time for the instance. Timers find out by themselves about one that is later."""
        before, wake = self._wakes.get(turn.key), turn.wake
        self._wakes[turn.key] = wake
        if wake is not None and (before is None or wake < before):
            self._timers.set((turn.key,))
