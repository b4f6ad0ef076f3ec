"""A rehearsal from change to change: looks that find nothing but other numbers are left out, as in a backtest.

Each instance goes through its own time (`rules.turns`); what is found then is decided on as ever. While any source
fails every look is made: what was found then hangs on when each was read last.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter

from agent.alerts.groups import GroupChanges
from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.deciding.decision import take_in
from agent.deciding.memory import Memory
from agent.rehearsal.driver import Rehearsal, rules_of
from agent.rehearsal.moments import TICK, Answer, Answers, Moment
from agent.rehearsal.polls import Polls
from agent.store.records import DeliveryKind
from rules import corrections
from rules.alerts import is_open
from rules.functions import NEVER
from rules.grouping import passed
from rules.model import SECOND, Group, InstanceKey, InstanceState, Polled, Reading, Series, SourceState
from rules.muting import Asked
from rules.specs import Specs
from rules.steps import at_once
from rules.tracks import Added
from rules.turns import Turn, Verdict

_NEW = Added.NEW  # a member of an enum is slow to look up
_AT_ONCE = 256  # readings of a series, of which one instance goes through its own
_AT = itemgetter(0)


class Leaps(Rehearsal):
    """The decisions are said in which anything but numbers changes, and while a source fails all."""

    def __init__(
        self,
        config: Configuration,
        start: int,
        polls: Polls | None = None,
        answers: Answers = lambda _action, _at: Answer(),
    ) -> None:
        super().__init__(config, start, polls, answers)
        # Of a source that is called, as of one that is read whenever something is decided, what did not come is not.
        self._called = Specs(config.targets.values(), (rule.called() for rule in rules_of(config)))
        self._turns: dict[InstanceKey, Turn] = {}
        self._awaited: set[InstanceKey] = set()  # of whose readings something else waits
        self._told_at = NEVER  # when a group or a correction is looked at
        self._leaping = not self.polls.fail_soon(start)

    def begin(self) -> Iterator[Decision]:
        """As `Rehearsal`."""
        if not self._leaping:
            yield from super().begin()
            return
        known = [key for target in self.specs.targets for key in self.history.instances_of_target(target)]
        yield from self._conclude(self.now, self._found(self.now, dict.fromkeys(known, ())))

    def play(self, moments: Iterable[Moment]) -> Iterator[Decision]:
        """As `Rehearsal`."""
        for series, some in groupby(moments, _lone_series):
            if series is None:
                for moment in some:
                    yield from self._one(moment)
                continue
            while stretch := list(islice(some, _AT_ONCE)):
                yield from self._stretch(series, stretch)

    def wait(self, until: int) -> Iterator[Decision]:
        """As `Rehearsal`. After that the memory holds how each instance stands."""
        if not self._leaping:
            yield from super().wait(until)
            return
        yield from self._until(until)
        self._make_up(until, self._turns.values())

    def act(self, decision: Decision) -> Iterator[Decision]:
        """As `Rehearsal`."""
        yield from super().act(decision)
        for key in decision.instances:
            self._turn(key)
        self._look_ahead()

    def _one(self, moment: Moment) -> Iterator[Decision]:
        return self._leap(moment) if self._leaping and not moment.polls else self._play_each(moment)

    def _stretch(self, series: Series, moments: Sequence[Moment]) -> Iterator[Decision]:
        """As `_one`, of moments at which one reading of a series comes and nothing else.

        While all else sleeps, the instance that it concerns goes through them by itself.
        """
        arrivals, first = [(moment.at, moment.readings) for moment in moments], 0
        while first < len(arrivals):
            turn = self._lone(series)
            end = bisect_left(arrivals, self._told_at, first, key=_AT) if turn is not None else first
            if turn is None or end == first or not self._others_sleep(turn, arrivals[end - 1][0] + 1):
                yield from self._one(moments[first])
                first += 1
                continue
            found = next(turn.play(arrivals[first:end], TICK), None)
            at = arrivals[end - 1][0] if found is None else found[0]
            first = bisect_right(arrivals, at, first, end, key=_AT)
            self.now, polls = at, self.polls.before_a_look(at)
            if found is None:
                self.memory.sources.update(self.polled(polls))
            else:
                yield from self._conclude(at, [found], polls=polls)

    def _lone(self, series: Series) -> Turn | None:
        """The only instance that a series concerns, unless something else waits for readings."""
        if not self._leaping or self._awaited or self.memory.open_runs:
            return None
        keys = self.history.instances_of(series)
        return self._turns.get(keys[0]) if len(keys) == 1 and not self.history.instances_beside(series) else None

    def _others_sleep(self, turn: Turn, until: int) -> bool:
        return all(one is turn or one.sleeps(until) for one in self._turns.values())

    def _after_calls(self, decision: Decision) -> Iterator[Decision]:
        if self._leaping and any(one.kind is DeliveryKind.CALL for one in decision.deliveries):
            for key in self._turns:  # the answer is told with how all others in a group stand
                self._make_up_told_of(key)
        yield from super()._after_calls(decision)

    def _leap(self, moment: Moment) -> Iterator[Decision]:
        memory, (at, readings, _) = self.memory, moment
        due, looks = list[InstanceKey](), list[str]()
        if not self._sleep(at + 1):
            yield from self._until(at - TICK + 1)
            self.now = max(self.now, at - TICK)  # what is not due by then is not looked at with what comes
            due = [key for _, key in self._awake(at + 1)]
            looks = memory.groups.take_due(at)
        found = self._found(at, *self._came(at, readings, due))
        polls = self.polls.before_a_look(at) if due else self.polls.beside(at, memory.sources)
        if found or looks or memory.open_runs:
            yield from self._conclude(at, found, looks, polls)
        elif polls:
            memory.sources.update(self.polled(polls))
        self.now = at

    def _play_each(self, moment: Moment) -> Iterator[Decision]:
        """All looks up to a moment at which a source fails, or is about to, or just did."""
        before = moment.at - TICK + 1
        if self._leaping:
            yield from self.wait(before)
        yield from super().play((moment,))
        failed = any(source.failures for source in self.memory.sources.values())
        self._leaping = not failed and not self.polls.fail_soon(moment.at)
        if self._leaping:
            for key in self.memory.instances:
                self._turn(key)
            self._look_ahead()

    # in order of time

    def _sleep(self, until: int) -> bool:
        """Whether time alone changes nothing before `until`."""
        return self._told_at >= until and all(turn.sleeps(until) for turn in self._turns.values())

    def _awake(self, until: int) -> list[tuple[int, InstanceKey]]:
        """The instances that time alone may change before `until`, and when, in order."""
        awake = [(key, turn) for key, turn in self._turns.items() if not turn.sleeps(until)]
        for _, turn in awake:
            for _ in turn.wait(self.now + 1):  # these looks it slept through, so they find nothing
                pass
        return sorted((turn.wake or 0, key) for key, turn in awake if not turn.sleeps(until))

    def _until(self, until: int) -> Iterator[Decision]:
        """The decisions that time alone brings before `until`."""
        while True:
            awake = self._awake(until)
            soonest = min(self._told_at, awake[0][0] if awake else NEVER)
            at = soonest if soonest > self.now else self.now + SECOND
            if at >= until:
                return
            others = min(self._told_at, awake[1][0] if len(awake) > 1 else NEVER)
            if soonest < at or others <= at:
                yield from self._look(at, [key for wake, key in awake if wake <= at])
                continue
            found = next(self._turns[awake[0][1]].wait(min(until, others)), None)
            if found is not None:
                yield from self._conclude(found[0], [found], polls=self.polls.before_a_look(found[0]))

    def _look(self, at: int, due: Iterable[InstanceKey]) -> Iterator[Decision]:
        looks = self.memory.groups.take_due(at)
        verdicts = self._found(at, dict.fromkeys(due, ()))
        yield from self._conclude(at, verdicts, looks, self.polls.before_a_look(at))

    # what comes of it

    def _came(
        self, at: int, readings: Sequence[Reading], due: Iterable[InstanceKey]
    ) -> tuple[dict[InstanceKey, list[Reading]], list[InstanceKey]]:
        """The instances to be looked at, with their readings that come, and those which may want something else."""
        history, came, beside = self.history, dict[InstanceKey, list[Reading]](), list[InstanceKey]()
        new = [reading for reading in readings if history.add(reading, at) is _NEW]
        for reading in new:  # once all are known: the last of them may be what makes an instance of the first
            for key in history.instances_of(reading.series):
                if key in came:
                    came[key].append(reading)
                else:
                    came[key] = [reading]
            if history.is_anything_beside:
                beside += history.instances_beside(reading.series)
        for key in (*due, *beside):
            came.setdefault(key, [])
        return came, beside

    def _found(
        self, at: int, came: Mapping[InstanceKey, Sequence[Reading]], beside: Container[InstanceKey] = ()
    ) -> list[Verdict]:
        """What is found of instances that get readings, or are due; those `beside` may want something else."""
        verdicts = []
        for key, readings in came.items():
            verdict = (self._turns.get(key) or self._turn(key)).take(at, readings, other=key in beside)
            if verdict is not None:
                verdicts.append(verdict)
        return verdicts

    def _conclude(
        self, at: int, verdicts: Sequence[Verdict], looks: Sequence[str] = (), polls: Sequence[Polled] = ()
    ) -> Iterator[Decision]:
        """The decision on what was found at a time, and those on its calls."""
        memory, self.now = self.memory, at
        if not verdicts and not memory.open_runs and self._pass(at, looks):
            memory.sources.update(self.polled(polls))
            self._look_ahead()
            return
        decision = _Found(at, memory, self.polled(polls), self._make_up_told_of)
        for _, state, moved in verdicts:
            decision.instances[state.key] = state
            decision.transitions += moved
        at_once(self.decider.following(decision, looks=looks))
        take_in(memory, decision)
        memory.groups.looked_at(looks)
        yield decision
        yield from self._after_calls(decision)
        self._look_ahead()

    def _pass(self, at: int, looks: Sequence[str]) -> bool:
        """Goes on to the next looks at groups, if these find nothing to tell; else nothing is done."""
        groups, situation, after = self.memory.groups, self.decider.situation, dict[str, Group | None]()
        for name in looks:
            group, members = groups.groups.get(name), groups.members.get(name, {}).values()
            found = passed(group, members, at) if group is not None and members else None
            if found is None:
                return False
            asked = (Asked(one.key, one.labels, mute=found.mute, active=found.active) for one in members)
            if any(situation.muted(one, at) for one in asked):
                return False
            after[name] = found
        groups.remember(GroupChanges(groups, after))
        return True

    def _make_up(self, until: int, turns: Iterable[Turn]) -> None:
        """Remembers how instances stand after their last look before `until`, if that was left out."""
        for turn in turns:
            found = [*turn.wait(until), turn.end(until)]
            self.memory.remember([verdict[1] for verdict in found if verdict is not None], (), (), ())

    def _make_up_told_of(self, key: InstanceKey) -> None:
        """As `_make_up`, up to now, if people or calls may be given numbers of the instance."""
        turn = self._turns.get(key)
        if turn is not None and turn.state is not None and any(map(is_open, turn.state.alerts.values())):
            self._make_up(self.now + 1, (turn,))

    def _look_ahead(self) -> None:
        """Finds when somebody is to be told or called next, and of which instances every look counts until then."""
        memory = self.memory
        runs = memory.open_runs.values()
        times = (memory.groups.next_due(), *map(corrections.wake, runs))
        self._told_at = min((at for at in times if at is not None), default=NEVER)
        awaited = {run.key for run in runs}
        if memory.groups.anyone_waits:
            awaited |= {key for key in self._turns if memory.groups.waiting_for(key)}
        changed, self._awaited = awaited ^ self._awaited, awaited
        for key in changed:
            self._make_up_told_of(key)
            self._turn(key)

    def _turn(self, key: InstanceKey) -> Turn:
        """Another one, which goes on from what is remembered."""
        apart = 0 if key in self._awaited else None
        turn = self._turns[key] = Turn(self._called, self.memory.states, key, self.history, apart=apart)
        return turn


class _Found(Decision):
    """Finds how an instance stands by then only when it is asked: of most that have an open alert nobody is told."""

    def __init__(
        self, now: int, memory: Memory, sources: dict[str, SourceState], make_up: Callable[[InstanceKey], None]
    ) -> None:
        super().__init__(now, memory, sources=sources)
        self._make_up, self._asked = make_up, set[InstanceKey]()

    def instance(self, key: InstanceKey) -> InstanceState | None:
        """As `Decision`."""
        if key not in self._asked and key not in self.instances:
            self._asked.add(key)
            self._make_up(key)
        return super().instance(key)


def _lone_series(moment: Moment) -> Series | None:
    """The series of which a reading comes, if nothing else does."""
    return moment.readings[0].series if len(moment.readings) == 1 and not moment.polls else None
