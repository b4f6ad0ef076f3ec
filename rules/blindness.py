"""Blindness: when so many sources fail at once that one message says more than one for each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from rules.model import MINUTE, SOURCES, Health, SourceState, Trouble
from rules.specs import Specs

LEAST = 8  # sources; of fewer each is said by itself
SETTLES = 5 * MINUTE  # after it is over; a source that can't be read by then is told by itself
_MOST_NAMED = 5


class Sight:
    """Which of the sources that are polled every so often fail. One that is read by the calendar does not count: a
    night may lie between two of its polls, and its failure says little of now."""

    def __init__(self, specs: Specs, share: float) -> None:
        """`share` of the polled sources, from above 0 to 1, has to fail."""
        self._polled = {name for name, rule in specs.sources.items() if rule.every is not None}
        self._enough = max(LEAST, math.ceil(share * len(self._polled) - 1e-9))
        self._failing: dict[str, bool] = {}  # and whether it is down
        self.doubt: int | None = None

    def note(self, sources: Iterable[SourceState]) -> None:
        """Takes in how sources are."""
        for state in sources:
            if state.failures and state.name in self._polled:
                self._failing[state.name] = state.health is Health.DOWN
            else:
                self._failing.pop(state.name, None)

    def words(self) -> str:
        """`8 of 10 sources can't be read: api, db and 6 more`."""
        names = sorted(self._failing)
        named = ", ".join(names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"{len(names)} of {len(self._polled)} sources can't be read: {named}{more}"

    def over(self) -> str:
        """`6 of 10 sources can be read; of the others each is told if it stays so`."""
        left = len(self._polled) - len(self._failing)
        said = f"{left} of {len(self._polled)} sources can be read"
        return f"{said}; of the others each is told if it stays so" if self._failing else said

    def look(self, before: Trouble | None, receiver: str, now: int) -> Trouble | None:
        """What changes: blindness that begins, or is over; None if nothing does.

        It begins when enough sources are down, and is over when fewer than that failed at their last poll. `doubt` is
        since when so many failed that it may begin: until it is known, nothing is said of single sources.
        """
        failing = len(self._failing) >= self._enough
        if before is not None and before.over is None:
            return None if failing else replace(before, over=now)
        if sum(self._failing.values()) >= self._enough:
            self.doubt = None
            return Trouble(SOURCES, now, receiver, self.words())
        self.doubt = (self.doubt or now) if failing else None
        return None

    def holds(self, last: Trouble | None, now: int) -> tuple[bool, int | None]:
        """Whether nothing is told of single sources now, and until when, if that is known. `last` is the last trouble.

        After it is over each has some time to be back.
        """
        if last is not None and last.over is None:
            return True, None
        begun = [at for at in (self.doubt, last.over if last is not None else None) if at is not None]
        until = max(begun, default=now) + SETTLES if begun else now
        return now < until <= now + SETTLES, until
