"""From a transition to deliveries: who hears of it, in which words. Pure but for rendering templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

from agent.alerts.news import beyond, news_of
from agent.alerts.several import MOST_ALERTS, details_of, headline_of, named, taken_by
from agent.config.configuration import Configuration, NotifierEntry
from agent.sending.envelopes import delivery_of, lane_of
from agent.sending.manners import is_program, manner_of, wants_updates
from agent.store.records import Delivery
from connectors.template import TemplateError, render_annotation
from rules.corrections import line
from rules.grouping import own_group, routed_group
from rules.model import (
    AlertState,
    AlertStatus,
    Approval,
    Assessment,
    Correction,
    Event,
    Group,
    Muted,
    Notice,
    Proposal,
    Reason,
    RunState,
    Silence,
    Standing,
    Target,
    Transition,
)
from rules.model.quick import quick, replace
from rules.muting import Mutings
from rules.retiring import NOT_CONFIGURED
from rules.routing import CONSOLE, routes_for
from rules.severity import also_told, gravity
from rules.specs import Specs
from rules.words import clock_time, headline, whose

_MOST_DETAILS = 10


@quick
@dataclass(frozen=True, slots=True)
class Saying:
    """One alert as it is told: what it went through, how it stands, this firing's corrections, and why it is so.

    While it is `muted`, by a person's `silence` or else, it has no news: those are told when it no longer is. `fresh`:
    its group's receiver was not told yet that it fires so; `again`: it was, and then it was muted until now.
    """

    transition: Transition
    status: AlertStatus
    runs: Sequence[Correction] = ()
    why: tuple[str, ...] = ()
    muted: Muted | None = None
    silence: Silence | None = None
    fresh: bool = False
    again: bool = False


def reason_of(transition: Transition) -> Reason | None:
    """Why a transition is told; None if it is only remembered."""
    event = transition.event
    if transition.quiet:
        return None
    if event is Event.FIRING:
        return Reason.FIRING if transition.before is not AlertState.RECOVERING else Reason.UPDATED
    return {
        Event.RESOLVED: Reason.RESOLVED,
        Event.ESCALATED: Reason.ESCALATED,
        Event.ACKNOWLEDGED: Reason.UPDATED,
        Event.CORRECTION: Reason.UPDATED,
        Event.UNCORRECTED: Reason.UNCORRECTED,
        Event.RAISED: Reason.RAISED,
        Event.LOWERED: Reason.UPDATED,
        Event.FLAPPING: Reason.FLAPPING,
        Event.SETTLED: Reason.SETTLED,
    }.get(event)


class Notices:
    """Makes deliveries by one configuration."""

    def __init__(self, config: Configuration, specs: Specs, external_url: str = "") -> None:
        self.config = config
        self.specs = specs
        self.external_url = external_url

    @property
    def mutings(self) -> Mutings:
        """What the configuration says of muting."""
        return Mutings(self.config.inhibit, self.config.intervals, self.config.blind)

    def groups_of(self, transition: Transition, now: int) -> list[Group]:
        """Where an alert belongs: to a group by itself for each receiver of its `notify`, else where a route leads.

        Those who hear of it for its severity have one by itself beside that.
        """
        rule = self.specs.rule(transition.key.target, transition.alert)
        route = self.config.route
        receivers = rule.notify if rule else ()
        groups: list[Group] = []
        if not receivers and route is not None:
            changing = ("severity",) if rule and rule.worse else ()
            nodes = routes_for(route, transition.labels)
            groups = [routed_group(node, transition.labels, now, changing) for node in nodes]
        elif not receivers:
            receivers = (self._of_source(transition) if not transition.key.target else ()) or (CONSOLE,)
        known = {group.receiver for group in groups}
        also = [name for name in also_told(rule, transition.labels) if name not in known] if rule else []
        repeat = rule.repeat if rule else None
        fired_at = transition.fired_at or now
        own = dict.fromkeys((*receivers, *also))
        names = transition.alert, transition.fingerprint
        return [*groups, *(own_group(receiver, *names, fired_at, repeat) for receiver in own)]

    def _of_source(self, transition: Transition) -> tuple[str, ...]:
        """Without a route a source's alert goes to all whose alerts are blind without the source."""
        source = dict(transition.labels).get("source", "")
        return tuple(
            name
            for target in self.specs.targets_of(source)
            for rule in self.specs.targets[target].alerts
            for name in rule.notify
        )

    def deliveries(
        self,
        group: Group,
        reason: Reason,
        firing: Sequence[Saying],
        resolved: Sequence[Saying],
        now: int,
    ) -> list[Delivery]:
        """One delivery for each notifier of the group's receiver that wants to hear of this.

        The notice speaks for the gravest alert that fires, else for the gravest that ended.
        """
        lead = min(firing or resolved, key=_gravity)
        entries = [
            (position, entry)
            for position, entry in enumerate(self.notifiers(group.receiver))
            if reason is not Reason.UPDATED or wants_updates(entry)
        ]
        if not entries:
            return []
        notice = self.worded(lead, reason, group, (firing, resolved), now)
        return [
            delivery_of(notice, group, lead.transition, position, manner_of(entry, group))
            for position, entry in entries
        ]

    def lanes(self, group: Group, transition: Transition) -> set[str]:
        """The lanes of what is sent to say again what the group's receiver was told."""
        about = transition.fingerprint if group.own else group.id
        entries = enumerate(self.notifiers(group.receiver))
        return {lane_of(group.receiver, position, about) for position, entry in entries if wants_updates(entry)}

    def worded(
        self, lead: Saying, reason: Reason, group: Group, said: tuple[Sequence[Saying], Sequence[Saying]], now: int
    ) -> Notice:
        """What a group's receiver is told of what fires and what ended, which are `said`."""
        return self._of_group(self.notice(lead, reason, group.receiver, now), group, *said)

    def _of_group(self, notice: Notice, group: Group, firing: Sequence[Saying], resolved: Sequence[Saying]) -> Notice:
        """The notice with everything the group has to say."""
        own = {name: value for name, value in notice.labels.items() if name in {"alertname", "target"}}
        sayings = [*sorted(firing, key=_fresh_first), *sorted(resolved, key=_gravity)]
        several = len(sayings) > 1
        told = [notice]
        if several:
            told = [self.notice(one, notice.reason, group.receiver, notice.at) for one in sayings[:MOST_ALERTS]]
        counted = replace(
            notice,
            status="firing" if firing else "resolved",
            group_key=group.key,
            group_labels=own if group.own else dict(group.labels),
            alerts=tuple(
                replace(each, fresh=saying.fresh, again=saying.again)
                for saying, one in zip(sayings, told, strict=False)
                for each in one.every
            ),
            firing=len(firing),
            resolved=len(resolved),
        )
        if several:
            ends_at = None if firing else notice.ends_at
            starts_at = min(one.starts_at for one in told)
            counted = replace(
                counted,
                headline=headline_of(counted.alerts, len(firing), len(resolved)),
                details=tuple(islice(details_of(told), _MOST_DETAILS)),
                why=(),
                starts_at=starts_at,
                ends_at=ends_at,
                acknowledged_by=taken_by(told[: len(firing)]),
                proposals=tuple(replace(asked, of=named(one)) for one in told for asked in one.proposals),
                news=tuple(replace(new, words=f"{named(one)}: {new.words}") for one in told for new in one.news),
            )
        return counted if group.own else replace(counted, group=group.id, group_since=group.since)

    def notifiers(self, receiver: str) -> tuple[NotifierEntry, ...]:
        """The notifiers behind a receiver's name; none if it is no longer configured."""
        return self.config.notifiers(receiver)

    def reads_all(self, receiver: str) -> bool:
        """Whether only programs read what the receiver is sent."""
        return all(is_program(entry) for entry in self.notifiers(receiver))

    def notice(self, saying: Saying, reason: Reason, receiver: str, now: int) -> Notice:
        """Everything a notifier may say of one alert, rendered."""
        transition = saying.transition
        target = self.specs.targets.get(transition.key.target)
        labels = dict(transition.labels)
        line_ = self._headline(target, transition, saying.status.said)
        assessment = transition.assessment or Assessment(Standing.NO_DATA)
        values = values_of(assessment)
        is_over = (
            transition.event is Event.RESOLVED or transition.after is AlertState.INACTIVE
        )  # an undo may fail later
        return Notice(
            reason=reason,
            status="resolved" if is_over else "firing",
            title=target.title if target else self._source_title(transition),
            headline=line_,
            target=transition.key.target,
            alert=transition.alert,
            severity=labels.get("severity", "warning"),
            standing=assessment.standing,
            fingerprint=transition.fingerprint,
            labels=labels,
            annotations=self._annotations(transition, context_of(target, transition, line_)),
            values=values,
            starts_at=transition.fired_at or transition.at,
            ends_at=transition.at if is_over else None,
            at=now,
            receiver=receiver,
            details=tuple(self._details(saying, target)),
            period_start=assessment.start,
            period_end=assessment.end,
            zone=target.zone if target else "UTC",
            unit=target.unit if target else "",
            percent=target.percent if target else False,
            external_url=self.external_url,
            why=saying.why,
            acknowledged_by=saying.status.acknowledged.by if saying.status.acknowledged else "",
            proposals=_proposals(saying.runs),
            news=() if saying.muted else news_of(saying.transition, saying.runs),
        )

    def _source_title(self, transition: Transition) -> str:
        return transition.key.target or f"Source {dict(transition.labels).get('source', '')}"

    def _headline(self, target: Target | None, transition: Transition, said: str) -> str:
        if transition.detail == NOT_CONFIGURED:
            whole = whose(target, transition.key) if target else self._source_title(transition)
            return f"{whole}{f': {transition.alert}' if transition.key.target else ''} {NOT_CONFIGURED}"
        if target is not None and _is_late(transition):
            return f"{whose(target, transition.key)}: {transition.detail}"
        if target is not None and transition.assessment is not None:
            return headline(target, transition.key, transition.assessment, transition.event, transition.at, said)
        title = self._source_title(transition) if not transition.key.target else transition.key.target
        if transition.event is Event.RESOLVED:
            return f"{title} {transition.detail or 'can be read again'}"
        return f"{title} can't be read: {transition.detail}"

    def _annotations(self, transition: Transition, context: Mapping[str, Any]) -> dict[str, str]:
        rule = self.specs.rule(transition.key.target, transition.alert)
        rendered = {}
        for name, text in rule.annotations if rule else ():
            try:
                rendered[name] = render_annotation(text, context)
            except TemplateError as error:
                rendered[name] = f"(template: {error})"
        return rendered

    def _details(self, saying: Saying, target: Target | None) -> Iterable[str]:
        transition, zone = saying.transition, target.zone if target else "UTC"
        acknowledged = saying.status.acknowledged
        if acknowledged:
            note = f": {acknowledged.note}" if acknowledged.note else ""
            yield f"Taken by {acknowledged.by} at {clock_time(acknowledged.at, zone, transition.at)}{note}"
        silence = saying.silence
        if silence:
            until = clock_time(silence.ends, zone, transition.at)
            yield f"Silenced by {silence.author} until {until} ({silence.reason})"
        lines = [line(run) for run in saying.runs]
        for said, run in zip(lines, saying.runs, strict=True):
            yield said
            if run.approval is not None and not run.by_hand:
                yield _decided(run.approval, zone, transition.at)
            if run.state is RunState.PROPOSED and run.deadline is not None:
                until = clock_time(run.deadline, zone, transition.at)
                yield f"It waits for a person until {until}: setpoint approve {run.short} (or reject)"
        more = beyond(transition.detail, lines)
        if target is not None and more:
            yield more


