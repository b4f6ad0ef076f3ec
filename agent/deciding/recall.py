"""Brings back what is stored, as decisions are made on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import structlog

from agent.deciding.past import learn_past
from agent.store.readings import Gone
from agent.store.store import Store
from rules.held import NEWEST
from rules.history import History
from rules.model import InstanceKey, InstanceState, Reading
from rules.specs import Reach, Specs
from rules.tracks import PAST_MOST
from rules.words import clock_time

log = structlog.get_logger()

_AT_ONCE = 25  # names whose readings are read at once: more would only cost memory
_BEGINNING, _END_OF_TIME = -(2**63), 2**63 - 1  # the clock may have been set back since a reading was stored


async def recall(store: Store, specs: Specs, known: Mapping[InstanceKey, InstanceState], now: int) -> History:
    """As `read_history`, with what is usual for instances of which nothing is known yet. Raises StoreError."""
    history = await read_history(store, specs, now)
    await learn_past(store, history, known, now)
    return history


async def read_history(store: Store, specs: Specs, now: int) -> History:
    """The stored readings within reach of the targets, as the engine sees them. Raises StoreError."""
    history = History(specs)
    by_reach: dict[Reach, list[str]] = {}
    for name, reach in specs.series_names().items():
        by_reach.setdefault(reach, []).append(name)
    for reach, names in by_reach.items():
        for at in range(0, len(names), _AT_ONCE):
            some = names[at : at + _AT_ONCE]
            if reach.horizon:
                span = now - reach.past, now - reach.horizon, _END_OF_TIME
                few: dict[str, None] = {}
                for series, times, values in await store.reaching(some, span, PAST_MOST + 1):
                    history.fill(series, times, values, now)
                    by_now = values[: bisect_right(times, now)]
                    if len(by_now) - by_now.count(None) < NEWEST:
                        few[series.name] = None
                some = list(few)
            for reading in await _newest(store, some, now) if some else ():
                history.add(reading, now)
    return history


async def say_missing(store: Store, specs: Specs, now: int) -> None:
    """Logs that readings are no more which targets count: none needed them when they were rolled up. Raises StoreError.

    In one line, however many series it is of.
    """
    names: dict[int, list[str]] = {}
    for name, reach in specs.series_names().items():
        names.setdefault(reach.horizon, []).append(name)
    gone: list[Gone] = []
    for horizon, some in names.items():
        if horizon:
            gone += await store.rolled_up(some, now - horizon, now)
    if gone:
        series, first, last = gone[0]
        span = {"since": clock_time(first, "UTC"), "until": clock_time(last, "UTC")}
        words = "targets that need readings which were rolled up count what is left; `setpoint explain` says of which"
        log.warning("readings.missing", series=str(series), **span, other_series=len(gone) - 1, detail=words)


async def _newest(store: Store, names: Sequence[str], now: int) -> list[Reading]:
    """As many readings, and as many values, as are held of a series however old they are; and all ahead of now."""
    return [*await _newest_before(store, names, now + 1), *await store.window(names, now + 1, _END_OF_TIME)]


async def _newest_before(store: Store, names: Sequence[str], end: int) -> list[Reading]:
    readings = await store.newest_of(names, _BEGINNING, end, NEWEST)
    values = await store.newest_values_of(names, end, NEWEST)
    return list({(reading.series, reading.time): reading for reading in [*values, *readings]}.values())


async def rolled_up(store: Store, reaches: Mapping[str, Reach], span: tuple[int, int], zone: str) -> list[str]:
    """In words: the series of which readings are no more that count from one time to another. Raises StoreError.

    A restart keeps those that its targets need; a target that came later, and a look at the past, may need others.
    """
    start, end = span
    found: list[str] = []
    for name, reach in reaches.items():
        for series, first, last in await store.rolled_up([name], start - reach.horizon, end):
            found.append(
                f"{series}: readings between {clock_time(first, zone)} and {clock_time(last, zone)} were rolled up"
                " (retention), and are not counted"
            )
    return found


async def read_from(
    store: Store, names: Sequence[str], reach: Reach, start: int, end: int = _END_OF_TIME
) -> list[Reading]:
    """The stored readings of series from `start` to `end` (exclusive), and before as far as they reach.

    The newest few before are among them however old they are. Raises StoreError.
    """
    first = start - reach.horizon
    before: list[Reading] = []
    if reach.past > reach.horizon:
        before += await store.newest_of(names, start - reach.past, first, PAST_MOST + 1)
    before += await _newest_before(store, names, first)
    once = {(reading.series, reading.time): reading for reading in before}
    return [*once.values(), *await store.window(names, first, end)]
