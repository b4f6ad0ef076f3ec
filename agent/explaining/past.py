"""What `explain` says of a target at a time in the past: what is stored, rehearsed up to then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from agent.config.configuration import Configuration
from agent.deciding.decided import Decision
from agent.deciding.decision import Decider, take_in
from agent.deciding.memory import Memory
from agent.deciding.past import learn_before, rehearsed_reaches
from agent.deciding.recall import read_from, rolled_up
from agent.explaining.noted import Noted, as_noted, explained_as_noted, noted
from agent.explaining.present import Explained, Known
from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Moment
from agent.rehearsal.polls import Failing, Polls
from agent.store.records import Remembered
from agent.store.store import Store
from rules import alerts
from rules.corrections import line, named
from rules.health import DOWN_AFTER
from rules.model import (
    DAY,
    Acknowledgement,
    AlertRule,
    AlertStatus,
    Correction,
    Event,
    Health,
    InstanceKey,
    Polled,
    Reading,
    RunState,
    Silence,
    SourceState,
    Target,
    Transition,
)
from rules.specs import Specs
from rules.steps import at_once

_WARM_UP = 7 * DAY  # what is rehearsed, at least, before a time in the past
_MOST_RUNS = 1_000
_SOMEBODY = "somebody"  # an earlier version did not keep who it was


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored of the past beside readings: silences made by then, and changes of alerts in order.

    Of what was before the rehearsal begins the changes tell how it stood: one for each alert that was open, and those
    by which it was taken. `runs` are corrections, the newest first, and `said` is what was said of them by then, in
    order: they are not rehearsed, since no rehearsal knows what a call was answered, or what a person said.
    `noted` is how the target's own alerts moved on.
    """

    silences: Sequence[Silence] = ()
    changes: Sequence[Transition] = ()
    runs: Sequence[Correction] = ()
    said: Sequence[Transition] = ()
    noted: Noted = field(default_factory=dict)

    def corrections(self, at: int) -> dict[InstanceKey, list[str]]:
        """For each instance a line for the newest run of each of its corrections, as it was at a time."""
        found: dict[tuple[InstanceKey, str, str], Correction] = {}
        for run in self.runs:
            found.setdefault((run.key, run.alert, run.action), run)
        lines: dict[InstanceKey, list[str]] = {}
        for run in reversed(found.values()):
            lines.setdefault(run.key, []).append(self._as_it_was(run, at))
        return lines

    def _as_it_was(self, run: Correction, at: int) -> str:
        if run.updated <= at:
            return line(run)
        said = [one.detail for one in self.said if _is_about(one, run)]
        return said[-1] if said else line(replace(run, state=RunState.PROPOSED, attempt=0, approval=None, detail=""))


async def explained_at(store: Store, config: Configuration, target: str, at: int) -> list[Explained]:
    """Every instance of a target as it was at a time in the past. Raises StoreError."""
    specs = _specs(config, target)
    start = at - _back(specs)
    readings: list[Reading] = []
    for name, reach in rehearsed_reaches(specs).items():
        readings += await read_from(store, [name], reach, start, at + 1)
    silences = [silence for silence in await store.silences() if silence.created <= at]
    # Without inhibition, and sources that may fail, it is of no importance what other alerts did.
    others = config.inhibit or any(entry.polled for entry in config.sources.values())
    changes = await store.changes(start, at + 1, None if others else list(specs.targets))
    runs = await store.corrections(_MOST_RUNS, target, until=at)
    known = noted(await store.noted(target, start, at + 1))
    past = Past(
        silences, changes, runs, await store.said(target, min([start, *(run.created for run in runs)]), at), known
    )
    found = await asyncio.to_thread(lambda: known_at(config, target, readings, at, past).explained(target, at))
    lines = past.corrections(at)
    missing = await rolled_up(store, specs.series_names(), (start, at + 1), config.targets[target].zone)
    found = [replace(one, corrections=lines.get(one.found.key, []), missing=missing) for one in found]
    return [explained_as_noted(one, known, at) for one in found]


async def explained_now(store: Store, known: Known, target: Target, now: int) -> list[Explained]:
    """Every instance of a target as it is now, and what of its readings is no more. Raises StoreError."""
    reaches = Specs([target], ()).series_names()
    missing = await rolled_up(store, reaches, (now, now), target.zone)
    return [replace(one, missing=missing) for one in known.explained(target.name, now)]


def known_at(config: Configuration, target: str, readings: Iterable[Reading], at: int, past: Past = Past()) -> Known:
    """What was known just before a time in the past, found by rehearsing the stored readings up to it."""
    specs = _specs(config, target)
    one = Configuration(
        sources=config.sources,
        targets={name: replace(one, correct=()) for name, one in specs.targets.items()},
        actions=config.actions,
        receivers=config.receivers,
        route=config.route,
        inhibit=config.inhibit,
        intervals=config.intervals,
        timezone=config.timezone,
    )
    ordered = sorted(readings, key=lambda reading: reading.time)
    start = at - _back(specs)
    first = min(ordered[0].time, at) if ordered else at
    known = max(start, first)  # nothing is stored of what was before
    failing = list(_failures(past.changes, at))
    down = {one.source: _down(one) for one in failing if one.start <= known < one.end}
    memory = Memory(Remembered({}, down, (), silences=past.silences), now=known)
    rehearsal = Rehearsal(one, known, Polls(config.sources.values(), failing), memory=memory)
    before = [reading for reading in ordered if reading.time < start]
    for reading in before:
        rehearsal.history.add(reading)
    learn_before(rehearsal.history, before, start)
    inside = [reading for reading in ordered if start <= reading.time <= at]
    said = [one for one in past.said if one.at >= known and any(_is_about(one, run) for run in past.runs)]
    moments = _moments(inside, [polled for one in failing for polled in _polls(one) if known < polled.at <= at])
    changes = sorted([*_changes(_rehearsed(rehearsal, moments, past.changes, at)), *said], key=lambda change: change.at)
    instances = rehearsal.memory.instances
    instances.update(
        {key: as_noted(state, past.noted, rehearsal.specs.rules[key.target]) for key, state in instances.items()}
    )
    return Known(rehearsal.decider, changes[::-1], start if first < start else None)


