"""What the daemon noted of a target's alerts when it decided, put in the place of what a rehearsal finds of them.

A rehearsal knows only readings: as if the daemon had always run, each had come when it was taken, and the rules had
always been those of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agent.explaining.present import Explained
from rules.alerts import is_open
from rules.explain import AlertPart
from rules.model import AlertState, AlertStatus, Event, InstanceKey, InstanceState, Transition

Noted = Mapping[tuple[InstanceKey, str], Sequence[Transition]]
"""By instance and alert what was noted by a time, in order."""

_MOVES = frozenset({Event.PENDING, Event.FIRING, Event.RECOVERING, Event.RESOLVED, Event.INACTIVE})


def noted(changes: Iterable[Transition]) -> Noted:
    """What is stored of alerts, in order, by instance and alert; of some only that they were taken is stored."""
    found: dict[tuple[InstanceKey, str], list[Transition]] = {}
    for change in changes:
        found.setdefault((change.key, change.alert), []).append(change)
    return {of: some for of, some in found.items() if any(one.event in _MOVES for one in some)}


def as_noted(state: InstanceState, known: Noted) -> InstanceState:
    """The instance with its alerts as the daemon knew them."""
    of = [(name, some) for (key, name), some in known.items() if key == state.key]
    return replace(state, alerts={**state.alerts, **{name: _status(state.alerts.get(name), some) for name, some in of}})


def explained_as_noted(found: Explained, known: Noted, at: int) -> Explained:
    """The explanation with what the daemon found of alerts at that time, and a word on those it noted nothing of."""
    key = found.found.key
    parts = tuple(_part(part, known.get((key, part.rule.name), ()), at) for part in found.found.alerts)
    rehearsed = [part for part in parts if (key, part.rule.name) not in known]
    by_now = [change for change in found.changes if (key, change.alert) not in known or change.event not in _MOVES]
    by_then = [one for part in parts for one in known.get((key, part.rule.name), ()) if one.event in _MOVES]
    return replace(
        found,
        found=replace(found.found, alerts=parts),
        changes=sorted([*by_now, *by_then], key=lambda change: change.at, reverse=True)[: len(found.changes) or 5],
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
    return replace(
        part, before=_status(part.before, [one for one in some if one.at < at]), after=_status(part.before, some)
    )


def _status(rehearsed: AlertStatus | None, some: Sequence[Transition]) -> AlertStatus:
    """How an alert stood by what was noted of it; what was not noted is taken from the rehearsal of the same firing."""
    moves = [one for one in some if one.event in _MOVES]
    if not moves:
        return AlertStatus()
    last, status = moves[-1], rehearsed or AlertStatus()
    if is_open(status) and last.after in {AlertState.INACTIVE, AlertState.PENDING}:
        status = AlertStatus()
    taken = [one.taken for one in some if one.event is Event.ACKNOWLEDGED and one.fired_at == last.fired_at]
    after = replace(
        status,
        state=last.after,
        since=last.at,
        fired_at=last.fired_at,
        open_since=last.fired_at if status.open_since is None else status.open_since,
        episode=last.episode,
        fingerprint=last.fingerprint,
        labels=last.labels,
    )
    return replace(after, acknowledged=taken[-1]) if taken and is_open(after) else after
