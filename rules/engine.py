"""The one pure function that decides: `evaluate`. The daemon, a restart and every test of rules call it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rules import episodes, hindsight, present, whens
from rules.checkins import checkin_wake
from rules.goals import Glance, assess
from rules.health import evaluate_sources, has_turned, is_recent
from rules.history import History, Members
from rules.learning import beside, learned
from rules.model import (
    SECOND,
    AlertState,
    AlertStatus,
    Assessment,
    Finding,
    Health,
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    SourceState,
    Standing,
    Target,
    Transition,
    Usual,
)
from rules.model.quick import maker, quick, replace
from rules.periods import look_within
from rules.questions import look_again, questions
from rules.scene import Scene, comes_beside, not_later
from rules.specs import Specs
from rules.steps import MANY, OFTEN, Steps, at_once

_state, _scene = maker(InstanceState), maker(Scene)
_INACTIVE = AlertStatus()
_IDLE, _DOWN, _NO_DATA = AlertState.INACTIVE, Health.DOWN, Standing.NO_DATA  # a member of an enum is slow to look up
_NONE: Mapping[Any, Any] = {}
_UNKNOWN = Assessment(Standing.NO_DATA, reason="no reading yet", hold=True)


@quick
@dataclass(frozen=True, slots=True)
class States:
    """What is remembered: instances by key, sources by name, and since when readings could be sent without a break."""

    instances: Mapping[InstanceKey, InstanceState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    listening: int = 0


class Batch(NamedTuple):
    """What happened: readings not known before, how polls ended, and instances whose time has come to be looked at."""

    readings: Sequence[Reading] = ()
    polls: Sequence[Polled] = ()
    due: Collection[InstanceKey] = ()


def evaluate(
    specs: Specs, states: States, batch: Batch, now: int, history: History
) -> tuple[States, Sequence[Transition]]:
    """The states that change and the transitions of their alerts, at `now` (UTC microseconds).

    `history` already holds the batch's readings. Nothing given is changed; the same arguments give the same answer.
    """
    return at_once(evaluating(specs, states, batch, now, history))


def evaluating(
    specs: Specs, states: States, batch: Batch, now: int, history: History
) -> Steps[tuple[States, Sequence[Transition]]]:
    """As `evaluate`, in steps."""
    sources, transitions = evaluate_sources(specs, states.sources, batch.polls, now) if batch.polls else ({}, [])
    fresh = yield from _fresh_readings(history, batch.readings)
    if batch.due or sources or history.is_anything_beside:
        for number, key in enumerate(_others(specs, states, history, batch, sources, now), 1):
            if not number % MANY:
                yield
            fresh.setdefault(key, [])
    instances: dict[InstanceKey, InstanceState] = {}
    for number, (key, came) in enumerate(fresh.items(), 1):
        if not number % OFTEN:
            yield
        target = specs.targets.get(key.target)
        if target is None:
            continue
        before = states.instances.get(key)
        own = not_later(before, now) if before else unknown(key, now)
        instance = Instance(specs, target, own, states, sources, history, now)
        state = instance.evaluate(came)
        transitions += instance.moved
        if before is None or differs(state, before):
            instances[key] = state
    return States(instances, sources), transitions


def unknown(key: InstanceKey, now: int) -> InstanceState:
    """An instance before it is looked at for the first time."""
    return InstanceState(key, _UNKNOWN, since=now, created=now)


def differs(state: InstanceState, before: InstanceState) -> bool:
    """Whether anything changed. A newer reading makes another state; all fields are compared only without one."""
    return state.assessment.time != before.assessment.time or state != before


def scene_of(specs: Specs, states: States, key: InstanceKey, now: int, history: History) -> Scene:
    """What an instance is judged by at `now`. Raises KeyError where there is no such target."""
    known = states.instances.get(key) or unknown(key, now)
    return Instance(specs, specs.targets[key.target], not_later(known, now), states, {}, history, now).scene()


def _fresh_readings(history: History, readings: Iterable[Reading]) -> Steps[dict[InstanceKey, list[Reading]]]:
    """The instances that got readings, with these."""
    fresh: dict[InstanceKey, list[Reading]] = {}
    for number, reading in enumerate(readings, 1):
        if not number % MANY:
            yield
        for key in history.instances_of(reading.series):
            fresh.setdefault(key, []).append(reading)
    return fresh


def _others(
    specs: Specs, states: States, history: History, batch: Batch, sources: Mapping[str, SourceState], now: int
) -> Iterable[InstanceKey]:
    """Instances to look at without a reading: due, wanting something, or of a source that went down or came back."""
    yield from batch.due
    rules, known = specs.sources, states.sources
    turned = [name for name, after in sources.items() if has_turned(rules.get(name), known.get(name), after, now)]
    names = set(turned)
    for target in dict.fromkeys(target for name in turned for target in specs.targets_of(name)):
        for key in history.instances_of_target(target):
            members = history.members(key)
            if not members.series or not names.isdisjoint(members.sources):
                yield key
    if history.is_anything_beside:
        for reading in batch.readings:
            yield from history.instances_beside(reading.series)


class Instance:
    """The evaluation of one instance at one time. Its state is taken apart here and put together once, at the end."""

    __slots__ = (
        "alerts", "assessment", "before", "changed", "history", "members", "moved", "now", "of", "questions", "rules",
        "seen", "since", "specs", "states", "target", "usual", "verdict",
    )  # fmt: skip

    def __init__(
        self,
        specs: Specs,
        target: Target,
        before: InstanceState,
        states: States,
        changed: Mapping[str, SourceState],
        history: History,
        now: int,
    ) -> None:
        self.specs = specs
        self.target = target
        self.rules = specs.rules[target.name]
        self.before = before
        self.states = states
        self.changed = changed
        self.history = history
        self.now = now
        self._join(history.members(before.key))
        self.assessment = before.assessment
        self.since, self.verdict = before.since, before.verdict
        self.seen = before.seen
        self.alerts = before.alerts
        self.of = specs.learned_of.get(target.name)
        self.usual = before.usual
        self.moved: list[Transition] = []

    def go_on(self, before: InstanceState, now: int) -> None:
        """Turns to a later time, after what it was found to be."""
        self.before, self.now, self.moved = before, now, []
        self.assessment, self.seen = before.assessment, before.seen
        self.since, self.verdict = before.since, before.verdict
        self.alerts, self.usual = before.alerts, before.usual
        if not self.members.series:
            self._join(self.history.members(before.key))  # perhaps it has some by now

    def _join(self, members: Members) -> None:
        condition = self.specs.conditions.get(self.before.key.target)
        self.members = members
        self.questions = questions(condition, self.target, members.series, members.tracks) if condition else ()

    def evaluate(self, readings: Sequence[Reading], seen: Glance | None = None) -> InstanceState:
        """Its state after readings that are new, as it was seen to stand; what happened to its alerts is in `moved`."""
        newest = self.assessment.time
        # An old reading that comes late is no sign of life, unless all are old to a clock that was set back.
        for reading in readings:
            if reading.value is not None and (newest is None or newest > self.now or reading.time >= newest):
                self.seen = self.now
                break
        by_now = present.come(readings, self.now)
        scene = self.scene(anew=bool(by_now))
        findings = _NONE
        if self.of:
            values = [reading for reading in readings if reading.value is not None]
            self.usual, findings = self.learn(self.usual, scene, values)
        apart = len(readings) > 1 or (bool(readings) and (self.assessment.hold or readings[0].time <= (newest or 0)))
        if readings and not apart and scene.condition:
            apart = hindsight.is_old(scene.condition, readings[0].time, self.now)
        if apart:
            scene = self._catch_up(scene, by_now, findings)
        assessment = assess(scene, seen)
        if self.of:
            assessment = beside(assessment, self.target, self.usual.finding if self.usual else None)
        if assessment.hold and (apart or (readings and scene.beside)):  # what is wanted may have come with them
            self._settle(scene, assessment)
        self._apply(scene, assessment)
        if self.alerts:
            self._escalate(scene)
        return _state(
            self.before.key,
            self.assessment,
            self.since,
            self.before.created,
            self.verdict,
            self.seen,
            self.alerts,
            self._wake(scene),
            self.usual if self.of else None,
        )

    def learn(
        self, usual: Usual | None, scene: Scene, values: Sequence[Reading]
    ) -> tuple[Usual | None, Mapping[int, Finding | None]]:
        """Takes in what the readings teach of what is usual, and says what was found by the time of each."""
        before = usual if usual and usual.of == self.of else None
        return learned(before or self.history.usual.get(self.before.key), self.of or "", scene, values)

    def scene(self, *, anew: bool = False) -> Scene:
        """What it is judged by. What it was by when the clock was ahead stays until it is judged `anew`."""
        scene = _scene(
            self.before.key,
            self.target,
            self.now,
            self.members.series,
            self.members.tracks,
            self.specs.conditions.get(self.before.key.target),
            self._down(),
            self.verdict,
            self.assessment if self.assessment is not _UNKNOWN else None,
            self.before.created,
            self._quiet_since(),
            self._read_until() if self.target.no_data is not None else None,
            self.history.projectors,
            self.history.beside(self.before.key),
            self.questions,
        )
        return present.of_now(scene, anew=anew)

    def _quiet_since(self) -> int:
        """When its newest value arrived; while nothing could be sent nobody was silent, but who was before still is."""
        seen = self.seen if self.seen is not None else self.before.created
        if self.target.no_data is None or self.assessment.silent or seen >= self.states.listening:
            return seen
        rules = [self.specs.sources.get(name) for name in self._sources()]
        called = not rules or any(rule is None or not rule.polled for rule in rules)
        return self.states.listening if called else seen

    def _read_until(self) -> int | None:
        """Up to when its sources are known to have had nothing more: a poll that fails or hangs tells nothing.

        What was silent still is, though a restart may know of no poll as late as the one that told.
        """
        until: int | None = self.now
        if self.assessment.silent:
            return until
        for name in self._sources():
            rule = self.specs.sources.get(name)
            if rule is not None and rule.polled:
                source = self._source(name)
                last = source.last_success if source is not None else None
                until = None if last is None or until is None else min(until, last)
        return until

    def _sources(self) -> Sequence[str]:
        """The sources that give its readings; before there are any, those that may."""
        return self.members.sources if self.members.series else self.specs.sources_of(self.before.key.target)

    def _source(self, name: str) -> SourceState | None:
        return self.changed.get(name) or self.states.sources.get(name)

    def _down(self) -> tuple[str, ...]:
        down: tuple[str, ...] = ()
        for name in self._sources():
            source = self.changed.get(name) or self.states.sources.get(name)
            if source is not None and source.health is _DOWN:
                down = (*down, name)
        return down

    def _catch_up(self, scene: Scene, readings: Sequence[Reading], findings: Mapping[int, Finding | None]) -> Scene:
        """Judges what came late or several at once at its own time, all but the newest; returns the scene after that.

        Every reading counts that is judged alone, so those before the newest of a batch move the alerts on too.
        """
        self.alerts = hindsight.judged_anew(scene, self.rules, self.alerts, readings)
        alone = hindsight.is_by_reading(scene) or (self.of and self.target.goal is None)
        for time in hindsight.passed(scene, readings):
            assessment: Assessment | None = None
            if alone:
                assessment = hindsight.stood(replace(scene, verdict=self.verdict), time)
            elif time in findings:
                assessment = self.assessment
            if assessment is not None:
                self._apply(scene, beside(assessment, self.target, findings.get(time)) if self.of else assessment)
        return scene if self.verdict is scene.verdict else replace(scene, verdict=self.verdict)

    def _settle(self, scene: Scene, assessment: Assessment) -> None:
        """By the newest reading nothing is known, so alerts follow from what was known last, which may be another."""
        if scene.down or assessment.silent:
            return
        known = hindsight.last_known(scene, self.history.recalled)
        if known is not None:
            self.verdict = known.standing
            self._advance(scene, known, still=True)
        elif hindsight.was_never_known(scene, assessment):
            self.verdict = None
            self._advance(scene, replace(assessment, hold=False), still=True)

    def _apply(self, scene: Scene, assessment: Assessment) -> None:
        """Takes the assessment in and moves the alerts on."""
        if assessment.standing is not self.assessment.standing:
            self.since = self.now
        if assessment.standing is not _NO_DATA:
            self.verdict = assessment.standing
        self.assessment = assessment
        self._advance(scene, assessment)

    def _advance(self, scene: Scene, assessment: Assessment, *, still: bool = False) -> None:
        for rule in self.rules:
            status = self.alerts.get(rule.name, _INACTIVE)
            after, happened = episodes.advance(whens.Asked(rule, scene, assessment), status, self.recent, still=still)
            if after is not status:
                self.alerts = {**self.alerts, rule.name: after}
                self.moved += episodes.named_apart(happened, self.moved) if self.moved else happened

    def _escalate(self, scene: Scene) -> None:
        for rule in self.rules:
            status = self.alerts.get(rule.name) if rule.escalate else None
            if status is not None:
                after, happened = episodes.escalate(whens.Asked(rule, scene, self.assessment), status, self.recent)
                self.alerts = {**self.alerts, rule.name: after}
                self.moved += happened

    def recent(self) -> bool:
        """Whether the readings are recent enough to tell by: after a pause of the daemon a poll comes first."""
        rules = ((self.specs.sources.get(name), self._source(name)) for name in self._sources())
        return all(is_recent(rule, source, self.now) for rule, source in rules if rule is not None)

    def _wake(self, scene: Scene) -> int | None:
        moments, look = self._moments(scene), None if scene.down else self._next_look(scene)
        soonest = max(min(moments), self.now + SECOND) if moments else None
        return look if soonest is None or (look is not None and look < soonest) else soonest

    def _moments(self, scene: Scene) -> list[int]:
        """When time alone may change something."""
        held = self.assessment.hold and not self.assessment.silent
        moments = episodes.moments(self.rules, self.alerts, scene, held=held)
        if scene.down:
            return moments
        if self.target.no_data and not self.assessment.silent:
            moments.append(scene.quiet_since + self.target.no_data.after)
        if scene.tracks is not self.members.tracks:
            moments += present.comes(self.members.tracks, self.now)
        return [*moments, *comes_beside(scene)] if scene.beside else moments

    def _next_look(self, scene: Scene) -> int | None:
        """When how it stands may change by itself."""
        target, newest = self.target, self.assessment.time
        if target.checkin:
            tracks = {series.name: track for series, track in zip(scene.series, scene.tracks, strict=True)}
            due = checkin_wake(target.checkin, self.assessment, tracks)
            return None if due is None else max(due, self.now + SECOND)
        if scene.condition:
            return look_again(scene.condition, scene.questions, self.now, newest)
        if target.goal is None or target.goal.per is None or not scene.tracks:
            return None
        return look_within(self.now, target.goal.per, self.assessment.start, self.assessment.end, newest)
