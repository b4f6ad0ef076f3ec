"""What several commands share: options, settings, the ways to end with an error, printing."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from agent.config.configuration import Configuration
    from agent.settings import Settings


config_option = click.option(
    "--config", metavar="PATH", help="Configuration file or directory.  [env: SETPOINT_CONFIG]"
)
database_option = click.option("--database-url", metavar="URL", help="The database.  [env: SETPOINT_DATABASE_URL]")
listen_option = click.option("--listen", metavar="HOST:PORT", help="The daemon's address.  [env: SETPOINT_LISTEN]")
url_option = click.option("--url", metavar="URL", help="The running daemon, if it is not at --listen.")
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


_Command = TypeVar("_Command", bound=Callable[..., Any])


def acting(command: _Command) -> _Command:
    """The options of a command by which a person acts: why, who, which daemon, and JSON."""
    note = click.option("--note", default="", metavar="TEXT", help="Why; others see it.")
    by = click.option("--by", metavar="NAME", help="Who does it.  [default: your user name]")
    for option in (json_option, url_option, listen_option, by, note):  # help lists the last one first
        command = option(command)
    return command


def user() -> str:
    """The name of who is at the keyboard."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        return "command line"


class Failed(click.ClickException):
    """What was asked could not be done."""

    exit_code = 1


class Unusable(click.ClickException):
    """Wrong usage or configuration."""

    exit_code = 2


def settings_of(**given: Any) -> Settings:
    """The process settings; what is given comes first. Raises Unusable."""
    from agent.environment import SettingsError
    from agent.settings import read_settings

    try:
        return read_settings(**given)
    except SettingsError as error:
        raise Unusable("; ".join(error.problems)) from None


def environment() -> dict[str, str]:
    """What variables in a configuration mean. Raises Unusable."""
    from agent import environment

    try:
        return environment.environment()
    except environment.SettingsError as error:
        raise Unusable("; ".join(error.problems)) from None


def configuration(settings: Settings) -> Configuration:
    """The configuration. Prints every mistake and exits with 2 if it can't be used."""
    from agent.config.errors import ConfigErrors
    from agent.config.load import load

    try:
        return load(settings.config, environment())
    except ConfigErrors as refused:
        print_lines(refused.errors, err=True)
        raise click.exceptions.Exit(2) from None


def unknown(what: str, name: str, known: Iterable[str]) -> Unusable:
    """The error that there is no such target, source or receiver, with the nearest name or those there are."""
    from agent.config.errors import choices, near

    names = list(known)
    hint = near(name, names) or (f"there are {choices(names)}" if names else f"there is no {what} at all")
    return Unusable(f"there is no {what} {name!r}; {hint}")


def configure_logs(settings: Settings, secrets: Iterable[str] = ()) -> None:
    """Keeps what a command prints free of all logs but warnings, which go to standard error."""
    from agent import log

    log.configure(settings.log_format, "warning", [*settings.secrets, *secrets])


def print_lines(lines: Iterable[object], *, err: bool = False) -> None:
    """One line for each, written at once."""
    text = "\n".join(str(line) for line in lines)
    if text:
        click.echo(text, err=err)


def print_json(value: Any) -> None:
    """JSON for machines, indented for the people who read it after all."""
    utf8 = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, indent=2, ensure_ascii=not utf8))
