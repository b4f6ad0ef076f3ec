"""`setpoint audit`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, mistaken
from agent.cli.options import (
    json_option,
    listen_option,
    print_json,
    print_lines,
    settings_of,
    url_option,
)
from agent.cli.tables import line, local_time, table

_HEAD = ("AT", "WHO", "VIA", "ACT", "SUBJECT", "WHY")


@click.command("audit", short_help="Show who did what, and why.")
@click.option("--since", metavar="TIME", help="Only from then on: ISO 8601, Unix time, or how long ago, such as 7d.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000), help="How many, at most.")
@listen_option
@url_option
@json_option
def command(since: str | None, limit: int, url: str | None, as_json: bool, **given: str | None) -> None:
    """Show what people did to alerts, silences and corrections: who, when, from where, and why; newest first.

    \b
    Examples:
      setpoint audit
      setpoint audit --since 7d
      setpoint audit --since 2026-03-01 --json
    """
    query = f"acts?limit={limit}" + (f"&since={quote(_time(since), safe='')}" if since else "")
    with mistaken():
        found = Daemon(settings_of(**given), url).get(query)["acts"]
    if as_json:
        print_json({"acts": found})
    else:
        print_lines(table(_HEAD, [_row(one) for one in found]) if found else ["Nobody did anything"])


def _time(since: str) -> str:
    """The time itself, or the Unix time so long ago."""
    from agent.clock import Clock
    from rules.model import SECOND, parse_duration

    try:
        length = parse_duration(since)
    except ValueError:
        return since
    return str((Clock().now() - length) // SECOND)


def _row(act: dict[str, Any]) -> tuple[str, ...]:
    who = f"{act['by']} ({act['id']})" if act["id"] else act["by"]
    return (
        local_time(act["at"]),
        line(who),
        line(act["via"]),
        line(act["act"]),
        line(act["subject"]),
        line(act["note"]),
    )
