"""`setpoint approve`."""

from __future__ import annotations

import click

from agent.cli.client import Daemon
from agent.cli.corrections import answered
from agent.cli.options import acting, settings_of


@click.command("approve", short_help="Approve a correction that waits for a person.")
@click.argument("correction")
@click.option("--seen", metavar="TIME", help="When what you read was said: its UPDATED, or the time of a message.")
@acting
def command(
    correction: str, note: str, by: str | None, url: str | None, as_json: bool, seen: str | None, **given: str | None
) -> None:
    """Approve CORRECTION, a proposal, by its id or the first digits of its short one.

    Only the first word counts: who comes later is told who decided and when. With --seen nothing is approved that
    became another call since then.

    \b
    Examples:
      setpoint corrections
      setpoint approve 3f9c21a0
      setpoint approve 3f9c --note "I am watching it"
      setpoint approve 3f9c --seen 2026-03-01T14:02:00Z
    """
    daemon = Daemon(settings_of(**given), url)
    answered("approve", correction, (by, note), daemon, as_json=as_json, seen=seen)
