"""Completes names of targets, sources and receivers in the shell."""

from __future__ import annotations

from collections.abc import Callable

import click


def complete(section: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Completion from the configuration's `targets`, `sources` or `receivers`; none where it can't be read."""

    def names(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from agent.cli.options import environment, settings_of
        from agent.config.errors import ConfigErrors
        from agent.config.load import load

        try:
            path = settings_of(config=ctx.params.get("config")).config
            found = getattr(load(path, environment()), section)
        except (click.ClickException, ConfigErrors):  # what is wrong is said by the command, not while typing
            return []
        return [name for name in found if name.startswith(begun)]

    return names
