"""The one pure function that decides: `evaluate`. The daemon, a restart and every test of rules call it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rules import alerts, episodes, whens
from rules.bounds import Unsettled
from rules.checkins import checkin_wake
from rules.goals import assess, judge
from rules.health import fold_polls, source_transition
from rules.history import History
from rules.learning import beside, learned
from rules.model import (
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    Event,
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
)
from rules.scene import Scene, not_later
from rules.specs import Specs

NOT_CONFIGURED = "is no longer configured"
_INACTIVE = AlertStatus()
_UNKNOWN = Assessment(Standing.NO_DATA, reason="no reading yet", hold=True)


@dataclass(frozen=True, slots=True)
class States:
    """What is remembered: instances by key, sources by name, and since when readings could be sent without a break."""

    instances: Mapping[InstanceKey, InstanceState] = field(default_factory=dict)
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    listening: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
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
    sources, transitions = _evaluate_sources(specs, states, batch.polls, now)
    fresh = _fresh_readings(history, batch.readings)
    keys = dict.fromkeys([*fresh, *batch.due, *_affected(specs, states, history, sources)])
    if history.is_anything_beside:
        keys.update(dict.fromkeys(key for one in batch.readings for key in history.instances_beside(one.series)))
    known = replace(states, sources={**states.sources, **sources}) if sources else states
    instances: dict[InstanceKey, InstanceState] = {}
    for key in keys:
        target = specs.targets.get(key.target)
        if target is None:
            continue
        before = states.instances.get(key)
        own = not_later(before, now) if before else InstanceState(key, _UNKNOWN, since=now, created=now)
        state, moved = _Instance(specs, target, own, known, history, now).evaluate(fresh.get(key, ()))
        transitions += moved
        if state != before:
            instances[key] = state
    return States(instances, sources), transitions


def scene_of(specs: Specs, states: States, key: InstanceKey, now: int, history: History) -> Scene:
    """What an instance is judged by at `now`. Raises KeyError where there is no such target."""
    known = states.instances.get(key) or InstanceState(key, _UNKNOWN, since=now, created=now)
    return _Instance(specs, specs.targets[key.target], not_later(known, now), states, history, now).scene()


def _evaluate_sources(
    specs: Specs, states: States, polls: Sequence[Polled], now: int
) -> tuple[dict[str, SourceState], list[Transition]]:
    changed: dict[str, SourceState] = {}
    transitions: list[Transition] = []
    for polled in polls:
        before = changed.get(polled.source) or states.sources.get(polled.source) or SourceState(polled.source)
        after, event = fold_polls(before, polled, now)
        changed[polled.source] = after
        if event:
            transition = source_transition(specs, before, after, event, now)
            transitions.append(transition)
            alert = replace(after.alert, fingerprint=transition.fingerprint, labels=transition.labels)
            changed[polled.source] = replace(after, alert=alert)
    return changed, transitions


def _fresh_readings(history: History, readings: Iterable[Reading]) -> dict[InstanceKey, list[Reading]]:
    fresh: dict[InstanceKey, list[Reading]] = {}
    for reading in readings:
        for key in history.instances_of(reading.series):
            fresh.setdefault(key, []).append(reading)
    return fresh


def _affected(
    specs: Specs,
    states: States,
    history: History,
    sources: Mapping[str, SourceState],
) -> Iterable[InstanceKey]:
    """Instances whose source went down or came back."""
    for name, after in sources.items():
        before = states.sources.get(name)
        if Health.DOWN in {after.health, before.health if before else None} and before != after:
            for target in specs.targets_of(name):
                yield from history.instances_of_target(target)


class _Instance:
    """The evaluation of one instance at one time. Its state is taken apart here and put together once, at the end."""

    def __init__(
        self,
        specs: Specs,
        target: Target,
        before: InstanceState,
        known: States,
        history: History,
        now: int,
    ) -> None:
        self.specs = specs
        self.target = target
        self.key = before.key
        self.before = before
        self.sources = known.sources
        self.listening = known.listening
        self.history = history
        self.now = now
        self.assessment = before.assessment
        self.since = before.since
        self.verdict = before.verdict
        self.seen = before.seen
        self.alerts = before.alerts
        self.of = specs.learned_of.get(target.name)
        self.usual = before.usual

    def evaluate(self, readings: Sequence[Reading]) -> tuple[InstanceState, list[Transition]]:
        transitions: list[Transition] = []
        values = [reading for reading in readings if reading.value is not None]
        newest = self.assessment.time
        # An old reading that comes late is no sign of life, unless all are old to a clock that was set back.
        if any(newest is None or newest > self.now or reading.time >= newest for reading in values):
            self.seen = self.now
        scene = self.scene()
        findings: Mapping[int, Finding | None] = {}
        if self.of:
            before = self.usual if self.usual and self.usual.of == self.of else None
            known = before or self.history.usual.get(self.key)
            self.usual, findings = learned(known, self.of, scene, values)
        for passed in self._passed_through(scene, values, findings):
            transitions += self._apply(scene, passed)
        if self.verdict is not scene.verdict:
            scene = replace(scene, verdict=self.verdict)
        assessment = assess(scene)
        if self.of:
            assessment = beside(assessment, self.target, self.usual.finding if self.usual else None)
        transitions += self._apply(scene, assessment)
        transitions += self._escalate(scene)
        state = InstanceState(
            self.key,
            self.assessment,
            self.since,
            self.before.created,
            self.verdict,
            self.seen,
            self.alerts,
            self._wake(scene),
            self.usual if self.of else None,
        )
        return state, transitions

    def scene(self) -> Scene:
        """What it is judged by."""
        before = self.before
        return Scene(
            self.key,
            self.target,
            self.now,
            self.history.series(self.key),
            self.history.tracks(self.key),
            self.specs.conditions.get(self.key.target),
            self._down(),
            self.verdict,
            self.assessment if self.assessment is not _UNKNOWN else None,
            before.created,
            self._quiet_since(),
            self._read_until(),
            self.history.projectors,
            self.history.beside(self.key),
        )

    def _quiet_since(self) -> int:
        """When its newest value arrived; while nothing could be sent nobody was silent, but who was before still is."""
        seen = self.seen if self.seen is not None else self.before.created
        if self.target.no_data is None or self.assessment.silent:
            return seen
        rules = [self.specs.sources.get(name) for name in self._sources()]
        called = not rules or any(rule is None or rule.every is None for rule in rules)
        return max(seen, self.listening) if called else seen

    def _read_until(self) -> int | None:
        """Up to when its sources are known to have had nothing more: a poll that fails or hangs tells nothing."""
        until: int | None = self.now
        for name in self._sources():
            rule = self.specs.sources.get(name)
            if rule is not None and rule.every is not None:
                last = self.sources[name].last_success if name in self.sources else None
                until = None if last is None or until is None else min(until, last)
        return until

    def _sources(self) -> Iterable[str]:
        """The sources that give its readings; before there are any, those that may."""
        series = self.history.series(self.key)
        if not series:
            return self.specs.sources_of(self.key.target)
        return dict.fromkeys(value for one in series for name, value in one.labels if name == "source")

    def _down(self) -> tuple[str, ...]:
        return tuple(
            name for name in self._sources() if name in self.sources and self.sources[name].health is Health.DOWN
        )

    def _passed_through(
        self, scene: Scene, readings: Sequence[Reading], findings: Mapping[int, Finding | None]
    ) -> Iterable[Assessment]:
        """Every reading counts that is judged alone, so those before the newest of a batch are judged too.

        An instance that is seen for the first time has no past to answer for, nor have readings that come late.
        """
        goal = self.target.goal
        last = self.assessment.time
        if len(readings) < 2 or last is None or scene.down or len(scene.tracks) != 1:
            return
        alone = self.of if goal is None else not goal.per and not goal.condition
        for reading in sorted(readings, key=lambda reading: reading.time)[:-1]:
            if reading.time <= last or not (alone or reading.time in findings):
                continue
            try:
                passed = judge(replace(scene, verdict=self.verdict), reading.time) if alone else self.assessment
            except Unsettled:
                continue  # what was wanted then is not known
            yield beside(passed, self.target, findings.get(reading.time)) if self.of else passed

    def _apply(self, scene: Scene, assessment: Assessment) -> list[Transition]:
        """Takes the assessment in and moves the alerts on."""
        if assessment.standing is not self.assessment.standing:
            self.since = self.now
        if assessment.standing is not Standing.NO_DATA:
            self.verdict = assessment.standing
        self.assessment = assessment
        moved: list[Transition] = []
        for rule in self.specs.rules[self.target.name]:
            status = self.alerts.get(rule.name, _INACTIVE)
            after, happened = episodes.advance(whens.Asked(rule, scene, assessment), status, self._recent)
            if after is not status:
                self.alerts = {**self.alerts, rule.name: after}
            moved += happened
        return moved

    def _escalate(self, scene: Scene) -> list[Transition]:
        moved: list[Transition] = []
        for rule in self.specs.rules[self.target.name]:
            status = self.alerts.get(rule.name)
            if rule.escalate and status is not None:
                after, happened = episodes.escalate(whens.Asked(rule, scene, self.assessment), status, self._recent)
                self.alerts = {**self.alerts, rule.name: after}
                moved += happened
        return moved

    def _recent(self) -> bool:
        """Whether the readings are recent enough to fire on: after a pause of the daemon a poll comes first."""
        for name in self._sources():
            every = self.specs.sources[name].every if name in self.specs.sources else None
            last = self.sources[name].last_success if name in self.sources else None
            if every is not None and last is not None and self.now - last > 2 * every + 10 * SECOND:
                return False
        return True

    def _wake(self, scene: Scene) -> int | None:
        moments = [moment for moment in self._moments(scene) if moment is not None]
        return max(min(moments), self.now + SECOND) if moments else None

    def _moments(self, scene: Scene) -> Iterable[int | None]:
        target = self.target
        if self.alerts:
            for rule in self.specs.rules[target.name]:
                status = self.alerts.get(rule.name)
                if status is not None:
                    yield from episodes.wake(rule, status, scene)
        if scene.down:
            return
        if target.checkin:
            names = [series.name for series in scene.series]
            yield checkin_wake(target.checkin, self.assessment, dict(zip(names, scene.tracks, strict=True)))
        if target.no_data and not self.assessment.silent:
            yield scene.quiet_since + target.no_data.after
        if target.goal and target.goal.per and scene.tracks:
            yield self._next_look()
        elif scene.condition:
            spans = [query.look_again for query in scene.condition.queries]
            soon = min((span for span in spans if span is not None), default=None)
            yield None if soon is None else self.now + soon
        for _, track in scene.beside:
            yield track.next_after(self.now)  # a plan that was known ahead

    def _next_look(self) -> int | None:
        """A period's pace falls while nothing comes in; it is looked at about 200 times a period."""
        start, end = self.assessment.start, self.assessment.end
        if start is None or end is None:
            return None
        soon = self.now + min(max((end - start) // 200, 10 * SECOND), 15 * MINUTE)
        return soon if end <= self.now else min(soon, end)


@dataclass(slots=True)
class Retired:
    """What a new configuration ends: the keys to forget, the states that change, and the resolves of what was open."""

    forget: list[InstanceKey] = field(default_factory=list)
    instances: list[InstanceState] = field(default_factory=list)
    sources: list[SourceState] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)


def retire(specs: Specs, states: States, now: int, history: History) -> Retired:
    """Ends instances whose target is gone or means other series now, and open alerts whose rule or source is gone.

    `history` holds what is stored, as `specs` see it.
    """
    retired = Retired()
    for key, state in states.instances.items():
        target = specs.targets.get(key.target)
        gone = target is None or {name for name, _ in key.labels} != set(target.by)
        gone = gone or (bool(key.labels) and not history.series(key))
        known = set() if gone else {rule.name for rule in specs.rules[key.target]}
        lost = {name: status for name, status in state.alerts.items() if name not in known}
        retired.transitions += [_retired(state, n, status, now) for n, status in lost.items() if alerts.is_open(status)]
        if gone:
            retired.forget.append(key)
        elif lost:
            retired.instances.append(
                replace(state, alerts={n: status for n, status in state.alerts.items() if n in known})
            )
    for source in states.sources.values():
        if source.name not in specs.sources and alerts.is_open(source.alert):
            after, _ = fold_polls(replace(source, health=Health.UNKNOWN), Polled(source.name, now), now)
            resolved = source_transition(specs, source, after, Event.RESOLVED, now)
            retired.transitions.append(replace(resolved, detail=NOT_CONFIGURED))
            retired.sources.append(after)
    return retired


def _retired(state: InstanceState, name: str, status: AlertStatus, now: int) -> Transition:
    labels = status.labels or alerts.alert_labels(AlertRule(name, state.assessment.standing), state.key)
    return Transition(
        state.key,
        name,
        status.fingerprint,
        status.episode,
        Event.RESOLVED,
        now,
        status.state,
        AlertState.INACTIVE,
        labels,
        state.assessment,
        status.fired_at,
        NOT_CONFIGURED,
    )
