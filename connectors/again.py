"""Whether a request that got no answer may be made a second time at once: rarely, so that an outage is not made worse.

A budget as Finagle's `RetryBudget` has it: a share of what was answered lately, and a few.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

KEPT = 75.0  # seconds an idle connection is kept
_SPAN = 60.0
_SHARE = 0.1
_FEW = 3


@dataclass(slots=True)
class _Count:
    """What was answered and tried again in the minute that began at `start`, and in the one before."""

    start: float
    last: float  # when it answered last
    answered: int = 0
    again: int = 0
    answered_before: int = 0
    again_before: int = 0

    def turn(self, now: float) -> None:
        """Begins another minute if this one is over."""
        if now - self.start >= _SPAN:
            lately = now - self.start < 2 * _SPAN
            self.answered_before, self.again_before = (self.answered, self.again) if lately else (0, 0)
            self.start, self.answered, self.again = now, 0, 0


class Again:
    """The budgets of all hosts. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._counts: dict[URL, _Count] = {}

    def answered(self, origin: URL, now: float) -> None:
        """A host has answered."""
        count = self._counts.get(origin)
        if count is None:
            count = self._counts[origin] = _Count(now, now)
        elif now - count.start >= _SPAN:
            count.turn(now)
        count.answered += 1
        count.last = now

    def may(self, origin: URL, now: float) -> bool:
        """Whether to try again once: a connection to the host may have been kept that the host has closed meanwhile."""
        count = self._counts.get(origin)
        if count is None or now - count.last > KEPT:
            return False
        count.turn(now)
        if count.again + count.again_before >= _FEW + _SHARE * (count.answered + count.answered_before):
            return False
        count.again += 1
        return True
