"""The two ends of a copy: what is read in one snapshot here is written in one transaction there."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from agent.store.errors import StoreUnavailable
from agent.store.revisions import NEWEST
from agent.store.sqlite import Lock, connect, explain, revision_of

if TYPE_CHECKING:
    from agent.store.postgres import PostgresDatabase
    from agent.store.postgres_connection import PostgresConnection

T = TypeVar("T")
Row = tuple[Any, ...]


PATIENCE = 24 * 3600.0  # seconds: a question about a whole table takes its time
_SEQUENCE = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"
_FILE_COLUMNS = (
    "SELECT m.name, c.name, c.pk FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
    "WHERE m.type = 'table' AND m.name NOT IN ('alembic_version', 'sqlite_sequence') ORDER BY m.name, c.cid"
)
_SERVER_COLUMNS = (
    "SELECT t.relname, c.attname, 1 + coalesce(array_position(CAST(k.indkey AS smallint[]), c.attnum), -1) "
    "FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped "
    "JOIN pg_index AS k ON k.indrelid = t.oid AND k.indisprimary "
    "WHERE t.relnamespace = to_regnamespace(quote_ident(current_schema())) AND t.relkind = 'r' "
    "AND t.relname <> 'alembic_version' ORDER BY t.relname, c.attnum"
)


class Columns(NamedTuple):
    """A table: its columns, and those of its key."""

    table: str
    names: tuple[str, ...]
    key: tuple[str, ...]


class End(Protocol):
    """One database of a copy. Every method raises StoreError."""

    place: str

    def revision(self) -> str | None:
        """That of its schema; None if it is empty."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a question gives, always of the same snapshot."""

    def empty(self) -> bool:
        """Whether it holds nothing: no tables, or no rows in them."""

    def layout(self) -> list[Columns]:
        """The tables."""

    def build(self) -> None:
        """Makes the schema in an empty database, then begins the transaction that `put` writes in."""

    def put(self, columns: Columns, rows: list[Row]) -> None:
        """Writes rows of one table, whose cells are in the order of `columns`."""

    def numbers(self) -> dict[str, int]:
        """The highest number that was given in each numbered table, also to rows that are gone."""

    def number_on(self, numbers: Mapping[str, int]) -> None:
        """Goes on from those."""

    def keep(self) -> None:
        """Commits what was written."""

    def close(self) -> None:
        """Lets go of it; what was not kept is not there."""


