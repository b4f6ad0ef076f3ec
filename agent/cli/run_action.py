"""`setpoint run-action`."""

from __future__ import annotations

from urllib.parse import quote

import click

from agent.cli.client import Daemon
from agent.cli.corrections import say
from agent.cli.options import acting, settings_of, user


@click.command("run-action", short_help="Call an action for an open alert.")
@click.argument("action")
@click.argument("alert")
@acting
def command(
    action: str, alert: str, note: str, by: str | None, url: str | None, as_json: bool, **given: str | None
) -> None:
    """Call ACTION for the open ALERT (its fingerprint, its name, or its target) as a correction would.

    The same bounds hold as for those that begin by themselves, and readings taken after the call verify it.

    \b
    Examples:
      setpoint run-action set-thermostat room
      setpoint run-action restart-worker out-of-band --note "it hangs again"
    """
    said = {"alert": alert, "by": by or user(), "note": note}
    say(Daemon(settings_of(**given), url), f"actions/{quote(action, safe='')}/run", said, as_json=as_json)
