"""Signs of life: a URL that is pinged while the loop turns and the store takes commits, and how late the loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from yarl import URL

from connectors.base import ConnectorError
from connectors.http import HttpClient, Request
from rules.model import SECOND

log = structlog.get_logger()

_NAME = "the heartbeat's address"  # which is a secret
_READ_AT_MOST = 1_000_000


class Heartbeat:
    """Pings one URL at an interval, while `alive` says None. Failing is logged once, and once when it is over."""

    def __init__(self, http: HttpClient, alive: Callable[[], str | None]) -> None:
        self._http = http
        self._alive = alive
        self._task: asyncio.Task[None] | None = None
        self._set: tuple[str | None, int] = (None, 0)
        self._failing = False

    def use(self, url: str | None, every: int) -> None:
        """Pings this URL from now on, every so many microseconds; None: none."""
        if (url, every) == self._set:
            return
        self._set = (url, every)
        self._failing = False
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(url, every), name="heartbeat") if url else None

    async def stop(self) -> None:
        """Pings no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, url: str, every: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                if self._alive() is None:
                    await self.ping(url)
            except Exception as error:  # its words may hold the address
                log.error("heartbeat.failed", error=type(error).__name__)  # noqa: TRY400
            await asyncio.sleep(max(began + every / SECOND - loop.time(), 0))

    async def ping(self, url: str) -> None:
        """One ping; a failure is logged, not raised."""
        problem: str | None = None
        try:
            answer = await self._http.fetch(Request("GET", URL(url), name=_NAME, max_bytes=_READ_AT_MOST))
            if answer.status >= 400:
                problem = f"{_NAME} answered {answer.status}"
        except ConnectorError as error:
            problem = str(error)
        except ValueError:
            problem = f"{_NAME} is not an address of the web"
        if problem and not self._failing:
            log.warning("heartbeat.failing", error=problem)
        elif self._failing and not problem:
            log.info("heartbeat.back")
        self._failing = problem is not None


class LoopLag:
    """Measures how late the event loop runs what is due, once a second."""

    def __init__(self, on_lag: Callable[[float], None], every: float = 1.0) -> None:
        """`on_lag` is told seconds."""
        self._on_lag = on_lag
        self._every = every
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to measure, in the running event loop."""
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(self._every, self._measure, loop.time() + self._every)

    def _measure(self, due: float) -> None:
        late = max(asyncio.get_running_loop().time() - due, 0.0)
        self.start()
        self._on_lag(late)

    def stop(self) -> None:
        """Measures no more."""
        if self._handle is not None:
            self._handle.cancel()
