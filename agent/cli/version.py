"""`setpoint version`."""

from __future__ import annotations

import platform

import click

from agent import __version__
from agent.cli.options import json_option, print_json


@click.command("version", short_help="Print the version.")
@json_option
def command(as_json: bool) -> None:
    """Print the version of Setpoint and of the Python it runs on."""
    python = platform.python_version()
    if as_json:
        print_json({"version": __version__, "python": python})
    else:
        click.echo(f"setpoint {__version__} (Python {python})")
