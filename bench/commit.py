"""CPU and commits of storing readings through `Store.commit`, beside the bare driver's batch insert of the same rows.

    python bench/commit.py --batches 1 100 1000 --readings 50000 --rounds 3

Both write the same rows in the same batches, one batch awaited after another, into databases of the same schema and
settings on the same disk, in turns. CPU is that of the whole process: the loop, the writer's thread, the driver; with
`--database-url`, an empty PostgreSQL database, asyncpg takes the place of sqlite3, and the server's CPU is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from record import record

from agent.store.records import Commit
from agent.store.store import Store
from rules.model import SECOND, Reading, Series

START = 1_767_225_600 * SECOND
SERIES = [Series("value", (("site", f"s{number}"), ("source", "a"))) for number in range(500)]
FEW = 2_000  # readings of a round that are written one by one
INSERT = "INSERT INTO readings VALUES (?, ?, ?) ON CONFLICT (series_id, time) DO UPDATE SET value = excluded.value"
Rows = list[tuple[int, int, float]]
Write = Callable[[Rows], Awaitable[None]]


def rows(begin: int, count: int) -> Rows:
    """Number of the series, time and value: all series at one time, then at the next."""
    at = range(begin, begin + count)
    return [(n % len(SERIES), START + n // len(SERIES) * 10 * SECOND, n * 0.5) for n in at]


async def cost(write: Write, batches: list[Rows]) -> tuple[float, float]:
    """CPU microseconds for each reading, and commits a second."""
    began, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        await write(batch)
    used, took = time.process_time() - cpu, time.perf_counter() - began
    return used / sum(map(len, batches)) * 1e6, len(batches) / took


def bare(connection: sqlite3.Connection) -> Write:
    """What anybody would write."""

    async def write(batch: Rows) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, [(number + 1, at, value) for number, at, value in batch])
        connection.execute("COMMIT")

    return write


async def bare_postgres(url: str) -> Write:
    """What somebody would write who knows that one array for each column is quickest."""
    import asyncpg

    connection = await asyncpg.connect(url)
    columns = "unnest($1::bigint[], $2::bigint[], $3::double precision[])"
    insert = INSERT.replace("VALUES (?, ?, ?)", f"SELECT * FROM {columns}")

    async def write(batch: Rows) -> None:
        numbers, at, values = zip(*batch, strict=True)
        await connection.execute(insert, [number + 10_000 for number in numbers], at, values)

    return write


def ours(store: Store) -> Write:
    """The same through the store, from readings."""

    async def write(batch: Rows) -> None:
        readings = [Reading(SERIES[number], at, value) for number, at, value in batch]
        await store.commit(Commit(batch[-1][1], readings=readings))

    return write


def drawn(size: int, count: int, rounds: int) -> Iterator[list[Rows]]:
    """For each round the batches, later than those before."""
    for number in range(rounds):
        begin = size * 10_000_000 + number * count  # another size's rows are others, in the same database too
        yield [rows(begin + first, size) for first in range(0, count, size)]


async def measure(folder: Path, url: str | None, shape: tuple[int, int, int]) -> dict[str, float]:
    """Medians over the rounds, and the median of each round's ratio; `shape` is size of a batch, readings, rounds."""
    names = {name: folder / f"{name}-{shape[0]}.db" for name in ("store", "driver")}
    store = await Store.open(url or f"sqlite:///{names['store']}", START)
    try:
        if url is not None:
            return await compare({"store": ours(store), "driver": await bare_postgres(url)}, shape)
        await (await Store.open(f"sqlite:///{names['driver']}", START)).close()  # makes the schema
        with closing(sqlite3.connect(names["driver"], isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -16000")
            return await compare({"store": ours(store), "driver": bare(connection)}, shape)
    finally:
        await store.close()


async def compare(writers: dict[str, Write], shape: tuple[int, int, int]) -> dict[str, float]:
    """In turns."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in writers}
    for batches in drawn(*shape):
        for name, write in writers.items():
            found[name].append(await cost(write, batches))
    ratios = [one[0] / other[0] for one, other in zip(found["store"], found["driver"], strict=True)]
    result = {"ratio": round(statistics.median(ratios), 2)}
    for name, all_ in found.items():
        used, pace = (statistics.median(column) for column in zip(*all_, strict=True))
        result |= {f"{name}_us": round(used, 2), f"{name}_per_cpu_s": round(1e6 / used)}
        result[f"{name}_commits_per_s"] = round(pace)
    return result


def main() -> None:
    """Measures each size of a batch and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 100, 1_000], help="readings in a commit")
    parser.add_argument("--readings", type=int, default=50_000, help="in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", help="an empty PostgreSQL database, instead of SQLite")
    chosen = parser.parse_args()
    print(f"{'batch':>6} {'store µs':>9} {'driver µs':>10} {'ratio':>6} {'readings/CPU s':>15} {'commits/s':>10}")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for size in chosen.batches:
            count = min(chosen.readings, FEW) if size == 1 else chosen.readings
            one = found[str(size)] = asyncio.run(measure(Path(name), chosen.database_url, (size, count, chosen.rounds)))
            print(f"{size:6,} {one['store_us']:9.2f} {one['driver_us']:10.2f} {one['ratio']:6.2f}", end="")
            print(f" {one['store_per_cpu_s']:15,} {one['store_commits_per_s']:10,}", flush=True)
    record("commit" if chosen.database_url is None else "commit_postgresql", found)


if __name__ == "__main__":
    main()
