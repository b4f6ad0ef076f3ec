"""The one thread that writes. Everything waiting goes into one transaction; callers go on after its COMMIT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import structlog

from agent.store.connection import Connection, Job, Link, Outcome
from agent.store.errors import StoreError

T = TypeVar("T")
Waiting = list[tuple[Job, "asyncio.Future[Any]"]]

log = structlog.get_logger()


class Writer:
    """Runs jobs in the order they were submitted, each whole or not at all.

    `undo` is called after a rollback, for what jobs keep in memory. `transactions` counts those committed.
    """

    def __init__(self, link: Link, undo: Callable[[], None]) -> None:
        self.transactions = 0
        self._link = link
        self._undo = undo
        self._loop = asyncio.get_running_loop()
        self._waiting: Waiting = []
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._closed = False
        self._said = ""  # of the failure that was said last, until something could be written
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Connection], T]) -> T:
        """The job's result, after its transaction was committed.

        Raises what the job raises, StoreUnavailable if the database can't take it now, StoreError if it never will.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._waiting:
            self._loop.call_soon(self._flush)  # the others of this turn of the loop still join it
        self._waiting.append((job, future))
        return await future

    async def close(self) -> None:
        """Writes what is waiting, then ends."""
        self._closed = True
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._link.close)

    def _flush(self) -> None:
        if self._waiting:
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

    def _transaction(self, group: Waiting) -> list[Outcome]:
        try:
            outcomes = self._link.transaction([job for job, _ in group], self._undo)
        except Exception as failure:  # every caller of the group is told
            if str(failure) != self._said:  # it is tried again every few seconds, for as long as it takes
                log.error("store.failed", error=str(failure), commits=len(group))  # noqa: TRY400 - told in plain words
            self._said = str(failure)
            return [(None, failure)] * len(group)
        self._said = ""
        self.transactions += 1
        return outcomes

    def _answer(self, group: Waiting, outcomes: list[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(_tell, group, outcomes)
        except RuntimeError:  # the loop ended without closing the store; nobody is waiting any more
            log.warning("store.unheard", commits=len(group))


def _tell(group: Waiting, outcomes: list[Outcome]) -> None:
    for (_, future), (result, error) in zip(group, outcomes, strict=True):
        if future.done():  # the caller was cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
