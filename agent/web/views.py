"""How things are said in JSON: the names of docs/explanation/words.md, times as ISO 8601 in UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from agent.acts import Act
from agent.config import words
from agent.config.configuration import Configuration, SourceEntry
from agent.runtime import ActionState, OpenAlert
from agent.store.records import Attempt, Delivery, ReceiverState
from rules.corrections import OPEN, line
from rules.matchers import matchers_text
from rules.measures import measure_text
from rules.model import (
    AlertState,
    AlertStatus,
    Assessment,
    Correction,
    Event,
    InstanceKey,
    InstanceState,
    Reading,
    RunState,
    Silence,
    Snapshot,
    SourceState,
    Switch,
    Target,
    Transition,
)
from rules.periods import to_local
from rules.words import describe, headline

Held = Callable[[InstanceKey], str | None]
_OF_A_PAYLOAD = ("report", "reason", "status", "headline", "alert", "target", "fingerprint")


def iso(micros: int | None) -> str | None:
    """`2026-01-31T09:30:00Z`, with a fraction if there is one."""
    if micros is None:
        return None
    return to_local(micros, "UTC").isoformat().replace("+00:00", "Z")


def target_of(target: Target, states: Iterable[InstanceState], now: int, held: Held) -> dict[str, Any]:
    """A target with its instances."""
    return {
        "name": target.name,
        "title": target.title,
        "goal": words.wanted_of(target),
        "measure": measure_text(target.goal) if target.goal and target.goal.condition is None else None,
        "unit": target.unit,
        "timezone": target.zone,
        "depends_on": list(target.depends_on),
        "instances": [instance_of(target, state, now, held(state.key)) for state in states],
    }


def instance_of(target: Target, state: InstanceState, now: int, held: str | None) -> dict[str, Any]:
    """An instance with the numbers that say why it stands where it stands; `held` by what it depends on."""
    found = state.assessment
    return {
        "labels": dict(state.key.labels),
        "standing": found.standing.value,
        "held_by": held,
        "since": iso(state.since),
        "headline": headline(target, state.key, found, Event.FIRING, now),
        "description": describe(target, found, now),
        "value": found.value,
        "time": iso(found.time),
        "goal": {"at_least": found.at_least, "at_most": found.at_most},
        "progress": found.progress,
        "expected": found.expected,
        "pace": found.pace,
        "required_rate": found.required_rate,
        "projection": _projection(found),
        "period": None if found.start is None else {"start": iso(found.start), "end": iso(found.end)},
        "due": iso(found.due),
        "inputs": dict(found.inputs),
        "reason": found.reason,
        "alerts": [_alert_status(name, status) for name, status in state.alerts.items()],
    }


def _projection(found: Assessment) -> dict[str, Any] | None:
    projection = found.projection
    if projection is None:
        return None
    return {"value": projection.value, "low": projection.low, "high": projection.high, "chance": projection.chance}


def _alert_status(name: str, status: AlertStatus) -> dict[str, Any]:
    taken = status.acknowledged
    return {
        "name": name,
        "state": status.state.value,
        "since": iso(status.since) if status.since else None,
        "fired_at": iso(status.fired_at) if status.state is not AlertState.INACTIVE else None,
        "fingerprint": status.fingerprint,
        "acknowledged": taken and {"by": taken.by, "at": iso(taken.at), "note": taken.note},
        "flapping_since": iso(status.flapping_since),
        "escalation_steps_done": status.escalated if status.state is not AlertState.INACTIVE else 0,
    }


def source_of(entry: SourceEntry, state: SourceState, next_poll: int | None = None) -> dict[str, Any]:
    """A source and how it is."""
    return {
        "name": entry.name,
        "type": entry.kind,
        "schedule": words.schedule(entry),
        "polled": entry.polled,
        "series": list(entry.rule.series),
        "health": state.health.value,
        "since": iso(state.since) if state.since else None,
        "failures": state.failures,
        "last_success": iso(state.last_success),
        "last_error": state.last_error,
        "next_poll": iso(next_poll),
    }


def alert_of(alert: OpenAlert) -> dict[str, Any]:
    """An alert that is not inactive."""
    return {
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "target": alert.key.target or None,
        "instance": dict(alert.key.labels),
        "labels": dict(alert.labels),
        "state": alert.shown_state,
        "headline": alert.headline,
        "since": iso(alert.since),
        "fired_at": iso(alert.fired_at),
        "acknowledged_by": alert.acknowledged_by,
        "muted": None if alert.muted is None else {"by": alert.muted.by.value, "words": alert.muted_words},
    }


def silence_of(silence: Silence, now: int) -> dict[str, Any]:
    """A silence; `matchers` as Alertmanager writes them."""
    return {
        "id": silence.id,
        "matchers": matchers_text(silence.matchers),
        "by": silence.author,
        "reason": silence.reason,
        "starts": iso(silence.starts),
        "ends": iso(silence.ends),
        "created": iso(silence.created),
        "state": "expired" if silence.ends <= now else "active" if silence.starts <= now else "pending",
    }


def act_of(act: Act) -> dict[str, Any]:
    """What a person did."""
    who = act.person
    return {
        "at": iso(act.at),
        "by": who.name,
        "via": who.via,
        "id": who.id,
        "act": act.act,
        "subject": act.subject,
        "note": act.note,
    }


def receiver_of(state: ReceiverState, config: Configuration) -> dict[str, Any]:
    """A notifier that fails: since when, and why."""
    return {
        "name": state.receiver,
        "position": state.position,
        "type": config.notifiers(state.receiver)[state.position].kind,
        "since": iso(state.since),
        "error": state.error,
    }


def reading_of(reading: Reading) -> dict[str, Any]:
    """One reading."""
    series = reading.series
    return {"series": series.name, "labels": dict(series.labels), "time": iso(reading.time), "value": reading.value}


def delivery_of(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """A delivery with its attempts, and of its payload what it is about."""
    payload: Mapping[str, Any] = orjson.loads(delivery.payload)
    about = {**payload.get("context", {}), **payload}
    return {
        "id": delivery.id,
        "key": delivery.key,
        "kind": delivery.kind.value,
        "receiver": delivery.receiver,
        "position": delivery.position,
        "state": delivery.state.value,
        "created": iso(delivery.created),
        "next_at": iso(delivery.next_at) if delivery.state == "queued" else None,
        "error": delivery.error,
        "about": {name: about[name] for name in _OF_A_PAYLOAD if name in about},
        "attempts": [
            {
                "number": one.number,
                "at": iso(one.at),
                "took_seconds": one.took / 1_000_000,
                "error": one.error,
                "permanent": one.permanent,
            }
            for one in attempts
        ],
    }


def transition_of(change: Transition) -> dict[str, Any]:
    """A stored change of an alert."""
    return {
        "id": change.id,
        "at": iso(change.at),
        "target": change.key.target or None,
        "instance": dict(change.key.labels),
        "alert": change.alert,
        "fingerprint": change.fingerprint,
        "episode": change.episode,
        "event": change.event.value,
        "before": change.before.value,
        "after": change.after.value,
        "labels": dict(change.labels),
        "fired_at": iso(change.fired_at),
        "detail": change.detail,
    }


def switch_of(switch: Switch) -> dict[str, Any]:
    """Whether corrections are made; `by` is empty while nobody ever said so."""
    return {"on": switch.on, "by": switch.by, "at": iso(switch.at) if switch.at else None, "note": switch.note}


def action_of(action: ActionState, now: int) -> dict[str, Any]:
    """An action; its breaker is `closed`, `open` (nothing is called), or `trying` one correction at a time."""
    until = action.open_until
    return {
        "name": action.name,
        "type": action.kind,
        "budget": action.budget and {"calls": action.budget[0], "seconds": action.budget[1]},
        "calls": action.calls,
        "breaker": {
            "state": "closed" if until is None else "open" if until > now else "trying",
            "failures": action.failures,
            "until": iso(until),
        },
    }


def _snapshot(numbers: Snapshot | None) -> dict[str, Any] | None:
    if numbers is None:
        return None
    return {
        "at": iso(numbers.at),
        "standing": numbers.standing.value,
        "value": numbers.value,
        "time": iso(numbers.time),
        "inputs": dict(numbers.inputs),
    }


def _outcome(run: Correction) -> str | None:
    if run.state in OPEN:
        return None
    return "dry run" if run.dry_run else run.state.value


def _approval(run: Correction) -> dict[str, Any] | None:
    said = run.approval
    return None if said is None else {"by": said.by, "at": iso(said.at), "note": said.note, "given": said.given}


def correction_of(run: Correction) -> dict[str, Any]:
    """The run of an action; `outcome` once it has ended."""
    proposed = run.state is RunState.PROPOSED
    return {
        "id": run.id,
        "short": run.short,
        "target": run.key.target,
        "instance": dict(run.key.labels),
        "alert": run.alert,
        "fingerprint": run.fingerprint,
        "action": run.action,
        "state": run.state.value,
        "attempt": run.attempt,
        "created": iso(run.created),
        "updated": iso(run.updated),
        "called_at": iso(run.called_at),
        "deadline": None if proposed else iso(run.deadline),
        "not_before": iso(run.not_before),
        "detail": run.detail,
        "words": line(run),
        "outcome": _outcome(run),
        "expires": iso(run.deadline) if proposed else None,
        "approval": _approval(run),
        "by_hand": run.by_hand,
        "waits_for": run.waits_for or None,
        "output": None if run.output is None else orjson.loads(run.output),
        "before": _snapshot(run.before),
        "after": _snapshot(run.after),
        "undoes": run.undoes or None,
        "undone_by": run.undone_by or None,
    }
