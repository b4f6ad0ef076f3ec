"""Why an instance stands where it stands, and what happens next: the engine's own decision, taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rules.alerts import is_open
from rules.engine import Batch, States, evaluate, scene_of
from rules.history import History
from rules.measures import measure_text
from rules.model import (
    AlertRule,
    AlertStatus,
    Assessment,
    Event,
    Finding,
    Goal,
    InstanceKey,
    InstanceState,
    RollingPeriod,
    Series,
    SourceState,
    Standing,
    Target,
    Transition,
)
from rules.scene import Scene
from rules.specs import Specs
from rules.waiting import waits
from rules.words import about, amount, beside, clock_time, coming, number, span

Value = float | bool | None

_EVENTS = 3  # of what comes next
_SAID = {
    Event.FIRING: "fires",
    Event.PENDING: "becomes pending",
    Event.RESOLVED: "is resolved",
    Event.RECOVERING: "begins to recover",
    Event.INACTIVE: "is no longer pending",
    Event.ESCALATED: "is escalated",
    Event.LOWERED: "becomes less grave",
    Event.SETTLED: "no longer flaps",
}


@dataclass(frozen=True, slots=True)
class Input:
    """A series that is read: its newest reading, and how many are in view. `value` is None where that has none."""

    series: Series
    value: float | None
    time: int
    readings: int


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the decision, as written or in words, with its value: a number, true, false, or None: unknown."""

    text: str
    value: Value


@dataclass(frozen=True, slots=True)
class Coming:
    """What happens at a time if nothing else comes in and all sources can be read. `ends` is the alert that it ends."""

    at: int
    what: str
    ends: str = ""


@dataclass(frozen=True, slots=True)
class AlertPart:
    """One alert, as it was remembered and as it is found now."""

    rule: AlertRule
    before: AlertStatus
    after: AlertStatus


@dataclass(frozen=True, slots=True)
class Explanation:
    """One instance at one time. `before` is what was remembered of it, None if it was not known."""

    key: InstanceKey
    target: Target
    now: int
    before: InstanceState | None
    after: InstanceState
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    alerts: tuple[AlertPart, ...]
    sources: tuple[SourceState, ...]
    coming: tuple[Coming, ...]


def explain(specs: Specs, states: States, history: History, key: InstanceKey, now: int, looks: int) -> Explanation:
    """Why it stands so at `now`. `looks` bounds how far ahead is looked. Raises KeyError for an unknown target."""
    target = specs.targets[key.target]
    before = states.instances.get(key)
    changed, _ = evaluate(specs, states, Batch(due=[key]), now, history)
    found = changed.instances.get(key) or before
    if found is None:
        raise KeyError(key)
    if before is not None and before.wake is not None and before.wake > now:  # it will be looked at as it was to be
        found = replace(found, wake=min(before.wake, found.wake or before.wake))
    scene = scene_of(specs, states, key, now, history)
    names = dict.fromkeys([*specs.sources_of(target.name), *_sources(scene)])
    return Explanation(
        key=key,
        target=target,
        now=now,
        before=before,
        after=found,
        inputs=tuple(_inputs(scene, found.assessment)),
        steps=tuple(_steps(scene, found.assessment)),
        alerts=tuple(AlertPart(rule, _status(before, rule), _status(found, rule)) for rule in specs.rules[target.name]),
        sources=tuple(states.sources[name] for name in names if name in states.sources),
        coming=tuple(_coming(specs, States({key: found}, states.sources), history, now, looks)),
    )


def _status(state: InstanceState | None, rule: AlertRule) -> AlertStatus:
    return state.alerts.get(rule.name, AlertStatus()) if state else AlertStatus()


def _sources(scene: Scene) -> Iterator[str]:
    return (value for one in scene.series for name, value in one.labels if name == "source")


def _inputs(scene: Scene, found: Assessment) -> Iterator[Input]:
    for series, track in zip(scene.series, scene.tracks, strict=True):
        if track.newest is not None:
            yield Input(series, track.newest[1], track.newest[0], track.held)
    per = scene.target.goal.per if scene.target.goal else None
    until = scene.now if found.end is None or isinstance(per, RollingPeriod) else found.end - 1
    for series, track in scene.beside:
        counts = track.newest_at(until)  # of a plan that lies ahead the part that is compared
        if counts is not None:
            yield Input(series, counts[1], counts[0], track.held)


# The comparisons


