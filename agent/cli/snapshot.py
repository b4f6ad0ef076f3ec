"""How everything stands: from the running daemon, or from the database as it was left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agent.cli.client import Daemon, NoDaemon, Refusal
from agent.cli.options import Failed, Unusable, configuration, unknown

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.settings import Settings
    from agent.store.records import Remembered

Snapshot = dict[str, Any]
"""`from` (daemon or database), `at` (its address or file), and as the API says them: `time`, `problems`, `targets`,
`alerts`, `sources`."""


def take(settings: Settings, url: str | None, target: str | None) -> Snapshot:
    """How all targets stand, or one of them. Raises Failed or Unusable."""
    daemon = Daemon(settings, url)
    try:
        return _of_daemon(daemon, target)
    except NoDaemon as absent:
        if daemon.given:
            raise
        return _of_database(settings, target, str(absent))
    except Refusal as refusal:
        raise (Unusable if refusal.status == 404 else Failed)(str(refusal)) from None


def _of_daemon(daemon: Daemon, target: str | None) -> Snapshot:
    status = daemon.get("status")
    if "version" not in status:
        raise NoDaemon(f"what answers at {daemon.where} is not Setpoint")
    targets = [daemon.get(f"targets/{quote(target, safe='')}")] if target else daemon.get("targets")["targets"]
    return {
        "from": "daemon",
        "at": daemon.where,
        "time": status["time"],
        "problems": status["problems"],
        "targets": targets,
        "alerts": _about(daemon.get("alerts")["alerts"], target),
        "sources": [] if target else daemon.get("sources")["sources"],
    }


def _about(alerts: list[Snapshot], target: str | None) -> list[Snapshot]:
    return [alert for alert in alerts if target is None or alert["target"] == target]


def _of_database(settings: Settings, target: str | None, absent: str) -> Snapshot:
    from agent.clock import Clock
    from agent.store.errors import StoreError
    from agent.store.sqlite import path_of

    config = configuration(settings)
    if target is not None and target not in config.targets:
        raise unknown("target", target, config.targets)
    try:
        remembered = asyncio.run(_load(settings.database_url))
        path = path_of(settings.database_url)
    except StoreError as error:
        raise Failed(f"{absent}; and {error}") from None
    return {"from": "database", "at": str(path), **_said(config, remembered, target, Clock().now()), "problems": []}


async def _load(url: str) -> Remembered:
    from agent.store.store import Store

    store = await Store.open_readonly(url)
    try:
        return await store.load()
    finally:
        await store.close()


def _said(config: Configuration, remembered: Remembered, only: str | None, now: int) -> Snapshot:
    from agent.standing import open_alerts
    from agent.web import views
    from rules.model import SourceState
    from rules.specs import Specs

    specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
    states = sorted(remembered.instances.values(), key=lambda state: state.key)
    states = [state for state in states if state.key.target in config.targets]
    known = {name: remembered.sources.get(name) or SourceState(name) for name in config.sources}
    alerts = open_alerts(specs, {state.key: state for state in states}, known, now)
    targets = [config.targets[only]] if only else list(config.targets.values())
    return {
        "time": views.iso(now),
        "targets": [
            views.target_of(target, [state for state in states if state.key.target == target.name], now)
            for target in targets
        ],
        "alerts": _about([views.alert_of(alert) for alert in alerts], only),
        "sources": [] if only else [views.source_of(entry, known[name]) for name, entry in config.sources.items()],
    }
