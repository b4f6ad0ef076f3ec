"""What `explain` says of a target: the decision taken apart, and who is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from agent.alerts.muted import Mutes
from agent.deciding.decision import Decider
from agent.explaining.coming import coming
from rules import alerts
from rules.corrections import line
from rules.explain import AlertPart, Explanation, explain
from rules.model import AlertState, Event, InstanceKey, Labels, Transition
from rules.routing import Route
from rules.selectors import matches

MOST = 50
"""Instances of one target that are explained."""

_LOOKS = 300  # ahead, for all instances together; a period is looked at about 200 times

CHANGES = 5
_BACK = frozenset({Event.RECOVERING, Event.RESOLVED, Event.INACTIVE})


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of an alert, how the route leads there, who was told already, and in words why nobody is."""

    receivers: tuple[str, ...]
    way: tuple[str, ...]
    already: tuple[str, ...] = ()
    muted: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """One instance. `told` is by alert; `corrections` has a line for each run that is open or ended lately; `changes`
    are the last ones of its alerts, newest first.

    `known` is since when it is known, of the past. What began by then may have begun before: the standing, if it is
    since then, and the alerts in `begun_before`. `missing` says which readings that would count are no more.
    """

    found: Explanation
    told: Mapping[str, Told]
    corrections: Sequence[str]
    changes: Sequence[Transition]
    known: int | None = None
    begun_before: frozenset[str] = frozenset()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known at a time. There was more before `since`, which was not looked at."""

    decider: Decider
    changes: Sequence[Transition]  # newest first
    since: int | None = None

    def explained(self, target: str, now: int) -> list[Explained]:
        """Every instance of a target, as far as MOST, in the order of their labels."""
        history, memory = self.decider.history, self.decider.memory
        keys = dict.fromkeys([*history.instances_of_target(target), *memory.instances])
        chosen = sorted(key for key in keys if key.target == target)[:MOST]
        looks = _LOOKS // max(len(chosen), 1)
        return [self._one(key, now, looks) for key in chosen]

    def _one(self, key: InstanceKey, now: int, looks: int) -> Explained:
        decider = self.decider
        found = explain(decider.specs, decider.memory.states, decider.history, key, now, looks)
        changes = [change for change in self.changes if change.key == key]
        unknown = {part.rule.name: self._not_known(part, changes) for part in found.alerts}
        parts = tuple(self._since_then(part, unknown[part.rule.name]) for part in found.alerts)
        guessed = {id(change) for some in unknown.values() for change in some}
        return Explained(
            replace(found, alerts=parts, coming=coming(found, decider.memory)),
            {part.rule.name: self._told(found, part) for part in found.alerts},
            [line(run) for run in decider.memory.runs_of(key)],
            [change for change in changes if id(change) not in guessed][:CHANGES],
            self.since,
            frozenset(part.rule.name for part in parts if self.since is not None and _begun(part, self.since)),
        )

    def _not_known(self, part: AlertPart, changes: Sequence[Transition]) -> list[Transition]:
        """What an alert that was on at the first look did until it went back: when, is not known."""
        of_alert = [change for change in reversed(changes) if change.alert == part.rule.name]
        if not of_alert or of_alert[0].at != self.since:
            return []
        return list(takewhile(lambda change: change.event not in _BACK, of_alert))

    def _since_then(self, part: AlertPart, unknown: Sequence[Transition]) -> AlertPart:
        """The alert, with the time since when it is known for each that may have been before."""
        after, since = part.after, self.since
        if not unknown or since is None or after.state is AlertState.INACTIVE:
            return part
        times = {change.at for change in unknown}
        same = after.fired_at in times or after.state is AlertState.PENDING
        if not same:
            return part
        fired = None if after.fired_at is None else since
        return replace(part, after=replace(after, since=since if after.since in times else after.since, fired_at=fired))

    def _told(self, found: Explanation, part: AlertPart) -> Told:
        labels = part.after.labels if alerts.is_open(part.after) else alerts.alert_labels(part.rule, found.key)
        fired = Transition(
            found.key,
            part.rule.name,
            part.after.fingerprint,
            part.after.episode,
            Event.FIRING,
            found.now,
            part.after.state,
            part.after.state,
            labels,
            found.after.assessment,
            part.after.fired_at,
        )
        notices, groups = self.decider.notices, self.decider.memory.groups
        receivers = tuple(dict.fromkeys(group.receiver for group in notices.groups_of(fired, found.now)))
        mutes = Mutes(self.decider.situation, groups, found.now)
        muted = mutes.of(found.key, part.after, labels, found.after)
        known = groups.of_alert(part.after.fingerprint) if alerts.is_open(part.after) else ()
        told = [groups.groups[name].receiver for name in known if groups.members[name][part.after.fingerprint].told]
        route = notices.config.route
        way = tuple(_ways(route, labels)) if route else ("no route: the console",)
        way = ("the alert's own notify",) if part.rule.notify else way
        return Told(receivers, way, tuple(sorted(set(told))), muted[1] if muted else "")


def _begun(part: AlertPart, known: int) -> bool:
    """Whether an alert that is on was so when it was first looked at."""
    after = part.after
    return after.state is not AlertState.INACTIVE and known in {after.since, after.fired_at}


def _ways(route: Route, labels: Labels, above: str = "the route") -> Iterator[str]:
    """How an alert goes down the routing tree to each receiver."""
    matched = False
    for child in route.routes:
        if matches(child.matchers, labels):
            said = ", ".join(f'{one.name}{one.op}"{one.value}"' for one in child.matchers) or "all"
            yield from _ways(child, labels, f"{above} > {said}")
            matched = True
            if not child.continue_:
                break
    if not matched:
        yield f"{above}: {route.receiver}"
