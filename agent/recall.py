"""Brings back what is stored, as decisions are made on it."""

from __future__ import annotations

from agent.store.store import Store
from rules.history import History
from rules.specs import Specs

_END_OF_TIME = 2**63 - 1  # the clock may have been set back since a reading was stored


async def read_history(store: Store, specs: Specs, now: int) -> History:
    """The stored readings within reach of the targets, as the engine sees them. Raises StoreError."""
    history = History(specs)
    by_reach: dict[int, list[str]] = {}
    for name, reach in specs.series_names().items():
        by_reach.setdefault(reach, []).append(name)
    for reach, names in by_reach.items():
        if reach:
            for reading in await store.reading_before(names, now - reach):
                history.add(reading)
            for reading in await store.window(names, now - reach, _END_OF_TIME):
                history.add(reading)
        else:
            for reading in await store.latest(names):
                history.add(reading)
    return history
