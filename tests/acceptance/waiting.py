"""Waiting without sleeping: whatever happens outside tells, and who waits looks again, up to a deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Happenings:
    """Servers and the daemon's log call `tell`; tests wait `until` what they look for is true."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def tell(self) -> None:
        """Something happened."""
        self._happened.set()
        self._happened = asyncio.Event()

    async def until(self, found: Callable[[], T | Awaitable[T]], what: str, within: float = 15.0) -> T:
        """The first true value of `found()`, asked again after each happening. Fails the test after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while True:
                    happened = self._happened
                    answer = found()
                    value: T = await answer if inspect.isawaitable(answer) else answer
                    if value:
                        return value
                    await happened.wait()
        except TimeoutError:
            raise AssertionError(f"within {within:g} s not: {what}") from None


async def passed(seconds: float) -> None:
    """Returns after some seconds, where time itself is what is tested."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, event.set)
    await event.wait()