def _steps(scene: Scene, found: Assessment) -> Iterator[Step]:
    if scene.down:
        return
    if found.finding is not None:
        yield from _usual_steps(found.finding)
    if scene.condition is not None:
        values = [question.answer(scene.now) for question in scene.questions]
        yield from (Step(text, value) for text, value in scene.condition.trace(values))
    elif scene.target.checkin is not None and found.due is not None:
        late = scene.now - found.due - scene.target.checkin.grace
        yield Step(f"called before {clock_time(found.due, scene.target.zone)} and {_grace(scene)}", late <= 0)
    elif found.start is not None:
        yield from _period_steps(scene.target, found)
    elif found.value is not None:
        yield from _bound_steps("value", found.value, found.at_least, found.at_most, scene.target)
        recover = scene.target.recover
        if recover is not None and found.standing is Standing.OUT_OF_BAND:
            for step in _bound_steps("value", found.value, recover.at_least, recover.at_most, scene.target):
                yield replace(step, text=f"recovered: {step.text}")


def _usual_steps(finding: Finding) -> Iterator[Step]:
    low, high = finding.expected - finding.edge, finding.expected + finding.edge
    text = f"value {number(finding.value)} in the usual {about(low)} to {about(high)}"
    yield Step(text, low <= finding.value <= high)
    yield Step("score, unusual from 0.5 on", finding.score)


def _grace(scene: Scene) -> str:
    checkin = scene.target.checkin
    return f"{span(checkin.grace)} of grace" if checkin else ""


def _period_steps(target: Target, found: Assessment) -> Iterator[Step]:
    measure = measure_text(target.goal or Goal())
    since = f" since {clock_time(found.start, target.zone)}" if found.start is not None else ""
    yield Step(f"{measure}{since}", found.value)
    if found.value is not None:
        yield from _bound_steps("value", found.value, found.at_least, found.at_most, target)
    if found.expected is not None:
        yield Step("expected by now", found.expected)
    if found.projection is not None:
        yield from _bound_steps("projected", found.projection.value, found.at_least, found.at_most, target)


def _bound_steps(name: str, value: float, low: float | None, high: float | None, target: Target) -> Iterator[Step]:
    said = beside(value, (low, high), percent=target.percent)
    if low is not None:
        yield Step(f"{name} {said} >= {amount(low, target, unit=False)}", value >= low)
    if high is not None:
        yield Step(f"{name} {said} <= {amount(high, target, unit=False)}", value <= high)


# What comes next


