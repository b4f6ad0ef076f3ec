"""How connections are kept: the one used last is used next, and who asks can tell whether it got one that was kept."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEPT = 75.0  # seconds an idle connection is kept
_kept = ContextVar("kept", default=False)
_anew = ContextVar("anew", default=False)


class NewestFirst(aiohttp.TCPConnector):
    """aiohttp takes the one that was idle longest. So all that one moment of many requests at once had opened stay in
    use by turns, and are never idle for long enough to be closed."""

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        connection = None
        if not _anew.get():
            if idle := self._conns.get(key):
                idle.rotate(1)
            connection = await super()._get(key, traces)
        _kept.set(connection is not None)
        return connection

    def close_idle(self) -> None:
        """Closes what is kept for later, where the files are needed now."""
        kept, self._conns = self._conns, defaultdict(deque)
        for connections in kept.values():
            for connection, _ in connections:
                connection.close()


def was_kept() -> bool:
    """Whether this task's last request went over a connection that had been used before."""
    return _kept.get()


@contextmanager
def anew() -> Iterator[None]:
    """Requests of this task open a connection of their own."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)
