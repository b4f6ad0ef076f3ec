"""Whether a database could be taken now."""

from __future__ import annotations

import asyncio

from agent.store.commits import take_shards
from agent.store.databases import database_of


async def probe(url: str, holder: str, now: int) -> None:
    """Raises what opening the store, and the first commit of a starting daemon, would raise now: StoreError."""
    await asyncio.to_thread(_probe, url, holder, now)


def _probe(url: str, holder: str, now: int) -> None:
    link = database_of(url).take(now)
    try:
        for _, error in link.transaction([lambda connection: take_shards(connection, holder, now)], lambda: None):
            if error is not None:
                raise error
    finally:
        link.close()
