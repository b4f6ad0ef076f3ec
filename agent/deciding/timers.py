"""When to look at what again: one time a key, the earliest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K")


class Timers(Generic[K]):
    """`wake_of` says when a key is to be looked at as things are now; None: not at all, also for a key that is gone."""

    def __init__(self, wake_of: Callable[[K], int | None]) -> None:
        self._wake_of = wake_of
        self._heap: list[tuple[int, K]] = []
        self._set_for: dict[K, int] = {}

    def set(self, keys: Iterable[K]) -> None:
        """Takes in the keys' times after they may have changed."""
        for key in keys:
            # A time that only moves later, as most do with each reading, is found out when the earlier one comes.
            wake, set_for = self._wake_of(key), self._set_for.get(key)
            if wake is not None and (set_for is None or wake < set_for):
                heapq.heappush(self._heap, (wake, key))
                self._set_for[key] = wake

    def take_due(self, now: int) -> list[K]:
        """The keys whose time has come; each is given once, until `set` is called for it again."""
        due: list[K] = []
        while (found := self._next()) is not None and found[0] <= now:
            heapq.heappop(self._heap)
            del self._set_for[found[1]]
            due.append(found[1])
        return due

    def next_due(self) -> int | None:
        """The earliest time, None if there is none."""
        found = self._next() if self._heap else None
        return None if found is None else found[0]

    def is_due(self, now: int) -> bool:
        """Whether any key's time has come."""
        if not self._heap or self._heap[0][0] > now:
            return False
        found = self._next()
        return found is not None and found[0] <= now

    def _next(self) -> tuple[int, K] | None:
        """The first entry that is as things are now."""
        while self._heap:
            wake, key = self._heap[0]
            if self._set_for.get(key) == wake:
                if self._wake_of(key) == wake:
                    return wake, key
                del self._set_for[key]
                heapq.heappop(self._heap)
                self.set((key,))
            else:
                heapq.heappop(self._heap)
        return None
