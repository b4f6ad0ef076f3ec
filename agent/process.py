"""The daemon as a process: what it does from its start until a signal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

import structlog

from agent.app import Setpoint
from agent.health import collector, waiting
from agent.poller import allow_open_files
from agent.settings import Settings

log = structlog.get_logger()

_RELOAD_SECONDS = 2.0  # that are waited at the end for one that is under way
_GIVE_BACK_SECONDS = 300


async def run(settings: Settings, environ: Mapping[str, str] | None = None) -> None:
    """Runs the daemon until SIGTERM or SIGINT. Raises ConfigErrors or StoreError where it can't start.

    A database that is away is waited for.
    """
    from agent.config.changes import watch_files

    allow_open_files()
    collector.share()
    daemon = Setpoint(settings, environ if environ is not None else os.environ)
    stopping, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, changed.set)  # it would end a daemon that still waits for its database
    await waiting.start(daemon)
    collector.keep()
    daemon.scheduler.every("memory", _GIVE_BACK_SECONDS, _give_back)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    reloading = asyncio.create_task(_reload(daemon, changed, stopping))
    watching = asyncio.create_task(watch_files(settings.config, changed.set, stopping))
    told = asyncio.create_task(stopping.wait())
    try:
        log.info("setpoint.started", listen=str(settings.listen), targets=len(daemon.config.targets))
        ends: set[asyncio.Future[Any]] = {told, daemon.pipeline.failed, daemon.sending}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.set()
        changed.set()  # ends what reloads once it has
        await asyncio.wait({reloading}, timeout=_RELOAD_SECONDS)
        watching.cancel()
        reloading.cancel()
        await asyncio.gather(watching, reloading, return_exceptions=True)
        await daemon.stop()
        collector.let_go()
    if daemon.pipeline.failed.done():
        daemon.pipeline.failed.result()


async def _give_back() -> None:
    """Memory that a storm of failures took for a while; a millisecond."""
    collector.give_back()


async def _reload(daemon: Setpoint, changed: asyncio.Event, stopping: asyncio.Event) -> None:
    """Reads the configuration again when it may have changed; however often while it is being read, then once more."""
    while await changed.wait() and not stopping.is_set():
        changed.clear()
        try:
            await daemon.reload()
        except Exception:
            log.exception("config.not_reloaded")
