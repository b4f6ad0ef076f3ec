"""SQLite behind the store: one connection, and its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from agent.store.connection import Job, Link, Outcome
from agent.store.errors import StoreDamaged, StoreError, StoreUnavailable
from agent.store.revisions import NEWEST
from agent.store.sqlite import Lock, SqliteConnection, connect, explain, log_of, look, path_of, prepare

if TYPE_CHECKING:
    from agent.store.ends import End

T = TypeVar("T")
log = structlog.get_logger()


class SqliteFile:
    """The database in a file (`agent.store.connection.Database`)."""

    def __init__(self, url: str) -> None:
        """Raises StoreError if the address names no file."""
        self.path = path_of(url)
        self.damage = ""

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def folder(self) -> Path | None:
        """Where the file is, with its log beside it."""
        return self.path.parent

    def take(self, now: int) -> Link:
        """Locks the file, creates it and migrates it."""
        lock = Lock(self.path, now)
        try:
            return SqliteLink(self, prepare(self.path), lock)
        except BaseException:
            lock.release()
            raise

    def reader(self) -> Link:
        """A connection that can't write."""
        return SqliteLink(self, connect(self.path, write=False))

    def migrate(self, now: int) -> tuple[str | None, str]:
        """As a daemon does when it starts."""
        with closing(self.end(now)) as end:
            before = end.revision()
            prepare(self.path).close()
        return before, NEWEST

    def end(self, now: int | None) -> End:
        """The file need not be there."""
        from agent.store.ends import FileEnd

        return FileEnd(self.path, now)

    def check(self) -> None:
        """Creates nothing."""
        look(self.path).close()


class SqliteLink:
    """One connection to the file; the one that writes holds the lock."""

    def __init__(self, database: SqliteFile, connection: SqliteConnection, lock: Lock | None = None) -> None:
        self._database = database
        self._path = path = database.path
        self._connection = connection
        self._lock = lock
        self._file = _identity(path)
        self._log: tuple[int, int] | None = None  # there once something was committed
        self._given_up = False

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Each statement sees what is committed then."""
        try:
            return question(self._connection, *args)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def transaction(self, jobs: Sequence[Job], undo: Callable[[], None]) -> list[Outcome]:
        """All together; where one of them fails, again, each with a savepoint: a journal of its own, often a file."""
        try:
            return self._committed(jobs, lambda job: (job(self._connection), None), undo)
        except StoreUnavailable:
            raise
        except Exception:  # what it was is found out again
            return self._committed(jobs, lambda job: self._one(job, undo), undo)

    def _committed(self, jobs: Sequence[Job], run: Callable[[Job], Outcome], undo: Callable[[], None]) -> list[Outcome]:
        self._find()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [run(job) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as error:
            undo()
            self._roll_back()
            raise self._explained(error) from error
        self._look_after_log()
        return outcomes

    def close(self) -> None:
        """The lock goes last."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def _find(self) -> None:
        """Raises StoreUnavailable if another file has its name: what is written would be gone with the process."""
        if _identity(self._path) != self._file:
            raise StoreUnavailable(
                f"the database {self._path} can't be used now: its file was removed or replaced while it is in use; "
                "put it back, or start anew with what is there"
            )
        if self._given_up:
            self._connection = connect(self._path, write=True)
            self._given_up = False

    def _look_after_log(self) -> None:
        """A log without its name is gone with the process: what it holds goes into the file at each commit then."""
        found = _identity(log_of(self._path))
        if self._log is None:
            self._log = found
        elif found != self._log:
            self._database.damage = (
                f"the log (-wal) of the database {self._path} was removed or replaced while it is in use; "
                "nothing is lost, start the daemon anew"
            )
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint")

    def _one(self, job: Job, undo: Callable[[], None]) -> Outcome:
        """Runs a job in a savepoint, so that its failure is its own."""
        self._connection.execute("SAVEPOINT job")
        try:
            result = job(self._connection)
        except Exception as error:  # the caller is told
            if not self._connection.in_transaction:
                raise  # SQLite gave up the whole transaction
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            undo()
            return None, self._explained(error)
        self._connection.execute("RELEASE job")
        return result, None

    def _explained(self, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.Error):
            return error
        found = explain(error, self._path)
        if isinstance(found, StoreDamaged):
            self._database.damage = str(found)
        return found

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._reopen()

    def _reopen(self) -> None:
        """A connection that can't even roll back is given up; closing it rolls back. Made anew now, or when asked."""
        self._connection.close()
        self._log = None
        self._given_up = True
        try:
            self._find()
        except StoreError as error:
            log.error("store.failed", error=str(error), commits=0)  # noqa: TRY400


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
