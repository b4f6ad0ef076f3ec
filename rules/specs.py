"""Targets and sources compiled for deciding: which series belong to which instance, and how far back each is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.alerts import alert_rules
from rules.conditions import Condition, compile_condition
from rules.model import (
    DAY,
    HOUR,
    AlertRule,
    CalendarPeriod,
    FixedPeriod,
    InstanceKey,
    Period,
    RollingPeriod,
    Selector,
    Series,
    SourceRule,
    Target,
)
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
        self._by_series = self._index()
        self._sources_of = {name: self._find_sources(name) for name in self.targets}
        self._targets_of = _inverted(self._sources_of)
        self._horizons = self._reaches()
        self._instances: dict[Series, tuple[InstanceKey, ...]] = {}

    def _selectors_of(self, target: Target) -> tuple[Selector, ...]:
        if target.name in self.conditions:
            return self.conditions[target.name].selectors
        return (target.selector,) if target.selector else ()

    def _index(self) -> dict[str, list[Target]]:
        index: dict[str, list[Target]] = {}
        for target in self.targets.values():
            names = CHECKIN_SERIES if target.checkin else {s.name for s in self._selectors[target.name]}
            for name in names:
                index.setdefault(name, []).append(target)
        return index

    def _find_sources(self, name: str) -> tuple[str, ...]:
        target = self.targets[name]
        if target.source:
            return (target.source,)
        wanted = {selector.name for selector in self._selectors[name]}
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
                reaches[name] = max(reaches.get(name, 0), _reach(per))
        return reaches

    def horizon(self, name: str) -> int:
        """How far before its newest reading a series is needed; 0: only the newest."""
        return self._horizons.get(name, 0)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """The sources that may give what a target reads."""
        return self._sources_of[target]

    def targets_of(self, source: str) -> tuple[str, ...]:
        """The targets that may read what a source gives."""
        return self._targets_of.get(source, ())

    def series_names(self) -> Mapping[str, int]:
        """Every series name that some target reads, with its horizon."""
        return {name: self.horizon(name) for name in self._by_series}

    def instances_of(self, series: Series) -> tuple[InstanceKey, ...]:
        """The instances that a series falls into."""
        found = self._instances.get(series)
        if found is None:
            found = self._instances[series] = tuple(self._find_instances(series))
        return found

    def _find_instances(self, series: Series) -> Iterable[InstanceKey]:
        labels = dict(series.labels)
        source = labels.get("source", PUSHED)
        if source != PUSHED and source not in self.sources:
            return  # what a source gave that is removed or has another name now counts no more, else it counted twice
        for target in self._by_series.get(series.name, ()):
            if target.checkin:
                if labels.get("source") == target.source:
                    yield InstanceKey(target.name)
            elif any(selects(selector, series) for selector in self._selectors[target.name]):
                yield InstanceKey(target.name, tuple(sorted((name, labels.get(name, "")) for name in target.by)))

    def lone_instances(self) -> tuple[InstanceKey, ...]:
        """The instances that exist without any reading: those of targets that are not split by labels."""
        return tuple(InstanceKey(target.name) for target in self.targets.values() if not target.by)


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
