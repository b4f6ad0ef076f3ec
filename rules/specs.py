"""Targets and sources compiled for deciding: which series belong to which instance, and how far back each is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rules.alerts import alert_rules
from rules.conditions import Condition, compile_condition
from rules.functions import Query
from rules.model import (
    DAY,
    HOUR,
    PLANNED_AHEAD,
    AlertRule,
    CalendarPeriod,
    FixedPeriod,
    Goal,
    InstanceKey,
    Matcher,
    Period,
    RollingPeriod,
    Selector,
    Series,
    Sign,
    SourceRule,
    Target,
)
from rules.selectors import holds, selects


class Reach(NamedTuple):
    """How far before its newest reading a series is needed: all of it, and as far as `PAST_MOST` readings go.

    A horizon of 0 means only the newest readings.
    """

    horizon: int = 0
    past: int = 0

    def with_(self, other: Reach) -> Reach:
        """The longest of both."""
        return Reach(max(self.horizon, other.horizon), max(self.past, other.past))


# Two periods and some days, so that a reading that comes late still changes the verdict on the period before. Beyond
# them a projection learns by the season before, and by how far off it was in many periods.
_REACH = {
    "hour": Reach(3 * HOUR, 2 * DAY),
    "day": Reach(4 * DAY, 36 * DAY),
    "week": Reach(26 * DAY, 420 * DAY),
    "month": Reach(66 * DAY, 433 * DAY),
    "quarter": Reach(190 * DAY, 555 * DAY),
    "year": Reach(740 * DAY, 1105 * DAY),
}
# What is held before the current period until its end, however many readings there are.
SURE = {"hour": HOUR, "day": 2 * DAY, "week": 14 * DAY, "month": 28 * DAY, "quarter": 91 * DAY, "year": 364 * DAY}
PUSHED = "push"  # the source label of readings sent to the API
CHECKIN_SERIES = ("checkin", "checkin_start", "checkin_exit_status")


class Places(NamedTuple):
    """Where a series belongs, by configuration alone. A key with fewer labels means all instances that agree with it.

    `makes` are instances that measure it, `joins` those that measure it too if another series makes them, and
    `beside` those of which it says what is wanted. It is `asked` if the precondition of a correction reads it.
    """

    makes: tuple[InstanceKey, ...]
    joins: tuple[InstanceKey, ...]
    beside: tuple[InstanceKey, ...]
    asked: bool = False


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
        self.learned_of: dict[str, str] = {
            target.name: _learned_of(target)
            for target in self.targets.values()
            if any(rule.when is Sign.UNUSUAL for rule in target.alerts)
        }
        """What is learned for the targets with an alert for what is unusual, as a short text that changes with it."""
        self._selectors = {target.name: self._selectors_of(target) for target in self.targets.values()}
        self._lookups = {target.name: _lookups_of(target.goal) for target in self.targets.values()}
        self._asked = [query for target in self.targets.values() for query in _asked_of(target)]
        self._in_order = tuple(self.targets.values())
        self._by_series = self._index()
        givers = _Givers(self.sources)
        self._sources_of = {name: givers.of(one, self._selectors[name]) for name, one in self.targets.items()}
        needed = {name: (*self._selectors[name], *self._lookups[name]) for name in self.targets}
        self._targets_of = _inverted({name: givers.of(one, needed[name]) for name, one in self.targets.items()})
        self._horizons = self._reaches()

    def _selectors_of(self, target: Target) -> tuple[Selector, ...]:
        if target.name in self.conditions:
            return self.conditions[target.name].selectors
        return (target.selector,) if target.selector else ()

    def _index(self) -> dict[tuple[str, tuple[str, str] | None], tuple[int, ...]]:
        """The places of the targets that may read a series, by its name and a label that it has to have, if any."""
        index: dict[tuple[str, tuple[str, str] | None], list[int]] = {}
        for place, target in enumerate(self._in_order):
            read = (*self._selectors[target.name], *self._lookups[target.name])
            keys = [(selector.name, _has_to_have(selector)) for selector in read]
            if target.checkin:
                keys = [(name, ("source", target.source or "")) for name in CHECKIN_SERIES]
            for key in dict.fromkeys(keys):
                index.setdefault(key, []).append(place)
        return {key: tuple(places) for key, places in index.items()}

    def _reading(self, series: Series) -> list[Target]:
        """The targets that may read a series, in their order."""
        labels, known = (None, *series.labels), self._by_series
        places = {place for label in labels for place in known.get((series.name, label), ())}
        return [self._in_order[place] for place in sorted(places)]

    def _reaches(self) -> dict[str, Reach]:
        reaches = {name: Reach() for name, _ in self._by_series}
        for target in self.targets.values():
            per = target.goal.per if target.goal else None
            condition = self.conditions.get(target.name)
            if condition:
                for query in condition.queries:
                    name = query.selector.name
                    reaches[name] = reaches[name].with_(Reach(query.reach + query.sight))
            elif target.selector:
                name = target.selector.name
                burn = max((pair.long for rule in target.alerts for pair in rule.burn), default=0)
                reaches[name] = reaches[name].with_(_reach(per)).with_(Reach(burn))
            for selector in self._lookups[target.name]:
                planned = Reach(_reach(per).horizon + PLANNED_AHEAD)
                reaches[selector.name] = reaches[selector.name].with_(planned)
        for query in self._asked:
            name = query.selector.name
            reaches[name] = reaches.get(name, Reach()).with_(Reach(query.reach))
        shared: dict[Reach, Reach] = {}
        return {name: shared.setdefault(reach, reach) for name, reach in reaches.items()}

    def reach(self, name: str) -> Reach:
        """How far before its newest reading a series is needed."""
        return self._horizons.get(name, Reach())

    def rule(self, target: str, alert: str) -> AlertRule | None:
        """The alert rule of that name: the target's own, or the one for readings that stopped. None if it has none."""
        return next((rule for rule in self.rules.get(target, ()) if rule.name == alert), None)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """The sources that may give what a target measures."""
        return self._sources_of[target]

    def targets_of(self, source: str) -> tuple[str, ...]:
        """The targets that may need what a source gives."""
        return self._targets_of.get(source, ())

    def changed_since(self, before: Specs) -> set[str]:
        """The targets that are not as they were `before`, or that may get something of a source that is not."""
        changed = {name for name, target in self.targets.items() if target != before.targets.get(name)}
        for source in self.sources.keys() | before.sources.keys():
            if self.sources.get(source) != before.sources.get(source):
                changed.update(self.targets_of(source), before.targets_of(source))
        return changed

    def series_names(self) -> Mapping[str, Reach]:
        """Every series name that some target reads, with its reach."""
        return self._horizons

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
        for target in self._reading(series):
            if target.checkin:
                makes += [InstanceKey(target.name)] if source == target.source else []
            elif any(selects(selector, series) for selector in self._lookups[target.name]):
                beside.append(_part(target, {name: value for name, value in labels.items() if name != "source"}))
            elif any(selects(selector, series) for selector in self._selectors[target.name]):
                joined = target.name in self.conditions and not labels.keys() >= set(target.by)
                (joins if joined else makes).append(_part(target, labels) if joined else _whole(target, labels))
        asked = any(selects(query.selector, series) for query in self._asked)
        return Places(tuple(makes), tuple(joins), tuple(beside), asked)

    def lone_instances(self) -> tuple[InstanceKey, ...]:
        """The instances that exist without any reading: those of targets that are not split by labels."""
        return tuple(InstanceKey(target.name) for target in self.targets.values() if not target.by)


