"""When a source is read: on its interval or schedule, and less often while it fails. Times are UTC microseconds."""

from __future__ import annotations

import hashlib

from agent.config.configuration import SourceEntry
from rules.cron import next_run
from rules.model import HOUR, MINUTE, SECOND

SPREAD = 10 * SECOND  # over which polls are spread that would all be made in one second
LONGEST_PAUSE = 5 * MINUTE  # between two tries of a failing source, unless its interval is longer
LONGEST_ASKED = HOUR  # that Retry-After is honoured


class Schedule:
    """The times of one source. One of a crowd has a phase by its name, the same after each restart and anywhere."""

    def __init__(self, entry: SourceEntry, now: int, last: int | None, *, crowd: bool) -> None:
        """`last` is when it was last read: a cron run missed since then is made up for once."""
        self._entry = entry
        self._every = entry.every or SECOND
        self._shift = _phase(entry.name, min(self._every, SPREAD) if entry.cron is None else SPREAD) if crowd else 0
        self.first = self._first(now, last)
        self._grid = _phase(entry.name, self._every) if crowd else self.first

    def _first(self, now: int, last: int | None) -> int:
        """At once, spread in a crowd; a cron source waits unless it missed a run."""
        cron = self._entry.cron
        if cron is None:
            return now + self._shift
        # Where the clock was set back, the last run is of a time that is still to come.
        due = next_run(cron, self._entry.zone, min(last, now) if last is not None else now)
        return max(due, now) + self._shift

    def after(self, time: int) -> int:
        """The next time after `time`; what was missed is not made up for."""
        if self._entry.cron is not None:
            return next_run(self._entry.cron, self._entry.zone, time - self._shift) + self._shift
        return self._grid + ((time - self._grid) // self._every + 1) * self._every

    def pause(self, failures: int, asked: float | None) -> int:
        """How long after a poll that failed, so many in a row by then, no other is made; `asked` by Retry-After (s).

        Nothing beyond the interval after the first, since a source is down after two. Then it doubles, less up to a
        quarter, so that the sources of one outage don't come back together.
        """
        if self._entry.cron is not None:
            return 0  # somebody chose these very times
        longest = max(self._every, LONGEST_PAUSE)
        doubled = min(self._every << min(failures - 1, 32), longest) if failures > 1 else 0
        doubled -= _phase(f"{self._entry.name} {failures}", doubled // 4 or 1)
        bound = LONGEST_ASKED if failures > 1 else longest
        return max(doubled, min(int((asked or 0) * SECOND), bound))


def _phase(name: str, span: int) -> int:
    """A whole second within a span, by the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % span // SECOND * SECOND
