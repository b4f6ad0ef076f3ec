"""The groups of open alerts when another configuration comes into force, or they belong elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.alerts.silenced import Mutes
from agent.deciding.decided import Decision, happened
from rules import alerts
from rules.grouping import own_group, renewed
from rules.health import source_transition
from rules.model import AlertStatus, Event, Group, Transition

if TYPE_CHECKING:
    from agent.alerts.telling import Teller


def adopt(teller: Teller, decision: Decision) -> list[str]:
    """Makes the groups of every open alert those of this configuration; returns those to look at.

    Where a receiver was told of an alert it stays as it is, so that its message can be closed. An alert that nobody
    was told of goes where it goes now.
    """
    looks: list[str] = []
    for transition, status in _open(teller, decision):
        known = decision.groups.of_alert(transition.fingerprint)
        wanted = teller.wanted(decision, transition)
        held = teller.held(decision, transition)  # wherever it goes now
        for name in known:
            renew(teller, decision, name, transition, wanted)
        if any(_is_told(decision, name, transition) for name in known):
            continue
        told = () if known else status.told  # an earlier version remembered it there
        for receiver in told:
            _take_over(teller, decision, receiver, transition)
        for name, group in wanted.items():
            known_there = decision.groups.member(name, transition.fingerprint) is not None
            if not (told or known_there or hears(decision, group, transition, teller.muted)):
                looks += teller.due(teller.join(decision, group, transition, held), decision.now)
    _renew_ended(teller, decision)
    return looks


def _open(teller: Teller, decision: Decision) -> Iterable[tuple[Transition, AlertStatus]]:
    for state in decision.memory.instances.values():
        for name, status in state.alerts.items():
            if alerts.is_open(status):
                yield happened(teller.specs, state, name, Event.FIRING, decision.now), status
    for source in decision.memory.sources.values():
        if alerts.is_open(source.alert):
            yield source_transition(teller.specs, source, source, Event.FIRING, decision.now), source.alert


def _is_told(decision: Decision, name: str, transition: Transition) -> bool:
    """Whether a group has told of an alert, by more than an escalation."""
    member = decision.groups.member(name, transition.fingerprint)
    return member is not None and member.told and not member.escalated


def hears(decision: Decision, wanted: Group, transition: Transition, muted: Mutes) -> bool:
    """Whether the group's receiver hears of an alert by now in another group, whose message it has: that is enough."""
    for name in decision.groups.of_alert(transition.fingerprint):
        group, member = decision.groups.group(name), decision.groups.member(name, transition.fingerprint)
        if group is None or member is None or not member.told or member.ended is not None:
            continue
        if group.receiver == wanted.receiver and muted(decision, group, member) is None:
            return True
    return False


def lowered(teller: Teller, decision: Decision, transition: Transition) -> list[str]:
    """Moves an open alert that is less grave now, and that nobody was told of, where it belongs; those to look at."""
    held, wanted = teller.held(decision, transition), teller.wanted(decision, transition)
    for name in decision.groups.of_alert(transition.fingerprint):
        renew(teller, decision, name, transition, wanted)
    known = decision.groups.of_alert(transition.fingerprint)
    if any(_is_told(decision, name, transition) for name in known):
        return []
    new = [teller.join(decision, group, transition, held) for name, group in wanted.items() if name not in known]
    return [name for group in new for name in teller.due(group, decision.now)]


def renew(teller: Teller, decision: Decision, name: str, transition: Transition, wanted: dict[str, Group]) -> None:
    """A group's settings are those of its route now; an alert it was not told of leaves if it belongs elsewhere."""
    group, member = decision.groups.group(name), decision.groups.member(name, transition.fingerprint)
    if group is None or member is None:
        return
    gone = not teller.notices.notifiers(group.receiver)
    if name not in wanted and (gone or not (member.told or member.escalated)):
        decision.groups.drop_member(name, member.fingerprint)
        if not decision.groups.members_of(name):
            decision.groups.drop(name)
        return
    rule = teller.specs.rule(member.key.target, member.alert)
    repeat = rule.repeat if rule else None
    decision.groups.put_member(replace(member, repeat=repeat))
    if group.own and repeat != member.repeat:
        group = replace(group, next_look=decision.now)
    decision.groups.put(renewed(group, wanted[name], decision.now) if name in wanted else group)


def _renew_ended(teller: Teller, decision: Decision) -> None:
    """The same for groups that have the end of alerts to tell, maybe of all."""
    for name in decision.memory.groups.groups:
        group = decision.groups.group(name)
        ended = next((one.ended for one in decision.groups.members_of(name) if one.ended is not None), None)
        if group is not None and ended is not None:
            wanted = teller.wanted(decision, ended).get(name, group)
            decision.groups.put(renewed(group, wanted, decision.now))


def _take_over(teller: Teller, decision: Decision, receiver: str, transition: Transition) -> None:
    group = own_group(receiver, transition.alert, transition.fingerprint, transition.fired_at or transition.at)
    group = teller.join(decision, group, transition)
    member = decision.groups.member(group.id, transition.fingerprint)
    if member is not None:
        decision.groups.put_member(replace(member, told=True))
        decision.groups.put(replace(group, told_at=decision.now))
        teller.look_at(decision, group.id)
