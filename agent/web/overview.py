"""What is known right now, gathered for the API and the status page without keeping the loop from its polls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from agent import __version__
from agent.runtime import Runtime
from agent.sending.receivers import failing
from agent.store.errors import StoreError
from agent.store.records import OutboxStats
from agent.web import views
from agent.web.face import Face
from agent.web.schemas import OPEN_STATES
from rules.model import Health, InstanceState, Standing

_AT_A_TIME = 100  # instances described before others get their turn
_SOON_SECONDS = 3.0  # who scrapes waits for ten


async def status(face: Face) -> dict[str, Any]:
    """Version, uptime, and how many are how."""
    daemon, now = face.runtime, face.runtime.clock.now()
    standings = Counter(state.assessment.standing for state in daemon.instances().values())
    health = Counter(state.health for state in daemon.sources().values())
    alerts = Counter(alert.shown_state for alert in daemon.alerts())
    slack = face.slack.socket_problem if face.slack else None
    blind = [f"Blind: {one.words}" for one in daemon.troubles()]
    stats = await outbox(daemon)
    return {
        "version": __version__,
        "time": views.iso(now),
        "uptime_seconds": round(daemon.clock.monotonic() - face.started, 3),
        "healthy": daemon.alive() is None,
        "ready": daemon.ready() is None,
        "problems": [problem for problem in (daemon.alive(), daemon.ready(), slack, *blind) if problem],
        "targets": len(daemon.config.targets),
        "instances": standings.total(),
        "standings": {standing.value: standings[standing] for standing in Standing},
        "alerts": {state: alerts[state] for state in OPEN_STATES},
        "sources": {one.value: health[one] for one in Health},
        "corrections": len(daemon.corrections()),
        "corrections_on": daemon.switch().on,
        "breakers_open": [one.name for one in daemon.actions() if one.open_until and one.open_until > now],
        "outbox": stats and {"depth": stats.depth, "oldest": views.iso(stats.oldest)},
        "failing_receivers": [views.receiver_of(one, daemon.config) for one in failing(daemon.receivers())],
    }


async def outbox(daemon: Runtime) -> OutboxStats | None:
    """How much is queued; None where the database can't say it soon enough for who asks. That it is away is said."""
    if daemon.alive() is not None:
        return None
    try:
        async with asyncio.timeout(_SOON_SECONDS):
            return await daemon.store.outbox()
    except (StoreError, TimeoutError):
        return None


async def targets(daemon: Runtime, name: str | None = None) -> list[dict[str, Any]]:
    """Targets (or the one of that name) with their instances, as `views.target_of` says them."""
    now = daemon.clock.now()
    config = daemon.config
    grouped = _by_target(daemon.instances(), name)
    found = []
    described = 0
    for target in config.targets.values() if name is None else (config.targets[name],):
        states = grouped.get(target.name, [])
        whole = views.target_of(target, [], now, daemon.held)
        for state in sorted(states, key=lambda state: state.key):
            whole["instances"].append(views.instance_of(target, state, now, daemon.held(state.key)))
            described += 1
            if described % _AT_A_TIME == 0:
                await asyncio.sleep(0)
        found.append(whole)
    return found


def _by_target(states: Mapping[Any, InstanceState], name: str | None) -> dict[str, list[InstanceState]]:
    grouped: dict[str, list[InstanceState]] = {}
    for state in states.values():
        if name is None or state.key.target == name:
            grouped.setdefault(state.key.target, []).append(state)
    return grouped


def sources(daemon: Runtime) -> list[dict[str, Any]]:
    """Sources, as `views.source_of` says them."""
    states, coming = daemon.sources(), daemon.next_polls()
    return [views.source_of(entry, states[name], coming.get(name)) for name, entry in daemon.config.sources.items()]
