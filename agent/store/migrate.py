"""Brings a database to the newest schema. The only module that loads Alembic; imported when there is work to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

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
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect() as connection:
        # By hand: the driver opens no transaction for statements that change the schema.
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
