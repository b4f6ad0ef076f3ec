"""The daemon as a process: what it does from its start until a signal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

import structlog

from agent import collector
from agent.app import Setpoint
from agent.poller import allow_open_files
from agent.settings import Settings

log = structlog.get_logger()


async def run(settings: Settings, environ: Mapping[str, str] | None = None) -> None:
    """Runs the daemon until SIGTERM or SIGINT. Raises ConfigErrors or StoreError where it can't start."""
    from agent.watch import watch_files

    allow_open_files()
    daemon = Setpoint(settings, environ if environ is not None else os.environ)
    with collector.paused():
        await daemon.start()
    collector.keep()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    reloads: set[asyncio.Task[Any]] = set()

    def reload() -> None:
        task = asyncio.create_task(daemon.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    watching = asyncio.create_task(watch_files(settings.config, reload, stopping))
    waiting = asyncio.create_task(stopping.wait())
    try:
        log.info("setpoint.started", listen=str(settings.listen), targets=len(daemon.config.targets))
        ends: set[asyncio.Future[Any]] = {waiting, daemon.pipeline.failed, daemon.sending}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.set()
        watching.cancel()
        await asyncio.gather(watching, *reloads, return_exceptions=True)
        await daemon.stop()
        collector.let_go()
    if daemon.pipeline.failed.done():
        daemon.pipeline.failed.result()
