"""`setpoint db`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import Failed, Unusable, database_option, settings_of

if TYPE_CHECKING:
    from agent.store.transfer import Begin


@click.group("db", short_help="Migrate the database, back it up, restore it, move it.")
def command() -> None:
    """Look after the database: an SQLite file, or one on a PostgreSQL server.

    All but `backup` refuse while a daemon uses it.
    """


@command.command("migrate", short_help="Bring the schema up to date.")
@database_option
def migrate(database_url: str | None) -> None:
    """Bring the schema of the database up to date, in one transaction.

    A daemon does so itself with an SQLite file. On PostgreSQL it asks for this, so that there is a moment for a backup.
    """
    from agent.clock import Clock
    from agent.store.databases import database_of

    with _plainly():
        before, after = database_of(_url(database_url)).migrate(Clock().now())
    click.echo(
        f"The schema is up to date ({after})" if before == after else f"Migrated from {before or 'nothing'} to {after}"
    )


@command.command("backup", short_help="Copy the database into a file, also while a daemon runs.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@database_option
def backup(file: Path, database_url: str | None) -> None:
    """Copy the database, as it is at one moment, into FILE: an SQLite database, also of one on PostgreSQL.

    It holds everything, the keys that sign links too. `setpoint db restore` reads it into either kind of database.

    \b
    Examples:
      setpoint db backup /backups/setpoint-$(date +%F).db
    """
    from agent.store.transfer import back_up

    with _plainly(), _progress("Copying") as begin:
        back_up(_url(database_url), file, begin)
    click.echo(f"Wrote {file}, {file.stat().st_size:,} bytes")


@command.command("restore", short_help="Copy a backup into an empty database.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "database_url", metavar="URL", help="The empty database.  [env: SETPOINT_DATABASE_URL]")
def restore(file: Path, database_url: str | None) -> None:
    """Copy the backup FILE into a database that is empty or not there yet. One of an older version is migrated.

    \b
    Examples:
      setpoint db restore /backups/setpoint-2026-03-01.db
    """
    from agent.clock import Clock
    from agent.store.transfer import restore as put_back

    with _plainly(), _progress("Restoring") as begin:
        rows = put_back(file, _url(database_url), Clock().now(), begin)
    click.echo(f"Restored {rows:,} rows; each arrived as it was")


@command.command("move", short_help="Copy everything from one database to another.")
@click.option("--from", "source", required=True, metavar="URL", help="The database so far. It stays as it is.")
@click.option("--to", "target", required=True, metavar="URL", help="An empty database, or a file not there yet.")
def move(source: str, target: str) -> None:
    """Copy everything from one database to another one, from SQLite to PostgreSQL or back.

    What arrived is counted and compared before it counts; if anything fails on the way the target stays empty. Then set
    SETPOINT_DATABASE_URL to the new one.

    \b
    Examples:
      setpoint db move --from sqlite:///setpoint.db --to postgresql://setpoint:secret@db/setpoint
    """
    from agent.clock import Clock
    from agent.store.transfer import move as copy

    with _plainly(), _progress("Moving") as begin:
        rows = copy(_url(source), _url(target), Clock().now(), begin)
    click.echo(f"Moved {rows:,} rows; each arrived as it was")


def _url(given: str | None) -> str:
    return settings_of(database_url=given).database_url


@contextmanager
def _plainly() -> Iterator[None]:
    """A database that can't be used now is a failure; anything else is a mistake of who asked."""
    from agent.store.errors import StoreError, StoreUnavailable

    try:
        yield
    except StoreUnavailable as error:
        raise Failed(str(error)) from None
    except StoreError as error:
        raise Unusable(str(error)) from None


@contextmanager
def _progress(label: str) -> Iterator[Begin]:
    """A bar on a terminal, nothing elsewhere."""
    with ExitStack() as stack:

        def begin(steps: int) -> Callable[[int], object]:
            if not sys.stderr.isatty():
                return lambda _done: None
            bar = stack.enter_context(click.progressbar(range(steps), label=label, file=sys.stderr))
            return bar.update

        yield begin
