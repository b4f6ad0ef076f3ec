"""A database that is away when the daemon starts is waited for; whoever asks meanwhile is told so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import structlog

from agent.app import Setpoint
from agent.health import collector
from agent.store.databases import database_of
from agent.store.probing import probe
from agent.store.store import StoreAway

log = structlog.get_logger()

_AGAIN_SECONDS = 2.0
_SOON_SECONDS = 1.0  # a start that takes longer is told of: a server that hangs says nothing for a dozen


async def start(daemon: Setpoint, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Starts the daemon, as soon as its database can be used. Raises ConfigErrors, and StoreError for anything else."""
    while True:
        meanwhile = _Meanwhile(daemon)
        try:
            with collector.paused():
                await daemon.start(meanwhile.end)
        except StoreAway as away:
            await meanwhile.end()
            await _reached(daemon, str(away), sleep)
        else:
            return
        finally:
            await meanwhile.end()


class _Meanwhile:
    """Who answers while a start takes its time: until the daemon itself listens, there."""

    def __init__(self, daemon: Setpoint) -> None:
        self._settings = daemon.settings
        self._over = asyncio.Event()
        self._stack = AsyncExitStack()
        self._task = asyncio.create_task(self._listen())

    async def end(self) -> None:
        """Leaves the address to others. An address that can't be bound is the daemon's to say."""
        self._over.set()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._stack.aclose()

    async def _listen(self) -> None:
        from agent.web.away import serve_away

        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), _SOON_SECONDS)
            return
        place = database_of(self._settings.database_url).place
        await serve_away(self._settings.listen, f"waiting for the answers of the database {place}", self._stack)


async def _reached(daemon: Setpoint, problem: str, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Returns when the database can be used. Until then `/livez` says yes, and everything else why not."""
    from agent.web.away import serve_away

    log.error("store.unavailable", error=problem, next="it starts as soon as the database can be used")
    async with AsyncExitStack() as stack:
        said = await serve_away(daemon.settings.listen, problem, stack)
        while True:
            await sleep(_AGAIN_SECONDS)
            try:
                await probe(daemon.settings.database_url, f"pid-{os.getpid()}", daemon.clock.now())
            except StoreAway as away:
                said.problem = str(away)
            else:
                break
    log.info("store.available")
