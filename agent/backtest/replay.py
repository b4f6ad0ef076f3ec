"""Replays the past to a configuration and notes what its alerts did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.backtest.past import Past
from agent.config.configuration import Configuration
from agent.deciding.past import learn_before
from agent.rehearsal.verdicts import Verdicts
from rules.model import (
    HOUR,
    AlertState,
    Event,
    InstanceKey,
    InstanceState,
    Reading,
    RollingPeriod,
    Series,
    SourceRule,
    Standing,
    Target,
    Transition,
)
from rules.often import needs_past
from rules.specs import Specs
from rules.turns import Verdict

_MISSED = Standing.MISSED  # a member of an enum is slow to look up
_POINTS = 3_000  # of an instance, at least, as far as it is looked at so often: two for each pixel of a picture
FLAP = HOUR
"""An alert that fires again within this time of its resolve flaps."""


@dataclass(slots=True)
class Firing:
    """From when to when an alert fired; `end` is None while it still does."""

    start: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """A goal was missed at a time, in the period that began at `start` (None: it has none)."""

    at: int
    start: int | None


@dataclass(slots=True)
class Watched:
    """What one instance went through. `points` are its values over time, if they were asked for: with a gap where a
    new period begins, and `start` is when the last one did.

    `least` and `most` are then the numbers that were wanted, from each time on.
    """

    key: InstanceKey
    state: InstanceState | None = None
    firings: dict[str, list[Firing]] = field(default_factory=dict)
    misses: list[Miss] = field(default_factory=list)
    points: list[tuple[int, float | None]] = field(default_factory=list)
    start: int | None = None
    least: list[tuple[int, float]] = field(default_factory=list)
    most: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One configuration's outcome over a span."""

    specs: Specs
    start: int
    end: int
    instances: Mapping[InstanceKey, Watched]

    @property
    def apart(self) -> int:
        """How far apart the points of an instance are at most: what is narrower can't be seen in a picture."""
        return (self.end - self.start) // _POINTS

    def target(self, key: InstanceKey) -> Target:
        """The target of an instance."""
        return self.specs.targets[key.target]


def replay(config: Configuration, past: Past, span: tuple[int, int], *, points: bool = False) -> Replayed:
    """What the configuration would have decided from the start to the end of a span."""
    start, end = span
    apart = (end - start) // _POINTS if points and not all(map(_is_by_newest, config.targets.values())) else None
    specs = Specs(config.targets.values(), _called(config))
    verdicts = Verdicts(specs, start, apart=apart, only_alerts=not points)
    known, judged = _split(past.before, verdicts.specs)
    for reading in known:
        verdicts.history.add(reading)
    verdicts.remember(Past((), judged, {}).arrivals(start))
    learn_before(verdicts.history, past.before, start)
    notes = _Notes(verdicts.specs, points=points)
    notes.take(verdicts.begin())
    notes.take(verdicts.play(past.arrivals(end)))
    notes.take(verdicts.wait(end))
    if points:
        _fill(notes.instances, verdicts, past, end)
    return Replayed(verdicts.specs, start, end, notes.instances)


def _is_by_newest(target: Target) -> bool:
    """Whether an instance stands by the newest reading of one series, so that its readings are its values."""
    goal = target.goal
    return target.checkin is None and target.combine is None and (goal is None or (goal.per or goal.condition) is None)


def _fill(instances: Mapping[InstanceKey, Watched], verdicts: Verdicts, past: Past, end: int) -> None:
    """Gives an instance that stands by its newest reading all of its readings as points: the highest count."""
    points: dict[Series, list[tuple[int, float | None]]] = {}
    for key, watched in instances.items():
        found = verdicts.history.series(key)
        if _is_by_newest(verdicts.specs.targets[key.target]) and len(found) == 1:
            watched.points = points.setdefault(found[0], [])
    for series, known in points.items():
        late = past.delays.get(series, 0)
        known += [
            (time + late, value)
            for one, time, value in past.readings
            if value is not None and time + late < end and one == series
        ]


def _split(before: Sequence[Reading], specs: Specs) -> tuple[list[Reading], list[Reading]]:
    """The readings before the start, and the last ones of each series by which is judged (N of M), in order of time."""
    left = dict.fromkeys((reading.series for reading in before), 0)
    for series in left:
        targets = {key.target for key in (*specs.places_of(series).makes, *specs.places_of(series).joins)}
        left[series] = max((needs_past(specs.targets[name]) for name in targets), default=0)
    if not any(left.values()):
        return list(before), []
    known, judged = list[Reading](), list[Reading]()
    for reading in reversed(before):
        (judged if left[reading.series] > 0 else known).append(reading)
        left[reading.series] -= 1
    return known[::-1], judged[::-1]


def _called(config: Configuration) -> Iterator[SourceRule]:
    """The sources as if they were called, not polled: of the past it is known that nothing more came."""
    return (entry.rule.called() for entry in config.sources.values())


class _Notes:
    def __init__(self, specs: Specs, *, points: bool) -> None:
        self.specs = specs
        self.points = points
        self.instances: dict[InstanceKey, Watched] = {}

    def take(self, verdicts: Iterable[Verdict]) -> None:
        for now, state, transitions in verdicts:
            self._state(state, now)
            for transition in transitions:
                self._moved(self.instances[transition.key], transition)

    def _state(self, state: InstanceState, now: int) -> None:
        watched = self.instances.get(state.key)
        if watched is None:
            watched = self.instances[state.key] = Watched(state.key)
        assessment, before = state.assessment, watched.state
        if assessment.standing is _MISSED and self._is_news(state, before):
            watched.misses.append(Miss(now, assessment.start))
        if self.points and assessment.value is not None and not assessment.hold:
            if watched.points and watched.start != assessment.start and not self._rolls(state.key):
                watched.points.append((now - 1, None))
            watched.points.append((now, assessment.value))
            watched.start = assessment.start
            _note(watched.least, now, assessment.at_least)
            _note(watched.most, now, assessment.at_most)
        watched.state = state

    def _is_news(self, state: InstanceState, before: InstanceState | None) -> bool:
        """Whether a miss is another one than before: another period, where periods follow one another."""
        if before is None or before.verdict is not Standing.MISSED:
            return True
        return not self._rolls(state.key) and before.assessment.start not in {None, state.assessment.start}

    def _rolls(self, key: InstanceKey) -> bool:
        goal = self.specs.targets[key.target].goal
        return goal is None or isinstance(goal.per, RollingPeriod)

    def _moved(self, watched: Watched, transition: Transition) -> None:
        firings = watched.firings.setdefault(transition.alert, [])
        if transition.event is Event.FIRING and transition.before is not AlertState.RECOVERING:
            firings.append(Firing(transition.at))
        elif transition.event is Event.RESOLVED and firings:
            firings[-1].end = transition.at


def _note(wanted: list[tuple[int, float]], now: int, number: float | None) -> None:
    if number is not None and (not wanted or wanted[-1][1] != number):
        wanted.append((now, number))
