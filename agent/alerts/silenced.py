"""A silence is seen in the message that it mutes: at once when a person makes or ends it, else at the next look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from agent.deciding.decided import Decision
from rules.model import Group, Member, Muted, MutedBy, Silence
from rules.silencing import matches

Mutes = Callable[[Decision, Group, Member], Muted | None]


def shows(before: Iterable[Member], after: Iterable[Member]) -> bool:
    """Whether an alert that the receiver was told of is silenced now and was not, or otherwise, or no more."""
    known = {member.fingerprint: _silenced(member.muted) for member in before}
    return any(one.told and known.get(one.fingerprint) != _silenced(one.muted) for one in after)


def show(decision: Decision, silence: Silence, muted: Mutes, edit: Callable[[Group], None]) -> list[str]:
    """Edits the groups that told of an alert which the silence matches; returns those of one alert, to be looked at.

    A look at another group would tell what waits for its time. Its next one then finds no change.
    """
    looks: list[str] = []
    for name, members in decision.memory.groups.members.items():
        group = decision.groups.group(name)
        found = [one for one in members.values() if _may_show(one) and matches(silence, one.labels)]
        if group is None or not found:
            continue
        if group.own:
            looks.append(name)
            continue
        after = [replace(one, muted=muted(decision, group, one)) for one in found]
        for member in after:
            decision.groups.put_member(member)
        if shows(found, after):
            edit(group)
    return looks


def _may_show(member: Member) -> bool:
    """Whether it was told and fires; what is held by a dependency is let on by a look only."""
    held = member.muted is not None and member.muted.by is MutedBy.DEPENDENCY
    return member.told and member.ended is None and not held


def _silenced(muted: Muted | None) -> Muted | None:
    return muted if muted is not None and muted.by is MutedBy.SILENCE else None
