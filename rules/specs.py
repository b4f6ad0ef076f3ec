"""Targets and sources compiled for deciding: which series belong to which instance, and how far back each is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rules.alerts import alert_rules
from rules.conditions import Condition, compile_condition
from rules.model import (
    DAY,
    HOUR,
    PLANNED_AHEAD,
    AlertRule,
    CalendarPeriod,
    FixedPeriod,
    Goal,
    InstanceKey,
    Period,
    RollingPeriod,
    Selector,
    Series,
    SourceRule,
    Target,
)
from rules.plans import PATTERN
from rules.selectors import selects

# Two periods and some days, so that a reading that comes late still changes the verdict on the period before.
_REACH = {
    "hour": 3 * HOUR,
    "day": 4 * DAY,
    "week": 17 * DAY,
    "month": 66 * DAY,
    "quarter": 190 * DAY,
    "year": 740 * DAY,
}
PUSHED = "push"  # the source label of readings sent to the API
CHECKIN_SERIES = ("checkin", "checkin_start", "checkin_exit_status")


class Places(NamedTuple):
    """Where a series belongs, by configuration alone. A key with fewer labels means all instances that agree with it.

    `makes` are instances that measure it, `joins` those that measure it too if another series makes them, and
    `beside` those of which it says what is wanted.
    """

    makes: tuple[InstanceKey, ...]
    joins: tuple[InstanceKey, ...]
    beside: tuple[InstanceKey, ...]


class Specs:
    """What the engine decides by. Raises ConditionError where a condition can't be compiled."""

    def __init__(self, targets: Iterable[Target], sources: Iterable[SourceRule]) -> None:
        self.targets: dict[str, Target] = {target.name: target for target in targets}
        self.sources: dict[str, SourceRule] = {source.name: source for source in sources}
        self.conditions: dict[str, Condition] = {
            target.name: compile_condition(target.goal.condition)
            for target in self.targets.values()
            if target.goal and target.goal.condition
        }
        self.rules: dict[str, tuple[AlertRule, ...]] = {
            target.name: alert_rules(target) for target in self.targets.values()
        }
        self._selectors = {target.name: self._selectors_of(target) for target in self.targets.values()}
        self._lookups = {target.name: _lookups_of(target.goal) for target in self.targets.values()}
        self._by_series = self._index()
        self._sources_of = {name: self._giving(name, self._selectors[name]) for name in self.targets}
        self._targets_of = _inverted(
            {name: self._giving(name, (*self._selectors[name], *self._lookups[name])) for name in self.targets}
        )
        self._horizons = self._reaches()

    def _selectors_of(self, target: Target) -> tuple[Selector, ...]:
        if target.name in self.conditions:
            return self.conditions[target.name].selectors
        return (target.selector,) if target.selector else ()

    def _index(self) -> dict[str, list[Target]]:
        index: dict[str, list[Target]] = {}
        for target in self.targets.values():
            read = (*self._selectors[target.name], *self._lookups[target.name])
            for name in CHECKIN_SERIES if target.checkin else dict.fromkeys(selector.name for selector in read):
                index.setdefault(name, []).append(target)
        return index

    def _giving(self, name: str, selectors: Iterable[Selector]) -> tuple[str, ...]:
        """The sources that may give what the selectors of a target mean."""
        target = self.targets[name]
        if target.source:
            return (target.source,)
        wanted = {selector.name for selector in selectors}
        return tuple(source.name for source in self.sources.values() if wanted.intersection(source.series))

    def _reaches(self) -> dict[str, int]:
        reaches: dict[str, int] = {}
        for target in self.targets.values():
            per = target.goal.per if target.goal else None
            condition = self.conditions.get(target.name)
            if condition:
                for query in condition.queries:
                    name = query.selector.name
                    reaches[name] = max(reaches.get(name, 0), query.reach)
            elif target.selector:
                name = target.selector.name
                learned = PATTERN if target.goal and target.goal.weekdays else 0
                reaches[name] = max(reaches.get(name, 0), _reach(per) + learned)
            for selector in self._lookups[target.name]:
                reaches[selector.name] = max(reaches.get(selector.name, 0), _reach(per) + PLANNED_AHEAD)
        return reaches

    def horizon(self, name: str) -> int:
        """How far before its newest reading a series is needed; 0: only the newest."""
        return self._horizons.get(name, 0)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """The sources that may give what a target measures."""
        return self._sources_of[target]

    def targets_of(self, source: str) -> tuple[str, ...]:
        """The targets that may need what a source gives."""
        return self._targets_of.get(source, ())

    def series_names(self) -> Mapping[str, int]:
        """Every series name that some target reads, with its horizon."""
        return {name: self.horizon(name) for name in self._by_series}

    def places_of(self, series: Series) -> Places:
        """Where a series belongs."""
        labels = {name: value for name, value in series.labels if value}
        source = labels.get("source", PUSHED)
        makes: list[InstanceKey] = []
        joins: list[InstanceKey] = []
        beside: list[InstanceKey] = []
        if source != PUSHED and source not in self.sources:
            return Places(
                (), (), ()
            )  # what a source gave that is gone or renamed counts no more, else it counted twice
        for target in self._by_series.get(series.name, ()):
            if target.checkin:
                makes += [InstanceKey(target.name)] if source == target.source else []
            elif any(selects(selector, series) for selector in self._lookups[target.name]):
                beside.append(_part(target, {name: value for name, value in labels.items() if name != "source"}))
            elif any(selects(selector, series) for selector in self._selectors[target.name]):
                joined = target.name in self.conditions and not labels.keys() >= set(target.by)
                (joins if joined else makes).append(_part(target, labels) if joined else _whole(target, labels))
        return Places(tuple(makes), tuple(joins), tuple(beside))

    def lone_instances(self) -> tuple[InstanceKey, ...]:
        """The instances that exist without any reading: those of targets that are not split by labels."""
        return tuple(InstanceKey(target.name) for target in self.targets.values() if not target.by)


def _whole(target: Target, labels: Mapping[str, str]) -> InstanceKey:
    return InstanceKey(target.name, tuple(sorted((name, labels.get(name, "")) for name in target.by)))


def _part(target: Target, labels: Mapping[str, str]) -> InstanceKey:
    """The key with the labels that are there."""
    return InstanceKey(target.name, tuple(sorted((name, labels[name]) for name in target.by if name in labels)))


def _lookups_of(goal: Goal | None) -> tuple[Selector, ...]:
    """The series that say what is wanted."""
    found = (goal.at_least_from, goal.at_most_from, goal.plan) if goal else ()
    return tuple(one for one in found if isinstance(one, Selector))


def _reach(per: Period | None) -> int:
    if isinstance(per, CalendarPeriod):
        return _REACH[per.unit]
    if isinstance(per, FixedPeriod):
        return 40_000 * DAY  # newer readings never push it out of reach
    return per.length if isinstance(per, RollingPeriod) else 0


def _inverted(sources_of: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for target, sources in sources_of.items():
        for source in sources:
            found.setdefault(source, []).append(target)
    return {source: tuple(names) for source, names in found.items()}
