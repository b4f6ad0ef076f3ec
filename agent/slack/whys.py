"""An explanation in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from agent.explaining.present import Explained, Told
from agent.runtime import OpenAlert, Runtime
from rules.explain import why, why_source
from rules.model import AlertState, Event
from rules.words import clock_time, headline

_CORRECTIONS = 3  # of an instance, the last ones


def why_lines(one: Explained, alert: str = "") -> Iterator[str]:
    """How an instance stands, what was read and compared, what comes next, and who hears of its alerts.

    With an alert's name only of that one.
    """
    found = one.found
    parts = [part for part in found.alerts if not alert or part.rule.name == alert]
    open_ = [part for part in parts if part.after.state is not AlertState.INACTIVE]
    lead = (open_ or parts)[0].rule.name if parts else ""
    yield headline(found.target, found.key, found.after.assessment, Event.FIRING, found.now)
    yield from why(found, lead)
    for part in parts:
        told = one.told[part.rule.name]
        yield f"{part.rule.name}: {part.after.state.value}; {_told(told)}"
    yield from one.corrections[-_CORRECTIONS:]
    for change in one.changes[:3]:
        at = clock_time(change.at, found.target.zone, found.now)
        yield f"{at} {change.alert} {change.event.value}" + (f": {change.detail}" if change.detail else "")


def _told(told: Told) -> str:
    names = ", ".join(told.already or told.receivers) or "nobody"
    said = f"{'told' if told.already else 'would tell'} {names}"
    return f"{said}; muted: {told.muted}" if told.muted else said


async def why_alert(runtime: Runtime, alert: OpenAlert) -> list[str]:
    """Why an open alert is open."""
    if not alert.key.target:
        state = runtime.sources().get(alert.labels.get("source", ""))
        return [alert.headline, *(why_source(state, runtime.clock.now()) if state else ())]
    for one in await runtime.explain(alert.key.target, None):
        if one.found.key == alert.key:
            return list(why_lines(one, alert.name))
    return [alert.headline]
