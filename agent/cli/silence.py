"""`setpoint silence`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, mistaken
from agent.cli.options import (
    Unusable,
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    url_option,
    user,
)
from agent.cli.tables import coloured, line, local_time, table

_HEAD = ("ID", "STATE", "FROM", "UNTIL", "BY", "MATCHERS", "REASON")


@click.group("silence", short_help="Add, list and expire silences.")
def command() -> None:
    """Mute alerts for a while: nothing is told of those that all matchers of a silence match."""


@command.command("add", short_help="Mute alerts for a while.")
@click.argument("matchers", nargs=-1, required=True)
@click.option("--for", "length", metavar="DURATION", help="How long, such as 2h or 1d.  [default: 1h]")
@click.option("--until", metavar="TIME", help="The end, instead of --for; ISO 8601, UTC unless it says so.")
@click.option("--from", "starts", metavar="TIME", help="The start, if it is not now: a maintenance window.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; others see it.")
@click.option("--by", metavar="NAME", help="Who silences.  [default: your user name]")
@listen_option
@url_option
@json_option
def add(matchers: tuple[str, ...], url: str | None, as_json: bool, **given: str | None) -> None:
    """Mute the alerts that all MATCHERS match. A name alone means the target of that name.

    What was told before is still told as resolved. What is muted and still fires at the end is told then.

    \b
    Examples:
      setpoint silence add room --for 2h --reason "windows are open"
      setpoint silence add target=room 'severity=~"warn.*"' --reason "new sensor" --by ann
      setpoint silence add site=www --from 2026-03-01T22:00 --until 2026-03-02T02:00 --reason "move"
    """
    if given["until"] and given["length"]:
        raise Unusable("give --for or --until, not both")
    asked: dict[str, Any] = {"matchers": matchers, "by": given["by"] or user(), "reason": given["reason"]}
    asked |= {"ends": given["until"]} if given["until"] else {"for": given["length"] or "1h"}
    asked |= {"starts": given["starts"]} if given["starts"] else {}
    silence = _asked(Daemon(settings_of(listen=given["listen"]), url), "POST", "silences", asked)["silence"]
    _print(silence, f"{silence['id']} {_words(silence)}", as_json=as_json)


@command.command("list", short_help="Show silences.")
@click.option("--expired", is_flag=True, help="Those that are over, too.")
@listen_option
@url_option
@json_option
def list_(expired: bool, url: str | None, as_json: bool, **given: str | None) -> None:
    """Show the silences that hold or will hold."""
    found = _asked(Daemon(settings_of(**given), url), "GET", "silences")["silences"]
    found = [silence for silence in found if expired or silence["state"] != "expired"]
    if as_json:
        print_json({"silences": found})
    else:
        print_lines(_table(found) if found else ["No silences"])


@command.command("expire", short_help="End a silence now.")
@click.argument("silence")
@click.option("--by", metavar="NAME", help="Who ends it.  [default: your user name]")
@listen_option
@url_option
@json_option
def expire(silence: str, by: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """End SILENCE (its id) now; what it mutes and still fires is told."""
    path = f"silences/{quote(silence, safe='')}?by={quote(by or user(), safe='')}"
    found = _asked(Daemon(settings_of(**given), url), "DELETE", path)["silence"]
    _print(found, f"{found['id']} is over", as_json=as_json)


def _asked(daemon: Daemon, method: str, path: str, body: Any = None) -> Any:
    with mistaken():
        return daemon.ask(method, path, body)


def _print(silence: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"silence": silence})
    else:
        click.echo(words)


def _words(silence: dict[str, Any]) -> str:
    start = f"from {local_time(silence['starts'])} " if silence["state"] == "pending" else ""
    return f"mutes {line(silence['matchers'])} {start}until {local_time(silence['ends'])}"


def _table(found: list[dict[str, Any]]) -> Iterator[str]:
    yield from table(
        _HEAD,
        [
            (
                one["id"],
                coloured(one["state"]),
                local_time(one["starts"]),
                local_time(one["ends"]),
                line(one["by"]),
                line(one["matchers"]),
                line(one["reason"]),
            )
            for one in found
        ],
    )