def _is_about(said: Transition, run: Correction) -> bool:
    same = (said.key, said.alert) == (run.key, run.alert) and said.at >= run.created
    return same and said.detail.startswith(f"{named(run)} ")


def _failures(changes: Iterable[Transition], at: int) -> Iterator[Failing]:
    """The spans in which sources were down by their alerts, in order of their end; one that lasts ends after `at`."""
    since: dict[str, Transition] = {}
    for change in changes:
        source = "" if change.key.target else dict(change.labels).get("source", "")
        if source and change.event is Event.FIRING:
            since.setdefault(source, change)
        elif source in since and change.event is Event.RESOLVED:
            began = since.pop(source)
            yield Failing(source, began.at, change.at, began.detail)
    for source, began in since.items():
        yield Failing(source, began.at, at + 1, began.detail)


def _down(one: Failing) -> SourceState:
    return SourceState(one.source, Health.DOWN, one.start, DOWN_AFTER, last_error=one.error)


def _polls(one: Failing) -> list[Polled]:
    """Those that bring a source down, and up again; between them others tell nothing."""
    return [*DOWN_AFTER * [Polled(one.source, one.start, one.error)], Polled(one.source, one.end)]


def _moments(readings: Iterable[Reading], polls: Iterable[Polled]) -> Iterator[Moment]:
    """What came in, in order of time."""
    came: dict[int, tuple[list[Reading], list[Polled]]] = {}
    for reading in readings:
        came.setdefault(reading.time, ([], []))[0].append(reading)
    for polled in polls:
        came.setdefault(polled.at, ([], []))[1].append(polled)
    return (Moment(time, *came[time]) for time in sorted(came))


def _rehearsed(
    rehearsal: Rehearsal, moments: Iterator[Moment], changes: Iterable[Transition], at: int
) -> Iterator[Decision]:
    """The decisions up to a time, with what persons and other alerts did meanwhile."""
    decider, start = rehearsal.decider, rehearsal.now
    coming = next(moments, None)

    def until(end: int) -> Iterator[Moment]:
        nonlocal coming
        while coming is not None and coming.at < end:
            yield coming
            coming = next(moments, None)

    others = [change for change in changes if change.key.target not in decider.specs.targets]
    own = [change for change in changes if change.key.target in decider.specs.targets]
    taken = [change for change in own if change.event is Event.ACKNOWLEDGED]
    for change in others:
        if change.at <= start:
            decider.situation.note_alert(_status(change))
    yield from rehearsal.begin()
    # What other alerts did counts from then on, what a person took only after it.
    later = [(change.at, change) for change in others if change.at > start]
    for when, change in sorted([*later, *((change.at + 1, change) for change in taken)], key=lambda one: one[0]):
        yield from rehearsal.play(until(when))
        yield from rehearsal.wait(when)
        own_target = change.key.target in decider.specs.targets
        decision = _took(decider, change) if own_target else _noted(decider, change, when)
        take_in(decider.memory, decision)
        yield decision
    yield from rehearsal.play(until(at + 1))
    yield from rehearsal.wait(at)


def _status(change: Transition) -> AlertStatus:
    return AlertStatus(
        change.after, change.at, change.fired_at, change.episode, None, change.fingerprint, change.labels
    )


def _noted(decider: Decider, change: Transition, now: int) -> Decision:
    """Another alert began or ended, and what it muted is told."""
    decision = Decision(now, decider.memory)
    looks = decider.teller.woken(decision, decider.situation.note_alert(_status(change)))
    at_once(decider.teller.telling(decision, (), looks))
    return decision


def _took(decider: Decider, change: Transition) -> Decision:
    """A person took the alert, if it is open in the rehearsal too."""
    state = decider.memory.instances.get(change.key)
    status = state.alerts.get(change.alert, AlertStatus()) if state else AlertStatus()
    same = alerts.is_open(status) and status.fingerprint == change.fingerprint
    taken = change.taken or Acknowledgement(_SOMEBODY, change.at)
    return decider.acknowledge([(change.key, change.alert)] if same else [], [], taken)


def _changes(decisions: Iterable[Decision]) -> Iterator[Transition]:
    return (transition for decision in decisions for transition in decision.transitions)


def _specs(config: Configuration, target: str) -> Specs:
    """The target with those it depends on: they may hold its alerts."""
    names = [target]
    for name in names:
        names += [other for other in config.targets[name].depends_on if other in config.targets and other not in names]
    return Specs((config.targets[name] for name in names), (entry.rule for entry in config.sources.values()))


def _back(specs: Specs) -> int:
    """How far back to rehearse: over a period and more, and what alerts wait for, so that what is open has begun."""
    waited = [_waited(target, rule) for target in specs.targets.values() for rule in specs.rules[target.name]]
    return max(waited, default=0) + max(_WARM_UP, *(reach.horizon for reach in specs.series_names().values()))


def _waited(target: Target, rule: AlertRule) -> int:
    """The longest span that moves an alert on."""
    quiet = target.no_data.after if target.no_data else 0
    every = target.checkin.every or 0 if target.checkin else 0
    return max(rule.for_, rule.keep_firing_for, quiet, every, *(step.after for step in rule.escalate))
