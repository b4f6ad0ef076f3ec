"""`setpoint ack`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, mistaken
from agent.cli.options import json_option, listen_option, print_json, settings_of, url_option, user
from agent.cli.tables import labels, line


@click.command("ack", short_help="Acknowledge an open alert.")
@click.argument("alert")
@click.option("--note", default="", metavar="TEXT", help="What you know or do about it; others see it.")
@click.option("--by", metavar="NAME", help="Who takes it.  [default: your user name]")
@listen_option
@url_option
@json_option
def command(alert: str, note: str, by: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """Take an open alert until it clears, so that everybody knows and nobody is reminded.

    ALERT is its name, its target or its fingerprint; a name or a target means all open alerts of it.

    \b
    Examples:
      setpoint ack room --note "window closed"
      setpoint ack out-of-band --by ann
    """
    daemon = Daemon(settings_of(**given), url)
    with mistaken():
        taken = daemon.post(f"alerts/{quote(alert, safe='')}/ack", {"by": by or user(), "note": note})["alerts"]
    if as_json:
        print_json({"alerts": taken})
        return
    for one in taken:
        click.echo(_words(one))


def _words(alert: dict[str, Any]) -> str:
    of = f" ({labels(alert['instance'])})" if alert["instance"] else ""
    whose = f" of {line(alert['target'])}{of}" if alert["target"] else ""
    return f"{line(alert['name'])}{whose} is taken by {line(alert['acknowledged_by']) or 'nobody'}"
