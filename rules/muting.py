"""Why an alert is not told now: a dependency that is off, a silence, another alert, the calendar."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from rules import alerts
from rules.blindness import Sight
from rules.dependencies import Dependencies
from rules.inhibition import Inhibition, InhibitRule
from rules.intervals import TimeInterval, active, look_again
from rules.model import (
    MINUTE,
    SECOND,
    SOURCES,
    AlertStatus,
    InstanceKey,
    InstanceState,
    Labels,
    Muted,
    MutedBy,
    Silence,
    SourceState,
    Trouble,
)
from rules.silencing import Silences
from rules.specs import Specs

Cause = tuple[MutedBy, str]


@dataclass(frozen=True, slots=True)
class Mutings:
    """What the configuration says of muting."""

    inhibit: tuple[InhibitRule, ...] = ()
    intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    blind: float = 0.5  # the share of sources that has to fail for one notice to tell of all


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert that may be muted: `state` of its instance (None for a source's), and why it was muted when last asked.

    `mute` and `active` are the names of the time intervals of its route.
    """

    key: InstanceKey
    labels: Labels
    state: InstanceState | None = None
    before: Muted | None = None
    mute: tuple[str, ...] = ()
    active: tuple[str, ...] = ()


class Situation:
    """How things stand, as muting sees it; it is kept up to date by `note`."""

    def __init__(self, specs: Specs, mutings: Mutings, silences: Mapping[str, Silence]) -> None:
        self._specs = specs
        self._intervals = mutings.intervals
        self._inhibition = Inhibition(mutings.inhibit)
        self._dependencies = Dependencies(specs)
        self.silences = Silences(silences.values())
        self.sight = Sight(specs, mutings.blind)
        self.blind: Trouble | None = None  # of so many sources, now or last

    def note(self, instances: Collection[InstanceState], sources: Collection[SourceState]) -> list[Cause]:
        """Takes in states that changed; returns what ended that may have muted others."""
        ended: list[Cause] = []
        if self._inhibition.rules:
            for state in instances:
                for status in state.alerts.values():
                    ended += self.note_alert(status)
            for source in sources:
                status = source.alert
                if alerts.is_open(status) and not status.labels:  # an earlier version kept none
                    status = replace(status, labels=alerts.source_labels(source, ""))
                ended += self.note_alert(status)
        back = self._dependencies.note(instances, sources)
        return [*ended, *((MutedBy.DEPENDENCY, name) for name in back)] if back else ended

    def note_alert(self, status: AlertStatus) -> tuple[Cause, ...]:
        """Takes in an alert that changed; returns what ended that may have muted others."""
        name = status.fingerprint
        moved = self._inhibition.fires(name, status.labels) if alerts.is_open(status) else self._inhibition.over(name)
        return ((MutedBy.INHIBITION, name),) if moved else ()

    def labels_of(self, fingerprint: str) -> Labels:
        """The labels of a firing alert that may mute others."""
        return self._inhibition.labels_of(fingerprint)

    def held(self, key: InstanceKey) -> str | None:
        """What holds the alerts of an instance: the target or source it depends on that is off."""
        return self._dependencies.off(key)

    def muted(self, asked: Asked, now: int) -> Muted | None:
        """Why the alert is not told now, None if it is."""
        return (
            self._by_blindness(asked.key, now)
            or self._by_dependency(asked, now)
            or self._by_silence(asked.labels, now)
            or self._by_alert(asked.labels)
            or self._by_calendar(asked, now)
        )

    def _by_blindness(self, key: InstanceKey, now: int) -> Muted | None:
        """A source's own alert, while so many fail that one notice tells of all, and until it had time to be back."""
        if key.target:
            return None
        holds, until = self.sight.holds(self.blind, now)
        return Muted(MutedBy.BLINDNESS, SOURCES, until) if holds else None

    def _by_dependency(self, asked: Asked, now: int) -> Muted | None:
        """Held while it is off, and then until a reading that was taken since, or until there should be one."""
        name = self._dependencies.off(asked.key)
        if name is not None:
            return Muted(MutedBy.DEPENDENCY, name)
        before = asked.before
        if before is None or before.by is not MutedBy.DEPENDENCY:
            return None
        grace = self._grace(asked.key.target)
        until = now + grace if before.until is None else before.until
        read = asked.state is not None and asked.state.seen is not None and asked.state.seen > until - grace
        return None if read or now >= until else Muted(MutedBy.DEPENDENCY, before.name, until)

    def _grace(self, target: str) -> int:
        """How soon a fresh reading of a target has to be there: two polls and a little."""
        if target not in self._specs.targets:
            return 0
        rules = (self._specs.sources.get(name) for name in self._specs.sources_of(target))
        every = [rule.every for rule in rules if rule is not None and rule.every is not None]
        return 2 * max(every) + 10 * SECOND if every else MINUTE

    def _by_silence(self, labels: Labels, now: int) -> Muted | None:
        found = self.silences.of(labels, now)
        return None if found is None else Muted(MutedBy.SILENCE, found.id, found.ends)

    def _by_alert(self, labels: Labels) -> Muted | None:
        other = self._inhibition.by(labels)
        return None if other is None else Muted(MutedBy.INHIBITION, other)

    def _by_calendar(self, asked: Asked, now: int) -> Muted | None:
        target = self._specs.targets.get(asked.key.target)
        for name in (*(target.mute if target else ()), *asked.mute):
            intervals = self._intervals.get(name, ())
            if active(intervals, now):
                return Muted(MutedBy.INTERVAL, name, look_again(intervals, now))
        wanted = [self._intervals[name] for name in asked.active if name in self._intervals]
        if not wanted or any(active(intervals, now) for intervals in wanted):
            return None
        return Muted(MutedBy.INTERVAL, asked.active[0], min(look_again(intervals, now) for intervals in wanted))
