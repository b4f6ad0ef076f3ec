"""One instance that gets one reading after another while nothing else happens, as in a replay of the past.

Every reading is judged by what `evaluate` judges it by. A state is put together only where more than numbers changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rules.engine import Instance, States, differs, look_within
from rules.goals import Glance, glance
from rules.history import History
from rules.margins import Margin, margin
from rules.model import SECOND, InstanceKey, InstanceState, Reading, RollingPeriod, Standing, Transition
from rules.scene import Scene, not_later
from rules.specs import Specs

_UNSURE = 30
Found = tuple[Mapping[InstanceKey, InstanceState], Sequence[Transition]]
"""The state of the instance by its key, if it changed, and what happened to its alerts."""


class Turn:
    """What `evaluate` finds at times, in order, at which a known instance gets one reading each.

    The history holds a reading when it is given, but none that is given later. Nothing is polled or due meanwhile.
    `wake` is when time alone may change something, as things are now.
    """

    def __init__(self, specs: Specs, states: States, key: InstanceKey, history: History) -> None:
        self.specs = specs
        self.states = states
        self.key = key
        self.history = history
        self.state = states.instances[key]
        self.wake = self.state.wake
        self._instance: Instance | None = None
        self._resting: _Resting | None = None
        self._passed: tuple[int, Reading, Glance] | None = None  # the last of those that passed
        target = specs.targets[key.target]
        self._may_rest = (
            key.target not in specs.learned_of
            and not target.checkin
            and not history.beside(key)
            and all(
                isinstance(rule.when, Standing) and not (rule.often or rule.flapping or rule.worse)
                for rule in specs.rules[key.target]
            )
        )

    def take(self, at: int, reading: Reading) -> Found:
        """As `evaluate` with the reading alone."""
        if self._passed is not None:
            self.state = _moved_on(self.state, self._passed)
            self._passed = None
        return self._evaluated(at, reading)

    def passes(self, at: int, reading: Reading) -> bool:
        """Whether `take` would find nothing but other numbers, and a later wake. Then it need not be asked."""
        if not self._may_rest or self._instance is None:
            return False
        resting = self._resting
        if resting is None:
            resting = self._resting = _Resting(self._instance, self.state)
        found = resting.look(at, reading)
        if found is None:
            return False
        self._passed = at, reading, found
        self.wake = resting.wake(at, found)
        return True

    def end(self) -> tuple[int, Found] | None:
        """The state after the readings that passed last, and when; None if none did."""
        if self._passed is None:
            return None
        at, reading, _ = self._passed
        self._passed = None
        return at, self._evaluated(at, reading)

    def _evaluated(self, at: int, reading: Reading) -> Found:
        instance, before = self._instance, self.state
        if instance is None:
            target, known = self.specs.targets[self.key.target], not_later(before, at)
            instance = self._instance = Instance(self.specs, target, known, self.states, {}, self.history, at)
        else:
            instance.go_on(before, at)
        self.state = instance.evaluate([reading] if reading.value is not None else [])
        self.wake = self.state.wake
        self._resting = None
        return ({self.key: self.state} if differs(self.state, before) else {}), instance.moved


class _Resting:
    """An instance whose alerts wait for another standing, or for a time, and for nothing else."""

    __slots__ = ("found", "margin", "rolls", "scene", "standing", "start", "time", "unsure", "until")

    def __init__(self, instance: Instance, state: InstanceState) -> None:
        self.scene: Scene = instance.scene()
        goal = self.scene.target.goal
        self.margin: Margin | None = None
        self.found: Glance | None = None  # what it is of
        self.unsure = 0  # for so many readings it is not asked for
        self.standing, self.start = state.assessment.standing, state.assessment.start
        self.time = state.assessment.time
        self.rolls = goal is not None and isinstance(goal.per, RollingPeriod)
        held = state.assessment.hold or self.scene.down
        flaps = any(status.checks or status.flapping_since is not None for status in state.alerts.values())
        self.until: int | None = -1 if held or flaps else min(instance.alert_moments(self.scene), default=None)

    def look(self, at: int, reading: Reading) -> Glance | None:
        """How it stands after the reading, if that is as before; None where all of it has to be looked at."""
        if self.time is None or reading.time <= self.time or reading.value is None:
            return None
        if self.until is not None and at >= self.until:
            return None
        found = self._within(at, reading.time, reading.value) if self.margin is not None else None
        if found is None:
            found = glance(self.scene, at)
            if found is None or found.standing is not self.standing or found.time != reading.time:
                return None
            if found.start != self.start and not self.rolls:
                return None  # another period
            self._look_ahead(found)
        self.time = found.time
        return found

    def _look_ahead(self, found: Glance) -> None:
        """Finds out how far it is sure to stand so; where it is not, not at every reading."""
        self.margin = None
        if self.unsure:
            self.unsure -= 1
        elif found.sight is not None:
            self.found, self.margin = found, margin(self.scene, found.sight)
            self.unsure = 0 if self.margin is not None else _UNSURE

    def _within(self, at: int, time: int, number: float) -> Glance | None:
        """How it stands, if that is sure by what was found before."""
        found, known = self.found, self.margin
        if found is None or known is None or at >= known.until or time >= known.until or number < 0.0:
            return None
        sight = found.sight
        if sight is None:
            return None
        goal, stretch = sight.goal, sight.stretch
        summary = self.scene.tracks[0].summary(goal, stretch.start, stretch.end)
        value = summary.measure(goal)
        if value is None or value >= known.below or summary.last_time != time:
            return None
        return Glance(found.standing, value, time, found.start, found.end, sight)

    def wake(self, at: int, found: Glance) -> int | None:
        """When time alone may change something."""
        soonest = self.until
        no_data, condition = self.scene.target.no_data, self.scene.condition
        if no_data is not None and (soonest is None or at + no_data.after < soonest):
            soonest = at + no_data.after
        if condition is not None:
            look = None if condition.look_again is None else at + condition.look_again
        else:
            look = look_within(at, found.start, found.end)
        if look is not None and (soonest is None or look < soonest):
            soonest = look
        return None if soonest is None else max(soonest, at + SECOND)


def _moved_on(state: InstanceState, passed: tuple[int, Reading, Glance]) -> InstanceState:
    """The state after readings that changed but numbers, of which those that may be asked for are there."""
    at, _, found = passed
    assessment = replace(state.assessment, value=found.value, time=found.time, start=found.start, end=found.end)
    return replace(state, assessment=assessment, seen=at)
