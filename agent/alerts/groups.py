"""The groups that are remembered, and what each decision changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.deciding.timers import Timers
from rules.model import Group, InstanceKey, Member, Muted, MutedBy
from rules.muting import Cause

Place = tuple[str, str]
"""An alert in a group: the group's id and the alert's fingerprint."""


class Groups:
    """Groups with their members; which an alert is in; and which wait for something to end before they can tell."""

    def __init__(self, groups: Iterable[Group] = (), members: Iterable[Member] = ()) -> None:
        self.groups: dict[str, Group] = {}
        self.members: dict[str, dict[str, Member]] = {}
        self._of_alert: dict[str, dict[str, None]] = {}
        self._waiting: dict[Cause | InstanceKey, dict[Place, None]] = {}
        self._begun: dict[str, dict[str, tuple[int, ...]]] = {}  # receiver -> group -> times
        self._put_off: dict[str, tuple[int, str]] = {}  # until when, whatever time is theirs, and for which source
        self._awaiting: dict[str, dict[str, None]] = {}  # the same by source
        self._timers = Timers[str](self._wake_of)
        self._ticked = 0
        self.remember(GroupChanges(self, {group.id: group for group in groups}))
        for member in members:
            self._keep(member)

    def _wake_of(self, name: str) -> int | None:
        group = self.groups.get(name)
        if group is None:
            return None
        return self._put_off[name][0] if name in self._put_off else group.next_look

    def take_due(self, now: int) -> list[str]:
        """The groups whose time has come; each is given once, until it changes or `looked_at` sets a time again.

        All that wait for a time, where the clock was set back: theirs may be of before.
        """
        before, self._ticked = self._ticked, now
        if now < before:
            for group in self.groups.values():
                self._note_begun(group)  # what was too old by then is not by now, as after a restart
            found = [name for name, group in self.groups.items() if self._wake_of(name) is not None]
            self._put_off.clear()
            self._awaiting.clear()
            return found
        due = self._timers.take_due(now)
        for name in due:
            self._take_up(name)
        return due

    def put_off(self, awaited: Mapping[str, str], until: int) -> None:
        """Has groups looked at later than was their turn, also those that had none; each awaits a source."""
        for name, source in awaited.items():
            self._take_up(name)
            self._put_off[name] = until, source
            self._awaiting.setdefault(source, {})[name] = None
        self._timers.set(awaited)

    def _take_up(self, name: str) -> None:
        """It is put off no more: what it awaited is not to have it looked at out of turn."""
        _, source = self._put_off.pop(name, (0, ""))
        _remove(self._awaiting, source, name)

    def awaiting(self, sources: Iterable[str]) -> list[str]:
        """The groups that were put off until one of these was read, or can't be."""
        return [name for source in sources for name in self._awaiting.get(source, ())] if self._awaiting else []

    def heard_of(self, sources: Iterable[str]) -> None:
        """What was put off for these was looked at, and may be put off again."""
        names = self.awaiting(sources)
        for name in names:
            self._take_up(name)
        self._timers.set(names)

    def looked_at(self, names: Iterable[str]) -> None:
        """Sets the times anew of groups that were given as due and did not change."""
        self._timers.set(names)

    def next_due(self) -> int | None:
        """The earliest time of a look, None if there is none."""
        return self._timers.next_due()

    def of_alert(self, fingerprint: str) -> Iterable[str]:
        """The groups an alert is in."""
        return self._of_alert.get(fingerprint, ())

    def begun_at(self, receiver: str, since: int) -> Mapping[str, tuple[int, ...]]:
        """When the receiver's groups began messages by themselves, those that did so later than `since`."""
        known = self._begun.get(receiver, {})
        for name in [name for name, times in known.items() if times[-1] <= since]:
            del known[name]
        return known

    @property
    def anyone_waits(self) -> bool:
        """Whether any group waits for something to end."""
        return bool(self._waiting)

    def waiting_for(self, cause: Cause | InstanceKey) -> Iterable[Place]:
        """The alerts that wait for the cause to end, or for the instance to get a reading."""
        return self._waiting.get(cause, ())

    def waiting(self) -> Iterable[str]:
        """Every group of one alert that is muted."""
        return dict.fromkeys(name for places in self._waiting.values() for name, _ in places if self._is_own(name))

    def remember(self, changes: GroupChanges) -> None:
        """Takes over what was committed."""
        for name, group in changes.groups.items():
            if group is None or group.next_look is not None:  # else nothing would have it looked at
                self._take_up(name)
            if group is None:
                self.groups.pop(name, None)
            else:
                self.groups[name] = group
                self._note_begun(group)
        for name, members in changes.members.items():
            for fingerprint, member in members.items():
                if member is None:
                    self._drop(name, fingerprint)
                else:
                    self._keep(member)
        self._timers.set(changes.groups)

    def _note_begun(self, group: Group) -> None:
        if group.begun:
            self._begun.setdefault(group.receiver, {})[group.id] = group.begun

    def _keep(self, member: Member) -> None:
        known = self.members.setdefault(member.group, {})
        before = known.get(member.fingerprint)
        known[member.fingerprint] = member
        self._of_alert.setdefault(member.fingerprint, {})[member.group] = None
        self._wait(before, member)

    def _drop(self, name: str, fingerprint: str) -> None:
        member = self.members.get(name, {}).pop(fingerprint, None)
        if not self.members.get(name):
            self.members.pop(name, None)
        _remove(self._of_alert, fingerprint, name)
        self._wait(member, None)

    def _wait(self, before: Member | None, after: Member | None) -> None:
        for member in (before, after):
            if member is None or member.muted is None:
                continue
            if not (self._is_own(member.group) or member.muted.by is MutedBy.DEPENDENCY):
                continue  # what muted it matters when its group is looked at
            for cause in _causes(member, member.muted):
                if member is after:
                    self._waiting.setdefault(cause, {})[member.group, member.fingerprint] = None
                else:
                    _remove(self._waiting, cause, (member.group, member.fingerprint))

    def _is_own(self, name: str) -> bool:
        group = self.groups.get(name)
        return group is None or group.own


