"""The command `setpoint`. Every subcommand is imported when it is called, so that `--help` answers at once."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click

from agent import __version__

COMMANDS = {
    "run": "Run the daemon until it is told to stop.",
    "check": "Check the configuration and say what was understood.",
    "test": "Test targets by files of readings and expectations.",
    "backtest": "Replay the past: how often would each alert have fired?",
    "schema": "Print the JSON Schema of the configuration.",
    "init": "Write a first configuration that runs.",
    "status": "Show how targets, alerts and sources stand.",
    "explain": "Say why a target stands where it stands, and what comes next.",
    "report": "Make a report now: show it, write it to a file, or send it.",
    "poll": "Read a source now and show its readings.",
    "push": "Send readings to the running daemon.",
    "ack": "Acknowledge an open alert.",
    "silence": "Add, list and expire silences.",
    "approve": "Approve a correction that waits for a person.",
    "reject": "Reject a correction that waits for a person.",
    "corrections": "Show corrections; switch all of them off and on.",
    "run-action": "Call an action for an open alert.",
    "audit": "Show who did what, and why.",
    "send-test": "Send a test notice to a receiver.",
    "db": "Migrate the database, back it up, restore it, move it.",
    "slack": "Set up the Slack app, and check it.",
    "demo": "Show the main job in under a minute.",
    "completion": "Print the shell's completion script.",
    "version": "Print the version.",
}
"""What there is, with its line of help; `agent.cli.<name>` (with _ for -) has it as `command`."""

_CONTEXT = {"help_option_names": ["-h", "--help"]}


class Commands(click.Group):
    """Knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are met, not that of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"agent.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Offers the nearest command where there is none of the name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from agent.config.errors import near

            hint = near(name, COMMANDS)
            ctx.fail(f"there is no command {name!r}" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.option("--config", metavar="PATH", help="Configuration file or directory.  [env: SETPOINT_CONFIG]")
@click.option("--database-url", metavar="URL", help="Where to remember.  [env: SETPOINT_DATABASE_URL]")
@click.option("--listen", metavar="HOST:PORT", help="Where the daemon listens.  [env: SETPOINT_LISTEN]")
@click.option("--url", metavar="URL", help="The running daemon to ask, if it is not at --listen.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **given: str | None) -> None:
    """Setpoint keeps numbers on target.

    It reads your numbers where they live, says early and in plain words when one is off target, makes the corrective
    call and checks that the number came back.

    \b
    Begin with:
      setpoint init       write a configuration that runs
      setpoint check      see what was understood
      setpoint run        start the daemon
      setpoint status     see how every target stands

    The options here may also be given after the command. Exit status: 0 fine, 1 findings, 2 usage or configuration.
    """
    values = {name: value for name, value in given.items() if value is not None}
    name = ctx.invoked_subcommand
    if values and name and (command := cli.get_command(ctx, name)):
        known = {parameter.name for parameter in command.params}
        for option in values.keys() - known:
            ctx.fail(f"--{option.replace('_', '-')} means nothing to {name}")
        ctx.default_map = {name: values}


def main() -> None:
    """Runs the command of this process's arguments and exits."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        cli.main(prog_name="setpoint")
    except OSError as error:
        _end(error)


def _end(error: OSError) -> None:
    """Says what the operating system refused, if it can still be said."""
    silence: Any = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stands in for a stream to the end
    if error.errno in {errno.ENOSPC, errno.EIO, errno.EBADF}:
        sys.stdout = silence
    print(f"Error: {error.strerror or error}", file=sys.stderr)  # noqa: T201
    sys.exit(1)
