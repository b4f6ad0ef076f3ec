"""What is usual, learned from what is stored, for instances that get an alert for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rules.history import History
from rules.model import DAY, InstanceKey, InstanceState, Reading, Series, Usual
from rules.specs import Reach, Specs
from rules.unusual import learn

if TYPE_CHECKING:
    from agent.store.store import Store

_PAST = 35 * DAY  # five of every weekday
_READINGS = 3_000  # of a series; of more, evenly spread ones


async def learn_past(store: Store, history: History, known: Mapping[InstanceKey, InstanceState], now: int) -> None:
    """Puts into the history what the stored readings teach of each instance that has not learned yet.

    An instance of several series learns from its next readings on: what they combined to is not stored.
    """
    for target, of in history.specs.learned_of.items():
        zone = history.specs.targets[target].zone
        for key in history.instances_of_target(target):
            series, state = history.series(key), known.get(key)
            if len(series) != 1 or (state is not None and state.usual is not None and state.usual.of == of):
                continue
            readings = await store.sample(series[0], now - _PAST, _READINGS)
            usual = await asyncio.to_thread(_learned, readings, of, zone)
            if usual is not None:
                history.usual[key] = usual


def rehearsed_reaches(specs: Specs) -> dict[str, Reach]:
    """How far before a rehearsal each series is needed: what is usual is learned of what was before it."""
    return _with_learned(specs, Reach(past=_PAST))


def kept_reaches(specs: Specs) -> dict[str, Reach]:
    """How far before now each series has to be stored as it came: as far as `learn_past` and what is held look."""
    return _with_learned(specs, Reach(_PAST))


def _with_learned(specs: Specs, learned: Reach) -> dict[str, Reach]:
    reaches = dict(specs.series_names())
    for target in specs.learned_of:
        selector = specs.targets[target].selector
        if selector is not None:
            reaches[selector.name] = reaches[selector.name].with_(learned)
    return reaches


def learn_before(history: History, before: Iterable[Reading], start: int) -> None:
    """As `learn_past`, of readings before a rehearsal begins, in order of time."""
    if not history.specs.learned_of:
        return
    known: dict[Series, list[Reading]] = {}
    for reading in before:
        if reading.time >= start - _PAST:
            known.setdefault(reading.series, []).append(reading)
    for target, of in history.specs.learned_of.items():
        for key in history.instances_of_target(target):
            series = history.series(key)
            readings = known.get(series[0], []) if len(series) == 1 else []
            spread = readings[:: -(len(readings) // _READINGS + 1)][::-1]
            usual = _learned(spread, of, history.specs.targets[target].zone)
            if usual is not None:
                history.usual[key] = usual


def _learned(readings: Sequence[Reading], of: str, zone: str) -> Usual | None:
    usual: Usual | None = None
    for reading in readings:
        if reading.value is not None:
            usual = learn(usual, of, zone, reading.time, reading.value)
    return usual
