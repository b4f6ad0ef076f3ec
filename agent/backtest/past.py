"""The readings of the past: out of the database, or out of a CSV file; and when each is taken to have arrived."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, islice, pairwise, repeat
from operator import attrgetter, lt
from pathlib import Path

from agent.config.configuration import Configuration
from agent.deciding.past import rehearsed_reaches
from connectors.extract import Extractor, Table
from connectors.formats import csv_rows, parse_csv, too_many
from connectors.values import moments, numbers
from rules.measures import MEASURES
from rules.model import (
    HOUR,
    CalendarPeriod,
    FixedPeriod,
    Reading,
    Series,
    labels_of,
)
from rules.specs import PUSHED, Reach, Specs

_TIMES = ("time", "date", "datetime", "timestamp")
_END_OF_TIME = 2**63 - 1
_TIME = attrgetter("time")
_ROWS = 1_000  # of a file that are read at once


@dataclass(frozen=True, slots=True)
class Past:
    """Readings in order of arrival, and those before the first moment. `delays` are how much later than its time a
    reading of a series arrives (microseconds); those that are 0 are left out."""

    before: Sequence[Reading]
    readings: Sequence[Reading]
    delays: Mapping[Series, int]

    @property
    def last(self) -> int:
        """When the last of them arrives."""
        return max((one.time + self.delays.get(one.series, 0) for one in self.readings), default=0)

    def arrivals(self, end: int) -> Iterator[tuple[int, Sequence[Reading]]]:
        """What arrives together, and when, before a time."""
        arriving = self.readings
        at: Callable[[Reading], int] = _TIME
        if self.delays:
            delays = self.delays
            at = lambda one: one.time + delays.get(one.series, 0)  # noqa: E731
            arriving = sorted(arriving, key=at)
        times = list(map(at, arriving))
        inside = bisect_left(times, end)
        if all(map(lt, times, islice(times, 1, None))):  # each comes alone, as nearly always
            return islice(zip(times, zip(arriving, strict=True), strict=True), inside)
        together = groupby(islice(arriving, inside), key=at)
        return ((time, tuple(readings)) for time, readings in together)


def read_past(
    found: Iterable[Reading], specs: Sequence[Specs], span: tuple[int, int | None], delay: int | None
) -> Past:
    """The past within a span (its end left out) of what was found; what is older is what was known at its start."""
    start, end = span
    ordered = sorted(found, key=_TIME)
    first = bisect_left(ordered, start, key=_TIME)
    last = len(ordered) if end is None else bisect_left(ordered, end, key=_TIME)
    before, inside = ordered[:first], ordered[first:last]
    by_series: dict[Series, list[int]] = {}
    for reading in inside:
        by_series.setdefault(reading.series, []).append(reading.time)
    delays = {one: _delay(one, times, specs) if delay is None else delay for one, times in by_series.items()}
    return Past(before, inside, {one: late for one, late in delays.items() if late})


def _delay(series: Series, times: Sequence[int], specs: Sequence[Specs]) -> int:
    """How late a number comes that counts a stretch of time: a day's number is complete when the day is over."""
    counted = any(_counts(one, series) for one in specs)
    gaps = sorted(b - a for a, b in pairwise(times)) if counted else []
    usual = gaps[len(gaps) // 2] if gaps else 0
    return usual if usual >= HOUR else 0


def _counts(specs: Specs, series: Series) -> bool:
    goals = [specs.targets[key.target].goal for key in specs.places_of(series).makes]
    return any(g and MEASURES[g.measure].counts and isinstance(g.per, CalendarPeriod | FixedPeriod) for g in goals)


async def stored(
    url: str, specs: Sequence[Specs], start: int | None, end: int | None, zone: str
) -> tuple[list[Reading], list[str]]:
    """What the database holds of the series that the targets read, as far back as they reach. Raises StoreError.

    Beside it in words what it holds no more.
    """
    from agent.deciding.recall import read_from, rolled_up
    from agent.store.store import Store

    reaches: dict[str, Reach] = {}
    for one in specs:
        for name, reach in rehearsed_reaches(one).items():
            reaches[name] = reach.with_(reaches.get(name, Reach()))
    store = await Store.open_readonly(url)
    try:
        found: list[Reading] = []
        for name, reach in reaches.items():
            until = _END_OF_TIME if end is None else end
            if start is None:
                found += await store.window([name], -(2**62), until)
            else:
                found += await read_from(store, [name], reach, start, until)
        span = -(2**62) if start is None else start, _END_OF_TIME if end is None else end
        return found, await rolled_up(store, reaches, span, zone)
    finally:
        await store.close()


def stored_now(
    url: str, specs: Sequence[Specs], start: int | None, end: int | None, zone: str
) -> tuple[list[Reading], list[str]]:
    """The same, outside an event loop."""
    return asyncio.run(stored(url, specs, start, end, zone))


def of_csv(path: Path, config: Configuration, series: str | None, now: int) -> list[Reading]:
    """The readings of a CSV file: as `series`, else by the mapping of the source whose columns it has.

    Raises ValueError with what is wrong.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror or error}") from None
    return _plain(body, series, config) if series else _mapped(parse_csv(body, most=None), config, now)


def _plain(body: bytes, name: str, config: Configuration) -> list[Reading]:
    """Columns are the time, `value`, and labels."""
    try:
        return _by_columns(body, name, config, _ROWS)
    except ValueError:
        return _by_columns(body, name, config, 1)  # which says the line


def _by_columns(body: bytes, name: str, config: Configuration, at_once: int) -> list[Reading]:
    """The readings of so many rows at once. Raises ValueError with the first line of those that are wrong."""
    header, rows = csv_rows(body, most=None)
    places = {column: place for place, column in enumerate(header) if column}
    when = next((column for column in places if column.lower() in _TIMES), None)
    if when is None or "value" not in places:
        raise ValueError(f"needs the columns time and value; it has {', '.join(places)}")
    giving = [entry.name for entry in config.sources.values() if name in entry.rule.series]
    labels = [column for column in places if column not in {when, "value", "source"}]
    series_of = _finder(name, giving[0] if giving else PUSHED, labels)
    found: list[Reading] = []
    line = 2
    while some := list(islice(rows, at_once)):
        try:
            columns = list(zip(*_fitted(some, header), strict=True))
            values = (
                zip(*(columns[places[label]] for label in labels), strict=True) if labels else repeat((), len(some))
            )
            times = moments(columns[places[when]], config.timezone)
            found += map(Reading, map(series_of, values), times, numbers(columns[places["value"]]))
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from None
        line += len(some)
    return found


def _fitted(rows: list[list[str]], header: list[str]) -> list[list[str]]:
    """Rows with as many cells as the first row has. Raises ValueError if one has more than that."""
    width = len(header)
    if set(map(len, rows)) == {width}:
        return rows
    if reason := next(filter(None, (too_many(header, cells) for cells in rows)), ""):
        raise ValueError(reason)
    return [[*cells, *[""] * (width - len(cells))][:width] for cells in rows]


def _finder(name: str, source: str, labels: Sequence[str]) -> Callable[[tuple[str, ...]], Series]:
    """A function that finds the series of a row by the values of its labels."""

    @cache
    def series_of(values: tuple[str, ...]) -> Series:
        pairs = {label: value for label, value in zip(labels, values, strict=True) if value}
        return Series(name, labels_of({**pairs, "source": source}))

    return series_of


def _mapped(table: Table, config: Configuration, now: int) -> list[Reading]:
    """By the first source whose `readings` find all their columns, and a time, in the file."""
    columns = set(table.columns or ())
    for name, entry in config.sources.items():
        readings = [one for one in getattr(entry.config, "readings", ()) if one.time is not None]
        wanted = [{one.time, one.value, *one.labels.values()} for one in readings]
        fitting = [one for one, paths in zip(readings, wanted, strict=True) if paths <= columns]
        if fitting:
            plain = [replace(one, select=None) for one in fitting]
            return Extractor(name, plain, entry.zone).readings(table, now)
    listed = ", ".join(table.columns or ())
    raise ValueError(f"has the columns {listed}, which no source's readings name; say which series it is: --series")
