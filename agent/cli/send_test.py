"""`setpoint send-test`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from agent.cli.names import complete
from agent.cli.options import (
    Unusable,
    config_option,
    configuration,
    configure_logs,
    json_option,
    listen_option,
    print_json,
    settings_of,
    unknown,
    url_option,
)

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.settings import Settings
    from connectors.base import Services
    from rules.model import Notice

_PATIENCE = 60.0  # seconds for one notifier


@click.command("send-test", short_help="Send a test notice to a receiver.")
@click.argument("receiver", shell_complete=complete("receivers"))
@click.option("--through-slack", is_flag=True, help="Through the running daemon to Slack, and back by a click.")
@click.option("--timeout", metavar="DURATION", default="5m", show_default=True, help="How long to wait for the click.")
@config_option
@listen_option
@url_option
@json_option
def command(
    receiver: str,
    through_slack: bool,
    timeout: str,
    config: str | None,
    listen: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Send a real notice, marked as a test, through every notifier of RECEIVER, and say how each one ended.

    No daemon is needed, and none is told. Exit status: 0 all were sent, 1 one failed, 2 there is no such receiver.

    With --through-slack the running daemon sends it to the receiver's Slack channels by its outbox, with a button;
    somebody clicks it there, and the click has to come back. Each stage is said with the seconds since the beginning.
    Exit status: 0 the click came, 1 a stage failed, 2 the receiver has no such channel.

    \b
    Examples:
      setpoint send-test oncall
      setpoint send-test growth --through-slack --timeout 1m
    """
    settings = settings_of(config=config, listen=listen)
    if through_slack:
        from agent.cli.client import Daemon
        from agent.cli.through_slack import send

        send(Daemon(settings, url), receiver, _seconds(timeout), as_json=as_json)
    else:
        _send_here(settings, receiver, as_json=as_json)


def _send_here(settings: Settings, receiver: str, *, as_json: bool) -> None:
    known = configuration(settings)
    if receiver not in known.receivers:
        raise unknown("receiver", receiver, known.receivers)
    configure_logs(settings, known.secrets)
    outcomes = asyncio.run(_send(settings, known, receiver))
    if as_json:
        print_json({"receiver": receiver, "notifiers": outcomes})
    else:
        for one in outcomes:
            sent = f"sent {one['way']}".rstrip()
            click.echo(f"{receiver}[{one['position']}] {one['type']}: {one['error'] or sent}", err=bool(one["error"]))
    if any(one["error"] for one in outcomes):
        raise click.exceptions.Exit(1)


def _seconds(timeout: str) -> float:
    from rules.model import SECOND, parse_duration

    try:
        return parse_duration(timeout) / SECOND
    except ValueError as error:
        raise Unusable(f"--timeout: {error}") from None


async def _send(settings: Settings, config: Configuration, receiver: str) -> list[dict[str, Any]]:
    from agent.cli.outside import services
    from agent.sending.trials import trial_notice

    async with services(settings, config) as given:
        notice = trial_notice(receiver, given.now(), given.external_url)
        return [
            {"position": position, "type": entry.kind, **await _outcome(entry, notice, position, given)}
            for position, entry in enumerate(config.receivers[receiver])
        ]


async def _outcome(entry: Any, notice: Notice, position: int, given: Services) -> dict[str, str | None]:
    """`error` is what went wrong, or None; `way` how it is sent, where there are several."""
    from connectors import registry
    from connectors.base import ConnectorError, Sending

    try:
        notifier = registry.load("notifiers", entry.kind)(entry.config, given)
    except ConnectorError as error:
        return {"error": f"failed: {error}", "way": ""}
    way = getattr(notifier, "way", "")
    try:
        async with asyncio.timeout(_PATIENCE):
            await notifier.send(Sending(notice, key=f"{notice.fingerprint}{position:04x}"))
    except ConnectorError as error:
        return {"error": f"failed: {error}", "way": way}
    except TimeoutError:
        return {"error": f"failed: no answer within {_PATIENCE:g} s", "way": way}
    finally:
        await notifier.close()
    return {"error": None, "way": way}
