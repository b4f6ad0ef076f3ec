"""`setpoint demo`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo", short_help="Show the main job in under a minute.")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C, and print the addresses.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for what was posted and drawn.",
)
def command(keep: bool, output: Path) -> None:
    """Run the daemon against servers on this machine: a website's traffic falls behind its goal and is told to a Slack,
    and a room leaves its band, is corrected and verified. Nothing leaves this machine.

    \b
    Examples:
      setpoint demo
      setpoint demo --keep --output /tmp/demo
    """
    from agent.demo.story import main

    raise click.exceptions.Exit(main(keep, output))