class FileEnd:
    """An SQLite file. What is written is a file beside it until it is kept."""

    def __init__(self, path: Path, now: int | None, revision: str = NEWEST) -> None:
        """With a time it is locked, as a daemon would. Raises StoreInUse, StoreError."""
        path = path.absolute()
        self.place = str(path)
        self._path = path
        self._revision = revision
        self._partial = path.with_name(path.name + ".partial")
        self._lock = None if now is None else Lock(path, now)
        self._tidy = now is not None  # who may write leaves no log beside the file
        self._connection: sqlite3.Connection | None = None
        self._writing: sqlite3.Connection  # once it is built
        self._written = False

    def revision(self) -> str | None:
        """None if there is no file."""
        if not self._path.exists():
            return None
        with closing(connect(self._path, write=self._tidy)) as connection:
            return revision_of(connection, self._path)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """A transaction begins with the first question."""
        if self._connection is None:
            self._connection = connect(self._path, write=self._tidy)
            self._connection.execute("BEGIN")
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return self._said(lambda: cursor.execute(sql, parameters).fetchall())

    def empty(self) -> bool:
        """Asked on a connection of its own: what is written is another file."""
        if self.revision() is None:
            return True
        with closing(FileEnd(self._path, None)) as there:
            there._tidy = self._tidy
            return not any(there.rows(f"SELECT 1 FROM {one.table} LIMIT 1") for one in there.layout())

    def layout(self) -> list[Columns]:
        """As SQLite tells of them."""
        return _tables(self.rows(_FILE_COLUMNS))

    def build(self) -> None:
        """In a file of its own, of which nothing is left if it is not kept."""
        from agent.store.migrate import upgrade

        self._remove()
        self._written = True
        self._said(lambda: upgrade(lambda: connect(self._partial, write=True), self._revision))
        self._connection = self._writing = connect(self._partial, write=True)
        self._writing.execute("BEGIN IMMEDIATE")

    def put(self, columns: Columns, rows: list[Row]) -> None:
        """Row by row."""
        marks = ", ".join("?" * len(columns.names))
        sql = f"INSERT INTO {columns.table} ({_list(columns.names)}) VALUES ({marks})"
        self._said(lambda: self._writing.executemany(sql, rows))

    def numbers(self) -> dict[str, int]:
        """SQLite remembers them where numbers are never used twice; elsewhere it goes on from the highest there is."""
        keyed = [one.table for one in self.layout() if one.key == ("id",)]
        found = {table: self.rows(f"SELECT max(id) FROM {table}")[0][0] for table in keyed}
        found |= dict(self.rows("SELECT name, seq FROM sqlite_sequence"))
        return {table: number for table, number in found.items() if isinstance(number, int)}

    def number_on(self, numbers: Mapping[str, int]) -> None:
        """Where SQLite remembers them."""
        self._said(lambda: self._writing.execute("DELETE FROM sqlite_sequence"))
        for table, number in numbers.items():
            (text,) = self.rows("SELECT sql FROM sqlite_master WHERE name = ?", (table,))[0]
            if "AUTOINCREMENT" in text:
                self._said(lambda row=(table, number): self._writing.execute(_SEQUENCE, row))  # type: ignore[misc]

    def keep(self) -> None:
        """Gives the file its name."""
        self._said(lambda: self._writing.execute("COMMIT"))
        self._said(lambda: self._writing.execute("PRAGMA journal_mode = DELETE"))  # one file, whoever looks at it
        self._writing.close()
        self._connection = None
        self._partial.replace(self._path)
        self._written = False

    def close(self) -> None:
        """The lock goes last."""
        if self._connection is not None:
            self._connection.close()
        if self._written:
            self._remove()
        if self._lock is not None:
            self._lock.release()

    def _said(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def _remove(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._partial.with_name(self._partial.name + end).unlink(missing_ok=True)


class ServerEnd:
    """A PostgreSQL database, in one session."""

    def __init__(self, database: PostgresDatabase, *, locked: bool) -> None:
        """Locked, as a daemon would, or for reading. Raises StoreInUse, StoreError."""
        from agent.store.postgres_link import PostgresLink

        self.place = database.place
        self._link = PostgresLink(
            database, f"{os.getpid()} setpoint db on {socket.gethostname()}" if locked else None, PATIENCE
        )
        self._begun: PostgresConnection | None = None

    def revision(self) -> str | None:
        """None if there are no tables."""
        return self._link.revision()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """A transaction begins with the first question."""
        return self._ask(lambda connection: [tuple(row) for row in connection.execute(sql, parameters)])

    def empty(self) -> bool:
        """An older schema is not written to."""
        revision = self.revision()
        if revision not in {None, NEWEST}:
            return False
        return revision is None or not any(self.rows(f"SELECT 1 FROM {one.table} LIMIT 1") for one in self.layout())

    def layout(self) -> list[Columns]:
        """As the catalogue has them."""
        return _tables(self.rows(_SERVER_COLUMNS))

    def build(self) -> None:
        """Committed before what is written: without rows it is as good as empty."""
        if self.revision() is None:
            self._link.migrate()

    def put(self, columns: Columns, rows: list[Row]) -> None:
        """By COPY."""
        self._ask(lambda connection: connection.copy(columns.table, columns.names, rows))

    def numbers(self) -> dict[str, int]:
        """Those of the sequences."""
        found = self.rows(
            "SELECT t.relname, pg_sequence_last_value(s.oid) FROM pg_class AS s "
            "JOIN pg_depend AS d ON d.objid = s.oid AND d.deptype = 'a' JOIN pg_class AS t ON t.oid = d.refobjid "
            "WHERE s.relkind = 'S' AND s.relnamespace = to_regnamespace(quote_ident(current_schema()))"
        )
        return {str(table): int(number) for table, number in found if number is not None}

    def number_on(self, numbers: Mapping[str, int]) -> None:
        """Sets the sequences."""
        for table, number in numbers.items():
            self.rows("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", (table, number))

    def keep(self) -> None:
        """Commits."""
        self._ask(lambda connection: connection.command("COMMIT"))

    def close(self) -> None:
        """What was not committed, the server takes back."""
        self._link.close()

    def _ask(self, question: Callable[[PostgresConnection], T]) -> T:
        found: T = self._link.ask(self._in_transaction, question)
        return found

    def _in_transaction(self, connection: PostgresConnection, question: Callable[[PostgresConnection], T]) -> T:
        if self._begun is None:
            connection.command("BEGIN ISOLATION LEVEL REPEATABLE READ")
            self._begun = connection
        elif self._begun is not connection:  # a new session knows nothing of it
            raise StoreUnavailable(f"{self.place}: the connection was lost; nothing was changed")
        return question(connection)


def _tables(found: list[Row]) -> list[Columns]:
    """Tables of rows of (table, column, place in the key, 0 outside)."""
    tables: dict[str, list[tuple[str, int]]] = {}
    for table, name, place in found:
        tables.setdefault(table, []).append((name, place))
    return [
        Columns(
            table,
            tuple(name for name, _ in columns),
            tuple(name for name, place in sorted(columns, key=itemgetter(1)) if place),
        )
        for table, columns in tables.items()
    ]


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
