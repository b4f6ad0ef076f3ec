"""How everything stands: from the running daemon, or from the database as it was left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, NoDaemon, Refusal
from agent.cli.options import Failed, Unusable, environment, print_lines, unknown

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.config.errors import ConfigErrors
    from agent.settings import Settings
    from agent.store.records import ReceiverState, Remembered

Snapshot = dict[str, Any]
"""`from` (daemon or database), `at` (its address, or where it is), and as the API says them: `time`, `problems`,
`corrections_on`, `failing_receivers`, `targets`, `alerts`, `sources`."""


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
        "corrections_on": status["corrections_on"],
        "failing_receivers": status["failing_receivers"],
        "targets": targets,
        "alerts": _about(daemon.get("alerts")["alerts"], target),
        "sources": [] if target else daemon.get("sources")["sources"],
    }


def _about(alerts: list[Snapshot], target: str | None) -> list[Snapshot]:
    return [alert for alert in alerts if target is None or alert["target"] == target]


def _of_database(settings: Settings, target: str | None, absent: str) -> Snapshot:
    from agent.clock import Clock
    from agent.config.errors import ConfigErrors
    from agent.config.load import load
    from agent.deciding.memory import CORRECTIONS
    from agent.sending.receivers import configured
    from agent.store.errors import StoreError
    from agent.web import views

    refused: ConfigErrors | None = None
    try:
        config = load(settings.config, environment())
    except ConfigErrors as errors:
        refused = errors
    try:
        remembered, unreached, place = asyncio.run(_load(settings.database_url))
    except StoreError as error:
        if refused is not None:
            print_lines(refused.errors, err=True)
            raise click.exceptions.Exit(2) from None
        raise Failed(f"{absent}; and {error}") from None
    if refused is not None:
        config = _as_remembered(remembered)
    if target is not None and target not in config.targets:
        raise unknown("target", target, config.targets)
    said = _said(config, remembered, target, Clock().now())
    if refused is not None:
        said["targets"] = [{**one, "goal": ""} for one in said["targets"]]
        said["sources"] = [{**one, "schedule": ""} for one in said["sources"]]
    switch = remembered.switches.get(CORRECTIONS)
    known = {
        "problems": _problems(refused),
        "corrections_on": switch is None or switch.on,
        "failing_receivers": [views.receiver_of(one, config) for one in configured(unreached, config)],
    }
    return {"from": "database", "at": place, **said, **known}


def _problems(refused: ConfigErrors | None) -> list[str]:
    if refused is None:
        return []
    first, *more = refused.errors
    others = f" and {len(more)} more mistakes" if len(more) > 1 else " and one more mistake" if more else ""
    return [f"the configuration can't be used, so goals and schedules are not known: {first}{others}"]


def _as_remembered(remembered: Remembered) -> Configuration:
    """What the database alone tells of targets and sources: their names, and which are check-ins."""
    from agent.config.configuration import Configuration, SourceEntry
    from rules.model import Checkin, SourceRule, Target

    due = {state.key.target for state in remembered.instances.values() if state.assessment.due is not None}
    names = sorted({state.key.target for state in remembered.instances.values()})
    return Configuration(
        sources={
            name: SourceEntry(name, "", None, None, None, "UTC", 0, SourceRule(name, (), None))
            for name in sorted(remembered.sources)
        },
        targets={
            name: Target(name, name, None, checkin=Checkin(None, None, "UTC", 0) if name in due else None)
            for name in names
        },
    )


async def _load(url: str) -> tuple[Remembered, list[ReceiverState], str]:
    from agent.store.store import Store

    store = await Store.open_readonly(url)
    try:
        return await store.load(), await store.failing(), store.place
    finally:
        await store.close()


def _said(config: Configuration, remembered: Remembered, only: str | None, now: int) -> Snapshot:
    from agent.alerts.groups import Groups
    from agent.alerts.muted import Mutes
    from agent.alerts.open_alerts import open_alerts
    from agent.web import views
    from rules.model import SourceState
    from rules.muting import Mutings, Situation
    from rules.specs import Specs

    specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
    states = sorted(remembered.instances.values(), key=lambda state: state.key)
    states = [state for state in states if state.key.target in config.targets]
    known = {name: remembered.sources.get(name) or SourceState(name) for name in config.sources}
    instances = {state.key: state for state in states}
    situation = Situation(
        specs, Mutings(config.inhibit, config.intervals), {silence.id: silence for silence in remembered.silences}
    )
    situation.note(instances.values(), known.values())
    groups = Groups(remembered.groups, remembered.members)
    alerts = open_alerts(specs, instances, known, Mutes(situation, groups, now))
    targets = [config.targets[only]] if only else list(config.targets.values())
    return {
        "time": views.iso(now),
        "targets": [
            views.target_of(target, [state for state in states if state.key.target == target.name], now, situation.held)
            for target in targets
        ],
        "alerts": _about([views.alert_of(alert) for alert in alerts], only),
        "sources": [] if only else [views.source_of(entry, known[name]) for name, entry in config.sources.items()],
    }
