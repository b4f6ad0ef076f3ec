"""How fast one account of an API may be called: counted before a call, and held back by its 429."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from connectors.base import Refused

Rate = tuple[int, float]
"""How many calls may begin within any so many seconds."""

PATIENCE = 5.0  # seconds a caller is kept waiting; longer ones are told when to come again


class Pace:
    """Shared by everyone who calls with the same account. `monotonic` gives seconds."""

    def __init__(
        self, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._begun: dict[tuple[str, str], deque[float]] = {}
        self._held: dict[str, float] = {}
        self._names: dict[str, str] = {}

    async def turn(self, method: str, rate: Rate, place: str = "") -> None:
        """Waits until `method` may be called, in this `place` where places count by themselves.

        Raises Refused, with the seconds to wait, where that is longer than a caller is kept waiting.
        """
        now = self._monotonic()
        begun = self._begun.setdefault((method, self._names.get(place, place)), deque(maxlen=rate[0]))
        at = max(now, self._held.get(method, now))
        if len(begun) == begun.maxlen:
            at = max(at, begun[0] + rate[1])
        self._refuse(method, at - now)
        begun.append(at)  # taken before the wait, so that turns come in the order of asking
        if at > now:
            await self._sleep(at - now)
            self._refuse(method, self._held.get(method, 0.0) - self._monotonic(), patience=0.0)

    def hold(self, method: str, seconds: float) -> None:
        """Lets nobody call `method` for so many seconds; of two such the one that ends later counts."""
        self._held[method] = max(self._held.get(method, 0.0), self._monotonic() + seconds)

    async def pause(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        await self._sleep(seconds)

    def also(self, name: str, place: str) -> None:
        """`name` is another name of the place: what was called under it counts there."""
        if name == place or name in self._names:
            return
        self._names[name] = place
        for method, where in list(self._begun):
            if where == name:
                taken = self._begun.pop((method, where))
                known = self._begun.get((method, place), ())
                self._begun[method, place] = deque(sorted((*known, *taken)), maxlen=taken.maxlen)

    def _refuse(self, method: str, wait: float, patience: float = PATIENCE) -> None:
        if wait > patience:
            error = Refused(f"{method} is called as often as is allowed", permanent=False, retry_after=wait)
            error.unsent = True
            raise error
