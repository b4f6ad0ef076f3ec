"""Charts made off the event loop: one child process draws, so the daemon never imports the drawing library.

The child (`python -m agent.charts.draw`) starts with the first chart and ends when none was asked for in a while. Each
request is one line of JSON; each answer a line `ok <length>` followed by the PNG, or `error <words>`. Another program
that speaks so (`agent.charts.answering`) may take its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import orjson

from agent.charts.data import ChartData

_GRACE = 5.0  # seconds a child has to end by itself


class ChartError(Exception):
    """A chart could not be made; the message says why."""


class Charts:
    """Makes charts in turn. `timeout` and `idle` are in seconds; the first chart waits for the child to start."""

    def __init__(self, timeout: float = 30.0, idle: float = 60.0, program: str = "agent.charts.draw") -> None:
        self._program = program
        self._timeout = timeout
        self._idle = idle
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._ending: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether there is a child that waits for the next chart."""
        return self._child is not None

    async def png(self, data: ChartData) -> bytes:
        """The chart as PNG, 1600 by 800. Raises as `drawn` does."""
        return await self.drawn(orjson.dumps(data))

    async def drawn(self, request: bytes) -> bytes:
        """What the child makes of a line of JSON. Raises ChartError if it can't, takes too long or dies."""
        async with self._turn:
            self._keep()
            try:
                async with asyncio.timeout(self._timeout):
                    picture = await self._ask(request + b"\n")
            except TimeoutError:
                await self._kill()
                raise ChartError(f"the chart took longer than {self._timeout:g} s") from None
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                raise ChartError(f"the drawing process ended {await self._ended()}") from error
            except asyncio.CancelledError:
                await self._kill()  # its answer would be taken for the next chart's
                raise
            self._ending = asyncio.get_running_loop().call_later(self._idle, self._let_go)
            return picture

    async def close(self) -> None:
        """Ends the child."""
        self._keep()
        child = self._child
        self._let_go()
        if child is not None:
            await _gone(child)

    async def _ask(self, request: bytes) -> bytes:
        child = self._child
        if child is None or child.returncode is not None:
            child = self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # never a folder named `agent` where the daemon happens to run
                "-m",
                self._program,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the daemon, which then ends the child
            )
        stdin, stdout = child.stdin, child.stdout
        if stdin is None or stdout is None:
            raise OSError("the drawing process has no pipes")
        stdin.write(request)
        await stdin.drain()
        answer = await stdout.readuntil(b"\n")
        word, _, rest = answer.decode().strip().partition(" ")
        if word == "error":
            raise ChartError(rest)
        return await stdout.readexactly(int(rest))

    def _keep(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _let_go(self) -> None:
        """The end of its input is the child's sign to end."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None

    async def _ended(self) -> str:
        """How the child ended that broke off."""
        child, self._child = self._child, None
        if child is None:
            return "before it started"
        await _gone(child)
        return f"with status {child.returncode}"

    async def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None and child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _gone(child: Process) -> None:
    """Waits until a child that should end has ended; after a while it is killed."""
    try:
        async with asyncio.timeout(_GRACE):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
