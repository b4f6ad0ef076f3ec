"""`setpoint reject`."""

from __future__ import annotations

import click

from agent.cli.client import Daemon
from agent.cli.corrections import answered
from agent.cli.options import acting, settings_of


@click.command("reject", short_help="Reject a correction that waits for a person.")
@click.argument("correction")
@acting
def command(correction: str, note: str, by: str | None, url: str | None, as_json: bool, **given: str | None) -> None:
    """Reject CORRECTION, a proposal, by its id or the first digits of its short one.

    Only the first word counts: who comes later is told who decided and when.

    \b
    Examples:
      setpoint corrections
      setpoint reject 3f9c21a0
      setpoint reject 3f9c --note "the window is open"
    """
    answered("reject", correction, (by, note), Daemon(settings_of(**given), url), as_json=as_json)
