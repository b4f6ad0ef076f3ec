"""The engine alone in virtual time: the batches and wake-ups of a rehearsal in which nobody is told and nothing called.

What is told and called changes no verdict, so what only counts verdicts leaves it out. And no instance asks how another
one stands: each is looked at when its own time or readings come, and goes through the time before them then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from agent.rehearsal.moments import TICK
from rules.engine import States
from rules.foresight import Arrival
from rules.history import History
from rules.model import InstanceKey, Reading, Series
from rules.specs import Specs
from rules.tracks import Added
from rules.turns import Turn, Verdict

_NEW = Added.NEW  # a member of an enum is slow to look up
_AT_ONCE = 1_024  # arrivals, of which each instance goes through its own


class Verdicts:
    """Plays readings from `start` on to the engine. Nobody polls: what did not come, was not there.

    The verdicts on one instance are in order of time. Of those that differ from the one before in nothing but numbers
    those are left out that are not so far `apart` (0: none are left out), or (None) all: then some are, too, on what
    was over before an alert could fire, but for the last of it. Where `only_alerts` count, and misses, all are left out
    on what no alert asks for, but for the last.
    """

    def __init__(self, specs: Specs, start: int, *, apart: int | None = 0, only_alerts: bool = False) -> None:
        self.specs = specs
        self.history = History(specs)
        self._start = start
        self._apart = apart
        self._only_alerts = only_alerts
        self._states = States({}, {}, start)
        self._turns: dict[InstanceKey, Turn] = {}
        self._lone: dict[Series, Turn] = {}  # the only instance that a series concerns, while no other series begins

    def begin(self) -> Iterator[Verdict]:
        """Looks at every instance once, as a starting daemon does."""
        for target in self.specs.targets:
            for key in self.history.instances_of_target(target):
                found = self._turn(key).take(self._start, ())
                if found is not None:
                    yield found

    def remember(self, arrivals: Iterable[Arrival]) -> None:
        """Looks at readings of before the start, of which only the judgements are remembered (N of M)."""
        for _ in self.play(arrivals):
            pass
        for turn in self._turns.values():
            turn.begin_again(self._start)

    def play(self, arrivals: Iterable[Arrival]) -> Iterator[Verdict]:
        """The verdicts on what arrives together and on what time alone brings between, of each instance in order.

        What comes to an instance alone concerns no other, so that those of one may be said before earlier ones of
        another.
        """
        coming = iter(arrivals)
        while some := list(islice(coming, _AT_ONCE)):
            own: dict[Turn, list[Arrival]] = {}
            for arrival in some:
                at, readings = arrival
                turn = self._lone.get(readings[0].series) if len(readings) == 1 else None
                if turn is not None:
                    own.setdefault(turn, []).append(arrival)
                    continue
                yield from _each(own)
                own.clear()
                yield from self._together(at, readings)
            yield from _each(own)

    def wait(self, until: int) -> Iterator[Verdict]:
        """The verdicts that time alone brings before `until`, and how each instance stands then."""
        for turn in self._turns.values():
            yield from turn.wait(until)
            last = turn.end(until)
            if last is not None:
                yield last

    def states(self) -> States:
        """How everything stands, after what was waited for."""
        instances = {key: turn.state for key, turn in self._turns.items() if turn.state is not None}
        return States(instances, {}, self._start)

    def _together(self, at: int, readings: Sequence[Reading]) -> Iterator[Verdict]:
        """The verdicts on readings that come together, each instance's on all that concern it."""
        history, fresh, beside = self.history, dict[InstanceKey, list[Reading]](), set[InstanceKey]()
        for reading in readings:
            for turn in self._turns_of(reading.series):
                yield from turn.wait(at - TICK + 1)
        new = [reading for reading in readings if history.add(reading, at) is _NEW]
        for reading in new:  # once all are known: the last of them may be what makes an instance of the first
            for key in history.instances_of(reading.series):
                fresh.setdefault(key, []).append(reading)
            for key in history.instances_beside(reading.series):
                fresh.setdefault(key, [])
                beside.add(key)
        for key, own in fresh.items():
            found = self._turn(key).take(at, own, other=key in beside)
            if found is not None:
                yield found
        self._note_lone(reading.series for reading in readings)

    def _note_lone(self, some: Iterable[Series]) -> None:
        for series in some:
            keys = self.history.instances_of(series) if series not in self._lone else ()
            if len(keys) == 1 and not self.history.instances_beside(series):
                self._lone[series] = self._turn(keys[0])

    def _turns_of(self, series: Series) -> Iterable[Turn]:
        """The instances that a reading concerns: of a series that is new nobody knows yet."""
        keys = [*self.history.instances_of(series), *self.history.instances_beside(series)]
        if not keys:
            self._lone.clear()
        return [self._turn(key) for key in keys] or self._turns.values()

    def _turn(self, key: InstanceKey) -> Turn:
        turn = self._turns.get(key)
        if turn is None:
            apart, only_alerts = self._apart, self._only_alerts
            turn = Turn(self.specs, self._states, key, self.history, apart=apart, only_alerts=only_alerts)
            self._turns[key] = turn
        return turn


def _each(own: Mapping[Turn, Sequence[Arrival]]) -> Iterator[Verdict]:
    """The verdicts on readings that come one by one, each of one instance alone."""
    for turn, arrivals in own.items():
        yield from turn.play(arrivals, TICK)
