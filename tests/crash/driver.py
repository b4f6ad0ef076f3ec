"""Starts the daemon, steps its time, speaks to it as people and sources do, and kills it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.crash import launch

Kill = tuple[str, int]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.crash.launch"])
MINUTES = 60.0  # seconds
_PATIENCE = 60.0  # seconds until a daemon that says nothing is a finding


class Killed(Exception):
    """The daemon is no more."""


class Hung(Exception):
    """The daemon is there and does not come to an end."""


class Driven:
    """One daemon after another on one database; `crossed` is how often each fault point of this one was crossed."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.environ: dict[str, str] = {}  # beside what it needs
        self.config = folder / "setpoint.yaml"
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])
        self.crossed: dict[str, int] = {}
        self._pipe: Connection
        self._process: BaseProcess | None = None
        self._session: aiohttp.ClientSession | None = None

    def configure(self, config: dict[str, Any]) -> None:
        new = self.config.with_suffix(".new")
        new.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        new.replace(self.config)

    async def start(self, now: int, kill: Kill | None = None, delay: float | None = None) -> None:
        """Starts it at a time, to be killed at a crossing or some seconds later. Raises Killed."""
        environ = {
            "SETPOINT_CONFIG": str(self.config),
            "SETPOINT_DATABASE_URL": self.database,
            "SETPOINT_LISTEN": f"127.0.0.1:{self.port}",
            "SETPOINT_LOG_FORMAT": "json",
            **self.environ,
        }
        self._pipe, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(
            target=launch.main, args=(theirs, environ, str(self.folder), now, kill), daemon=True
        )
        self._process.start()
        theirs.close()
        self._session = aiohttp.ClientSession(
            f"http://127.0.0.1:{self.port}",
            timeout=aiohttp.ClientTimeout(20),
            connector=aiohttp.TCPConnector(force_close=True),
        )
        self._after(delay)
        await self._heard("up")

    async def set_clock(self, now: int, gone: float, kill: Kill | None = None, delay: float | None = None) -> None:
        """Sets its clock, `gone` seconds of which have really passed; from then on a kill is near. Raises Killed.

        Where minutes passed the process was stopped for them.
        """
        if gone > MINUTES:
            self.send(signal.SIGSTOP)
        await self._ask("clock", now, gone, kill)
        if gone > MINUTES:
            self.send(signal.SIGCONT)
        await self._heard("set")
        self._after(delay)

    async def tick(self) -> None:
        """One tick of everything; returns when nothing is left to do. Raises Killed."""
        await self._ask("tick")
        await self._heard("quiet")

    async def settle(self) -> None:
        """Returns when nothing is left to do. Raises Killed."""
        await self._ask("settle")
        await self._heard("quiet")

    def late(self, key: str) -> None:
        """Has it give up a delivery that its receiver has taken without an answer."""
        with suppress(OSError):  # it is no more, which who waits for it finds out
            self._pipe.send(("late", key))

    async def reload(self, *, refused: bool = False) -> None:
        """SIGHUP. Raises Killed."""
        self.send(signal.SIGHUP)
        (errors,) = await self._heard("reloaded")
        assert bool(errors) is refused, errors

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        """One request. Raises Killed if there was no answer."""
        assert self._session is not None
        try:
            async with self._session.request(method, path, **how) as answer:
                return answer.status, await answer.json() if answer.content_type == "application/json" else None
        except (aiohttp.ClientError, OSError) as error:
            await self.ended()
            raise Killed from error

    async def text(self, path: str) -> str:
        """What a page says."""
        assert self._session is not None
        async with self._session.get(path) as answer:
            return await answer.text()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self.ended()

    async def stop(self) -> None:
        """Has it end by itself, as an update does."""
        if self._process is not None:
            self.send(signal.SIGTERM)
            await self.ended(0)

    async def ended(self, status: int = -signal.SIGKILL) -> None:
        """Returns once the process is no more."""
        if self._process is not None:
            await asyncio.to_thread(self._process.join, _PATIENCE)
            if self._process.exitcode is None:
                raise Hung(self.said())
            if self._process.exitcode != status:
                raise AssertionError(f"it ended with {self._process.exitcode}:\n{self.said()}")
            self._process = None
            self._pipe.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def said(self, lines: int = 30) -> str:
        """The end of its log."""
        log = self.folder / "log"
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:]) if log.exists() else ""

    def _after(self, delay: float | None) -> None:
        process = self._process
        if delay is not None and process is not None:
            asyncio.get_running_loop().call_later(delay, process.kill)

    async def _ask(self, *what: Any) -> None:
        try:
            self._pipe.send(what)
        except OSError as error:
            await self.ended()
            raise Killed from error

    async def _heard(self, what: str) -> tuple[Any, ...]:
        try:
            async with asyncio.timeout(_PATIENCE):
                said, self.crossed, *more = await self._receive()
        except (EOFError, OSError) as error:
            await self.ended()
            raise Killed from error
        except TimeoutError:
            raise Hung(self.said()) from None
        assert said == what, f"{said} instead of {what}"
        return tuple(more)

    async def _receive(self) -> Any:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._pipe.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._pipe.fileno())
        return self._pipe.recv()
