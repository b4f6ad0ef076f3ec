"""`setpoint send-test`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from agent.cli.names import complete
from agent.cli.options import (
    config_option,
    configuration,
    configure_logs,
    json_option,
    print_json,
    settings_of,
    unknown,
)

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.settings import Settings
    from connectors.base import Services
    from rules.model import Notice

_PATIENCE = 60.0  # seconds for one notifier


@click.command("send-test", short_help="Send a test notice to a receiver.")
@click.argument("receiver", shell_complete=complete("receivers"))
@config_option
@json_option
def command(receiver: str, config: str | None, as_json: bool) -> None:
    """Send a real notice, marked as a test, through every notifier of RECEIVER, and say how each one ended.

    No daemon is needed, and none is told. Exit status: 0 all were sent, 1 one failed, 2 there is no such receiver.

    \b
    Example:
      setpoint send-test oncall
    """
    settings = settings_of(config=config)
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


async def _send(settings: Settings, config: Configuration, receiver: str) -> list[dict[str, Any]]:
    from agent.cli.outside import services

    async with services(settings, config) as given:
        notice = _notice(receiver, given)
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


def _notice(receiver: str, given: Services) -> Notice:
    """Says that it is a test; its fingerprint is one that no alert has."""
    import hashlib

    from rules.model import Notice, Reason

    now = given.now()
    return Notice(
        reason=Reason.TEST,
        status="firing",
        title="Test",
        headline=f"This is a test of receiver {receiver}; nothing is wrong",
        target="",
        alert="test",
        severity="info",
        standing="",
        fingerprint=hashlib.sha256(f"test {receiver} {now}".encode()).hexdigest()[:16],
        labels={"alertname": "test", "severity": "info"},
        annotations={},
        values={},
        starts_at=now,
        ends_at=None,
        at=now,
        receiver=receiver,
        external_url=given.external_url,
    )
