"""When a cron expression comes round next: one meaning of cron everywhere, on the days the clocks change too.

Debian's meaning, as `cronsim` has it: what falls into the hour the clocks skip runs right after it, what falls into the
hour they repeat runs once, and what runs every hour or minute runs on.
"""

from __future__ import annotations

from cronsim import CronSim

from rules.model import DAY, HOUR
from rules.periods import to_local, to_micros

_BACK = (HOUR, DAY, 8 * DAY, 32 * DAY, 370 * DAY)  # how far back the last run is looked for, the nearest first


def next_run(expression: str, zone: str, after: int) -> int:
    """The first time after `after` (both in UTC microseconds) that five fields name in a zone."""
    runs = map(to_micros, CronSim(expression, to_local(after, zone)))
    return next(at for at in runs if at > after)  # in the repeated hour cronsim begins with the past one of two times


def last_run(expression: str, zone: str, after: int, until: int) -> int | None:
    """The last time with after < time <= until that five fields name in a zone, as `next_run` finds them."""
    for back in (*_BACK, until - after):
        begin = max(after, until - back)
        found, run = None, next_run(expression, zone, begin)
        while run <= until:
            found, run = run, next_run(expression, zone, run)
        if found is not None or begin == after:
            return found
    return None
