"""How many series each source may give: who sends another label each time would fill memory and disk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import structlog

from agent.config.configuration import SourceEntry
from agent.deciding.steps import in_steps
from agent.poller import Handle
from connectors.rows import MOST_SERIES
from rules.model import DAY, Polled, Reading, Series
from rules.steps import Steps

log = structlog.get_logger()

_FEW = 100  # readings that are looked at without ado
_AT_ONCE = 10_000  # readings looked at before the event loop turns: 5 ms
_NOTHING: frozenset[Series] = frozenset()


class TooManySeries(Exception):
    """A source gives more series than it may; the words are for whoever sent them."""


class Cardinality:
    """The series that each source gave this day (UTC), as far as this process saw them."""

    def __init__(self) -> None:
        self._seen: dict[str, set[Series]] = {}
        self._day = 0

    def keeping(
        self, entries: Mapping[str, SourceEntry], source: str, readings: Sequence[Reading], now: int
    ) -> Steps[tuple[Sequence[Reading], str | None]]:
        """The readings of as many series as the source may give, those known first; and what is wrong with the rest."""
        most, seen = self._of(entries, source, now)
        new: dict[Series, None] = {}
        for part in _parts(readings):
            new.update(dict.fromkeys(one.series for one in part if one.series not in seen))
            if len(part) == _AT_ONCE:
                yield
        allowed = list(islice(new, max(most - len(seen), 0)))
        seen.update(allowed)
        if len(allowed) == len(new):
            return readings, None
        words = _words(source, most)
        log.warning("series.too_many", source=source, error=words, left_out=len(new) - len(allowed))
        kept: list[Reading] = []
        for part in _parts(readings):
            kept += [reading for reading in part if reading.series in seen]
            yield
        return kept, words

    def before(self, handle: Handle, entries: Callable[[], Mapping[str, SourceEntry]]) -> Handle:
        """What hands on no more than `keeping` gives, and says so as part of how the poll ended."""

        async def bounded(readings: Sequence[Reading], polled: Polled) -> None:
            kept, left_out = await in_steps(self.keeping(entries(), polled.source, readings, polled.at))
            await handle(kept, replace(polled, partly=left_out) if left_out else polled)

        def handed_on(readings: Sequence[Reading], polled: Polled) -> Awaitable[None]:
            known = self._are_known(polled.source, readings, polled.at)
            return handle(readings, polled) if known else bounded(readings, polled)

        return handed_on

    def _are_known(self, source: str, readings: Sequence[Reading], now: int) -> bool:
        """Whether few readings give nothing new, as mostly: then no more is asked."""
        seen = self._seen.get(source, _NOTHING) if now // DAY == self._day else _NOTHING
        return len(readings) <= _FEW and all(map(seen.__contains__, (one.series for one in readings)))

    def check(self, entries: Mapping[str, SourceEntry], source: str, readings: Sequence[Reading], now: int) -> None:
        """Raises TooManySeries, and counts nothing then: what is sent is taken whole or not at all."""
        most, seen = self._of(entries, source, now)
        new = {one.series for one in readings if one.series not in seen}
        if len(seen) + len(new) > most:
            raise TooManySeries(f"{_words(source, most)}; nothing was taken")
        seen.update(new)

    def _of(self, entries: Mapping[str, SourceEntry], source: str, now: int) -> tuple[int, set[Series]]:
        """How many series it may give, and those it gave today."""
        if now // DAY != self._day:
            self._day = now // DAY
            self._seen.clear()
        entry = entries.get(source)
        most: int = getattr(entry.config, "max_series", MOST_SERIES) if entry is not None else MOST_SERIES
        return most, self._seen.setdefault(source, set())


def _parts(readings: Sequence[Reading]) -> Iterator[Sequence[Reading]]:
    return (readings[at : at + _AT_ONCE] for at in range(0, len(readings), _AT_ONCE))


def _words(source: str, most: int) -> str:
    return f"source {source}: it gives more than {most:,} series (a name and labels) in a day, which max_series bounds"