def _causes(member: Member, muted: Muted) -> Iterable[Cause | InstanceKey]:
    yield muted.by, muted.name
    if muted.by is MutedBy.DEPENDENCY:
        yield member.key


def _remove(index: dict[Any, dict[Any, None]], key: object, name: object) -> None:
    names = index.get(key, {})
    names.pop(name, None)
    if not names:
        index.pop(key, None)


@dataclass(slots=True)
class GroupChanges:
    """What a decision changes of groups and members, seen over what is remembered. None: it is gone."""

    base: Groups
    groups: dict[str, Group | None] = field(default_factory=dict)
    members: dict[str, dict[str, Member | None]] = field(default_factory=dict)
    _joined: dict[str, dict[str, None]] = field(default_factory=dict)
    _begun: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)

    def group(self, name: str) -> Group | None:
        """The group as this decision leaves it."""
        return self.groups[name] if name in self.groups else self.base.groups.get(name)

    def member(self, name: str, fingerprint: str) -> Member | None:
        """The alert in the group as this decision leaves it."""
        changed = self.members.get(name, {})
        if fingerprint in changed:
            return changed[fingerprint]
        return self.base.members.get(name, {}).get(fingerprint)

    def members_of(self, name: str) -> list[Member]:
        """The alerts of a group."""
        known: Mapping[str, Member] = self.base.members.get(name, {})
        changed = self.members.get(name)
        if not changed:
            return list(known.values())
        return [member for member in {**known, **changed}.values() if member is not None]

    def of_alert(self, fingerprint: str) -> list[str]:
        """The groups an alert is in."""
        names = {**dict.fromkeys(self.base.of_alert(fingerprint)), **self._joined.get(fingerprint, {})}
        return [name for name in names if self.member(name, fingerprint) is not None]

    def told_of(self, fingerprint: str) -> set[str]:
        """The receivers that were told of an alert."""
        found = ((self.group(name), self.member(name, fingerprint)) for name in self.of_alert(fingerprint))
        return {group.receiver for group, member in found if group is not None and member is not None and member.told}

    def put(self, group: Group) -> None:
        """The group, new or changed."""
        if self.group(group.id) != group:
            self.groups[group.id] = group
            if group.begun:
                self._begun.setdefault(group.receiver, {})[group.id] = group.begun

    def begun(self, receiver: str, since: int) -> int:
        """How many messages the receiver's groups began by themselves later than `since`."""
        known = {**self.base.begun_at(receiver, since), **self._begun.get(receiver, {})}
        return sum(at > since for times in known.values() for at in times)

    def put_member(self, member: Member) -> None:
        """The alert in its group, new or changed."""
        if self.member(member.group, member.fingerprint) != member:
            self.members.setdefault(member.group, {})[member.fingerprint] = member
            self._joined.setdefault(member.fingerprint, {})[member.group] = None

    def drop_member(self, name: str, fingerprint: str) -> None:
        """The alert is in the group no more."""
        self.members.setdefault(name, {})[fingerprint] = None

    def drop(self, name: str) -> None:
        """The group is no more."""
        self.groups[name] = None

    def __bool__(self) -> bool:
        return bool(self.groups or self.members)