def _coming(specs: Specs, states: States, history: History, now: int, looks: int) -> Iterator[Coming]:
    """The next events, found by deciding ahead as if nothing came in.

    While nothing happens the steps grow, of as many looks each, but not over the end of a period; when something did
    happen, its time is found by halving the last step: that of the look which finds it.
    """
    ahead = _Ahead(specs, history, states)
    said, stride = 0, 0
    for _ in range(looks):
        wake = ahead.state.wake
        if wake is None or said >= _EVENTS:
            return
        every = max(wake - now, 1)
        at = max(wake, min(now + stride // every * every, ahead.known_end(now)))
        if ahead.events(at):
            at = ahead.look_at(wake, ahead.first(max(now, wake - 1), at))
            for what, ends in ahead.events(at):
                yield Coming(at, what, ends)
                said += 1
            stride = 0
        else:
            stride = 2 * (at - now)
        ahead.go(at)
        now = at


class _Ahead:
    """One instance, as it will be if nothing comes in and its sources can be read."""

    def __init__(self, specs: Specs, history: History, states: States) -> None:
        self.specs = specs
        self.history = history
        self.states = states
        (self.key,) = states.instances

    @property
    def state(self) -> InstanceState:
        """As it is by now."""
        return self.states.instances[self.key]

    def known_end(self, now: int) -> int:
        """When its period ends, or the next check-in is due."""
        ends = (self.state.assessment.end, self.state.assessment.due)
        return min((end for end in ends if end is not None and end > now), default=2**62)

    def events(self, at: int) -> list[tuple[str, str]]:
        """What is found to have happened when it is looked at then, next, and the alert that is over by it."""
        states, moved = self._decided(at)
        return list(_events(self.state, states.instances[self.key], [(one.alert, one.event) for one in moved]))

    def first(self, idle: int, at: int) -> int:
        """The earliest time at which something is found to have happened, after `idle` and not after `at`."""
        while at - idle > 1:
            middle = (idle + at) // 2
            if self.events(middle):
                at = middle
            else:
                idle = middle
        return at

    def look_at(self, wake: int, at: int) -> int:
        """The look that finds what would be found at a time first; `wake` is the first one, others follow evenly."""
        following, _ = self._decided(wake)
        every = (following.instances[self.key].wake or at) - wake
        last = wake + (at - 1 - wake) // every * every if every > 0 and at > wake else wake
        before, _ = self._decided(last)
        return max(before.instances[self.key].wake or at, at) if last < at else at

    def go(self, at: int) -> None:
        """Goes on to a time."""
        self.states, _ = self._decided(at)

    def _decided(self, at: int) -> tuple[States, Sequence[Transition]]:
        states = replace(self.states, sources=_read_at(self.specs, self.states.sources, at))
        changed, moved = evaluate(self.specs, states, Batch(due=[self.key]), at, self.history)
        return replace(states, instances={self.key: changed.instances.get(self.key, self.state)}), moved


def _read_at(specs: Specs, sources: Mapping[str, SourceState], at: int) -> Mapping[str, SourceState]:
    """The sources, each read successfully at a time if it can be read at all."""
    return {
        name: replace(state, last_success=at) if state.last_success is not None and name in specs.sources else state
        for name, state in sources.items()
    }


def _events(before: InstanceState, after: InstanceState, moved: list[tuple[str, Event]]) -> Iterator[tuple[str, str]]:
    was, now = before.assessment.standing, after.assessment.standing
    if was is not now:
        has = "has" if now is Standing.NO_DATA else "is"
        yield f"it {has} {now.value.replace('_', ' ')}, no longer {was.value.replace('_', ' ')}", ""
    for alert, event in moved:
        if event in _SAID:
            yield f"{alert} {_SAID[event]}", alert if event is Event.RESOLVED else ""


# In a few lines


def why(found: Explanation, alert: str) -> tuple[str, ...]:
    """A few lines for a notice about one of its alerts: what was read, what was compared, since when, what is next."""
    return tuple(_why(found, alert))


def _why(found: Explanation, alert: str) -> Iterator[str]:
    zone = found.target.zone
    for one in found.inputs[:3]:
        value = "no value" if one.value is None else number(one.value, found.target.unit)
        age = (
            f"{span(found.now - one.time)} old"
            if one.time <= found.now
            else f"of {clock_time(one.time, zone, found.now)}"
        )
        yield f"Read {one.series} = {value}, {age}"
    if len(found.inputs) > 3:
        yield f"and {len(found.inputs) - 3} more series"
    said = [f"{step.text} {_of(step.value)}" for step in found.steps[:4]]
    if said:
        yield f"Found {'; '.join(said)}"
    part = next((one for one in found.alerts if one.rule.name == alert), None)
    if part is not None:
        yield f"{alert} {waits(part.rule, part.after, zone, found.now)}"
    if found.coming:
        first = found.coming[0]
        yield f"If nothing else comes in: {first.what} at {coming(first.at, zone, found.now)}"


def is_past(found: InstanceState, transition: Transition, now: int) -> bool:
    """Whether what happened is of a reading that newer ones came with, so that the instance stands otherwise by now."""
    status, assessment = found.alerts.get(transition.alert, AlertStatus()), transition.assessment
    if transition.event is Event.FIRING and not is_open(status):
        return True
    newer = (found.assessment.time or 0) > ((assessment.time if assessment else None) or 0)
    return transition.event is Event.FIRING and transition.at == now and newer


def why_then(target: Target, transition: Transition) -> tuple[str, ...]:
    """The same for what happened by a reading that newer ones came with."""
    assessment, at = transition.assessment, transition.at
    if assessment is None:
        return ()
    lines = []
    if assessment.time is not None:
        lines = [f"By what was read of {clock_time(assessment.time, target.zone, at)}; since then it was read anew"]
    inputs = [f"{text} = {value}" for text, value in assessment.inputs]
    if not inputs and assessment.value is not None:
        inputs = [f"value = {number(assessment.value, target.unit)}"]
    return (*lines, f"Found {'; '.join(inputs)}") if inputs else tuple(lines)


def why_at_once(target: Target, transition: Transition) -> tuple[str, ...]:
    """What is to be added of an alert that is over at the time it fired: it was so while nothing was read."""
    time = transition.assessment.time if transition.assessment else None
    if transition.event is not Event.RESOLVED or transition.fired_at != transition.at or time is None:
        return ()
    was = clock_time(time, target.zone, transition.at)
    return (f"Over by what was read of {was}; it came together with what it fired by",)


def why_source(state: SourceState, now: int) -> tuple[str, ...]:
    """The same for a notice about a source."""
    last = "never read" if state.last_success is None else f"last read {span(now - state.last_success)} ago"
    if not state.failures:
        return (f"{state.name} {last}",)
    times = "once" if state.failures == 1 else f"{state.failures:,} times in a row"
    return (f"{state.name} {last}, failed {times}",)


def _of(value: Value) -> str:
    if value is None:
        return "is unknown"
    if isinstance(value, bool):
        return "holds" if value else "does not hold"
    return f"= {number(value)}"
