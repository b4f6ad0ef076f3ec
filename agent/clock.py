"""The only place that asks what time it is."""

from __future__ import annotations

import time


class Clock:
    """Wall time in UTC microseconds, and a monotonic time in seconds for measuring spans."""

    def now(self) -> int:
        """UTC microseconds since 1970."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never jumps."""
        return time.monotonic()
