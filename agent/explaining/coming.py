"""What comes next for an instance beside what its alerts go through: calls, deadlines, and who is told when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.deciding.memory import Memory
from rules import alerts, corrections
from rules.explain import AlertPart, Coming, Explanation
from rules.grouping import reminder
from rules.model import Correction, Group, Member, RunState


def coming(found: Explanation, memory: Memory) -> tuple[Coming, ...]:
    """All of it by time, if nothing else comes in. What is known of an alert ends when it is resolved."""
    ends = {one.ends: one.at for one in reversed(found.coming) if one.ends}
    of_runs = ((run.alert, one) for run in memory.runs_of(found.key) for one in _of_run(run, memory))
    of_groups = ((part.rule.name, one) for part in found.alerts for one in _of_groups(part, memory))
    more = (one for alert, one in (*of_runs, *of_groups) if found.now <= one.at < ends.get(alert, one.at + 1))
    return tuple(sorted((*found.coming, *more), key=lambda one: one.at))


def _of_run(run: Correction, memory: Memory) -> Iterator[Coming]:
    at, name = corrections.wake(run), corrections.named(run)
    if at is None:
        return
    if run.state is RunState.PROPOSED:
        yield Coming(at, f"{name} lapses, unless somebody approves it")
    elif run.state is RunState.VERIFYING:
        yield Coming(at, f"{name} has not helped, if {run.alert} still fires")
    elif memory.off is None:
        nth = f", attempt {run.attempt + 1}" if run.attempt else ""
        yield Coming(at, f"{name} may be called{nth}")


def _of_groups(part: AlertPart, memory: Memory) -> Iterator[Coming]:
    """When receivers are told of an open alert, or told again."""
    groups, status = memory.groups, part.after
    for name in groups.of_alert(status.fingerprint) if alerts.is_open(status) else ():
        group, member = groups.groups[name], groups.members[name][status.fingerprint]
        at = group.next_look
        if at is None or member.muted is not None or member.ended is not None:
            continue
        if not member.told or member.news:
            yield Coming(at, f"{part.rule.name} is told to {group.receiver}")
        elif status.acknowledged is None and status.flapping_since is None:
            yield from _reminded(group, member, groups.members[name].values(), at)


def _reminded(group: Group, member: Member, members: Iterable[Member], look: int) -> Iterator[Coming]:
    """At the first look at which it is time, unless the group has other things to tell before."""
    due = reminder(group, member)
    if due is None or any(not one.told or one.news or one.ended is not None for one in members if one.muted is None):
        return
    if not group.own and look < due:
        look += -((look - due) // group.interval) * group.interval
    yield Coming(max(look, due), f"{group.receiver} is reminded of {member.alert}")
