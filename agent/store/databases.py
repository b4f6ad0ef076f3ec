"""Which database an address means."""

from __future__ import annotations

from agent.store.connection import Database
from agent.store.errors import StoreError


def is_postgres(url: str) -> bool:
    """Whether it is the address of a PostgreSQL database."""
    return url.partition("://")[0].partition("+")[0] in {"postgresql", "postgres"}


def database_of(url: str) -> Database:
    """The database of an address; nothing is opened. Raises StoreError."""
    if is_postgres(url):
        from agent.store.postgres import PostgresDatabase

        return PostgresDatabase(url)
    if not url.startswith("sqlite://"):
        raise StoreError("SETPOINT_DATABASE_URL has to begin with sqlite:/// or postgresql://")
    from agent.store.sqlite_link import SqliteFile

    return SqliteFile(url)
