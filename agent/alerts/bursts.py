"""Bursts: of more alerts by themselves than a receiver can take at once, those that come last share one message."""

from __future__ import annotations

from dataclasses import replace

from agent.alerts.groups import GroupChanges
from agent.alerts.notices import reason_of
from agent.deciding.decided import Decision
from rules.grouping import BURST, BURST_SPAN, burst_group, crowded, goes_on
from rules.model import Group, Member, Reason, Transition
from rules.severity import gravity


def placed(groups: GroupChanges, wanted: Group, fingerprint: str) -> Group:
    """Where an alert that belongs to `wanted` is told: there, or in the burst that it is in."""
    if not wanted.own:
        return wanted
    burst = groups.group(burst_group(wanted.receiver, wanted.since).id)
    return wanted if burst is None or groups.member(burst.id, fingerprint) is None else burst


def spills(decision: Decision, group: Group) -> bool:
    """Whether a message of this group by itself would be one too many."""
    if not group.own or goes_on(group, decision.now):
        return False
    return decision.groups.begun(group.receiver, decision.now - BURST_SPAN) >= BURST


def spill(decision: Decision, group: Group, member: Member, transition: Transition | None) -> None:
    """Moves the alert, which nobody was told of, into its receiver's burst, which is told when all alerts are in."""
    groups, wanted = decision.groups, burst_group(group.receiver, decision.now)
    groups.drop_member(group.id, member.fingerprint)
    groups.drop(group.id)
    escalated = transition is not None and reason_of(transition) is Reason.ESCALATED
    told = [_gravity(one) for one in groups.members_of(wanted.id) if one.told]
    burst = groups.group(wanted.id) or wanted
    burst = burst if groups.members_of(wanted.id) else replace(wanted, begun=burst.begun)
    burst = crowded(burst, decision.now, soon=escalated or _gravity(member) < min(told, default=0))
    groups.put(burst)
    groups.put_member(replace(member, group=burst.id, told=False))
    if burst.next_look is not None and burst.next_look <= decision.now:
        decision.spilled[burst.id] = transition if escalated else decision.spilled.get(burst.id)


def _gravity(member: Member) -> int:
    return gravity(dict(member.labels).get("severity", ""))
