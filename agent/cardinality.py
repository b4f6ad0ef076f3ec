"""How many series each source may give: who sends another label each time would fill memory and disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from agent.config.configuration import SourceEntry
from agent.poller import Handle
from connectors.fields import MOST_SERIES
from rules.model import DAY, Polled, Reading, Series

log = structlog.get_logger()


class TooManySeries(Exception):
    """A source gives more series than it may; the words are for whoever sent them."""


class Cardinality:
    """The series that each source gave this day (UTC), as far as this process saw them."""

    def __init__(self) -> None:
        self._seen: dict[str, set[Series]] = {}
        self._day = 0

    def kept(
        self, entries: Mapping[str, SourceEntry], source: str, readings: Sequence[Reading], now: int
    ) -> tuple[Sequence[Reading], str | None]:
        """The readings of as many series as the source may give, those known first; and what is wrong with the rest."""
        most, seen, new = self._new(entries, source, readings, now)
        allowed = list(new)[: max(most - len(seen), 0)]
        seen.update(allowed)
        if len(allowed) == len(new):
            return readings, None
        words = _words(source, most)
        log.warning("series.too_many", source=source, error=words, left_out=len(new) - len(allowed))
        return [reading for reading in readings if reading.series in seen], words

    def before(self, handle: Handle, entries: Callable[[], Mapping[str, SourceEntry]]) -> Handle:
        """What hands on no more than `kept`, and says so as part of how the poll ended."""

        async def bounded(readings: Sequence[Reading], polled: Polled) -> None:
            kept, left_out = self.kept(entries(), polled.source, readings, polled.at)
            await handle(kept, replace(polled, partly=left_out) if left_out else polled)

        return bounded

    def check(self, entries: Mapping[str, SourceEntry], source: str, readings: Sequence[Reading], now: int) -> None:
        """Raises TooManySeries, and counts nothing then: what is sent is taken whole or not at all."""
        most, seen, new = self._new(entries, source, readings, now)
        if len(seen) + len(new) > most:
            raise TooManySeries(f"{_words(source, most)}; nothing was taken")
        seen.update(new)

    def _new(
        self, entries: Mapping[str, SourceEntry], source: str, readings: Sequence[Reading], now: int
    ) -> tuple[int, set[Series], dict[Series, None]]:
        if now // DAY != self._day:
            self._day = now // DAY
            self._seen.clear()
        seen = self._seen.setdefault(source, set())
        entry = entries.get(source)
        most: int = getattr(entry.config, "max_series", MOST_SERIES) if entry is not None else MOST_SERIES
        return most, seen, dict.fromkeys(one.series for one in readings if one.series not in seen)


def _words(source: str, most: int) -> str:
    return f"source {source}: it gives more than {most:,} series (a name and labels) in a day, which max_series bounds"
