"""Burning: errors come so fast that the error budget of a share goal will not last its period.

A goal of at least 99.9 % leaves a budget of 0.1 % of the readings that may be bad. The burn rate of a window is the
share of bad readings in it over that: at rate 1 the budget lasts just the period. An alert burns when, for any of its
pairs of windows, both the long one and the short one exceed the pair's rate: the long one says that it matters, the
short one that it still goes on.
Source: Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts",
https://sre.google/workbook/alerting-on-slos/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from rules.conditions import compile_where
from rules.functions import NEVER, until_left
from rules.model import DAY, HOUR, MINUTE, Assessment, BurnRate, RollingPeriod, percentage
from rules.scene import Scene
from rules.spare import Leaving, Side, Spare, of_share
from rules.words import number, span

# The workbook's, for a period of 30 days: the budget parts spent by then are 2 % and 5 %, 10 % and 10 %.
PAGE = (BurnRate(14.4, HOUR, 5 * MINUTE), BurnRate(6.0, 6 * HOUR, 30 * MINUTE))
TICKET = (BurnRate(3.0, DAY, 2 * HOUR), BurnRate(1.0, 3 * DAY, 6 * HOUR))


def burns(scene: Scene, pairs: tuple[BurnRate, ...]) -> bool | None:
    """Whether any pair is exceeded; None: a window without readings leaves it open."""
    found = [_exceeds(scene, pair) for pair in pairs]
    return True if True in found else None if None in found else False


def spares(scene: Scene, now: int, pairs: Sequence[BurnRate], silent: int) -> Iterator[Spare]:
    """What there is to spare of each pair until it may be exceeded: that of its window which has more of it."""
    goal, track = scene.target.goal, scene.tracks[0]
    if goal is None or goal.where is None or goal.at_least is None:
        return
    where = compile_where(goal.where)
    for pair in pairs:
        most, least = Side(-inf, float), 1 - pair.rate * (1 - goal.at_least)
        span = now, now + 1
        for window in (pair.long, pair.short):
            if window > 2 * silent:
                valued, good = track.tally(where, now + 1 - window, now + 1)
                side = of_share(where, good, valued, least, 1.0)
                most, span = max((most, span), (side, (now + 1 - window, now + 1)), key=lambda pair: pair[0].spare)
        yield Leaving(most, track, span, silent)


def until(scene: Scene, now: int, pairs: tuple[BurnRate, ...]) -> int:
    """Before when it burns as fast as at `now`, unless readings come."""
    spans = {span for pair in pairs for span in (pair.long, pair.short)}
    found = [until_left(track, now, span) for track in scene.tracks for span in spans]
    return min(found, default=NEVER)


def words(scene: Scene, assessment: Assessment, pairs: tuple[BurnRate, ...]) -> str:
    """How fast it burns and how long the budget lasts at that rate; empty if it doesn't burn."""
    pair = next((one for one in pairs if _exceeds(scene, one)), None)
    rate = _rate(scene, pair.long) if pair else None
    if pair is None or rate is None:
        return ""
    said = f"burning {number(float(f'{rate:.3g}'))} times the allowed errors over the last {span(pair.long)}"
    left = _left(scene, assessment)
    if left is None or assessment.start is None or assessment.end is None:
        return said
    if left <= 0:
        return f"{said}, the budget is used up"
    lasts = int(left * (assessment.end - assessment.start) / rate)
    return f"{said}, at this rate the budget is gone in {span(lasts)} ({percentage(round(left, 2))} of it is left)"


def _exceeds(scene: Scene, pair: BurnRate) -> bool | None:
    is_open = False
    for window in (pair.short, pair.long):  # mostly the short one says it already
        rate = _rate(scene, window)
        if rate is not None and rate <= pair.rate:
            return False
        is_open = is_open or rate is None
    return None if is_open else True


def _rate(scene: Scene, window: int) -> float | None:
    """The burn rate over (now - window, now]; None without readings, or if every reading has to be good."""
    goal = scene.target.goal
    if goal is None or goal.where is None or goal.at_least is None or goal.at_least >= 1:
        return None
    where, start, end = compile_where(goal.where), scene.now - window + 1, scene.now + 1
    valued = good = 0
    for track in scene.tracks:
        more, of_them = track.tally(where, start, end)
        valued, good = valued + more, good + of_them
    return (valued - good) / valued / (1 - goal.at_least) if valued else None


def _left(scene: Scene, assessment: Assessment) -> float | None:
    """The part of the period's budget that is left: of a period that goes on, as if its readings were spread evenly."""
    goal = scene.target.goal
    start, end = assessment.start, assessment.end
    if goal is None or goal.at_least is None or assessment.value is None or start is None or end is None:
        return None
    over = 1.0 if isinstance(goal.per, RollingPeriod) else (min(scene.now, end) - start) / (end - start)
    return 1 - (1 - assessment.value) * over / (1 - goal.at_least)
