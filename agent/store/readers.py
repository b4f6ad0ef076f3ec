"""Reading connections in threads of their own, so that a long question blocks neither the loop nor the writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from agent.store.connection import Database, Link
from agent.store.errors import StoreError

T = TypeVar("T")
THREADS = 4


class Readers:
    """One connection for each thread, opened at its first question."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own = threading.local()
        self._all: list[Link] = []
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
        for link in self._all:
            await asyncio.to_thread(link.close)

    def _ask(self, question: Callable[..., T], args: tuple[Any, ...]) -> T:
        link: Link | None = getattr(self._own, "link", None)
        if link is None:
            link = self._own.link = self._database.reader()
            self._all.append(link)
        return link.ask(question, *args)
