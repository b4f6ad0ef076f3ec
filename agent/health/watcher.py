"""Looks after the daemon itself: whether the database can be written, and whether there is room on its disk.

What is wrong with the database is told directly, not through the outbox, which is in that database.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from agent.clock import Clock
from agent.health.troubles import deliveries, receiver_of
from agent.pipeline import Pipeline
from agent.sending.envelopes import read_notice
from agent.sending.outgoing import Outgoing
from connectors.base import ConnectorError, Sending
from rules.model import DATABASE, DISK, MINUTE, RECEIVER_DOWN, SECOND, SOURCES, Trouble

log = structlog.get_logger()

PATIENCE = MINUTE  # how long the database may not take a commit until that is told
LITTLE, ENOUGH = 100_000_000, 200_000_000  # bytes free on the database's disk
_EVERY = 5.0  # seconds
_AGAIN = 30 * SECOND
_SECONDS = 20.0  # for one sending


class Watcher:
    """`folder` is where the database is, if it is a file. `look` is one look; `start` looks every few seconds."""

    def __init__(self, clock: Clock, pipeline: Pipeline, outgoing: Outgoing, folder: Path | None) -> None:
        self._clock = clock
        self._pipeline = pipeline
        self._outgoing = outgoing
        self._folder = folder
        self._database: Trouble | None = None
        self._receiver = ""
        self._untold: dict[int, bytes] = {}  # by position of the notifier
        self._threads: dict[int, Mapping[str, Any] | None] = {}  # of those who were told
        self._again = 0
        self._room = ""  # of the disk, at the last look
        self._noting: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None

    def troubles(self) -> list[Trouble]:
        """What is wrong now."""
        decider, known = self._pipeline.decider, dict(self._pipeline.memory.troubles)
        if SOURCES in known:
            known[SOURCES] = replace(known[SOURCES], words=decider.watching.sight.words())
        if DISK in known:
            known[DISK] = replace(known[DISK], words=self._room or known[DISK].words)
        found = [*known.values(), *([self._database] if self._database else [])]
        return [one for one in found if one.over is None and not one.cause.startswith(RECEIVER_DOWN)]

    def start(self) -> None:
        """Begins to look."""
        self._running = asyncio.create_task(self._run(), name="watcher")

    async def stop(self) -> None:
        """Looks no more."""
        tasks = [task for task in (self._running, self._noting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("watcher.failed")
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Notes what began or is over, and tells what is not told yet."""
        now, since = self._clock.now(), self._pipeline.unstored_since
        words = self._pipeline.store.damage
        if since is not None and now - since >= PATIENCE:
            words = f"nothing can be stored: {self._pipeline.unstored}"
        if words and self._database is None:
            self._database = Trouble(DATABASE, since or now, receiver_of(self._outgoing.notices), words)
            self._say(self._database, words, now)
        elif not words and since is None and self._database is not None:
            self._say(replace(self._database, over=now), "the database can be written again", now)
            self._database = None
        if self._folder is not None:
            await self._look_at_disk(self._folder, note=since is None)
        if self._untold and now >= self._again:
            await self._tell(now)

    async def _look_at_disk(self, folder: Path, *, note: bool) -> None:
        """A note of it is a commit, which may have to wait for the database: nothing here waits for it."""
        with suppress(OSError):
            free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
            self._room = f"the database's disk is nearly full: {free // 1_000_000:,} MB are free"
            if not note or (self._noting is not None and not self._noting.done()):
                return
            words = self._room if free < LITTLE else None
            known = self._pipeline.memory.troubles.get(DISK)
            open_ = known is not None and known.over is None
            if (words is not None) != open_ and (words is not None or free >= ENOUGH):
                self._noting = asyncio.create_task(self._note(words), name="watcher note")

    async def _note(self, words: str | None) -> None:
        await self._pipeline.act(lambda decision: self._pipeline.decider.watching.note(decision, DISK, words))

    def _say(self, trouble: Trouble, words: str, now: int) -> None:
        said = log.error if trouble.over is None else log.info
        said("watcher.trouble", cause=trouble.cause, words=words, over=trouble.over is not None)
        if trouble.over is None:
            self._threads.clear()
        found = deliveries(self._outgoing.notices, trouble, words, now)
        # who could not be told that it began need not hear that it is over
        heard = [one for one in found if trouble.over is None or one.position in self._threads]
        self._untold = {one.position: one.payload for one in heard}
        self._receiver = trouble.receiver
        self._again = now

    async def _tell(self, now: int) -> None:
        for position, payload in list(self._untold.items()):
            notifier = self._outgoing.connections.notifier(self._receiver, position)
            if notifier is None:
                del self._untold[position]
                continue
            said = read_notice(payload)
            key = f"{said.fingerprint}{said.starts_at:x}{said.status}{position}"
            try:
                async with asyncio.timeout(_SECONDS):
                    sent = await notifier.send(Sending(said, key, thread=self._threads.get(position)))
            except (ConnectorError, TimeoutError) as error:
                log.warning("watcher.untold", receiver=self._receiver, error=str(error) or type(error).__name__)
                continue
            self._threads[position] = sent
            del self._untold[position]
        self._again = now + _AGAIN
