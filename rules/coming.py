"""Readings that come one by one, as in a replay, and how many of them nothing but numbers is found at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rules.foresight import Arrival
from rules.margins import Margins
from rules.tracks import Track


class Coming(NamedTuple):
    """Readings of one series, each of which arrives alone; those before the `first` came.

    Of those that arrive at `before` or later none is gone past. Looks that are due less than a `tick` before a reading
    are made with it. Where `briefly` is so, what comes and goes before an alert could fire is gone past too, but for
    the last time.
    """

    arrivals: Sequence[Arrival]
    first: int
    before: int
    tick: int
    briefly: bool = False


class Since(NamedTuple):
    """When the last reading was read; all is quiet up to `quiet` after each reading comes.

    The next reading has to come before `limit`, all of them before `until`.
    """

    read: int
    limit: int
    until: int
    quiet: int


def by_margins(margins: Margins, track: Track, coming: Coming, since: Since) -> tuple[int, bool]:
    """Adds readings to a track as long as the margins hold after each.

    Says which is the first left, and whether that is in the track already, since asking for it took that.
    """
    least, most, silent, spares, add = margins.least, margins.most, margins.silent, margins.spares, track.add
    arrivals, tick, (read, limit, until, quiet) = coming.arrivals, coming.tick, since
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
