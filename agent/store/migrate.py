"""Brings a database to the newest schema. The only module that loads Alembic; imported when there is work to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connect: Callable[[], sqlite3.Connection], revision: str = "head") -> None:
    """Migrates in one transaction: a process killed on the way leaves the schema it found.

    `connect` has to give connections in autocommit mode (`isolation_level=None`). Raises sqlite3.Error.
    """
    try:
        _upgrade(connect, revision)
    except sqlalchemy.exc.DBAPIError as error:
        raise (error.orig if isinstance(error.orig, sqlite3.Error) else error) from error


def _upgrade(connect: Callable[[], sqlite3.Connection], revision: str) -> None:
    engine = sqlalchemy.create_engine("sqlite://", creator=connect, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        # By hand: the driver opens no transaction for statements that change the schema.
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        try:
            _run(connection, revision)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


async def upgrade_postgres(connect: Callable[[], Awaitable[Any]], revision: str = "head") -> None:
    """Migrates in one transaction; `connect` has to give connections of asyncpg. Raises asyncpg's errors."""
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sqlalchemy.NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, revision)
    except sqlalchemy.exc.DBAPIError as error:
        raise getattr(error.orig, "__cause__", None) or error from error


def _run(connection: sqlalchemy.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
