"""`setpoint poll`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, NoDaemon, Refusal
from agent.cli.names import complete
from agent.cli.options import (
    Failed,
    Unusable,
    config_option,
    configuration,
    configure_logs,
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    unknown,
    url_option,
)
from agent.cli.tables import readings as reading_lines

if TYPE_CHECKING:
    from agent.config.configuration import Configuration, SourceEntry
    from agent.settings import Settings
    from rules.model import Reading

_PATIENCE = 660.0  # seconds; how long a source may take is for the daemon to say
_SHOWN = 10  # readings, as many as the daemon's answer has


@click.command("poll", short_help="Read a source now and show its readings.")
@click.argument("source", shell_complete=complete("sources"))
@config_option
@listen_option
@url_option
@json_option
def command(source: str, url: str | None, as_json: bool, **given: str | None) -> None:
    """Read SOURCE now and show what it gives.

    The running daemon does it, stores the readings and decides on them. If none answers, the source is read once from
    here, and nothing is stored. Exit status: 0 it was read, 1 it could not be, 2 there is no such source.

    \b
    Examples:
      setpoint poll analytics
      setpoint poll analytics --json
    """
    settings = settings_of(**given)
    daemon = Daemon(settings, url)
    try:
        answer = daemon.post(f"sources/{quote(source, safe='')}/poll", patience=_PATIENCE)
        found = {"from": "daemon", **answer}
    except Refusal as refusal:
        raise _refused(daemon, source, refusal) from None
    except NoDaemon as absent:
        if daemon.given:
            raise
        found = _read_here(settings, source, str(absent))
    if as_json:
        print_json(found)
    else:
        stored = "stored by the daemon" if found["from"] == "daemon" else "read once from here, nothing was stored"
        count = found["readings"]
        click.echo(f"{source}: {count:,} reading{'' if count == 1 else 's'}, {stored}")
        print_lines(reading_lines(found["sample"], count) if count else ())
    if found.get("error"):
        raise Failed(found["error"])


def _refused(daemon: Daemon, source: str, refusal: Refusal) -> Exception:
    if refusal.status != 404:
        return Failed(f"{source}: {refusal}")
    known = {entry["name"]: entry for entry in daemon.get("sources")["sources"]}
    if source in known:
        return Unusable(f"source {source!r} is not polled: it is {known[source]['schedule']}")
    return unknown("source", source, known)


def _read_here(settings: Settings, source: str, absent: str) -> dict[str, Any]:
    from agent.config import words
    from agent.web.views import reading_of

    config = configuration(settings)
    entry = config.sources.get(source)
    if entry is None:
        raise unknown("source", source, config.sources)
    if not entry.polled:
        raise Unusable(f"source {source!r} is not polled: it is {words.schedule(entry)}")
    click.echo(f"{absent[:1].upper()}{absent[1:]}", err=True)
    configure_logs(settings, config.secrets)
    readings, error = asyncio.run(_read(settings, config, entry))
    sample = [reading_of(reading) for reading in readings[:_SHOWN]]
    return {"from": "here", "source": source, "readings": len(readings), "sample": sample, "error": error}


async def _read(settings: Settings, config: Configuration, entry: SourceEntry) -> tuple[Sequence[Reading], str | None]:
    """The readings, and what was wrong. Raises Failed."""
    from agent.cli.outside import services
    from connectors import registry
    from connectors.base import ConnectorError, PartialAnswer
    from rules.model import SECOND

    async with services(settings, config) as given:
        source = registry.load("sources", entry.kind)(entry.name, entry.config, given)
        try:
            async with asyncio.timeout(entry.timeout / SECOND + 1):
                return await source.read(given.now()), None
        except PartialAnswer as partial:
            return partial.readings, f"{entry.name}: {partial}"
        except TimeoutError:
            raise Failed(f"{entry.name}: no answer within {entry.timeout / SECOND:g} s") from None
        except ConnectorError as error:
            raise Failed(f"{entry.name}: {error}") from None
        finally:
            await source.close()
