"""The one thread that writes. Everything waiting goes into one transaction; callers go on after its COMMIT."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import structlog

from agent.store.errors import StoreError
from agent.store.sqlite import connect, explain

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
Waiting = list[tuple[Job, "asyncio.Future[Any]"]]

GATHER_SECONDS = 0.01
"""Under load, groups are at least this far apart: a commit to disk costs as much as deciding on many readings."""

log = structlog.get_logger()


class Writer:
    """Runs jobs in the order they were submitted, each whole or not at all.

    `undo` is called after a rollback, for what jobs keep in memory. `transactions` counts those committed.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, undo: Callable[[], None]) -> None:
        self.transactions = 0
        self._path = path
        self._connection = connection
        self._undo = undo
        self._loop = asyncio.get_running_loop()
        self._waiting: Waiting = []
        self._last_flush = 0.0
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._closed = False
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T], *, soon: bool = False) -> T:
        """The job's result, after its transaction was committed. `soon`: somebody waits, so it gathers no others.

        Raises what the job raises, StoreUnavailable if the database can't take it now, StoreError if it never will.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if soon or not self._waiting:
            wait = 0.0 if soon else self._last_flush + GATHER_SECONDS - self._loop.time()
            # Alone, a job starts at once; the others of this turn of the loop still join it.
            self._loop.call_later(wait, self._flush) if wait > 0 else self._loop.call_soon(self._flush)
        self._waiting.append((job, future))
        return await future

    async def close(self) -> None:
        """Writes what is waiting, then ends."""
        self._closed = True
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _flush(self) -> None:
        if self._waiting:
            self._last_flush = self._loop.time()
            self._queue.put(self._waiting)
            self._waiting = []

    def _run(self) -> None:
        while (group := self._queue.get()) is not None:
            more = True
            while more:
                try:
                    also = self._queue.get_nowait()
                except Empty:
                    break
                if also is None:
                    self._queue.put(None)
                    break
                group += also
            self._answer(group, self._transaction(group))

    def _transaction(self, group: Waiting) -> list[tuple[Any, Exception | None]]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._one(job) for job, _ in group]
            self._connection.execute("COMMIT")
        except Exception as error:  # every caller of the group is told
            failure = self._explain(error)
            log.error("store.failed", error=str(failure), commits=len(group))  # noqa: TRY400 - told in plain words
            self._roll_back()
            return [(None, failure)] * len(group)
        self.transactions += 1
        return outcomes

    def _one(self, job: Job) -> tuple[Any, Exception | None]:
        """Runs a job in a savepoint, so that its failure is its own."""
        self._connection.execute("SAVEPOINT job")
        try:
            result = job(self._connection)
        except Exception as error:  # the caller is told
            if not self._connection.in_transaction:
                raise  # SQLite gave up the whole transaction
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            self._undo()
            return None, self._explain(error)
        self._connection.execute("RELEASE job")
        return result, None

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
            return explain(error, self._path)
        return error

    def _roll_back(self) -> None:
        self._undo()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._reopen()

    def _reopen(self) -> None:
        """A connection that can't even roll back is given up; closing it rolls back."""
        self._connection.close()
        try:
            self._connection = connect(self._path, write=True)
        except StoreError as error:
            log.error("store.failed", error=str(error), commits=0)  # noqa: TRY400

    def _answer(self, group: Waiting, outcomes: list[tuple[Any, Exception | None]]) -> None:
        try:
            self._loop.call_soon_threadsafe(_tell, group, outcomes)
        except RuntimeError:  # the loop ended without closing the store; nobody is waiting any more
            log.warning("store.unheard", commits=len(group))


def _tell(group: Waiting, outcomes: list[tuple[Any, Exception | None]]) -> None:
    for (_, future), (result, error) in zip(group, outcomes, strict=True):
        if future.done():  # the caller was cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
