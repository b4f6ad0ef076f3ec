"""Reading connections in threads of their own, so that a long question blocks neither the loop nor the writer."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from agent.store.errors import StoreError
from agent.store.sqlite import connect, explain

T = TypeVar("T")
THREADS = 4


class Readers:
    """One connection for each thread, opened at its first question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="store-reader")
        self._closed = False

    async def run(self, question: Callable[..., T], *args: Any) -> T:
        """`question(connection, *args)` in a thread. Raises StoreError."""
        if self._closed:
            raise StoreError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, question, args)

    async def close(self) -> None:
        """Waits for what is being read."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._all:
            connection.close()

    def _ask(self, question: Callable[..., T], args: tuple[Any, ...]) -> T:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self._path, write=False)
            self._all.append(connection)
        try:
            return question(connection, *args)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
