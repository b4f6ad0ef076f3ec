"""What readings take on disk as they came and rolled up, and how long rolling them up holds the writer.

python bench/rollups.py [--series 10] [--days 365] [--every 60]
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from record import record

from agent.store.keeping import Retention
from agent.store.records import Commit
from agent.store.store import Store
from rules.model import DAY, SECOND, Reading, Series

NOW = 20_000 * DAY


def _used(path: Path) -> int:
    """Bytes of the pages that hold something."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


async def _fill(store: Store, series: int, days: int, every: int) -> int:
    count = 0
    for number in range(series):
        one = Series("s", (("n", str(number)), ("source", "bench")))
        times = range(NOW - days * DAY, NOW, every * SECOND)
        for at in range(0, len(times), 50_000):
            some = [Reading(one, at, 20 + (at // SECOND * 7919 % 1009) / 97) for at in times[at : at + 50_000]]
            await store.commit(Commit(NOW, readings=some))
            count += len(some)
    return count


async def _rolled_up(store: Store, kept: Retention) -> list[tuple[float, float]]:
    """CPU and wall seconds of each transaction that removed something: each is tried again until it finds nothing."""
    link = store._write()._link
    transaction, took = link.transaction, []

    def measured(*args: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        outcomes = transaction(*args)
        if outcomes[0][0]:
            took.append((time.thread_time() - cpu, time.perf_counter() - wall))
        return outcomes

    link.transaction = measured  # type: ignore[method-assign]
    await store.roll_up(NOW, lambda _: kept, {})
    link.transaction = transaction  # type: ignore[method-assign]
    return took


async def main(series: int, days: int, every: int) -> None:
    """Prints it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "n.db")
        store = await Store.open(f"sqlite:///{path}", NOW)
        empty = _used(path)
        count = await _fill(store, series, days, every)
        raw = _used(path) - empty
        print(f"{count:,} readings as they came: {raw / count:.1f} bytes each, {raw / 1e6:.1f} MB")
        figures: dict[str, Any] = {"readings": count, "bytes a reading": raw / count}
        for words, kept in (
            ("older than a day by the hour", Retention(DAY, 2 * days * DAY)),
            ("older than a day by the day", Retention(DAY, DAY)),
        ):
            began = time.process_time()
            took = await _rolled_up(store, kept)
            cpu = time.process_time() - began
            left = _used(path) - empty
            print(f"{words}: {left / count:.2f} bytes each, {left / 1e6:.2f} MB; {cpu:.1f} s of CPU")
            figures[words] = {"bytes a reading": left / count, "cpu_seconds": cpu}
            for name, times in zip(("CPU", "wall"), zip(*took, strict=True), strict=True):
                ordered = sorted(times)
                figures[words] |= {f"{name} ms a transaction": ordered[len(ordered) // 2] * 1e3}
                half, most = ordered[len(ordered) // 2], ordered[-1]
                print(
                    f"  {len(took):,} transactions, {name}: {half * 1e3:.1f} ms in the middle, {most * 1e3:.1f} at most"
                )
            began = time.process_time()
            await store.roll_up(NOW, lambda _, kept=kept: kept, {})  # type: ignore[misc]
            print(f"  again, with nothing to do: {(time.process_time() - began) * 1e3:.0f} ms of CPU")
        record("rollups", figures)
        await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("series", 10), ("days", 365), ("every", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asyncio.run(main(**vars(parser.parse_args())))
