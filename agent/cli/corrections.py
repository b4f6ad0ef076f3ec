"""`setpoint corrections`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, mistaken
from agent.cli.options import (
    Unusable,
    acting,
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    url_option,
    user,
)
from agent.cli.tables import coloured, labels, line, local_time, table

_HEAD = ("ID", "STATE", "ACTION", "ALERT", "TARGET", "INSTANCE", "ATTEMPT", "UPDATED", "WHAT")
_ACTIONS = ("ACTION", "TYPE", "CALLS", "BUDGET", "BREAKER")
_SPANS = {1: "s", 60: "m", 3_600: "h", 86_400: "d"}
_OPEN = ("proposed", "approved", "called", "verifying")


@click.group("corrections", short_help="Show corrections; switch all of them off and on.", invoke_without_command=True)
@click.pass_context
@listen_option
@url_option
@json_option
def command(ctx: click.Context, /, url: str | None, as_json: bool, **given: str | None) -> None:
    """Show what corrections do, or switch all of them off and on.

    Alone it shows those that are under way, and the actions with their budgets and breakers.

    \b
    Examples:
      setpoint corrections
      setpoint corrections off --note "maintenance of the heating"
      setpoint corrections on
    """
    ctx.obj = {"listen": given["listen"], "url": url}
    if ctx.invoked_subcommand is None:
        _list(Daemon(settings_of(**given), url), 100, ended=False, as_json=as_json)


@command.command("list", short_help="Show corrections, the newest first.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000), help="How many.")
@click.option("--open", "open_only", is_flag=True, help="Only those that are under way.")
@listen_option
@url_option
@json_option
@click.pass_context
def list_(ctx: click.Context, /, limit: int, open_only: bool, as_json: bool, **given: str | None) -> None:
    """Show the last corrections, ended ones too."""
    _list(_daemon(ctx, given), limit, ended=not open_only, as_json=as_json)


@command.command("off", short_help="Switch all corrections off.")
@acting
@click.pass_context
def off(ctx: click.Context, /, note: str, by: str | None, as_json: bool, **given: str | None) -> None:
    """Call nothing any more, not even what was decided and waits to be sent. Alerts are told as before."""
    _switch(_daemon(ctx, given), on=False, who=(by, note), as_json=as_json)


@command.command("on", short_help="Switch corrections on again.")
@acting
@click.pass_context
def on(ctx: click.Context, /, note: str, by: str | None, as_json: bool, **given: str | None) -> None:
    """Go on with the corrections that waited, as far as their alerts still fire."""
    _switch(_daemon(ctx, given), on=True, who=(by, note), as_json=as_json)


def _daemon(ctx: click.Context, given: dict[str, str | None]) -> Daemon:
    """The daemon that the subcommand names, else the one that the group names."""
    listen, url = given["listen"] or ctx.obj["listen"], given["url"] or ctx.obj["url"]
    return Daemon(settings_of(listen=listen), url)


def asked(daemon: Daemon, method: str, path: str, sent: Any = None) -> Any:
    """The daemon's answer; what it can't find or read is a mistake of who asked."""
    with mistaken():
        return daemon.ask(method, path, sent)


def say(daemon: Daemon, path: str, said: dict[str, Any], *, as_json: bool) -> None:
    """Gives a person's word to the daemon and prints what came of it."""
    found = asked(daemon, "POST", path, said)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['correction']['short']}  {line(found['words'], 300)}")


def answered(
    act: str, correction: str, said: tuple[str | None, str], daemon: Daemon, *, as_json: bool, seen: str | None = None
) -> None:
    """Approves or rejects; `said` is who (None: the user) and their note, `seen` when what they read was said."""
    by, note = said
    if not correction.strip():
        raise Unusable(f"{act} needs a correction: its id, or the first digits of it (setpoint corrections lists them)")
    path = f"corrections/{quote(correction, safe='')}/{act}"
    sent = {"by": by or user(), "note": note, **({} if seen is None else {"seen": seen})}
    say(daemon, path, sent, as_json=as_json)


def _switch(daemon: Daemon, *, on: bool, who: tuple[str | None, str], as_json: bool) -> None:
    found = asked(daemon, "POST", "corrections/switch", {"on": on, "by": who[0] or user(), "note": who[1]})
    if as_json:
        print_json(found)
    else:
        click.echo(_switched(found["switch"]))


def _switched(switch: dict[str, Any]) -> str:
    since = f" since {local_time(switch['at'])}, by {line(switch['by'])}" if switch["at"] else ""
    note = f": {line(switch['note'], 300)}" if switch["note"] else ""
    return f"Corrections are {'on' if switch['on'] else 'off'}{since}{note}"


def _list(daemon: Daemon, limit: int, *, ended: bool, as_json: bool) -> None:
    runs = asked(daemon, "GET", f"corrections?limit={limit if ended else 1_000}")["corrections"]
    runs = [run for run in runs if ended or run["state"] in _OPEN]
    found = {
        **asked(daemon, "GET", "corrections/switch"),
        "corrections": runs,
        **asked(daemon, "GET", "actions"),
    }
    if as_json:
        print_json(found)
    else:
        print_lines(_lines(found))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield _switched(found["switch"])
    rows = [_row(run) for run in found["corrections"]]
    yield from ("", *table(_HEAD, rows)) if rows else ("", "No corrections")
    actions = [_action(action) for action in found["actions"]]
    yield from ("", *table(_ACTIONS, actions)) if actions else ()


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    return (
        run["short"],
        coloured(run["outcome"] or run["state"]),
        line(run["action"]),
        line(run["alert"]),
        line(run["target"]),
        labels(run["instance"]),
        str(run["attempt"]),
        local_time(run["updated"]),
        line(run["detail"]),
    )


def _action(action: dict[str, Any]) -> tuple[str, ...]:
    budget, breaker = action["budget"], action["breaker"]
    of = f"{budget['calls']}/{_SPANS[budget['seconds']]}" if budget else ""
    state = breaker["state"]
    if state == "open":
        state = f"open until {local_time(breaker['until'])}: {breaker['failures']} in a row did not help"
    return line(action["name"]), action["type"], str(action["calls"]), of, state
