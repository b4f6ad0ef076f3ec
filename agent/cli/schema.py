"""`setpoint schema`."""

from __future__ import annotations

import click

from agent.cli.options import print_json


@click.command("schema", short_help="Print the JSON Schema of the configuration.")
def command() -> None:
    """Print the JSON Schema of the configuration, for editors that complete and check it.

    \b
    Example:
      setpoint schema > setpoint.schema.json
    and as the first line of setpoint.yaml:
      # yaml-language-server: $schema=setpoint.schema.json
    """
    from agent.config.schema import json_schema

    print_json(json_schema())
