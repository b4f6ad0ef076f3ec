"""A small world for tests of the engine: targets, readings and a time that only the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import (
    DAY,
    AlertRule,
    CalendarPeriod,
    Goal,
    InstanceKey,
    InstanceState,
    Measure,
    Polled,
    Reading,
    Selector,
    Series,
    SourceRule,
    Standing,
    Target,
    Transition,
    labels_of,
)
from rules.specs import Specs
from rules.tracks import Added


def at(text: str, zone: str = "UTC") -> int:
    """UTC microseconds of a local time written as ISO 8601."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def series(name: str, **labels: str) -> Series:
    return Series(name, labels_of({"source": "a", **labels}))


NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
VISITORS = series("visitors")


def room(**more: object) -> Target:
    rule = AlertRule("out", Standing.OUT_OF_BAND)
    target = Target("t", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), alerts=(rule,))
    return replace(target, **more)


def of(measure: Measure, **more: object) -> Goal:
    """A goal by any measure."""
    return Goal(measure, where="value == 1" if measure is Measure.SHARE else None, quantile=0.5, **more)


def month(measure: Measure = Measure.SUM, **more: object) -> Target:
    alerts = (AlertRule("behind", Standing.BEHIND), AlertRule("missed", Standing.MISSED))
    goal = Goal(measure=measure, at_least=10_000, per=CalendarPeriod("month"))
    return replace(Target("t", "Visitors", goal, Selector("visitors"), alerts=alerts), **more)


def daily(first: str, *values: float) -> list[Reading]:
    start = at(first)
    return [Reading(VISITORS, start + i * DAY, value) for i, value in enumerate(values)]


class World:
    """Feeds one engine and keeps what it says."""

    def __init__(self, *targets: Target, sources: Iterable[SourceRule] | None = None) -> None:
        names = {query.name for target in targets for query in _selectors(target)}
        self.specs = Specs(targets, [SourceRule("a", tuple(names), None)] if sources is None else sources)
        self.history = History(self.specs)
        self.states = States()
        self.transitions: list[Transition] = []

    def step(
        self,
        now: int,
        *readings: Reading,
        polls: Iterable[Polled] = (),
        due: Iterable[InstanceKey] | None = None,
    ) -> list[str]:
        """What happened to alerts: `alert event` for each transition."""
        fresh = [reading for reading in readings if self.history.add(reading, now) is Added.NEW]
        keys = self.woken(now) if due is None else list(due)
        changed, moved = evaluate(self.specs, self.states, Batch(fresh, list(polls), keys), now, self.history)
        instances = {**self.states.instances, **changed.instances}
        self.states = States(instances, {**self.states.sources, **changed.sources}, self.states.listening)
        self.transitions += moved
        return [f"{transition.alert} {transition.event}" for transition in moved]

    def woken(self, now: int) -> list[InstanceKey]:
        return [key for key, state in self.states.instances.items() if state.wake is not None and state.wake <= now]

    def look(self, now: int, target: str = "t", **labels: str) -> InstanceState:
        """The instance as it stands when looked at now."""
        key = InstanceKey(target, labels_of(labels))
        self.step(now, due=[key])
        return self.states.instances[key]


def _selectors(target: Target) -> list:
    from rules.conditions import compile_condition

    if target.goal and target.goal.condition:
        return list(compile_condition(target.goal.condition).selectors)
    goal = target.goal
    named = (target.selector, goal.at_least_from, goal.at_most_from, goal.plan) if goal else ()
    return [one for one in named if isinstance(one, Selector)]
