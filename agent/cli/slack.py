"""`setpoint slack`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agent.cli.options import (
    Unusable,
    config_option,
    configuration,
    configure_logs,
    json_option,
    print_json,
    print_lines,
    settings_of,
)

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.settings import Settings
    from agent.slack.checking import Check

_LONGEST_NAME = 35


@click.group("slack", short_help="Set up the Slack app, and check it.")
def command() -> None:
    """Set up the Slack app that tells alerts and takes what people click and type, and check that it works."""


@command.command("manifest", short_help="Print the app's manifest.")
@click.option("--socket", is_flag=True, help="For Socket Mode: Slack needs no address of yours.")
@click.option("--url", metavar="URL", help="For signed calls to this public address.  [env: SETPOINT_EXTERNAL_URL]")
@click.option("--name", default="Setpoint", show_default=True, metavar="NAME", help="What the app is called in Slack.")
@json_option
def manifest(socket: bool, url: str | None, name: str, as_json: bool) -> None:
    """Print the manifest from which Slack makes the app: at https://api.slack.com/apps, "From a manifest".

    It asks for the scopes that Setpoint uses and no others. Without --socket and --url it is for Socket Mode if
    SETPOINT_SLACK_APP_TOKEN is set or SETPOINT_EXTERNAL_URL is not, else for signed calls to that address.

    \b
    Examples:
      setpoint slack manifest
      setpoint slack manifest --url https://setpoint.example.com
    """
    from agent.slack.manifest import manifest as made

    if not 1 <= len(name) <= _LONGEST_NAME:
        raise Unusable(f"--name has to have 1 to {_LONGEST_NAME} characters")
    found = made(name, _address(settings_of(), url, socket=socket))
    if as_json:
        print_json(found)
        return
    import yaml

    click.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120), nl=False)


def _address(settings: Settings, url: str | None, *, socket: bool) -> str:
    """The address that Slack is to call; empty for Socket Mode. Raises Unusable."""
    from agent.slack.manifest import is_public

    if socket and url:
        raise Unusable("give --socket or --url, not both")
    if socket or (url is None and settings.slack_app_token):
        return ""
    found = (url if url is not None else settings.external_url).rstrip("/")
    if (found or url is not None) and not is_public(found):
        name = "--url" if url is not None else "SETPOINT_EXTERNAL_URL"
        wanted = "has to be the public address, such as https://setpoint.example.com"
        wanted += ": Slack calls https only, and no local name"
        instead = "" if url is not None else "; give another by --url, or --socket for Socket Mode, which needs none"
        raise Unusable(f"{name} {wanted}{instead}")
    return found


@command.command("check", short_help="Check that the app works as it is set up.")
@config_option
@json_option
def check(config: str | None, as_json: bool) -> None:
    """Ask Slack whether the app can do its work: the token and its scopes, each channel of receivers and actions, the
    operators, and the way in which clicks arrive. Nothing is posted and no secret is shown.

    Each finding says what to do about it. Exit status: 0 fine, 1 findings, 2 the configuration can't be used.

    \b
    Example:
      setpoint slack check
    """
    settings = settings_of(config=config)
    known = configuration(settings)
    configure_logs(settings, known.secrets)
    found = asyncio.run(_checked(settings, known))
    if as_json:
        print_json({"checks": [asdict(one) for one in found]})
    else:
        wide = max(len(one.about) for one in found)
        print_lines(
            f"{one.state:<4}  {one.about:<{wide}}  {one.said}{f': {one.fix}' if one.fix else ''}" for one in found
        )
    if any(one.state == "fix" for one in found):
        raise click.exceptions.Exit(1)


async def _checked(settings: Settings, config: Configuration) -> list[Check]:
    from agent.cli.outside import services
    from agent.slack.checking import checked

    async with services(settings, config) as given:
        return await checked(config, settings, given)
