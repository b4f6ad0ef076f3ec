"""An explanation in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.config import words
from agent.explaining.present import Explained
from agent.web.views import iso, transition_of
from rules.explain import AlertPart, Input
from rules.model import SECOND, AlertStatus, SourceState, Target
from rules.waiting import waits
from rules.words import describe


def explanation_of(target: Target, found: Sequence[Explained], at: int) -> dict[str, Any]:
    """A target's instances at a time, each with its inputs, comparisons, alerts and what comes next."""
    return {
        "target": target.name,
        "title": target.title,
        "goal": words.wanted_of(target),
        "unit": target.unit,
        "timezone": target.zone,
        "at": iso(at),
        "instances": [_instance(one) for one in found],
    }


def _instance(one: Explained) -> dict[str, Any]:
    found = one.found
    before, after = found.before, found.after
    return {
        "labels": dict(found.key.labels),
        "standing": after.assessment.standing.value,
        "standing_before": before.assessment.standing.value if before else None,
        "since": iso(after.since),
        "since_before": after.since == one.known,
        "description": describe(found.target, after.assessment, found.now),
        "inputs": [_input(part, found.now) for part in found.inputs],
        "missing": list(one.missing),
        "steps": [{"text": step.text, "value": step.value} for step in found.steps],
        "sources": [_source(state) for state in found.sources],
        "alerts": [_alert(part, one) for part in found.alerts],
        "corrections": list(one.corrections),
        "changes": [transition_of(change) for change in one.changes],
        "next": [{"at": iso(coming.at), "what": coming.what} for coming in found.coming],
        "next_look": iso(after.wake),
    }


def _input(part: Input, now: int) -> dict[str, Any]:
    return {
        "series": str(part.series),
        "value": part.value,
        "time": iso(part.time),
        "age_seconds": (now - part.time) / SECOND,
        "readings": part.readings,
    }


def _source(state: SourceState) -> dict[str, Any]:
    return {
        "name": state.name,
        "health": state.health.value,
        "last_success": iso(state.last_success),
        "last_error": state.last_error,
    }


def _alert(part: AlertPart, one: Explained) -> dict[str, Any]:
    rule, told = part.rule, one.told[part.rule.name]
    taken, before = part.after.acknowledged, rule.name in one.begun_before
    return {
        "name": rule.name,
        "when": str(rule.when),
        "for_seconds": rule.for_ / SECOND,
        "keep_firing_for_seconds": rule.keep_firing_for / SECOND,
        "severity": part.after.severity or rule.severity,
        "before": part.before.state.value,
        "state": part.after.state.value,
        "since": _since(part.after),
        "fired_at": iso(part.after.fired_at),
        "acknowledged_by": taken.by if taken else None,
        "since_before": before and part.after.since == one.known,
        "fired_before": before and part.after.fired_at is not None,
        "waits": waits(rule, part.after, one.found.target.zone, one.found.now, before=before),
        "receivers": list(told.receivers),
        "told": list(told.already),
        "way": list(told.way),
        "muted": told.muted or None,
    }


def _since(status: AlertStatus) -> str | None:
    return iso(status.since) if status.since else None
