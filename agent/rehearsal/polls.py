"""Polls in virtual time: a source that is not said to fail was read whenever something is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.config.configuration import SourceEntry
from rules.cron import next_run
from rules.model import SECOND, Polled, SourceState


@dataclass(frozen=True, slots=True)
class Failing:
    """A span (start <= time < end) in which a source can't be read."""

    source: str
    start: int
    end: int
    error: str = "can't be read"


class Polls:
    """The polls of the sources that are read on a schedule."""

    def __init__(self, sources: Iterable[SourceEntry], failing: Sequence[Failing] = ()) -> None:
        self._sources = [entry for entry in sources if entry.polled]
        self._every = [(entry.name, entry.every or SECOND) for entry in self._sources]
        self._failing = failing

    def fails(self, source: str, at: int) -> bool:
        """Whether the source can't be read then."""
        return any(one.source == source and one.start <= at < one.end for one in self._failing)

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

    def of_failures(self, start: int, end: int) -> Iterator[Polled]:
        """The polls that fail up to `end`, and the first of each source that works again, in no order."""
        for one in self._failing:
            entry = next((entry for entry in self._sources if entry.name == one.source), None)
            if entry is None:
                continue
            for at in _grid(entry, start, end):
                if at < one.start:
                    continue
                yield Polled(one.source, at, one.error if self.fails(one.source, at) else None)
                if at >= one.end:
                    break


def _last(known: Mapping[str, SourceState], name: str) -> int:
    state = known.get(name)
    return -(2**62) if state is None or state.last_success is None else state.last_success


def _grid(entry: SourceEntry, start: int, end: int) -> Iterator[int]:
    """When a source is read from `start` to `end`."""
    at = start if entry.cron is None else next_run(entry.cron, entry.zone, start)
    while at <= end:
        yield at
        at = at + (entry.every or SECOND) if entry.cron is None else next_run(entry.cron, entry.zone, at)
