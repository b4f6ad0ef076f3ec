"""Reloading: as often as needed, never at once, never twice for what is read in one go."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.process import _reload


class Daemon:
    """Reads its configuration when it is let, and counts."""

    def __init__(self) -> None:
        self.began = 0
        self.gate = asyncio.Event()
        self.fails = False

    async def reload(self) -> None:
        self.began += 1
        await self.gate.wait()
        if self.fails:
            raise RuntimeError("unforeseen")


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_many_changes_while_it_reads_are_read_once_more() -> None:
    daemon: Any = Daemon()
    changed, stopping = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(_reload(daemon, changed, stopping))
    for _ in range(40):
        changed.set()
        await asyncio.sleep(0)
    assert daemon.began == 1
    daemon.gate.set()
    await turns()
    assert daemon.began == 2
    stopping.set()
    changed.set()
    await asyncio.wait_for(task, 1)
    assert daemon.began == 2


async def test_one_that_fails_is_not_the_last() -> None:
    daemon: Any = Daemon()
    daemon.fails = True
    daemon.gate.set()
    changed, stopping = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(_reload(daemon, changed, stopping))
    for _ in range(2):
        changed.set()
        await turns()
    assert daemon.began == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
