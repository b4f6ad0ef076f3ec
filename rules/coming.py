"""Readings that come one by one, as in a replay, and how many of them nothing but numbers is found at."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from rules.foresight import Arrival
from rules.held import NEWEST
from rules.margins import Margins
from rules.tracks import Track

_RUN = 64  # readings that are gone past at once, at most


class Columns(NamedTuple):
    """When readings arrive, when they were read, and their numbers; NaN stands for none."""

    at: Sequence[int]
    times: Sequence[int]
    numbers: Sequence[float]

    def part(self, first: int, end: int) -> Columns:
        """Those from an index up to another."""
        return Columns(self.at[first:end], self.times[first:end], self.numbers[first:end])


def columns(arrivals: Sequence[Arrival]) -> Columns:
    """Of readings each of which arrives alone."""
    at, alone = zip(*arrivals, strict=True)
    _, times, values = zip(*[reading for (reading,) in alone], strict=True)
    return Columns(at, times, [nan if value is None else value for value in values])


class Coming(NamedTuple):
    """Readings of one series, each of which arrives alone; those before the `first` came. The `columns` are of all.

    Of those that arrive at `before` or later none is gone past. Looks that are due less than a `tick` before a reading
    are made with it. Where `briefly` is so, what comes and goes before an alert could fire is gone past too, but for
    the last time.
    """

    arrivals: Sequence[Arrival]
    columns: Columns
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

    def after(self, at: int, time: int, silent: int, tick: int) -> Since:
        """The same after a reading that came at a time."""
        return Since(time, min(self.until, time + silent + tick, at + self.quiet + 1), self.until, self.quiet)


def by_margins(margins: Margins, track: Track, coming: Coming, since: Since) -> tuple[int, bool]:
    """Adds readings to a track as long as the margins hold after each.

    Says which is the first left, and whether that is in the track already, since asking for it took that.
    """
    left = coming.first
    while margins.in_runs and (count := _run(margins, track, coming, left, since)):
        at, times, numbers = coming.columns.part(left, left + count)
        held = margins.lasts(times, numbers)
        track.extend(times[: held + 1], numbers[: held + 1])
        left += held
        if held < count:
            return left, True
        since = since.after(at[-1], times[-1], margins.silent, coming.tick)
    return _one_by_one(margins, track, coming._replace(first=left), since)


def _run(margins: Margins, track: Track, coming: Coming, first: int, since: Since) -> int:
    """How many readings go past all margins but the spares, from one on, and are as far apart as those in the track.

    So the usual distance stays as it is.
    """
    at, times, numbers = coming.columns.part(first, first + _RUN)
    newest = track.times[-NEWEST:].tolist()
    count = bisect_left(at, since.until)
    if len(newest) < NEWEST or not count or not since.read < times[0] <= at[0] < since.limit:
        return 0
    gap, late = newest[-1] - newest[-2], at[0] - times[0]
    if late > margins.silent or gap > since.quiet or gap + late >= margins.silent + coming.tick:
        return 0
    each = range(newest[0], times[count - 1] + 1, gap)
    if [*newest, *times[:count]] != [*each] or [time + late for time in times[:count]] != [*at[:count]]:
        return 0
    least, most = margins.least, margins.most
    return next((done for done, number in enumerate(numbers[:count]) if not least <= number <= most), count)


def _one_by_one(margins: Margins, track: Track, coming: Coming, since: Since) -> tuple[int, bool]:
    """As `by_margins`."""
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
