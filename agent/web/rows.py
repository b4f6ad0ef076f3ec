"""What the status page shows, in words: the worst first."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.config import words as config_words
from agent.runtime import HELD, ActionState, OpenAlert, Runtime
from rules.corrections import line
from rules.matchers import matchers_text
from rules.model import (
    AlertState,
    Correction,
    Health,
    InstanceKey,
    InstanceState,
    MutedBy,
    RunState,
    Series,
    Silence,
    SourceState,
    Standing,
    Switch,
    Target,
)
from rules.words import beside, clock_time, describe, number, span, wanted

MOST_ROWS = 500
_AT_A_TIME = 50  # rows made before others get their turn
_TONES = {
    Standing.OUT_OF_BAND: "bad",
    Standing.MISSED: "bad",
    Standing.BEHIND: "warn",
    Standing.NO_DATA: "none",
    Standing.TOO_EARLY: "none",
    Standing.ON_TRACK: "good",
    Standing.IN_BAND: "good",
    Standing.MET: "good",
}
_ORDER = {standing: place for place, standing in enumerate(_TONES)}
_OPEN = ("firing", "pending", "muted")
_HEALTH = {Health.UP: "good", Health.DOWN: "bad", Health.UNKNOWN: "none"}


@dataclass(frozen=True, slots=True)
class Row:
    """One instance. `progress` and `pace` are shares of the bar from 0 to 100, None where there is no bar."""

    title: str
    labels: str
    standing: str
    tone: str
    value: str
    goal: str
    words: str
    progress: float | None
    pace: float | None
    percent: str
    since: str


async def page_facts(daemon: Runtime) -> dict[str, Any]:
    """Everything the template of the status page uses."""
    now = daemon.clock.now()
    targets = daemon.config.targets
    states = [state for state in daemon.instances().values() if state.key.target in targets]
    held = {state.key: name for state in states if (name := daemon.held(state.key)) is not None}
    states.sort(key=lambda state: (_place(state, held), state.key))
    rows = []
    for place, state in enumerate(states[:MOST_ROWS], 1):
        rows.append(_row(targets[state.key.target], state, now, held.get(state.key)))
        if place % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    standings = Counter(state.assessment.standing for state in states if state.key not in held)
    alerts = sorted(daemon.alerts(), key=lambda alert: alert.muted is not None)  # what somebody is told of comes first
    muted = sum(alert.muted is not None for alert in alerts)
    pending = sum(alert.state == AlertState.PENDING for alert in alerts)
    firing = len(alerts) - muted - pending
    return {
        "now": f"{clock_time(now, 'UTC')} UTC",
        "problem": daemon.alive() or daemon.ready() or "; ".join(f"Blind: {one.words}" for one in daemon.troubles()),
        "rows": rows,
        "left_out": len(states) - len(rows),
        "counts": [(_said(one), standings[one], tone) for one, tone in _TONES.items() if standings[one]]
        + ([(HELD, len(held), "none")] if held else []),
        "firing": firing,
        "alert_counts": [(name, count) for name, count in zip(_OPEN, (firing, pending, muted), strict=True) if count],
        "switch": _switch(daemon.switch(), now),
        "corrections": [_correction(run, now) for run in daemon.corrections()[:MOST_ROWS]],
        "breakers": [_breaker(one, now) for one in daemon.actions() if one.open_until and one.open_until > now],
        "silences": [_silence(one, now) for one in sorted(daemon.silences(), key=_when) if one.ends > now],
        "alerts": [_alert(alert, now) for alert in alerts[:MOST_ROWS]],
        "alerts_left_out": len(alerts[MOST_ROWS:]),
        "sources": [_source(daemon, state, now) for state in daemon.sources().values()],
    }


def _place(state: InstanceState, held: Mapping[InstanceKey, str]) -> int:
    """The worst first, those that only wait for others after them."""
    return _ORDER[Standing.NO_DATA] if state.key in held else _ORDER[state.assessment.standing]


def _row(target: Target, state: InstanceState, now: int, held: str | None) -> Row:
    found = state.assessment
    words = describe(target, found, now)
    share = None if found.progress is None or found.start is None else found.progress * 100
    bounds = (found.at_least, found.at_most)
    bound = found.at_least if found.at_least is not None else found.at_most
    pace = found.expected / bound * 100 if share is not None and found.expected is not None and bound else None
    return Row(
        title=target.title,
        labels=", ".join(f"{name}: {value}" for name, value in state.key.labels if value),
        standing=HELD if held else _said(found.standing),
        tone="none" if held else _TONES[found.standing],
        value="" if target.checkin else "–" if found.value is None else _value(target, found.value, bounds),
        goal=wanted(found, target) or config_words.wanted_of(target),
        words=f"by {held}, which is off; {words}" if held else words,
        progress=None if share is None else min(max(share, 0.0), 100.0),
        pace=None if pace is None else min(max(pace, 0.0), 100.0),
        percent="" if share is None else f"{number(round(share))} %",
        since=_ago(state.since, now),
    )


def _value(target: Target, value: float, bounds: Iterable[float | None]) -> str:
    return beside(value, bounds, target.unit, percent=target.percent)


def _alert(alert: OpenAlert, now: int) -> dict[str, str]:
    return {
        "name": alert.name,
        "headline": alert.headline,
        "state": alert.shown_state,
        "severity": alert.labels.get("severity", ""),
        "tone": "none" if alert.state == AlertState.PENDING or alert.muted else "bad",
        "muted": _muted(alert, now),
        "since": _ago(alert.fired_at or alert.since, now),
        "by": alert.acknowledged_by or "",
    }


def _muted(alert: OpenAlert, now: int) -> str:
    """Why nobody is told. Of a silence the page says elsewhere who made it and why, once for all that it mutes."""
    muted = alert.muted
    if muted is None or muted.by is not MutedBy.SILENCE or muted.until is None:
        return alert.muted_words
    return f"silence {muted.name} until {clock_time(muted.until, 'UTC', now)} UTC"


def _when(silence: Silence) -> tuple[int, int]:
    return silence.starts, silence.ends


def _switch(switch: Switch, now: int) -> str:
    """That corrections are off, in words; empty while they are on."""
    if switch.on:
        return ""
    note = f": {switch.note}" if switch.note else ""
    return f"Corrections are off since {clock_time(switch.at, 'UTC', now)} UTC, by {switch.by}{note}"


def _breaker(action: ActionState, now: int) -> str:
    until = clock_time(action.open_until or now, "UTC", now)
    return f"The breaker of {action.name} is open until {until} UTC: {action.failures} in a row did not help"


def _correction(run: Correction, now: int) -> dict[str, str]:
    expires = run.deadline if run.state is RunState.PROPOSED else None
    return {
        "id": run.short,
        "words": line(run),
        "of": f"{run.alert} of {Series(*run.key)}",
        "state": run.state.value,
        "tone": "warn" if run.state is RunState.PROPOSED else "none",
        "until": "" if expires is None else f"{clock_time(expires, 'UTC', now)} UTC",
        "since": _ago(run.updated, now),
    }


def _silence(silence: Silence, now: int) -> dict[str, str]:
    return {
        "matchers": matchers_text(silence.matchers),
        "by": silence.author,
        "reason": silence.reason,
        "starts": "" if silence.starts <= now else f"{clock_time(silence.starts, 'UTC', now)} UTC",
        "ends": f"{clock_time(silence.ends, 'UTC', now)} UTC",
        "id": silence.id,
    }


def _source(daemon: Runtime, state: SourceState, now: int) -> dict[str, str]:
    entry = daemon.config.sources[state.name]
    return {
        "name": entry.name,
        "type": entry.kind,
        "schedule": config_words.schedule(entry),
        "health": state.health.value,
        "tone": _HEALTH[state.health],
        "last": _ago(state.last_success, now) if state.last_success is not None else "never",
        "error": state.last_error or "",
    }


def _said(standing: Standing) -> str:
    return standing.value.replace("_", " ")


def _ago(time: int, now: int) -> str:
    return f"{span(now - time)} ago" if now - time >= 1_000_000 else "just now"
