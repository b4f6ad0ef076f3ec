"""How often and how many at once: the limits all users of one gateway share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType


class Limits:
    """Entered around a request; waits until it may be made, first come first served.

    Never lets more than `count` begin within any `seconds` (a leaky bucket, as aiolimiter has it, lets through up to
    twice as many after a pause), nor more than `concurrency` be open at once. `monotonic` gives seconds.
    """

    def __init__(
        self,
        rate: tuple[int, int] | None,
        concurrency: int | None,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        count, self._seconds = rate or (0, 0)
        self._begun: deque[float] | None = deque(maxlen=count) if rate else None
        self._open = asyncio.Semaphore(concurrency) if concurrency else None
        self._queue = asyncio.Lock()
        self._monotonic = monotonic
        self._sleep = sleep

    async def __aenter__(self) -> None:
        """Waits for its turn."""
        if self._open is not None:
            await self._open.acquire()
        try:
            await self._turn()
        except BaseException:
            if self._open is not None:
                self._open.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets the next one in."""
        if self._open is not None:
            self._open.release()

    async def _turn(self) -> None:
        begun = self._begun
        if begun is None:
            return
        # One at a time, so that who gives up leaves no turn reserved: those would be ever more, and ever later.
        async with self._queue:
            now = self._monotonic()
            turn = max(now, begun[0] + self._seconds) if len(begun) == begun.maxlen else now
            if turn > now:
                await self._sleep(turn - now)
            begun.append(max(turn, self._monotonic()))
