"""`setpoint check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent.cli.options import Unusable, config_option, environment, json_option, print_json, print_lines, settings_of


@click.command("check", short_help="Check the configuration and say what was understood.")
@click.argument("path", required=False)
@config_option
@json_option
def command(path: str | None, config: str | None, as_json: bool) -> None:
    """Check a configuration file or directory, and say what was understood of it.

    Every mistake is printed as file:line:column: key: what is wrong. A receiver that needs a setting of the process,
    such as Slack's token, which is not set here is named too, but is no mistake: it may be set where the daemon runs.
    Nothing is read from the sources and nothing is sent. Exit status: 0 it can be used, 1 it has mistakes, 2 it is
    not there.

    \b
    Examples:
      setpoint check
      setpoint check config/ --json
    """
    from agent.config.describe import describe
    from agent.config.errors import ConfigErrors
    from agent.config.load import load
    from agent.config.needs import missing_settings

    settings = settings_of(config=config)
    wanted = Path(path) if path else settings.config
    if not wanted.exists():
        raise Unusable(f"{wanted}: there is no such file or directory (setpoint init writes a first one)")
    try:
        loaded = load(wanted, environment(), settings.allowed_commands)
    except ConfigErrors as refused:
        if as_json:
            print_json({"valid": False, "errors": [_plain(error) for error in refused.errors]})
        else:
            print_lines(refused.errors)
        raise click.exceptions.Exit(1) from None
    understood, missing = describe(loaded), list(missing_settings(loaded, settings))
    if as_json:
        print_json({"valid": True, **understood, "missing_settings": [one._asdict() for one in missing]})
    else:
        print_lines([*_words(understood), *_list("Missing settings", [(str(one),) for one in missing])])


def _plain(error: Any) -> dict[str, Any]:
    return {name: getattr(error, name) for name in ("file", "line", "column", "path", "message", "hint")}


def _words(said: dict[str, Any]) -> Iterator[str]:
    counts = [(name, len(said[name])) for name in ("sources", "targets", "actions", "receivers") if said[name]]
    yield f"{', '.join(said['files'])}: {', '.join(_count(number, name) for name, number in counts)}; no mistakes"
    yield from _list("Gateways", [(name,) for name in said["gateways"]])
    yield from _list(
        "Sources", [(s["name"], s["type"], s["schedule"], ", ".join(s["series"])) for s in said["sources"]]
    )
    if said["targets"]:
        yield from ("", "Targets")
        for target in said["targets"]:
            yield from _target(target, routed=said["route"] is not None)
    yield from _list("Actions", [(a["name"], a["type"], *_bounds(a)) for a in said["actions"]])
    yield from _list("Receivers", [(r["name"], _notifiers(r)) for r in said["receivers"]])
    if said["route"]:
        yield from ("", "Route", *_route(said["route"], "  "))
    yield from _list("Operators", [(name,) for name in said["operators"]])
    yield from _list("Reports", [_report(report, len(said["targets"])) for report in said["reports"]])
    if said["heartbeat"]:
        yield from ("", f"Heartbeat {said['heartbeat']}")


def _notifiers(receiver: dict[str, Any]) -> str:
    pairs = zip(receiver["notifiers"], receiver["ways"], strict=True)
    return ", ".join(f"{kind} ({way})" if way else kind for kind, way in pairs)


def _count(number: int, plural: str) -> str:
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"


def _list(title: str, rows: list[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        yield from ("", title)
        for row in rows:
            yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


def _target(target: dict[str, Any], *, routed: bool) -> Iterator[str]:
    title = f"  {target['title']}" if target["title"] != target["name"] else ""
    yield f"  {target['name']}{title}"
    by = f", one for each {', '.join(target['by'])}" if target["by"] else ""
    yield f"    reads    {target['reads'] or 'what its condition names'}{by}"
    calendar = " per " in target["goal"] or " from " in target["goal"]
    zone = f"  ({target['timezone']})" if calendar else ""
    yield f"    wants    {target['goal']}{zone}"
    if target["no_data"]:
        yield f"    no data  {target['no_data']}"
    for alert in target["alerts"]:
        yield from _alert(alert, routed=routed)
    for rule in target["correct"]:
        yield from _correction(rule)


def _alert(alert: dict[str, Any], *, routed: bool) -> Iterator[str]:
    to = ", ".join(alert["notify"]) or ("whom the route names" if routed else "console")
    for_ = f" for {alert['for']}" if alert["for"] != "0s" else ""
    yield f"    alert    {alert['name']}: when {alert['when']}{for_}, {alert['severity']}, to {to}"
    for pair in alert["burn"]:
        yield f"             {pair['rate']:g} times the allowed errors over {pair['long']} and {pair['short']}"
    for step in alert["worse"]:
        also = f", also to {', '.join(step['notify'])}" if step["notify"] else ""
        yield f"             {step['severity']} unless {step['unless']}{also}"
    for step in alert["escalate"]:
        yield f"             after {step['after']} to {', '.join(step['to'])}"


def _correction(rule: dict[str, Any]) -> Iterator[str]:
    from agent.config.words import times

    yield (
        f"    correct  on {rule['on']}: {rule['calling']}, {times(rule['max_attempts'])} at most, "
        f"{rule['cooldown']} apart, back within {rule['verify_within']}"
    )
    if rule["precondition"]:
        yield f"             only while {rule['precondition']}"
    if rule["output"]:
        yield f"             output {' '.join(rule['output'].split())}"
    if rule["undo"]:
        yield f"             undone by {rule['undo']}"
    if rule["escalate_to"]:
        yield f"             to {', '.join(rule['escalate_to'])} if it does not help"


def _report(report: dict[str, Any], of: int) -> tuple[str, ...]:
    targets = "all targets" if len(report["targets"]) == of else ", ".join(report["targets"])
    return report["name"], report["schedule"], f"{targets} as {report['format']} to {', '.join(report['to'])}"


def _bounds(action: dict[str, Any]) -> tuple[str, ...]:
    breaker = action["breaker"]
    pause = f"rests {breaker['pause']} after {breaker['failures']} in a row that did not help"
    budget = f"at most {action['budget']}" if action["budget"] else "no budget"
    return budget, pause, f"acts on {action['thing']}" if action["thing"] else ""


def _route(route: dict[str, Any], indent: str) -> Iterator[str]:
    when = ", ".join(route["matchers"]) or ("all else" if indent == "  " else "all")
    yield f"{indent}{when}: {route['receiver']}{', and on' if route['continue'] else ''}"
    for inner in route["routes"]:
        yield from _route(inner, indent + "  ")
