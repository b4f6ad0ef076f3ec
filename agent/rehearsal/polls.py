"""Polls in virtual time: a source that is not said to fail was read whenever something is looked at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.config.configuration import SourceEntry
from rules.cron import last_run, next_run
from rules.model import DAY, SECOND, Polled, SourceState

_LONGEST = 400 * DAY  # between two runs that a calendar names, but for a leap day


@dataclass(frozen=True, slots=True)
class Failing:
    """A span (start <= time < end) in which a source can't be read."""

    source: str
    start: int
    end: int
    error: str = "can't be read"


class _Spans:
    """What is said of each time by spans (start <= time < end); where they overlap the first of them says it."""

    def __init__(self, spans: Sequence[tuple[int, int, str]]) -> None:
        self._edges = sorted({time for start, end, _ in spans for time in (start, end)})
        self._said: list[str | None] = [None] * len(self._edges)  # from each edge up to the next
        self._within = sorted((start, end) for start, end, _ in spans)
        for start, end, word in reversed(spans):
            first, last = bisect_left(self._edges, start), bisect_left(self._edges, end)
            self._said[first:last] = [word] * (last - first)

    def at(self, time: int) -> str | None:
        """What is said of a time; None if nothing is."""
        place = bisect_right(self._edges, time)
        return self._said[place - 1] if place else None

    def any_between(self, last: int, at: int) -> bool:
        """Whether one begins after a time and is over by another."""
        first, end = (bisect_right(self._within, time, key=lambda span: span[0]) for time in (last, at))
        return any(over <= at for _, over in self._within[first:end])


class Polls:
    """The polls of the sources that are read on a schedule."""

    def __init__(self, sources: Iterable[SourceEntry], failing: Sequence[Failing] = ()) -> None:
        self._sources = [entry for entry in sources if entry.polled]
        self._every = [(entry.name, entry.every or SECOND) for entry in self._sources]
        known = {entry.name: entry for entry in self._sources}
        of = defaultdict[str, list[Failing]](list)
        for one in failing:
            of[one.source].append(one)
        self._failing = {name: _Spans([(one.start, one.end, one.error) for one in some]) for name, some in of.items()}
        polled = (one for one in failing if one.source in known)
        self._soon = _Spans([(_before(known[one.source], one.start), one.end, one.error) for one in polled])

    def fails(self, source: str, at: int) -> bool:
        """Whether the source can't be read then."""
        spans = self._failing.get(source)
        return spans is not None and spans.at(at) is not None

    def beside(self, at: int, known: Mapping[str, SourceState]) -> list[Polled]:
        """The successful polls that came between the last known ones and the readings of a time."""
        return [
            Polled(name, at)
            for name, every in self._every
            if _last(known, name) + 2 * every <= at and not self.fails(name, at)
        ]

    def before_a_look(self, at: int) -> list[Polled]:
        """The successful polls of a time at which nothing but time passed: the daemon has read just before."""
        return [Polled(name, at) for name, _ in self._every if not self.fails(name, at)]

    def fail_soon(self, at: int) -> bool:
        """Whether any source can't be read then, or when it is read next."""
        return self._soon.at(at) is not None

    def of_failures(self, start: int, end: int) -> Iterator[Polled]:
        """The polls that fail up to `end`, and of each source the last before them and the first that works again.

        Also those around a span in which none falls: a look in it finds the source not read just before. They are in
        no order.
        """
        for entry in self._sources:
            spans = self._failing.get(entry.name)
            if spans is None:
                continue
            before, last, fails = None, start - 1, False
            for at in _grid(entry, start, end):
                error = spans.at(at)
                failed = error is not None or spans.any_between(last, at)
                if failed and before is not None:
                    yield Polled(entry.name, before)
                if failed or fails:
                    yield Polled(entry.name, at, error)
                before, last, fails = None if failed or fails else at, at, error is not None


def _last(known: Mapping[str, SourceState], name: str) -> int:
    state = known.get(name)
    return -(2**62) if state is None or state.last_success is None else state.last_success


def _before(entry: SourceEntry, time: int) -> int:
    """When a source was read last before a time, or earlier."""
    if entry.cron is None:
        return time - (entry.every or SECOND)
    last = last_run(entry.cron, entry.zone, time - _LONGEST, time - 1)
    return time - _LONGEST if last is None else last


def _grid(entry: SourceEntry, start: int, end: int) -> Iterator[int]:
    """When a source is read from `start` to `end`."""
    at = start if entry.cron is None else next_run(entry.cron, entry.zone, start)
    while at <= end:
        yield at
        at = at + (entry.every or SECOND) if entry.cron is None else next_run(entry.cron, entry.zone, at)
