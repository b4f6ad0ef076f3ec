"""From names to addresses, in threads of their own: a name server that does not answer keeps nothing else waiting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

LookUp = Callable[..., list[tuple[Any, ...]]]
_THREADS = 16
# The C library asks a second name server after five seconds.
PATIENCE = 7.0


class Resolver(AbstractResolver):
    """Asks the system, as `socket.getaddrinfo` does, for at most so many seconds."""

    def __init__(self, look_up: LookUp = socket.getaddrinfo, seconds: float = PATIENCE) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError (`socket.gaierror`)."""
        ask = partial(self._look_up, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer") from None
        addresses = [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
            if isinstance(address[0], str)  # else Python was built without IPv6
        ]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return addresses

    async def close(self) -> None:
        """Asks nothing more; what is being asked is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
