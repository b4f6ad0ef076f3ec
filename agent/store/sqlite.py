"""The SQLite file: where it is, who holds it, whether it is ours, and what its errors mean."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from agent.store.connection import Value
from agent.store.errors import StoreAway, StoreDamaged, StoreError, StoreInUse, StoreUnavailable
from agent.store.revisions import NEWEST, revision_among

BUSY_SECONDS = 5.0
_TRANSIENT = {
    sqlite3.SQLITE_BUSY: "another program has locked it",
    sqlite3.SQLITE_LOCKED: "another program has locked it",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an input/output error",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
    sqlite3.SQLITE_PROTOCOL: "another program has locked it",
}
_FOR_GOOD = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}  # as far as anybody can know who starts
_SHARED_BYTES = (510, 0x40000000 + 2)
"""How many, and where, SQLite locks for all who have a file open (https://www.sqlite.org/fileformat2.html#lockbyte)."""
PUT = (
    "INSERT INTO readings (series_id, time, value) VALUES (?, ?, ?) ON CONFLICT (series_id, time) "
    "DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value"  # what did not change is not written
)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteConnection(sqlite3.Connection):
    """The driver's connection, and what SQLite says in its own way (`agent.store.connection.Connection`)."""

    def values(self, sql: str, parameters: Sequence[int]) -> Iterable[Value]:
        """Plain tuples take half the time of rows with names."""
        cursor = self.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters)

    def series(self, keys: Sequence[tuple[str, str]]) -> list[int]:
        """One after another."""
        return [self._series(key) for key in keys]

    def _series(self, key: tuple[str, str]) -> int:
        row = self.execute("SELECT id FROM series WHERE name = ? AND labels = ?", key).fetchone()
        if row is None:
            row = self.execute("INSERT INTO series (name, labels) VALUES (?, ?) RETURNING id", key).fetchone()
        return int(row[0])

    def put(self, readings: list[tuple[int, int, float | None]]) -> None:
        """One after another: the statement is prepared once."""
        self.executemany(PUT, readings)

    def extremes(self, span: tuple[int, int, int], width: int) -> Iterable[tuple[int, float]]:
        """SQLite takes the other columns from the row that has the minimum or maximum."""
        for pick in ("min", "max"):
            sql = (
                f"SELECT time, {pick}(value) FROM readings WHERE series_id = ? AND time >= ? AND time < ? "
                "AND value IS NOT NULL GROUP BY (time - ?) / ?"
            )
            yield from ((row[0], row[1]) for row in self.execute(sql, (*span, span[1], width)))

    def shards(self) -> dict[int, int]:
        """There is one writer."""
        return dict(self.execute("SELECT shard, version FROM shards").fetchall())

    def shrink(self) -> None:
        """Else the pages that were read stay in the cache."""
        self.execute("PRAGMA shrink_memory")


def path_of(url: str) -> Path:
    """The file of a URL `sqlite:///relative` or `sqlite:////absolute`. Raises StoreError if it names none.

    Of a link it is what it leads to: by two names two daemons would each have a lock of their own.
    """
    rest = url.partition("://")[2]
    name = unquote(rest[1:].partition("?")[0])
    if not rest.startswith("/") or name in {"", ":memory:"}:
        raise StoreError("the database has to be a file, for example sqlite:///setpoint.db")
    return Path(os.path.realpath(name))


def connect(path: Path, *, write: bool) -> SqliteConnection:
    """A connection in autocommit mode. Raises StoreError in plain words."""
    mode = "rwc" if write else "ro"
    if not write and _at_rest(path) and not os.access(path.parent, os.W_OK):
        mode += "&immutable=1"  # else a reader has to write the index of the log beside it
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            factory=SqliteConnection,
        )
    except sqlite3.Error as error:
        raise explain(error, path) from error
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA cache_size = {-16000 if write else -2000}")  # KiB; readers read ranges, once
        if write:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 67108864")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    return connection


