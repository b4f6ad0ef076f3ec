"""How connections are kept: the one used last is used next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class NewestFirst(aiohttp.TCPConnector):
    """aiohttp takes the one that was idle longest. So all that one moment of many requests at once had opened stay in
    use by turns, and are never idle for long enough to be closed."""

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        if idle := self._conns.get(key):
            idle.rotate(1)
        return await super()._get(key, traces)
