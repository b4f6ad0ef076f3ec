"""The breaker of an action: after so many corrections in a row that did not help it is not called for a while.

Then one correction may try; if it helps too little the pause begins anew. It follows from how runs ended, and the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules.model import DAY, HOUR, RunState

KEPT = 100  # outcomes of an action, and the most failures that a breaker may wait for
REMEMBERED = 7 * DAY
_HELPED = {
    RunState.VERIFIED: True,
    RunState.UNDONE: True,
    RunState.FAILED: False,
    RunState.ESCALATED: False,
}


class Outcome(NamedTuple):
    """That a correction helped or not, and when that was known."""

    at: int
    helped: bool


@dataclass(frozen=True, slots=True)
class Breaker:
    """After so many `failures` in a row no call for `pause` microseconds."""

    failures: int
    pause: int


BREAKER = Breaker(5, HOUR)
"""That of an action that says nothing else."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """How many corrections failed in a row, and until when no call is made; after that, one at a time."""

    failures: int
    until: int


def outcome_of(state: RunState, at: int) -> Outcome | None:
    """What an ended run says; None if it says nothing, since no call decided it."""
    helped = _HELPED.get(state)
    return None if helped is None else Outcome(at, helped)


def tripped(breaker: Breaker, outcomes: Sequence[Outcome], now: int) -> Tripped | None:
    """How a breaker stands that has tripped and was not closed by a success since. `outcomes` are oldest first."""
    failed = 0
    last = 0
    for outcome in reversed(outcomes):
        if outcome.helped or outcome.at <= now - REMEMBERED:
            break
        failed += 1
        last = max(last, min(outcome.at, now))
    return Tripped(failed, last + breaker.pause) if failed >= breaker.failures else None