def _at_rest(path: Path) -> bool:
    """Whether no daemon has it open, and none was killed."""
    return not log_of(path).exists()


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error in plain words; StoreUnavailable where trying again can help."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_IOERR and disk_is_full(path):  # SQLite says so of the index of its log
        primary = sqlite3.SQLITE_FULL
    if primary in _TRANSIENT:
        kind = StoreUnavailable if primary in _FOR_GOOD else StoreAway
        return kind(f"the database {path} can't be used now: {_TRANSIENT[primary]}")
    if primary in _BROKEN:
        words = f"{path} is not a database or is damaged ({error}); restore a backup or choose another file"
        return StoreDamaged(words)  # a daemon that runs stays up: it can still look, and tell of it
    return StoreError(f"the database {path} does not work: {error}")


def disk_is_full(path: Path) -> bool:
    """Whether nothing more can be written beside it."""
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


class Lock:
    """The claim of one daemon on one database: an exclusive lock on `<database>.lock`, gone with the process."""

    def __init__(self, path: Path, now: int) -> None:
        """Takes it. Raises StoreInUse, or StoreError if the file can't be written."""
        name = path.with_name(path.name + ".lock")
        try:
            self._file = name.open("ab+", buffering=0)
        except OSError as error:
            raise StoreError(f"can't write beside the database {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.readline().decode(errors="replace").strip()
            self._file.close()
            raise _in_use(path, holder) from None
        except OSError as error:
            self._file.close()
            raise StoreError(f"can't lock {name}: {error.strerror}; the database needs a local disk") from error
        if _open_by_another_name(path):
            self._file.close()
            raise StoreInUse(
                f"the file of the database {path} has several names (hard links), and another process has it open; "
                "each name has a log of its own, which would damage it: stop that one, or remove the other names",
                None,
            )
        with suppress(OSError):  # the name is for people: on a full disk the lock holds without it
            self._file.truncate(0)
            self._file.write(
                f"{os.getpid()} since {datetime.fromtimestamp(now // 1_000_000, UTC).isoformat()}\n".encode()
            )

    def release(self) -> None:
        """Lets go; the file stays, because removing it would let two daemons lock two files."""
        self._file.close()


def _open_by_another_name(path: Path) -> bool:
    """Whether a file with hard links is open in another process, whose lock of ours may be beside another name.

    Every connection with a write-ahead log has SQLite's shared lock as long as it is open. To be asked before this
    process opens the file: closing it here would drop the locks of its connections. Source: os_unix.c of SQLite.
    """
    try:
        with path.open("rb+") as file:
            if os.fstat(file.fileno()).st_nlink > 1:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, *_SHARED_BYTES)
    except BlockingIOError:
        return True
    except OSError:  # what else is wrong with it is found out when it is opened
        pass
    return False


def _in_use(path: Path, holder: str) -> StoreInUse:
    first = holder.partition(" ")[0]
    pid = int(first) if first.isdigit() else None
    return StoreInUse(
        f"the database {path} is in use by another daemon (process {holder or 'unknown'}); "
        "stop that one, or set SETPOINT_DATABASE_URL to another file",
        pid,
    )


def revision_of(connection: sqlite3.Connection, path: Path) -> str | None:
    """The revision of the schema in the file; None if it is empty. Raises StoreError if it is not one of ours."""
    try:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = "alembic_version" in names
        versions = [row[0] for row in connection.execute("SELECT version_num FROM alembic_version")] if ours else []
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return revision_among(names, versions, str(path))


def prepare(path: Path) -> SqliteConnection:
    """The writing connection, after creating or migrating the schema where that is needed. Raises StoreError."""
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} does not exist; create it, or set SETPOINT_DATABASE_URL")
    connection = connect(path, write=True)
    try:
        if revision_of(connection, path) != NEWEST:
            from agent.store.migrate import upgrade

            upgrade(lambda: connect(path, write=True))
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def look(path: Path) -> SqliteConnection:
    """A reading connection to a database that has to be there and up to date. Raises StoreError."""
    if not path.is_file():
        raise StoreError(f"there is no database {path} yet; `setpoint run` creates it")
    connection = connect(path, write=False)
    try:
        revision = revision_of(connection, path)
    except StoreError:
        connection.close()
        raise
    if revision != NEWEST:
        connection.close()
        raise StoreError(f"{path} has an older schema; start `setpoint run` once to bring it up to date")
    return connection
