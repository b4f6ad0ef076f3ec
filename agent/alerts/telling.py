"""Who is told what of a decision: alerts join groups, groups are looked at, and what they find becomes deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from agent.alerts.adopting import hears, lowered, renew
from agent.alerts.bursts import placed, spill, spills
from agent.alerts.notices import Notices, Saying, reason_of
from agent.alerts.silenced import show, shows
from agent.alerts.unread import Unread
from agent.deciding.decided import Decision, as_it_fires
from rules.grouping import begun, goes_on, joined, look, own_group, renewed
from rules.model import (
    AlertRule,
    AlertState,
    AlertStatus,
    Event,
    Group,
    InstanceKey,
    Member,
    Muted,
    MutedBy,
    Reason,
    Silence,
    Transition,
)
from rules.model.quick import replace
from rules.muting import Asked, Cause, Situation
from rules.severity import is_graver
from rules.specs import Specs
from rules.steps import OFTEN, Steps

Why = Callable[[Decision, Transition], tuple[str, ...]]
Release = Callable[[Decision, Transition], None]
_NOT_OPEN = frozenset({AlertState.INACTIVE, AlertState.PENDING})
_NEWS = frozenset({Reason.RAISED, Reason.FLAPPING, Reason.SETTLED, Reason.UNCORRECTED})
# an escalation to those who are not escalated to, a failure to those who may not hear of it yet
_SAID_AGAIN = frozenset({Reason.UPDATED, Reason.ESCALATED, Reason.UNCORRECTED})


class Teller:
    """Tells by one configuration."""

    def __init__(
        self, specs: Specs, notices: Notices, situation: Situation, unread: Unread, why: Why, release: Release
    ) -> None:
        """`why` says in a few lines why an alert stands as it does; `release` takes one that was held till now."""
        self.unread = unread
        self.why = why
        self.release = release
        self.specs = specs
        self.notices = notices
        self.situation = situation

    def telling(self, decision: Decision, transitions: Sequence[Transition], looks: Iterable[str] = ()) -> Steps[None]:
        """Everything that transitions, and groups that are to be looked at, ask to tell; in steps."""
        told_before = len(decision.deliveries)
        routed: dict[str, Transition | None] = dict.fromkeys(looks)
        for number, transition in enumerate(transitions, 1):
            if not number % OFTEN:
                yield
            routed |= self._heard(decision, transition)
        for number, (name, news) in enumerate(routed.items(), 1):
            if not number % OFTEN:
                yield
            if news is None and (awaited := self.unread.awaited(decision, name)) is not None:
                decision.put_off[name] = awaited
            else:
                self.look_at(decision, name, news)
        while decision.spilled:
            self.look_at(decision, *decision.spilled.popitem())
        told = {one.lane for one in decision.deliveries[told_before:]}
        for transition in transitions:
            if reason_of(transition) in _SAID_AGAIN and transition.after is not AlertState.INACTIVE:
                self._updated(decision, transition, told)

    def _heard(self, decision: Decision, transition: Transition) -> dict[str, Transition | None]:
        """Takes in what one alert goes through; returns the groups to look at when all are in, with what is news."""
        reason = reason_of(transition)
        if reason is Reason.RESOLVED:
            self._ended(decision, transition)
        elif reason is Reason.ESCALATED:
            self.escalate(decision, transition)
        elif reason is Reason.FIRING or (reason is Reason.FLAPPING and transition.before in _NOT_OPEN):
            news = transition if reason is Reason.FLAPPING else None
            return dict.fromkeys(self._fired(decision, transition), news)
        elif reason in _NEWS:
            return dict.fromkeys(self._became(decision, transition), transition)
        elif transition.event is Event.LOWERED:
            return dict.fromkeys(lowered(self, decision, transition))
        return {}

    # alerts that fire and end

    def _fired(self, decision: Decision, transition: Transition) -> list[str]:
        """Takes a firing alert into its groups; returns those to look at when all alerts are in."""
        groups = self.wanted(decision, transition).values()
        return [name for wanted in groups for name in self._enter(decision, wanted, transition)]

    def wanted(self, decision: Decision, transition: Transition) -> dict[str, Group]:
        """The groups that an alert belongs to, by id."""
        groups = self.notices.groups_of(transition, decision.now)
        found = [placed(decision.groups, group, transition.fingerprint) for group in groups]
        return {group.id: group for group in found}

    def _enter(self, decision: Decision, wanted: Group, transition: Transition) -> list[str]:
        group = self.join(decision, wanted, transition)
        if group.own:
            self.look_at(decision, group.id, transition)
            return []
        member = decision.groups.member(group.id, transition.fingerprint)
        if member is not None and member.news and self.muted(decision, group, member) is None:
            return [group.id]
        return self.due(group, decision.now)  # what is muted makes no others be told out of turn

    def due(self, group: Group, now: int) -> list[str]:
        """The id of the group, if its next look is due at `now`; else nothing."""
        return [group.id] if group.next_look is not None and group.next_look <= now else []

    def _became(self, decision: Decision, transition: Transition) -> list[str]:
        """Takes in that an open alert became graver, flaps or has settled, or could not be corrected.

        Who knows of it hears of it now. A graver one may concern others too, or others alone.
        """
        if reason_of(transition) is Reason.RAISED:
            self._leave(decision, transition)
        known = decision.groups.of_alert(transition.fingerprint)
        later: list[str] = []
        for name in known:
            member, group = decision.groups.member(name, transition.fingerprint), decision.groups.group(name)
            if member is None or group is None or member.ended:
                continue
            member = replace(member, labels=transition.labels, news=member.told)
            decision.groups.put_member(member)
            if group.own:
                self.look_at(decision, name, transition)
            elif member.told and self.muted(decision, group, member) is None:
                later.append(name)
        if reason_of(transition) is Reason.RAISED:
            for name, wanted in self.wanted(decision, transition).items():
                if name not in known and not hears(decision, wanted, transition, self.muted):
                    later += self._enter(decision, wanted, transition)
        return later

    def join(self, decision: Decision, wanted: Group, transition: Transition, held: Muted | None = None) -> Group:
        """Makes the alert a member of the group it wants, which is returned as it is then known.

        `held` is what mutes a new member, where that is known already.
        """
        group = decision.groups.group(wanted.id) or wanted
        if not decision.groups.members_of(group.id):
            group = replace(wanted, begun=group.begun)
        elif not group.own:  # it may have led elsewhere when its route became another
            group = renewed(group, wanted, decision.now)
        before = decision.groups.member(group.id, transition.fingerprint)
        rule = self.specs.rule(transition.key.target, transition.alert)
        fired_at = transition.fired_at or transition.at
        group = joined(group, fired_at, decision.now)
        decision.groups.put(group)
        decision.groups.put_member(
            Member(
                group.id,
                transition.key,
                transition.alert,
                transition.fingerprint,
                transition.labels,
                fired_at,
                rule.repeat if rule else None,
                told=before is not None and before.told,
                news=before is not None and before.told and self._is_news(rule, before, transition),
                left=before is not None and before.left,
                muted=before.muted if before else held or self.held(decision, transition),
            )
        )
        return group

    def held(self, decision: Decision, transition: Transition) -> Muted | None:
        """What holds an alert: what its target depends on, for a while also after that is back."""
        off = self.situation.held(transition.key)
        if off is not None:
            return Muted(MutedBy.DEPENDENCY, off)
        names = decision.groups.of_alert(transition.fingerprint)
        members = (decision.groups.member(name, transition.fingerprint) for name in names)
        return next((member.muted for member in members if member is not None and _is_held(member)), None)

    def _is_news(self, rule: AlertRule | None, before: Member, transition: Transition) -> bool:
        """Whether an alert that fires again before its end was told is another than it was told as."""
        was, now = (dict(labels).get("severity", "") for labels in (before.labels, transition.labels))
        graver = rule is not None and is_graver(rule, now, was)
        return before.news or graver or reason_of(transition) is Reason.FLAPPING

    def _ended(self, decision: Decision, transition: Transition) -> None:
        for name in decision.groups.of_alert(transition.fingerprint):
            member, group = decision.groups.member(name, transition.fingerprint), decision.groups.group(name)
            if member is None or group is None:
                continue
            decision.groups.put_member(replace(member, ended=transition))
            if group.own:
                self.look_at(decision, name, transition)

    # looking

    def look_at(self, decision: Decision, name: str, transition: Transition | None = None) -> None:
        """Tells what there is to tell. `transition` is what one of the alerts goes through right now."""
        group = decision.groups.group(name)
        if group is None:
            return
        members = decision.groups.members_of(name)
        found = look(
            group,
            members,
            decision.now,
            lambda member: self.muted(decision, group, member),
            lambda member: _is_hushed(self._status(decision, member)),
        )
        for fingerprint in found.gone:
            decision.groups.drop_member(name, fingerprint)
        held = {member.fingerprint: member for member in members if _is_held(member)}
        for member in found.members:
            self._take_in(decision, held.get(member.fingerprint), member)
        if found.group is None:
            decision.groups.drop(name)
        else:
            decision.groups.put(found.group)
        told = found.told
        if told is not None and group.own and told.firing and not any(one.told for one in members):
            if self._spills(decision, group):
                spill(decision, group, told.firing[0], transition)
                return
            self._begin(decision, name)
        if told is not None:
            firing = _marked(self._sayings(decision, told.firing, transition), members)
            resolved = self._sayings(decision, told.resolved, transition)
            reason = told.reason
            if transition is not None and reason is Reason.FIRING:
                reason = reason_of(transition) or reason  # graver, flapping, settled or uncorrected says more
            decision.deliveries += self.notices.deliveries(group, reason, firing, resolved, decision.now)
            self._show_muted(decision, name, firing)
        elif found.group is not None and shows(members, found.members):
            self._edit(decision, found.group, transition, set())

    def _spills(self, decision: Decision, group: Group) -> bool:
        return not self.notices.reads_all(group.receiver) and spills(decision, group)

    def _begin(self, decision: Decision, name: str) -> None:
        """Notes that the group begins a message, unless it goes on with one."""
        group = decision.groups.group(name)
        if group is not None and not goes_on(group, decision.now):
            decision.groups.put(begun(group, decision.now))

    def muted(self, decision: Decision, group: Group, member: Member) -> Muted | None:
        """What mutes an alert in its group now."""
        state = decision.instance(member.key) if member.key.target else None
        asked = Asked(member.key, member.labels, state, member.muted, group.mute, group.active)
        return self.situation.muted(asked, decision.now)

    def _status(self, decision: Decision, member: Member) -> AlertStatus:
        return decision.status(member.key, member.alert, dict(member.labels).get("source", ""))

    def _sayings(self, decision: Decision, members: Sequence[Member], transition: Transition | None) -> list[Saying]:
        """The alerts as they are told. Why it is so is said of one that is alone."""
        found = []
        for member in members:
            at = member.ended or as_it_fires(self.specs, decision, member, transition)
            runs = decision.runs_of(member.key, member.fingerprint, member.fired_at)
            why = self.why(decision, at) if len(members) == 1 else ()
            group = decision.groups.group(member.group)
            muted = self.muted(decision, group, member) if group and not member.ended else None
            silence = self.situation.silences.get(muted.name) if muted and muted.by is MutedBy.SILENCE else None
            found.append(Saying(at, self._status(decision, member), runs, why, muted, silence))
        return found

    # what else is told

    def _updated(self, decision: Decision, transition: Transition, told: set[str]) -> None:
        """Says again what a receiver was told that can edit it."""
        for name in decision.groups.of_alert(transition.fingerprint):
            group, member = decision.groups.group(name), decision.groups.member(name, transition.fingerprint)
            if group is None or member is None or member.ended:
                continue
            member = replace(member, labels=transition.labels)  # a milder severity is one of them
            decision.groups.put_member(member)
            if self.notices.lanes(group, transition) <= told:
                continue  # it says how all of them are by now
            if member.told:
                self._edit(decision, group, transition, told)

    def _edit(self, decision: Decision, group: Group, transition: Transition | None, told: set[str]) -> None:
        """Says how all of it is by now where that was not `told`; of what is muted without a sound."""
        fires = [one for one in decision.groups.members_of(group.id) if one.told and one.ended is None]
        firing = self._sayings(decision, self._named(decision, group.id) or fires, transition)
        made = self.notices.deliveries(group, Reason.UPDATED, firing, [], decision.now)
        made = [one for one in made if one.lane not in told]
        told |= {one.lane for one in made}
        decision.deliveries += made
        if made:
            decision.groups.put(replace(group, tellings=group.tellings + 1))

    def _show_muted(self, decision: Decision, name: str, firing: Sequence[Saying]) -> None:
        """Where only ends were told but what is muted fires on, the message is not to stay resolved."""
        group, members = decision.groups.group(name), decision.groups.members_of(name)
        if group is not None and not firing and any(one.told and one.ended is None for one in members):
            self._edit(decision, group, None, set())

    def silenced(self, decision: Decision, silence: Silence) -> list[str]:
        """Shows a silence, new or changed, where people were told; returns the groups of one alert, to be looked at."""
        return show(decision, silence, self.muted, lambda group: self._edit(decision, group, None, set()))

    def _named(self, decision: Decision, name: str) -> list[Member]:
        """The alerts that the group's last message named and that still fire."""
        members = decision.groups.members_of(name)
        return [one for one in members if one.told and one.ended is None and not (one.muted and one.news)]

    def _leave(self, decision: Decision, transition: Transition) -> None:
        """Where nobody was told of the alert yet, it does not belong if another severity leads elsewhere."""
        wanted = self.wanted(decision, transition)
        for name in decision.groups.of_alert(transition.fingerprint):
            renew(self, decision, name, transition, wanted)

    def escalate(self, decision: Decision, transition: Transition) -> None:
        """Tells others of an open alert at once, who then hear of its end too; once it is no longer muted."""
        if transition.after in _NOT_OPEN:  # it ended meanwhile: there is no end to hear of
            runs = decision.runs_of(transition.key, transition.fingerprint, transition.fired_at)
            saying = Saying(transition, AlertStatus(), runs, self.why(decision, transition))
            for receiver in dict.fromkeys(transition.to):
                group = own_group(receiver, transition.alert, transition.fingerprint, decision.now)
                decision.deliveries += self.notices.deliveries(group, Reason.ESCALATED, [], [saying], decision.now)
            return
        for receiver in dict.fromkeys(transition.to):
            group = self._own_or_told(decision, receiver, transition)
            group = self.join(decision, group, transition) if group.own else group
            member = decision.groups.member(group.id, transition.fingerprint)
            if member is None:
                continue
            decision.groups.put_member(member := replace(member, escalated=member.escalated or not member.told))
            muted = self.muted(decision, group, member)
            if muted is not None:
                self.look_at(decision, group.id, transition)
                continue
            if not member.told and self._spills(decision, group):
                spill(decision, group, member, transition)
                continue
            decision.groups.put_member(replace(member, told=True, muted=None))
            decision.groups.put(replace(group, told_at=decision.now, tellings=group.tellings + 1))
            if group.own:
                self._begin(decision, group.id)
            sayings = self._sayings(decision, self._named(decision, group.id), transition)
            decision.deliveries += self.notices.deliveries(group, Reason.ESCALATED, sayings, [], decision.now)
            if group.own:
                self.look_at(decision, group.id)  # finds nothing new, and when to remind of it

    def _own_or_told(self, decision: Decision, receiver: str, transition: Transition) -> Group:
        """The group in which the receiver knows of the alert already, else one of its own."""
        for name in decision.groups.of_alert(transition.fingerprint):
            group, member = decision.groups.group(name), decision.groups.member(name, transition.fingerprint)
            if group is not None and member is not None and group.receiver == receiver and member.told:
                return group
        return own_group(receiver, transition.alert, transition.fingerprint, transition.fired_at or decision.now)

    def woken(self, decision: Decision, causes: Iterable[Cause]) -> list[str]:
        """The groups of one alert that waited for one of these to end, or for a reading of an instance that changed.

        In other groups, what is held no longer is corrected now, and told when the group is looked at.
        """
        groups = decision.memory.groups
        if not groups.anyone_waits:
            return []
        waited: list[Cause | InstanceKey] = [*causes, *decision.instances]
        found = dict.fromkeys(place for cause in waited for place in groups.waiting_for(cause))
        looks: list[str] = []
        for name, fingerprint in found:
            group, member = decision.groups.group(name), decision.groups.member(name, fingerprint)
            if group is None or member is None or group.own:
                looks.append(name)
            elif member.ended is None:
                muted = self.muted(decision, group, member)
                self._take_in(decision, member, replace(member, muted=muted))
        return looks

    def _take_in(self, decision: Decision, before: Member | None, after: Member) -> None:
        decision.groups.put_member(after)
        if before is not None and _is_held(before) and not _is_held(after):
            self.release(decision, as_it_fires(self.specs, decision, after))


def _marked(sayings: Iterable[Saying], before: Iterable[Member]) -> list[Saying]:
    """Those that the receiver was not told of yet, or not so, are fresh. `before` is how the members were."""
    known = {one.fingerprint: one.left for one in before if one.told and (one.left or not one.news)}
    names = ((one, one.transition.fingerprint) for one in sayings)
    return [replace(one, fresh=name not in known, again=known.get(name, False)) for one, name in names]


def _is_hushed(status: AlertStatus) -> bool:
    return status.acknowledged is not None or status.flapping_since is not None


def _is_held(member: Member) -> bool:
    """Whether it is not told for what its target depends on."""
    return member.muted is not None and member.muted.by is MutedBy.DEPENDENCY
