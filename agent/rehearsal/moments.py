"""What a rehearsal is given: readings and polls as they come in, and answers to what it calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rules.model import SECOND, Polled, Reading

TICK = SECOND
"""How often a daemon looks at what time alone moves on; what is due no longer than that is looked at with a reading.

Else an alert of `for: 2m` would hang on whether a poll a minute comes some milliseconds late, in a replay alone.
"""


class Moment(NamedTuple):
    """What comes in at one time."""

    at: int
    readings: Sequence[Reading] = ()
    polls: Sequence[Polled] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a corrective call is answered; `error` is what went wrong, `permanent` whether trying again is in vain."""

    text: str = "answered 200"
    error: bool = False
    permanent: bool = False


Answers = Callable[[str, int], Answer]
"""The answer to a call of an action (its name) at a time."""
