"""`setpoint completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Print the shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options and the names in your configuration.

    \b
    bash:  echo 'eval "$(setpoint completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(setpoint completion zsh)"' >> ~/.zshrc
    fish:  setpoint completion fish > ~/.config/fish/completions/setpoint.fish
    """
    script = get_completion_class(shell)
    assert script is not None, shell  # noqa: S101 - click has all three
    click.echo(script(ctx.find_root().command, {}, "setpoint", "_SETPOINT_COMPLETE").source())
