"""The real daemon as a process of its own, `setpoint run`, watched from outside like any other."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

import aiohttp

COMMAND = (
    sys.executable,
    "-P",
    "-c",
    "from agent.cli.main import main; main()",
)  # `setpoint`, wherever it is installed
_STOP_WITHIN = 15.0  # seconds


class DaemonEnded(Exception):
    """The daemon ended though nobody asked it to."""


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """`setpoint run` in a folder. Its log goes to `daemon.log` there."""

    def __init__(self, folder: Path, listen: str, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.listen = listen
        self.url = f"http://{listen}"
        self.log = folder / "daemon.log"
        self._env = dict(env)
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Starts it; `ready` waits until it answers."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                "run",
                cwd=self.folder,
                env=self._env,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,  # a Ctrl-C is for the demo, which then stops the daemon
            )

    async def ready(self) -> bool:
        """Whether it answers that it is ready. Raises DaemonEnded."""
        self.check()
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def check(self) -> None:
        """Raises DaemonEnded if it is no longer there."""
        if self._process is not None and self._process.returncode is not None:
            raise DaemonEnded(f"the daemon ended by itself with exit status {self._process.returncode}")

    async def ask(self, *arguments: str) -> str:
        """What another `setpoint` command says about it."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, cwd=self.folder, env=self._env, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await process.communicate()
        return said.decode(errors="replace").rstrip()

    async def stop(self) -> int | None:
        """Asks it to stop and returns its exit status; None if it never ran. It is killed if it does not stop."""
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_WITHIN):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    def tail(self, lines: int = 25) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
