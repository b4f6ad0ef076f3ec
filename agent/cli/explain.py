"""`setpoint explain`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, NoDaemon, mistaken
from agent.cli.names import complete
from agent.cli.options import (
    Failed,
    Unusable,
    config_option,
    configuration,
    database_option,
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    unknown,
    url_option,
)
from agent.cli.tables import coloured, figure, labels, line, local_time, span_between

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.explaining.present import Explained
    from agent.settings import Settings


@click.command("explain", short_help="Say why a target stands where it stands, and what comes next.")
@click.argument("target", shell_complete=complete("targets"))
@click.option(
    "--at", metavar="TIME", help="As it was at this time, out of stored readings; ISO 8601, UTC unless it says so."
)
@config_option
@database_option
@listen_option
@url_option
@json_option
def command(target: str, at: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """Say why TARGET stands where it stands: what was read, what was compared, what its alerts wait for, who is told.

    What comes next is found by deciding ahead as if nothing more came in. It asks the running daemon; if none answers,
    the database as it was left.

    \b
    Examples:
      setpoint explain monthly-visitors
      setpoint explain room --at 2026-03-01T14:30
    """
    settings = settings_of(**given)
    found = _of_daemon(Daemon(settings, url), settings, target, at)
    if as_json:
        print_json(found)
    else:
        print_lines(_words(found))


def _of_daemon(daemon: Daemon, settings: Settings, target: str, at: str | None) -> dict[str, Any]:
    when = f"?at={quote(at, safe='')}" if at else ""
    try:
        with mistaken():
            said = daemon.get(f"targets/{quote(target, safe='')}/explain{when}")
    except NoDaemon as absent:
        if daemon.given:
            raise
        return {"from": "database", **_of_database(settings, target, at, str(absent))}
    return {"from": "daemon", **said}


def _of_database(settings: Settings, target: str, at: str | None, absent: str) -> dict[str, Any]:
    from agent.clock import Clock
    from agent.store.errors import StoreError
    from agent.web.explained import explanation_of
    from connectors.values import moment

    config = configuration(settings)
    if target not in config.targets:
        raise unknown("target", target, config.targets)
    try:
        then = moment(at, "UTC") if at else None
    except ValueError as error:
        raise Unusable(f"--at: {error}") from None
    now = Clock().now()
    if then is not None and then > now:
        raise Unusable("--at: the time lies in the future; without --at explain says what comes next")
    try:
        found = asyncio.run(_read(settings.database_url, config, target, then, now))
    except StoreError as error:
        raise Failed(f"{absent}; and {error}") from None
    return explanation_of(config.targets[target], found, now if then is None else then)


async def _read(url: str, config: Configuration, target: str, at: int | None, now: int) -> list[Explained]:
    from agent.alerts.notices import Notices
    from agent.deciding.decision import Decider
    from agent.deciding.memory import Memory
    from agent.deciding.recall import read_history
    from agent.explaining.past import explained_at, explained_now
    from agent.explaining.present import Known
    from agent.store.store import Store
    from rules.specs import Specs

    store = await Store.open_readonly(url)
    try:
        if at is not None:
            return await explained_at(store, config, target, at)
        specs = Specs(config.targets.values(), (entry.rule for entry in config.sources.values()))
        memory = Memory(await store.load(), now=now)
        changes = await store.transitions(100, target)
        decider = Decider(specs, Notices(config, specs), memory, await read_history(store, specs, now))
        return await explained_now(store, Known(decider, changes), config.targets[target], now)
    finally:
        await store.close()


def _words(found: dict[str, Any]) -> Iterator[str]:
    if found["from"] == "database":
        yield "No daemon answers; from the database as it was left"
    title = f" ({line(found['title'])})" if found["title"] != found["target"] else ""
    zone = found["timezone"]
    yield f"{line(found['target'])}{title} at {local_time(found['at'], zone)} ({zone}): {line(found['goal'], 300)}"
    if not found["instances"]:
        yield f"  {coloured('no_data')}: nothing was read yet"
    for instance in found["instances"]:
        yield ""
        if instance["labels"]:
            yield f"  {labels(instance['labels'])}"
        rows = [(name, text) for name, text in _facts(found, instance) if text]
        last = ""
        for name, text in rows:
            yield f"  {name if name != last else '':<10}  {text}"
            last = name


def _facts(found: dict[str, Any], instance: dict[str, Any]) -> Iterator[tuple[str, str]]:
    zone, now = found["timezone"], found["at"]
    before = instance["standing_before"]
    was = f", was {coloured(before)}" if before not in {None, instance["standing"]} else ""
    yield "standing", f"{coloured(instance['standing'])} {_since(instance, now, zone)}{was}"
    yield "in words", line(instance["description"], 300)
    for one in instance["inputs"]:
        value = "no value" if one["value"] is None else figure(one["value"], found["unit"])
        lies_ahead = one["time"] > now
        age = f"of {local_time(one['time'], zone)}" if lies_ahead else f"{span_between(one['time'], now)} old"
        yield "read", f"{line(one['series'])} = {line(value)}, {age}, {one['readings']:,} in view"
    for text in instance["missing"]:
        yield "missing", line(text, 300)
    for source in instance["sources"]:
        last = f"read {span_between(source['last_success'], now)} ago" if source["last_success"] else "never read"
        yield "source", f"{line(source['name'])} {coloured(source['health'])}, {last}" + _wrong(source)
    for step in instance["steps"]:
        yield "compared", f"{line(step['text'], 300)}: {_value(step['value'])}"
    for alert in instance["alerts"]:
        yield from (("alert", text) for text in _alert(alert, now, zone))
    for text in instance["corrections"]:
        yield "correction", line(text, 300)
    for change in instance["changes"]:
        yield "changed", f"{local_time(change['at'], zone)}  {line(change['alert'])} {change['event']}"
    for coming in instance["next"]:
        yield "next", f"{local_time(coming['at'], zone)}  {line(coming['what'])}, if nothing else comes in"
    if instance["next_look"]:
        yield "looked at", f"again at {local_time(instance['next_look'], zone)}, and with every reading"


def _wrong(source: dict[str, Any]) -> str:
    return f": {line(source['last_error'])}" if source["last_error"] else ""


def _since(one: dict[str, Any], now: str, zone: str) -> str:
    if one["since_before"]:
        return f"since before {local_time(one['since'], zone)}"
    return f"for {span_between(one['since'], now)}"


def _alert(alert: dict[str, Any], now: str, zone: str) -> Iterator[str]:
    was = f", was {alert['before']}" if alert["before"] != alert["state"] else ""
    since = f" {_since(alert, now, zone)}" if alert["since"] and alert["state"] != "inactive" else ""
    taken = f", taken by {line(alert['acknowledged_by'])}" if alert["acknowledged_by"] else ""
    yield f"{line(alert['name'])} {coloured(alert['state'])}{since}{was}{taken}; {line(alert['waits'])}"
    told = "told" if alert["told"] else "would tell"
    yield f"  {told} {', '.join(map(line, alert['told'] or alert['receivers']))} ({line('; '.join(alert['way']), 300)})"
    if alert["muted"]:
        yield f"  muted: {line(alert['muted'], 300)}"


def _value(value: float | bool | None) -> str:
    if value is None:
        return "unknown"
    return str(value).lower() if isinstance(value, bool) else figure(value)
