"""A database that is away when the daemon starts is waited for; whoever asks meanwhile is told so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from agent.app import Setpoint
from agent.health import collector
from agent.store.probing import probe
from agent.store.store import StoreAway

log = structlog.get_logger()

_AGAIN_SECONDS = 2.0


async def start(daemon: Setpoint, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Starts the daemon, as soon as its database can be used. Raises ConfigErrors, and StoreError for anything else."""
    while True:
        try:
            with collector.paused():
                await daemon.start()
        except StoreAway as away:
            await _reached(daemon, str(away), sleep)
        else:
            return


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
