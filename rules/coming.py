"""Readings that come one by one, as in a replay, and how many of them nothing but numbers is found at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rules.conditions import Condition
from rules.functions import NEVER
from rules.margins import Margins
from rules.model import LARGEST, Reading
from rules.questions import Question, look_again
from rules.tracks import Track

Arrival = tuple[int, Sequence[Reading]]
"""When readings arrive together, at least one, and which."""


class Coming(NamedTuple):
    """Readings of one series, each of which arrives alone; those before the `first` came.

    Of those that arrive at `before` or later none is gone past. Looks that are due less than a `tick` before a reading
    are made with it.
    """

    arrivals: Sequence[Arrival]
    first: int
    before: int
    tick: int


class Since(NamedTuple):
    """When the last reading was read, and when the last look was; all is quiet up to `quiet` after each reading comes.

    The next reading has to come before `limit`, all of them before `until`.
    """

    read: int
    looked: int
    limit: int
    until: int
    quiet: int


def by_margins(margins: Margins, track: Track, coming: Coming, since: Since) -> tuple[int, bool]:
    """Adds readings to a track as long as the margins hold after each.

    Says which is the first left, and whether that is in the track already, since asking for it took that.
    """
    least, most, silent, spares, add = margins.least, margins.most, margins.silent, margins.spares, track.add
    arrivals, tick, (read, _, limit, until, quiet) = coming.arrivals, coming.tick, since
    for index in range(coming.first, len(arrivals)):
        at, ((_, time, number),) = arrivals[index]
        if number is None or not (read < time <= at < limit and at <= time + silent and least <= number <= most):
            return index, False
        add(time, number)
        for spare in spares:
            if not spare.holds(time, number):
                return index, True
        read, limit = time, min(until, time + silent + tick, at + quiet + 1)
    return len(arrivals), False


def by_answers(
    condition: Condition, asked: Sequence[Question], track: Track, coming: Coming, since: Since, *, says: bool
) -> tuple[int, bool, Sequence[float | None]]:
    """Adds readings to the one track of a condition as long as it says the same after each, and between any two.

    Says as `by_margins` how far that went, and the last answers that say so.
    """
    arrivals, add, decide, tick = coming.arrivals, track.add, condition.decide, coming.tick
    every, answers = condition.look_again or NEVER, list[float | None]()
    read, looked, limit, until, quiet = since
    for index in range(coming.first, len(arrivals)):
        at, ((_, time, number),) = arrivals[index]
        if number is None or not (read < time <= at < limit and at < time + every and abs(number) <= LARGEST):
            return index, False, answers
        while read + every <= at - tick:
            look = look_again(condition, asked, looked, read) or NEVER
            if look > at - tick:
                break
            if decide([question.answer(look) for question in asked]) is not says:
                return index, False, answers
            looked = look
        add(time, number)
        found = [question.answer(at) for question in asked]
        if decide(found) is not says:
            return index, True, answers
        read, looked, limit, answers = time, at, min(until, at + quiet + 1), found
    return len(arrivals), False, answers
