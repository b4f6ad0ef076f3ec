"""What the daemon noted of a target's alerts when it decided, put in the place of what a rehearsal finds of them.

A rehearsal knows only readings: as if the daemon had always run, each had come when it was taken, and the rules had
always been those of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agent.explaining.present import CHANGES, Explained
from rules.alerts import is_open
from rules.explain import AlertPart
from rules.model import AlertRule, AlertState, AlertStatus, Event, InstanceKey, InstanceState, Transition

Noted = Mapping[tuple[InstanceKey, str], Sequence[Transition]]
"""By instance and alert what was noted by a time, in order."""

_MOVES = frozenset({Event.PENDING, Event.FIRING, Event.RECOVERING, Event.RESOLVED, Event.INACTIVE})


def noted(changes: Iterable[Transition]) -> Noted:
    """What is stored of alerts, in order, by instance and alert; of some only that they were taken is stored."""
    found: dict[tuple[InstanceKey, str], list[Transition]] = {}
    for change in changes:
        found.setdefault((change.key, change.alert), []).append(change)
    return {of: some for of, some in found.items() if any(one.event in _MOVES for one in some)}


def as_noted(state: InstanceState, known: Noted, rules: Iterable[AlertRule]) -> InstanceState:
    """The instance with its alerts, of these rules, as the daemon knew them."""
    of = [(rule, some) for rule in rules if (some := known.get((state.key, rule.name)))]
    return replace(
        state,
        alerts={**state.alerts, **{rule.name: _status(rule, state.alerts.get(rule.name), some) for rule, some in of}},
    )


def explained_as_noted(found: Explained, known: Noted, at: int) -> Explained:
    """The explanation with what the daemon found of alerts at that time, and a word on those it noted nothing of."""
    key = found.found.key
    parts = tuple(_part(part, known.get((key, part.rule.name), ()), at) for part in found.found.alerts)
    rehearsed = [part for part in parts if (key, part.rule.name) not in known]
    by_now = [change for change in reversed(found.changes) if (key, change.alert) not in known]
    by_then = [one for part in parts for one in known.get((key, part.rule.name), ())]
    return replace(
        found,
        found=replace(found.found, alerts=parts),
        changes=sorted([*by_now, *by_then], key=lambda change: change.at)[: -CHANGES - 1 : -1],
        begun_before=found.begun_before & {part.rule.name for part in rehearsed},
        missing=[
            *found.missing,
            *(
                f"what the daemon noted of {part.rule.name} by then; it is said by a replay of the readings"
                for part in rehearsed
                if part.after.state is not AlertState.INACTIVE
            ),
        ],
    )


def _part(part: AlertPart, some: Sequence[Transition], at: int) -> AlertPart:
    if not some:
        return part
    before = _status(part.rule, part.before, [one for one in some if one.at < at])
    return replace(part, before=before, after=_status(part.rule, part.before, some))


def _status(rule: AlertRule, rehearsed: AlertStatus | None, some: Sequence[Transition]) -> AlertStatus:
    """How an alert stood by what was noted of it; what was not noted is taken from the rehearsal of the same firing."""
    moves = [one for one in some if one.event in _MOVES]
    if not moves:
        return AlertStatus()
    last, status = moves[-1], rehearsed or AlertStatus()
    if is_open(status) and last.after in {AlertState.INACTIVE, AlertState.PENDING}:
        status = AlertStatus()
    since_then = [one for one in some if one.fired_at == last.fired_at]
    taken = [one.taken for one in since_then if one.event is Event.ACKNOWLEDGED]
    if not taken and status.acknowledged is not None and status.acknowledged.at >= (last.fired_at or 0):
        taken = [status.acknowledged]  # else of a firing before, which the rehearsal takes for this one
    same = status.open_since is not None and status.fired_at == last.fired_at
    after = replace(
        status,
        state=last.after,
        since=last.at,
        fired_at=last.fired_at,
        open_since=status.open_since if same else last.fired_at,
        escalated=_steps_done(rule, last.fired_at, since_then),
        episode=last.episode,
        fingerprint=last.fingerprint,
        labels=last.labels,
    )
    return replace(after, acknowledged=taken[-1] if taken and is_open(after) else None)


def _steps_done(rule: AlertRule, fired_at: int | None, of_firing: Iterable[Transition]) -> int:
    """How many steps of its escalation were taken: all that were due when it was last escalated."""
    escalated = [one.at for one in of_firing if one.event is Event.ESCALATED]
    waited = max(escalated, default=0) - (fired_at or 0)
    return sum(step.after <= waited for step in rule.escalate) if escalated else 0
