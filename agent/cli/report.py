"""`setpoint report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from agent.cli.client import Daemon, mistaken
from agent.cli.names import complete
from agent.cli.options import (
    Failed,
    Unusable,
    config_option,
    json_option,
    listen_option,
    print_json,
    settings_of,
    url_option,
    user,
)

_ENDINGS = {".pdf": "pdf", ".html": "html", ".md": "md"}
_PATIENCE = 60.0  # seconds; charts take a while


@click.command("report", short_help="Make a report now: show it, write it to a file, or send it.")
@click.argument("name", shell_complete=complete("reports"))
@click.option("--output", metavar="FILE", help="Write it to a file that ends in .pdf, .html or .md.")
@click.option("--send", is_flag=True, help="Send it to its receivers now.")
@config_option
@listen_option
@url_option
@json_option
def command(name: str, output: str | None, send: bool, url: str | None, as_json: bool, **given: str | None) -> None:
    """Make the report NAME as of now, with what happened since the last one of its schedule, which is not disturbed.

    It asks the running daemon. Without --output and --send it prints the report.

    \b
    Examples:
      setpoint report weekly
      setpoint report weekly --output weekly.pdf
      setpoint report weekly --send
    """
    form = _format_of(output)
    daemon, path = Daemon(settings_of(**given), url), f"reports/{quote(name, safe='')}"
    with mistaken():
        if output:
            _write(Path(output), daemon.read(f"{path}?format={form}", _PATIENCE))
        if send:
            _say_sent(daemon.post(f"{path}/send", {"by": user()}), as_json=as_json)
        elif as_json and not output:
            print_json(daemon.get(path))
        elif not output:
            click.echo(daemon.read(f"{path}?format=text", _PATIENCE).decode(), nl=False)


def _format_of(output: str | None) -> str:
    if output is None:
        return ""
    ending = Path(output).suffix.lower()
    if ending not in _ENDINGS:
        raise Unusable(f"--output has to end in {', '.join(_ENDINGS)}")
    return _ENDINGS[ending]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Failed(f"can't write {path}: {error.strerror}") from None
    click.echo(f"{path}: {len(content):,} bytes", err=True)


def _say_sent(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(said)
    else:
        click.echo(f"{said['title']} goes to {', '.join(said['to'])}")
