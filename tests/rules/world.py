"""A small world for tests of the engine: targets, readings and a time that only the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import (
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    Selector,
    Series,
    SourceRule,
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
        fresh = [reading for reading in readings if self.history.add(reading) is Added.NEW]
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
