"""`setpoint status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from agent.cli.names import complete
from agent.cli.options import (
    config_option,
    database_option,
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    url_option,
)
from agent.cli.tables import amount, coloured, labels, line, local_time, percent, span_between, table

_TARGETS = ("TARGET", "INSTANCE", "STANDING", "VALUE", "WANTED", "PROGRESS", "PER DAY", "PROJECTED", "SINCE", "WHY")
_ALERTS = ("ALERT", "TARGET", "STATE", "SEVERITY", "SINCE", "TAKEN BY", "MUTED BY", "WHAT")
_SOURCES = ("SOURCE", "TYPE", "SCHEDULE", "HEALTH", "LAST SUCCESS", "NEXT POLL", "LAST ERROR")
_RECEIVERS = ("RECEIVER", "TYPE", "FAILING FOR", "LAST ERROR")


@click.command("status", short_help="Show how targets, alerts and sources stand.")
@click.argument("target", required=False, shell_complete=complete("targets"))
@config_option
@database_option
@listen_option
@url_option
@json_option
def command(target: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """Show how every target stands, which alerts are open, and how the sources are; or one TARGET in full.

    It asks the running daemon. If none answers it reads what the database remembers, and says so; then it needs no
    configuration, but without one that can be used the goals and schedules are not known.

    \b
    Examples:
      setpoint status
      setpoint status monthly-visitors
      setpoint status --json | jq '.targets[].instances[].standing'
    """
    from agent.cli.snapshot import take

    found = take(settings_of(**given), url, target)
    if as_json:
        print_json(found)
    else:
        print_lines(_one(found) if target else _all(found))


def _from(found: dict[str, Any]) -> str:
    if found["from"] == "daemon":
        return f"From the daemon at {found['at']}"
    return f"No daemon answers; from the database {found['at']} as it was left"


def _all(found: dict[str, Any]) -> Iterator[str]:
    yield _from(found)
    yield from _problems(found)
    if not found["corrections_on"]:
        yield "Corrections are off: setpoint corrections says since when, and by whom"
    rows = [row for target in found["targets"] for row in _rows(target, found["time"])]
    yield from ("", *table(_TARGETS, rows)) if rows else ("", "No targets")
    yield from _alerts(found)
    yield from _failing(found)
    if found["sources"]:
        yield from ("", *table(_SOURCES, [_source(source, found["time"]) for source in found["sources"]]))


def _problems(found: dict[str, Any]) -> Iterator[str]:
    return (f"Problem: {line(problem, 300)}" for problem in found["problems"])


def _rows(target: dict[str, Any], now: str) -> Iterator[tuple[str, ...]]:
    name = line(target["name"])
    if not target["instances"]:
        yield (name, "", coloured("no_data"), *[""] * 7)
    for instance in target["instances"]:
        yield (
            name,
            labels(instance["labels"]),
            coloured("held" if instance["held_by"] else instance["standing"]),
            _value(target, instance),
            line(_wanted(target, instance)),
            percent(instance["progress"]),
            amount(instance["required_rate"], target, unit=False, computed=True),
            _projected(target, instance["projection"]),
            span_between(instance["since"], now),
            line(_why(instance)),
        )


def _value(target: dict[str, Any], instance: dict[str, Any]) -> str:
    return amount(instance["value"], target, instance["goal"].values())


def _why(instance: dict[str, Any]) -> str:
    held, said = instance["held_by"], instance["standing"].replace("_", " ")
    return f"by {held}, which is off; {said}" if held else instance["reason"]


def _wanted(target: dict[str, Any], instance: dict[str, Any]) -> str:
    low, high = instance["goal"]["at_least"], instance["goal"]["at_most"]
    if low is not None and high is not None:
        return f"{amount(low, target, unit=False)} to {amount(high, target)}"
    if low is not None or high is not None:
        return f"at {'most' if low is None else 'least'} {amount(high if low is None else low, target)}"
    return str(target["goal"])


def _projected(target: dict[str, Any], projection: dict[str, Any] | None) -> str:
    if projection is None:
        return ""
    text, low, high = (amount(projection[name], target, unit=False, computed=True) for name in ("value", "low", "high"))
    return f"{text} ({low} to {high})" if low else text


def _alerts(found: dict[str, Any]) -> Iterator[str]:
    rows = [
        (
            line(alert["name"]),
            line(alert["target"]),
            coloured(alert["state"]),
            line(alert["labels"].get("severity")),
            span_between(alert["fired_at"] or alert["since"], found["time"]),
            line(alert["acknowledged_by"]),
            line(alert["muted"]["words"]) if alert["muted"] else "",
            line(alert["headline"]),
        )
        for alert in found["alerts"]
    ]
    yield from ("", *table(_ALERTS, rows)) if rows else ("", "No open alerts")


def _failing(found: dict[str, Any]) -> Iterator[str]:
    rows = [
        (
            f"{line(one['name'])}[{one['position']}]",
            one["type"],
            span_between(one["since"], found["time"]),
            line(one["error"], 300),
        )
        for one in found["failing_receivers"]
    ]
    yield from ("", *table(_RECEIVERS, rows)) if rows else ()


def _source(source: dict[str, Any], now: str) -> tuple[str, ...]:
    last, coming = source["last_success"], source["next_poll"]
    return (
        line(source["name"]),
        source["type"],
        line(source["schedule"]),
        coloured(source["health"]),
        f"{span_between(last, now)} ago" if last else "never",
        f"in {span_between(now, coming)}" if coming and coming > now else "",
        line(source["last_error"] or ""),
    )


def _one(found: dict[str, Any]) -> Iterator[str]:
    target = found["targets"][0]
    title = f" ({line(target['title'])})" if target["title"] != target["name"] else ""
    goal = f": {line(target['goal'], 300)}" if target["goal"] else ""
    yield from (_from(found), *_problems(found), "", f"{line(target['name'])}{title}{goal}")
    if not target["instances"]:
        yield f"  {coloured('no_data')}: nothing was read yet"
    for instance in target["instances"]:
        if instance["labels"]:
            yield from ("", f"  {labels(instance['labels'])}")
        yield from (f"  {name:<10}  {text}" for name, text in _facts(target, instance, found["time"]) if text)
    yield from _alerts(found)


def _facts(target: dict[str, Any], instance: dict[str, Any], now: str) -> Iterator[tuple[str, str]]:
    zone, period = target["timezone"], instance["period"]
    yield "standing", f"{coloured(instance['standing'])} for {span_between(instance['since'], now)}"
    yield "held by", line(instance["held_by"])
    yield "in words", line(instance["description"], 300)
    read = f", read {local_time(instance['time'], zone)}" if instance["time"] else ""
    yield "value", f"{_value(target, instance)}{read}" if instance["value"] is not None else ""
    yield "wanted", line(_wanted(target, instance))
    yield "progress", percent(instance["progress"])
    expected = amount(instance["expected"], target, unit=False, computed=True)
    yield "expected", f"{expected} by now" if expected else ""
    yield "pace", percent(instance["pace"])
    yield "per day", amount(instance["required_rate"], target, unit=False, computed=True)
    yield "projected", _projected(target, instance["projection"])
    yield "chance", percent(instance["projection"]["chance"]) if instance["projection"] else ""
    yield "period", f"{local_time(period['start'], zone)} to {local_time(period['end'], zone)}" if period else ""
    yield "due", local_time(instance["due"], zone)
    for series, value in instance["inputs"].items():
        yield "input", f"{line(series)} = {line(value)}"
