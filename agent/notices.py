"""From a transition to deliveries: who hears of it, in which words. Pure but for rendering templates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import orjson

from agent.config.configuration import Configuration, NotifierEntry
from agent.store.records import Delivery, DeliveryKind
from connectors import registry
from connectors.template import TemplateError, render_annotation
from rules.corrections import line
from rules.engine import NOT_CONFIGURED
from rules.model import (
    DAY,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    Correction,
    Event,
    Notice,
    Reason,
    Standing,
    Target,
    Transition,
)
from rules.routing import CONSOLE, receivers_for
from rules.severity import also_told
from rules.specs import Specs
from rules.words import clock_time, headline

EXPIRES_AFTER = 3 * DAY  # how long a delivery is tried
_NOT_OPEN = frozenset({AlertState.INACTIVE, AlertState.PENDING})
SPREADING = frozenset({Reason.FIRING, Reason.FLAPPING, Reason.ESCALATED, Reason.RAISED})
"""Why those may hear of an alert that did not before; they then hear its end too."""
_CONSOLE_ONLY = (NotifierEntry(CONSOLE, None),)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is known around a transition when it is told."""

    transition: Transition
    status: AlertStatus
    runs: Sequence[Correction] = ()
    why: tuple[str, ...] = ()


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
        Event.RAISED: Reason.RAISED,
        Event.LOWERED: Reason.UPDATED,
        Event.FLAPPING: Reason.FLAPPING,
        Event.SETTLED: Reason.SETTLED,
    }.get(event)


def heard_before(telling: Telling, reason: Reason) -> tuple[str, ...]:
    """The receivers that heard of this firing; none where this is its first news."""
    begins = reason is Reason.FLAPPING and telling.transition.before in _NOT_OPEN
    return () if begins or reason is Reason.FIRING else telling.status.told


class Notices:
    """Makes deliveries by one configuration."""

    def __init__(self, config: Configuration, specs: Specs, external_url: str = "") -> None:
        self.config = config
        self.specs = specs
        self.external_url = external_url

    def receivers(self, telling: Telling, reason: Reason) -> tuple[str, ...]:
        """The receivers of a telling: for a firing by configuration, later those that were told of it.

        Of a graver severity hear both: those that were told, and those that its configuration names.
        """
        if reason is Reason.ESCALATED:
            return telling.transition.to
        told = heard_before(telling, reason)
        if told and reason is not Reason.RAISED:
            return told
        transition = telling.transition
        rule = self._rule(transition)
        notify = rule.notify if rule else self._of_source(transition)
        found = receivers_for(notify, self.config.route, transition.labels)
        return tuple(dict.fromkeys((*told, *found, *(also_told(rule, transition.labels) if rule else ()))))

    def deliveries(self, telling: Telling, reason: Reason, receivers: Iterable[str]) -> list[Delivery]:
        """One delivery for each notifier of each receiver that wants to hear of this."""
        made = []
        for receiver in receivers:
            notice = self.notice(telling, reason, receiver)
            for position, entry in enumerate(self.notifiers(receiver)):
                if reason is Reason.UPDATED and not _wants_updates(entry):
                    continue
                made.append(_delivery(notice, telling.transition, receiver, position))
        return made

    def notifiers(self, receiver: str) -> tuple[NotifierEntry, ...]:
        """The notifiers behind a receiver's name; none if it is no longer configured."""
        return self.config.receivers.get(receiver, _CONSOLE_ONLY if receiver == CONSOLE else ())

    def notice(self, telling: Telling, reason: Reason, receiver: str) -> Notice:
        """Everything a notifier may say of the transition, rendered."""
        transition = telling.transition
        target = self.specs.targets.get(transition.key.target)
        labels = dict(transition.labels)
        line_ = self._headline(target, transition)
        assessment = transition.assessment or Assessment(Standing.NO_DATA)
        values = values_of(assessment)
        return Notice(
            reason=reason,
            status="resolved" if transition.event is Event.RESOLVED else "firing",
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
            ends_at=transition.at if transition.event is Event.RESOLVED else None,
            at=transition.at,
            receiver=receiver,
            details=tuple(self._details(telling, target)),
            period_start=assessment.start,
            period_end=assessment.end,
            zone=target.zone if target else "UTC",
            unit=target.unit if target else "",
            percent=target.percent if target else False,
            external_url=self.external_url,
            why=telling.why,
        )

    def _rule(self, transition: Transition) -> AlertRule | None:
        rules = self.specs.rules.get(transition.key.target, ())
        return next((rule for rule in rules if rule.name == transition.alert), None)

    def _of_source(self, transition: Transition) -> tuple[str, ...]:
        """A source's alert goes where the route says; without one, to all whose alerts are blind without the source."""
        if self.config.route is not None:
            return ()
        source = dict(transition.labels).get("source", "")
        names = (
            name
            for target in self.specs.targets_of(source)
            for rule in self.specs.targets[target].alerts
            for name in rule.notify
        )
        return tuple(dict.fromkeys(names))

    def _source_title(self, transition: Transition) -> str:
        return f"Source {dict(transition.labels).get('source', transition.key.target)}"

    def _headline(self, target: Target | None, transition: Transition) -> str:
        if transition.detail == NOT_CONFIGURED:
            return f"{target.title if target else self._source_title(transition)} {NOT_CONFIGURED}"
        if target is not None and transition.assessment is not None:
            return headline(target, transition.key, transition.assessment, transition.event, transition.at)
        title = self._source_title(transition) if not transition.key.target else transition.key.target
        if transition.event is Event.RESOLVED:
            return f"{title} {transition.detail or 'can be read again'}"
        return f"{title} can't be read: {transition.detail}"

    def _annotations(self, transition: Transition, context: Mapping[str, Any]) -> dict[str, str]:
        rule = self._rule(transition)
        rendered = {}
        for name, text in rule.annotations if rule else ():
            try:
                rendered[name] = render_annotation(text, context)
            except TemplateError as error:
                rendered[name] = f"(template: {error})"
        return rendered

    def _details(self, telling: Telling, target: Target | None) -> Iterable[str]:
        transition, zone = telling.transition, target.zone if target else "UTC"
        acknowledged = telling.status.acknowledged
        if acknowledged:
            note = f": {acknowledged.note}" if acknowledged.note else ""
            yield f"Taken by {acknowledged.by} at {clock_time(acknowledged.at, zone, transition.at)}{note}"
        lines = [line(run) for run in telling.runs]
        yield from lines
        if target is not None and transition.detail and transition.detail not in lines:
            yield transition.detail


def _wants_updates(entry: NotifierEntry) -> bool:
    """A kind says so, but for those configurations that know better: a Slack webhook can't edit what it sent."""
    kind = registry.load("notifiers", entry.kind)
    return bool(getattr(entry.config, "wants_updates", kind.wants_updates))


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
    numbers = {name: _plain(value) for name, value in values_of(assessment).items()} if assessment else {}
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


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e15 else round(value, 6)


def _delivery(notice: Notice, transition: Transition, receiver: str, position: int) -> Delivery:
    return Delivery(
        key=idempotency_key(transition.id, notice.reason, receiver, str(position)),
        kind=DeliveryKind.NOTICE,
        receiver=receiver,
        position=position,
        lane=f"{receiver}/{position}/{transition.fingerprint}",
        payload=orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS),
        created=transition.at,
        next_at=transition.at,
        expires_at=transition.at + EXPIRES_AFTER,
    )


def idempotency_key(*parts: str) -> str:
    """A stable name of one delivery: 32 hexadecimal digits."""
    return hashlib.sha256("\xff".join(parts).encode()).hexdigest()[:32]
