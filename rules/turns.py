"""One instance through time, as in a replay of the past: its readings, and the looks that are due between them.

Every look decides as `evaluate` does. A state is put together only where more than numbers changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules import often
from rules.coming import Coming, columns
from rules.engine import Instance, States, differs, unknown
from rules.foresight import Arrival, Foresight
from rules.functions import NEVER
from rules.goals import Glance
from rules.history import History
from rules.leeway import is_worth_while
from rules.model import InstanceKey, InstanceState, Reading, Transition
from rules.model.quick import replace
from rules.resting import Resting, resting
from rules.selectors import selects
from rules.specs import Specs
from rules.tracks import Added

_NEW = Added.NEW  # a member of an enum is slow to look up

Verdict = tuple[int, InstanceState, Sequence[Transition]]
"""What was found at one time: how an instance stands that changed, and what happened to its alerts."""


class Turn:
    """What `evaluate` finds at times, in order, at which an instance gets readings or is due.

    The history holds the instance's readings when they are given, but none that are given later. Nothing is polled
    meanwhile. Of looks that find nothing but other numbers those are said that are `apart` so far at least (0: all),
    or (None) none, nor how it stood before an alert that waits could fire, but for the last time. Where `only_alerts`
    count none is said of those either that find another standing which no alert asks for, unless it is a miss.
    """

    def __init__(
        self,
        specs: Specs,
        states: States,
        key: InstanceKey,
        history: History,
        *,
        apart: int | None = 0,
        only_alerts: bool = False,
    ) -> None:
        self.specs = specs
        self.states = states
        self.key = key
        self.history = history
        self.state = states.instances.get(key)
        self._apart = apart
        self._only_alerts = only_alerts
        self._said = NEVER  # when another one is to be said at the latest
        self._instance: Instance | None = None
        self._resting: Resting | None = None
        self._ahead: Foresight | None = None

    def take(self, at: int, readings: Sequence[Reading], *, other: bool = False) -> Verdict | None:
        """Judges readings that came together at a time; None where nothing but numbers changed.

        `other`: something else may be wanted by what came with them.
        """
        if self._ahead is not None:
            self._ahead.know(at, readings)
        return self._taken(at, readings, other=other)

    def _taken(self, at: int, readings: Sequence[Reading], *, other: bool = False) -> Verdict | None:
        if self._resting is not None and not other and at < self._said and self._resting.look(at, readings):
            return None
        return self._evaluated(at, readings)

    def play(self, arrivals: Sequence[Arrival], tick: int) -> Iterator[Verdict]:
        """What is found as readings of series that concern no other instance come one by one; they are added here.

        Looks that are due less than a `tick` before a reading are made with it.
        """
        index, ahead = 0, self._foresee(arrivals, tick)
        coming = Coming(arrivals, columns(arrivals), 0, self._said, tick, self._apart is None)
        while index < len(arrivals):
            known = False
            if self._resting is not None:
                index, known = self._resting.go_past(coming._replace(first=index, before=self._said), ahead)
                if index == len(arrivals):
                    return
            at, readings = arrivals[index]
            index += 1
            if not known:
                before = at - tick + 1
                if not self.sleeps(before):
                    yield from self.wait(before)
                if self.history.add(readings[0], at) is not _NEW:
                    yield from self.wait(at + 1)  # what is due then is not put off by what says nothing
                    continue
            found = self._taken(at, readings)
            if found is not None:
                yield found

    def _foresee(self, arrivals: Sequence[Arrival], tick: int) -> Foresight | None:
        """What is foreseen of readings that come one by one, of a condition that asks of nothing but their series."""
        if self._ahead is None:
            condition, members = self.specs.conditions.get(self.key.target), self.history.members(self.key)
            if condition is None or self._apart == 0 or len(members.tracks) != 1 or is_worth_while(condition):
                return None
            if not all(selects(query.selector, members.series[0]) for query in condition.queries):
                return None
            self._ahead = Foresight(condition, self.specs.targets[self.key.target], members.tracks[0], tick)
        self._ahead.begin(arrivals)
        return self._ahead

    @property
    def wake(self) -> int | None:
        """When time alone may change something, as things are now."""
        if self._resting is not None:
            return self._resting.wake()
        return self.state.wake if self.state is not None else None

    def sleeps(self, until: int) -> bool:
        """Whether time alone changes nothing before `until`, while no reading comes."""
        if self._resting is not None:
            return self._resting.sleeps(until)
        wake = self.wake
        return wake is None or wake >= until

    def wait(self, until: int) -> Iterator[Verdict]:
        """What time alone changes before `until`, while no reading comes."""
        while (wake := self.wake) is not None and wake < until:
            if self._resting is not None and self._resting.wait(wake, until):
                continue
            found = self._evaluated(wake, ())
            if found is not None:
                yield found

    def end(self, until: int) -> Verdict | None:
        """How it stands after the last look before `until`, if that was left out."""
        passed = self._resting.passed_before(until) if self._resting is not None else None
        return self._evaluated(passed.at, ()) if passed is not None else None

    def begin_again(self, at: int) -> None:
        """Forgets all that was found so far, but for the judgements of the readings."""
        self.end(at)
        judged = {} if self.state is None else often.remembered(self.state.alerts)
        self.state = replace(unknown(self.key, at), alerts=judged)
        self._instance = self._resting = None

    def _evaluated(self, at: int, readings: Sequence[Reading]) -> Verdict | None:
        before = self.state if self.state is not None else unknown(self.key, at)
        seen = self._resting.seen_at(at) if self._resting is not None else None
        passed = self._resting.passed_before(at) if self._resting is not None else None
        if passed is not None:
            before = passed.moved_on(before)
        if self._instance is None:
            target = self.specs.targets[self.key.target]
            self._instance = Instance(self.specs, target, before, self.states, {}, self.history, at)
        self._instance.go_on(before, at)
        after = self._instance.evaluate(readings, seen)
        changed = self.state is None or passed is not None or differs(after, before)
        self.state = after
        # Before the next reading is in the history.
        self._resting = None if self._apart == 0 else self._rests(self._instance, after, seen)
        self._said = NEVER if self._apart is None else at + self._apart
        return (at, after, self._instance.moved) if changed else None

    def _rests(self, instance: Instance, state: InstanceState, seen: Glance | None) -> Resting | None:
        foreseen, only_alerts = self._ahead is not None, self._only_alerts
        return resting(instance, state, seen, self._resting, foreseen=foreseen, only_alerts=only_alerts)
