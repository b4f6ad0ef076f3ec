"""`setpoint run`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NoReturn

import click

from agent.cli.options import (
    Failed,
    Unusable,
    config_option,
    database_option,
    environment,
    listen_option,
    print_lines,
    settings_of,
)

if TYPE_CHECKING:
    from agent.settings import Settings


@click.command("run", short_help="Run the daemon until it is told to stop.")
@config_option
@database_option
@listen_option
def command(**given: str | None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; it then finishes what it is sending and exits with 0.

    It reads its configuration again on SIGHUP, on POST /-/reload and when a file changes. A configuration that can't be
    used, a database that is damaged or that another daemon has, or an address that is taken: exit status 2. A database
    that is away, locked or full is waited for.

    \b
    Examples:
      setpoint run
      setpoint run --config /etc/setpoint --listen 127.0.0.1:9000
      SETPOINT_API_KEY=... setpoint run --listen 0.0.0.0:8080
    """
    signal.signal(signal.SIGTERM, _stop)  # what is imported from here on takes a while
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # would end it; what it asks for is still to be read anyway
    settings = settings_of(**given)
    _configure_logs(settings)
    _run(settings)


def _stop(_number: int, _frame: Any) -> NoReturn:
    raise SystemExit(0)


def _configure_logs(settings: Settings) -> None:
    from agent import log

    log.configure(settings.log_format, settings.log_level, settings.secrets)


def _run(settings: Settings) -> None:
    import asyncio

    from agent.config.errors import ConfigErrors
    from agent.store.errors import Fenced, StoreError
    from agent.web.exposure import ServeError, check_exposure

    if problem := check_exposure(settings):  # before anything is read or sent
        raise Unusable(problem)
    try:
        asyncio.run(_daemon(settings))
    except asyncio.CancelledError:
        return  # told to stop while it started
    except ConfigErrors as refused:
        print_lines(refused.errors, err=True)
        raise click.exceptions.Exit(2) from None
    except Fenced as lost:
        raise Failed(str(lost)) from None
    except (StoreError, ServeError) as error:
        raise Unusable(str(error)) from None


async def _daemon(settings: Settings) -> None:
    import asyncio

    from agent import process

    if task := asyncio.current_task():
        for number in (signal.SIGTERM, signal.SIGINT):  # until the daemon has started and sets its own
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await process.run(settings, environment())
