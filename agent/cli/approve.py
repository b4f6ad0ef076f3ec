"""`setpoint approve`."""

from __future__ import annotations

import click

from agent.cli.client import Daemon
from agent.cli.corrections import answered
from agent.cli.options import acting, settings_of


@click.command("approve", short_help="Approve a correction that waits for a person.")
@click.argument("correction")
@acting
def command(correction: str, note: str, by: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """Approve CORRECTION, a proposal, by its id or the first digits of its short one.

    Only the first word counts: who comes later is told who decided and when.

    \b
    Examples:
      setpoint corrections
      setpoint approve 3f9c21a0
      setpoint approve 3f9c --note "I am watching it"
    """
    answered("approve", correction, (by, note), Daemon(settings_of(**given), url), as_json=as_json)
