"""When to try a delivery again."""

from __future__ import annotations

import random

from rules.model import DAY, MINUTE, SECOND

FIRST = 5 * SECOND
LONGEST = 10 * MINUTE  # how long a receiver that is back may wait for what it missed
LONGEST_ASKED = DAY


def retry_at(now: int, attempt: int, retry_after: float | None, rng: random.Random) -> int:
    """UTC microseconds of the next try after try number `attempt` (from 1) failed.

    Exponential back-off with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
    never less than a second, and never before `retry_after` seconds, of which at most a day is believed.
    """
    ceiling = min(LONGEST, FIRST * 2 ** min(attempt - 1, 32))
    wait = max(SECOND, int(rng.uniform(0, ceiling)))
    if retry_after is not None and retry_after > 0:
        wait = max(wait, min(LONGEST_ASKED, int(min(retry_after, 86_400.0) * SECOND)))
    return now + wait