def _decided(said: Approval, zone: str, now: int) -> str:
    """`Approved by ann at 14:02: go on`."""
    note = f": {said.note}" if said.note else ""
    return f"{'Approved' if said.given else 'Rejected'} by {said.by} at {clock_time(said.at, zone, now)}{note}"


def _proposals(runs: Iterable[Correction]) -> tuple[Proposal, ...]:
    return tuple(
        Proposal(run.id, run.action, run.detail, run.deadline) for run in runs if run.state is RunState.PROPOSED
    )


def values_of(assessment: Assessment) -> dict[str, float]:
    """The numbers of an assessment by name; those that are unknown, or too large to be one, are absent."""
    projection = assessment.projection
    named = {
        "value": assessment.value,
        "at_least": assessment.at_least,
        "at_most": assessment.at_most,
        "expected": assessment.expected,
        "progress": assessment.progress,
        "pace": assessment.pace,
        "required_rate": assessment.required_rate,
        "projection": projection.value if projection else None,
        "projection_low": projection.low if projection else None,
        "projection_high": projection.high if projection else None,
        "chance": projection.chance if projection else None,
    }
    return {name: value for name, value in named.items() if value is not None and isfinite(value)}


def context_of(target: Target | None, transition: Transition, line_: str) -> dict[str, Any]:
    """What templates of annotations and actions may use."""
    assessment = transition.assessment
    labels = dict(transition.labels)
    numbers = {name: plain(value) for name, value in values_of(assessment).items()} if assessment else {}
    known = dict.fromkeys(
        ("value", "at_least", "at_most", "expected", "progress", "pace", "required_rate", "projection", "chance")
    )
    return {
        **known,
        **{name: value for name, value in numbers.items() if name in known},
        "labels": labels,
        "target": transition.key.target,
        "title": target.title if target else transition.key.target,
        "alert": transition.alert,
        "severity": labels.get("severity", ""),
        "standing": str(assessment.standing) if assessment else "",
        "headline": line_,
        "unit": target.unit if target else "",
    }


def plain(value: float) -> float | int:
    """A number as templates have it: whole where it is whole."""
    return int(value) if value == int(value) and abs(value) < 1e15 else round(value, 6)


def _is_late(transition: Transition) -> bool:
    """Whether it is told of an alert that is over: taking back what was done for it failed."""
    return transition.event is Event.ESCALATED and transition.after is AlertState.INACTIVE


def _fresh_first(saying: Saying) -> tuple[bool, int, int, str]:
    return (not saying.fresh, *_gravity(saying))


def _gravity(saying: Saying) -> tuple[int, int, str]:
    """The gravest first, then the longest; of equal ones always the same, whatever order a restart reads them in."""
    severity = dict(saying.transition.labels).get("severity", "")
    return gravity(severity), saying.transition.fired_at or 0, saying.transition.fingerprint
