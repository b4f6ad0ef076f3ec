"""The polls of one host: so many at once, and none while it is known not to be there.

The breaker is that of Nygard, *Release It!*, as resilience4j has it: closed, open for a pause, then one try at a time.
"""

from __future__ import annotations

import asyncio

from connectors.base import TimedOut, Unreachable

ABREAST = 256  # polls of one host at once; who waits for a turn takes no room from other hosts
OPENS_AT = 5  # so many sources of a host, one after another, got no connection to it
_FIRST, _LONGEST = 5.0, 30.0  # seconds of the first pause and of the longest


class Lane:
    """One host (scheme, name and port) as the polls of its sources find it. Times are monotonic seconds."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.turns = asyncio.Semaphore(ABREAST)
        self._missed: set[str] = set()  # the sources that got no connection since the host was last reached
        self._error = ""
        self._pause = 0.0
        self._until: float | None = None
        self._trying: str | None = None
        self._next = ""  # who tries when the pause is over, if nobody else is due sooner

    @property
    def is_open(self) -> bool:
        """Whether polls of this host fail at once."""
        return self._until is not None

    def enter(self, source: str, now: float) -> None:
        """Raises Unreachable while the host is not to be asked; after a pause one source at a time may try."""
        if self._until is None:
            return
        if now < self._until:
            raise Unreachable(f"{self.origin} is not answering; next try in {self._until - now:.0f} s ({self._error})")
        if self._trying is not None:
            raise Unreachable(f"{self.origin} is not answering; it is being tried ({self._error})")
        self._trying = source

    def leave(self, source: str, error: BaseException | None, now: float) -> bool:
        """Takes in how a poll ended; returns whether the host is back after it was given up.

        Only a connection that could not be made counts, since that is true of all paths. One path may be slow or broken
        without the others.
        """
        if error is None and self._trying is None and not self._missed and not self.is_open:
            return False  # as mostly
        tried = self._trying == source
        if tried:
            self._trying = None
        if isinstance(error, asyncio.CancelledError):
            return False
        if not _no_connection(error):
            back = self.is_open
            self._missed.clear()
            self._until, self._pause = None, 0.0
            return back
        self._missed.add(source)
        if tried or (self._until is None and len(self._missed) >= OPENS_AT):
            self._error = str(error)
            self._pause = min(self._pause * 2 or _FIRST, _LONGEST)
            self._until = now + self._pause
            self._next = source
        return False

    def turn(self, source: str) -> float | None:
        """When this source is the one to try, whatever it would wait for itself; None for all others."""
        return self._until if source == self._next else None


def _no_connection(error: BaseException | None) -> bool:
    return isinstance(error, (Unreachable, TimedOut)) and not error.unanswered