class _Givers:
    """Which sources may give what targets ask for; needed only while `Specs` are made."""

    def __init__(self, sources: Mapping[str, SourceRule]) -> None:
        self._sources = sources
        self._givers = _inverted({source.name: tuple(dict.fromkeys(source.series)) for source in sources.values()})
        self._given: dict[tuple[tuple[str, tuple[Matcher, ...]], ...], tuple[str, ...]] = {}
        self._places = {name: place for place, name in enumerate(sources)}

    def of(self, target: Target, selectors: Iterable[Selector]) -> tuple[str, ...]:
        """The sources that may give what the selectors of a target mean; the same tuple where these are the same."""
        if target.source:
            return (target.source,)
        asked = tuple(dict.fromkeys((selector.name, _of_sources(selector)) for selector in selectors))
        if asked not in self._given:
            found = {source for series, matchers in asked for source in self._givers_of(series, matchers)}
            self._given[asked] = tuple(sorted(found, key=self._places.__getitem__))
        return self._given[asked]

    def _givers_of(self, series: str, matchers: Iterable[Matcher]) -> Iterable[str]:
        """The sources that may give a series, but for those that matchers of the label `source` rule out."""
        only = [matcher.value for matcher in matchers if matcher.op == "=" and matcher.value in self._sources]
        givers = (
            [name for name in only if series in self._sources[name].series] if only else self._givers.get(series, ())
        )
        return (name for name in givers if all(holds(matcher, name) for matcher in matchers))


def _of_sources(selector: Selector) -> tuple[Matcher, ...]:
    return tuple(matcher for matcher in selector.matchers if matcher.name == "source")


def _has_to_have(selector: Selector) -> tuple[str, str] | None:
    """A label that all its series have, if it says one."""
    return next(((one.name, one.value) for one in selector.matchers if one.op == "=" and one.value), None)


def _whole(target: Target, labels: Mapping[str, str]) -> InstanceKey:
    return InstanceKey(target.name, tuple(sorted((name, labels.get(name, "")) for name in target.by)))


def _part(target: Target, labels: Mapping[str, str]) -> InstanceKey:
    """The key with the labels that are there."""
    return InstanceKey(target.name, tuple(sorted((name, labels[name]) for name in target.by if name in labels)))


def _lookups_of(goal: Goal | None) -> tuple[Selector, ...]:
    """The series that say what is wanted."""
    found = (goal.at_least_from, goal.at_most_from, goal.plan) if goal else ()
    return tuple(one for one in found if isinstance(one, Selector))


def _asked_of(target: Target) -> Iterable[Query]:
    """What the preconditions of its corrections ask."""
    return (
        query for rule in target.correct if rule.precondition for query in compile_condition(rule.precondition).queries
    )


def _learned_of(target: Target) -> str:
    what = (target.selector, target.combine, target.zone)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _reach(per: Period | None) -> Reach:
    if isinstance(per, CalendarPeriod):
        return _REACH[per.unit]
    if isinstance(per, FixedPeriod):
        return Reach(40_000 * DAY)  # newer readings never push it out of reach
    # One that rolls ends up to two usual distances before now. Is that over an eighth, the newest few are all of it.
    return Reach(per.length + per.length // 8) if isinstance(per, RollingPeriod) else Reach()


def _inverted(names_of: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The other way round. What has the same names is taken together: thousands may have the same thousands."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for of, names in names_of.items():
        alike.setdefault(names, []).append(of)
    several = list(alike.values())
    groups: dict[str, list[int]] = {}
    for group, names in enumerate(alike):
        for name in names:
            groups.setdefault(name, []).append(group)
    places = {of: place for place, of in enumerate(names_of)}
    whole: dict[tuple[int, ...], tuple[str, ...]] = {}
    for found in set(map(tuple, groups.values())):
        whole[found] = tuple(sorted((of for group in found for of in several[group]), key=places.__getitem__))
    return {name: whole[tuple(found)] for name, found in groups.items()}
