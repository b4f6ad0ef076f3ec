"""What the pipeline knows between two batches: states, open corrections, and when to look at each again.

All of it is also in the store, but for newer values that change nothing and are found in the readings; this is the copy
decisions are made on, changed only after a commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from operator import attrgetter

from agent.alerts.groups import GroupChanges, Groups
from agent.deciding.timers import Timers
from agent.store.records import Remembered
from rules import corrections
from rules.breaker import KEPT, Outcome, outcome_of
from rules.engine import States
from rules.model import (
    MINUTE,
    SECOND,
    AlertState,
    Assessment,
    Correction,
    InstanceKey,
    InstanceState,
    RunState,
    Silence,
    SourceState,
    Switch,
    Trouble,
)

CORRECTIONS = "corrections"  # the name of their switch
_PAUSE = 10 * SECOND  # without a tick: the machine slept, or the clock was set; nobody was read or listened to
_READ_FIRST = 10 * SECOND  # after a start
_SOURCE_EVERY = MINUTE  # how old the stored time of a source's last success may get while nothing else changes
_VALUE_EVERY = MINUTE  # and the stored value of an instance
_IDLE = AlertState.INACTIVE  # a member of an enum is slow to look up


class Memory:
    """States and timers of one process."""

    def __init__(
        self,
        remembered: Remembered,
        ended: Iterable[Correction] = (),
        calls: Iterable[tuple[str, int]] = (),
        now: int = 0,
    ) -> None:
        """`ended` are corrections that ended lately, oldest first: their calls start cool-downs.

        `calls` are (action, time) of every call within the longest budget, oldest first. From `now` on readings can
        be sent.
        """
        self._ticked = now
        self.instances: dict[InstanceKey, InstanceState] = dict(remembered.instances)
        self.sources: dict[str, SourceState] = dict(remembered.sources)
        self._listen(now)
        self.groups = Groups(remembered.groups, remembered.members)
        self.silences: dict[str, Silence] = {silence.id: silence for silence in remembered.silences}
        self.troubles: dict[str, Trouble] = {one.cause: one for one in remembered.troubles}
        self.runs: dict[str, Correction] = {}
        self.open_runs: dict[str, Correction] = {}
        self._runs_of: dict[InstanceKey, dict[str, None]] = {}
        self._calls: dict[str, list[int]] = {}
        self._on: dict[tuple[str, str], dict[str, None]] = {}
        self._outcomes: dict[str, list[Outcome]] = {}
        self.places = 0  # of the corrections that ended
        self.switches: dict[str, Switch] = dict(remembered.switches)
        self._stored_sources: dict[str, SourceState] = dict(remembered.sources)
        self._stored_values: dict[InstanceKey, int] = {}  # when the stored ones came in, as far as asked
        self._scheduled: frozenset[str] = frozenset()
        self.is_set_back = False
        self._timers = Timers[InstanceKey](self._wake_of)
        self._timers.set(self.instances)
        self._take_up(ended, remembered.corrections, now)
        for action, at in calls:
            self._note_call(action, at)

    def _take_up(self, ended: Iterable[Correction], still_open: Iterable[Correction], now: int) -> None:
        """Those that ended in that order: between two of them the clock may have been set back."""
        for run in sorted(ended, key=lambda run: (run.state in corrections.OPEN, run.place)):
            self._keep_run(run)
            self._note_outcome(run)
        for run in still_open:
            self._keep_run(_read_first(run, self.instances.get(run.key), now))

    @property
    def listening(self) -> int:
        """Since when readings could be sent without a break."""
        return self.states.listening

    def _listen(self, since: int) -> None:
        """Sets the states as the engine takes them; what is in them is what is remembered at any time."""
        self.states = States(self.instances, self.sources, since)

    def _wake_of(self, key: InstanceKey) -> int | None:
        state = self.instances.get(key)
        return None if state is None else state.wake

    def take_due(self, now: int) -> list[InstanceKey]:
        """The instances whose time has come; each is given once, until its state or `looked_at` sets a time again.

        All of them where the clock was set back: their times may be of before, and what was late may be so no more,
        as a restart would find.
        """
        before, self._ticked = self._ticked, now
        if now < before:
            self.is_set_back = True
            self._listen(min(self.listening, now))
            return list(self.instances)
        self._resume(before, now)
        return self._timers.take_due(now)

    def resume(self, now: int) -> None:
        """Takes note of a pause before the first tick after it: something else looks at instances first."""
        self._resume(self._ticked, now)

    def _resume(self, ticked: int, now: int) -> None:
        if now - ticked > _PAUSE:
            self._listen(now)

    def ticked(self, now: int) -> None:
        """Time went on without a break, so that readings could be sent up to now: for a time that is only virtual."""
        self._ticked = max(self._ticked, now)

    def looked_at(self, keys: Iterable[InstanceKey]) -> None:
        """Sets the times of instances anew that were given as due and did not change: the clock was set back since."""
        self._timers.set(keys)

    def next_due(self) -> int | None:
        """When time alone next moves something on, or may."""
        soonest = self._timers.next_due()
        for at in (self.groups.next_due(), *map(corrections.wake, self.open_runs.values())):
            if at is not None and (soonest is None or at < soonest):
                soonest = at
        return soonest

    def due_runs(self, now: int) -> list[Correction]:
        """The corrections that time alone moves on now."""
        return [run for run in self.open_runs.values() if corrections.is_due(run, now)]

    def runs_of(self, key: InstanceKey) -> list[Correction]:
        """The open and the last ended corrections of an instance."""
        return [self.runs[name] for name in self._runs_of.get(key, ())]

    def runs_on(self, action: str, thing: str) -> list[Correction]:
        """The open and the last ended corrections of an action on a thing."""
        names = self._on.get((action, thing), ())
        return [self.runs[name] for name in names if self.runs[name].thing == thing]

    def calls_of(self, action: str, unmade: Iterable[tuple[str, int]] = ()) -> list[int]:
        """When an action was called, as far back as a budget can reach, but for those that turned out `unmade`.

        What is yet to come was before the clock was set back.
        """
        left = list(self._calls.get(action, ()))
        for name, at in unmade:
            if name == action and at in left:
                left.remove(at)
        return left

    def all_calls(self, unmade: Sequence[tuple[str, int]] = ()) -> list[int]:
        """When any action was called, likewise."""
        return [at for action in self._calls for at in self.calls_of(action, unmade)]

    def outcomes_of(self, action: str) -> Sequence[Outcome]:
        """How the last corrections of an action ended, the oldest first."""
        return self._outcomes.get(action, ())

    def _note_outcome(self, run: Correction) -> None:
        outcome = outcome_of(run.state, run.updated)
        if outcome is not None:
            self._outcomes[run.action] = [*self.outcomes_of(run.action), outcome][-KEPT:]

    @property
    def off(self) -> Switch | None:
        """Who switched corrections off, while they are."""
        switch = self.switches.get(CORRECTIONS)
        return None if switch is None or switch.on else switch

    def _note_call(self, action: str, at: int) -> None:
        since = at - corrections.LONGEST_BUDGET
        self._calls[action] = [*(call for call in self._calls.get(action, ()) if call > since), at]

    def forget_call(self, action: str, at: int) -> None:
        """A call decided on at that time was not made, so no budget counts it."""
        known = self._calls.get(action, [])
        if at in known:
            known.remove(at)

    def schedule(self, sources: Iterable[str], now: int) -> list[SourceState]:
        """These are read by the calendar; returns how those stand of which nothing is known, or what is yet to come.

        What the calendar names from now on is missed by them if they are not read, and made up for.
        """
        self._scheduled, self.is_set_back = frozenset(sources), False
        states = (self.sources.get(name) or SourceState(name, since=now) for name in sorted(self._scheduled))
        return [by_now for state in states if (by_now := _by(state, now)) is not self.sources.get(state.name)]

    def scheduled_anew(self, now: int) -> list[SourceState]:
        """As `schedule`, once after the clock was set back: else a restart would know of no run missed since."""
        return self.schedule(self._scheduled, now) if self.is_set_back else []

    def sources_to_store(self, changed: Iterable[SourceState]) -> list[SourceState]:
        """Those that differ by more than the time of their last success, or whose stored time is getting old."""
        return [state for state in changed if self._worth_storing(state)]

    def _worth_storing(self, state: SourceState) -> bool:
        stored = self._stored_sources.get(state.name)
        if stored is None or (stored.alert is not state.alert and stored.alert != state.alert):
            return True
        if (stored.health, stored.failures, stored.last_error) != (state.health, state.failures, state.last_error):
            return True
        if state.name in self._scheduled:  # else a restart would take a run for missed that was made
            return (state.last_success, state.since) != (stored.last_success, stored.since)
        return abs((state.last_success or 0) - (stored.last_success or 0)) >= _SOURCE_EVERY  # a clock may be set back

    def instances_to_store(self, changed: Iterable[InstanceState]) -> list[InstanceState]:
        """Those that differ by more than a newer value, or whose stored value is getting old.

        A start looks at every instance, and finds the value in the stored readings.
        """
        return [state for state in changed if not self._is_stored(state)]

    def _is_stored(self, state: InstanceState) -> bool:
        before = self.instances.get(state.key)
        if before is None or not _is_read_on(state, before):
            return False
        seen, stored = state.seen or 0, self._stored_values.get(state.key)
        if stored is not None and abs(seen - stored) < _VALUE_EVERY:  # a clock may be set back
            return True
        self._stored_values[state.key] = seen
        return False

    def remember(
        self,
        instances: Iterable[InstanceState],
        sources: Iterable[SourceState],
        stored: Iterable[SourceState],
        runs: Iterable[Correction],
        groups: GroupChanges | None = None,
    ) -> None:
        """Takes over what was committed. `stored` are those of the `sources` that were worth storing."""
        if groups:  # none, or no change of any
            self.groups.remember(groups)
        for state in instances:
            self.instances[state.key] = state
            if state.wake is not None:
                self._timers.set((state.key,))
        for source in sources:
            self.sources[source.name] = source
        for source in stored:
            self._stored_sources[source.name] = source
        ended = []
        for run in runs:
            if run.state is RunState.CALLED:
                self._note_call(run.action, run.updated)
            known = self.runs.get(run.id)
            if known is None or known.state in corrections.OPEN:
                ended.append(run)
            self._keep_run(run)
        for run in sorted(ended, key=lambda run: run.place):
            self._note_outcome(run)

    def _keep_run(self, run: Correction) -> None:
        self.places = max(self.places, run.place)
        known = self._runs_of.setdefault(run.key, {})
        if run.state not in corrections.OPEN:
            # Of the ended runs of an action on an instance the last stays, and the last that was called: that call
            # starts the cool-down of the next. What helped before the last one failed is still to be taken back.
            for old in self.runs_of(run.key):
                ended = old.action == run.action and old.id != run.id and old.state not in corrections.OPEN
                if ended and (run.called_at is not None or old.called_at is None) and not _helped_before(old, run):
                    del self.runs[old.id], known[old.id]
                    self._on.get((old.action, old.thing), {}).pop(old.id, None)
            self.open_runs.pop(run.id, None)
        else:
            self.open_runs[run.id] = run
        self.runs[run.id] = run
        known[run.id] = None
        if run.thing:
            self._on.setdefault((run.action, run.thing), {})[run.id] = None

    def forget_silences(self, before: int) -> None:
        """Drops silences that ended before a time."""
        for name in [name for name, silence in self.silences.items() if silence.ends < before]:
            del self.silences[name]

    def forget(self, keys: Iterable[InstanceKey]) -> None:
        """Drops instances that no longer exist by configuration."""
        for key in keys:
            self.instances.pop(key, None)
            self._stored_values.pop(key, None)


def _all_but(kind: type[InstanceState | Assessment], *names: str) -> attrgetter[tuple[object, ...]]:
    return attrgetter(*(one.name for one in fields(kind) if one.name not in names))


_beside_reading = _all_but(InstanceState, "assessment", "seen")
_beside_value = _all_but(Assessment, "value", "time")


def _is_read_on(state: InstanceState, before: InstanceState) -> bool:
    """Whether all that is new is a value; and neither time nor an open alert asks when it came in."""
    if state.wake is not None or state.assessment.hold or _beside_reading(state) != _beside_reading(before):
        return False
    if any(status.state is not _IDLE for status in state.alerts.values()):
        return False
    return _beside_value(state.assessment) == _beside_value(before.assessment)


def _by(state: SourceState, now: int) -> SourceState:
    """The state with now for each time that is later; the very same where none is."""
    if state.since <= now and (state.last_success or now) <= now:
        return state
    last = None if state.last_success is None else min(state.last_success, now)
    return replace(state, since=min(state.since, now), last_success=last)


def _helped_before(old: Correction, run: Correction) -> bool:
    """Whether a run helped an alert for which the next one did not."""
    of = (run.fingerprint, run.of)
    return old.state is RunState.VERIFIED and run.state in corrections.LOST and (old.fingerprint, old.of) == of


def _read_first(run: Correction, instance: InstanceState | None, now: int) -> Correction:
    """The run after a start: what fell due before waits until sources were read. The number may be back."""
    if run.state is RunState.VERIFYING and run.deadline is not None and run.deadline < now:
        seen = instance.seen if instance is not None else None
        was_read = seen is not None and seen > (run.called_at or 0)  # else it has its time anew
        return replace(run, deadline=now + _READ_FIRST) if was_read else run
    due = run.not_before if run.state is RunState.APPROVED and not run.undoes else None
    return run if due is None or due >= now else replace(run, not_before=now + _READ_FIRST)
