"""Disk full, locked by another program, killed in the middle: what was committed stays, the store goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.store import sqlite, sqlite_link
from agent.store.records import Commit, Delivery, DeliveryKind
from agent.store.store import Store, StoreUnavailable
from rules.model import Reading, Series

S = Series("s")
NOTICE = Delivery("k", DeliveryKind.NOTICE, "r", 0, "l", b"{}", 0, 0, 10)

WORKER = """
import asyncio, itertools, sys
from agent.store.records import Commit, Delivery, DeliveryKind
from agent.store.store import Store
from rules.model import *

async def main():
    store = await Store.open(sys.argv[1], 0)
    shards = await store.take_shards("worker", 0)
    first = int(sys.argv[2])
    async def one(lane):
        for n in itertools.count(first):
            name = f"{lane}-{n}"
            state = InstanceState(InstanceKey("t", (("lane", str(lane)),)), Assessment(Standing.MET, value=float(n)), 0, 0)
            delivery = Delivery(name, DeliveryKind.NOTICE, "r", 0, name, b"{}", 0, 0, 9)
            readings = [Reading(Series("s", (("lane", str(lane)),)), n * 10 + k, float(k)) for k in range(10)]
            await store.commit(Commit(n, shards, readings, instances=[state], deliveries=[delivery]))
            print(lane, n, flush=True)
    await asyncio.gather(*(one(lane) for lane in range(8)))

asyncio.run(main())
"""


async def test_kill_in_the_middle_loses_nothing_that_was_answered_and_leaves_no_halves(url: str) -> None:
    answered: dict[int, int] = {}
    for round_ in range(4):
        first = max(answered.values(), default=-1) + 100
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, url, str(first), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(50 + 37 * round_):
            lane, n = (await process.stdout.readline()).split()
            answered[int(lane)] = int(n)
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
        for line in rest.decode().splitlines():
            if line.count(" ") == 1 and line[-1:].isdigit() and rest.endswith(b"\n"):
                answered[int(line.split()[0])] = int(line.split()[1])

        store = await Store.open(url, 0)
        remembered = await store.load()
        kept = {int(key.labels[0][1]): int(state.assessment.value or 0) for key, state in remembered.instances.items()}
        assert all(n <= kept[lane] <= n + 1 for lane, n in answered.items())
        times: dict[str, list[int]] = {}
        for reading in await store.window(["s"], 0, 2**62):
            times.setdefault(reading.series.labels[0][1], []).append(reading.time)
        queued = {delivery.key for delivery in await store.deliveries(100_000)}
        whole = {f"{lane}-{time // 10}" for lane, found in times.items() for time in found}
        assert queued == whole
        assert sum(map(len, times.values())) == 10 * len(queued)
        for lane, n in kept.items():
            assert f"{lane}-{n}" in queued
            assert f"{lane}-{n + 1}" not in queued
            answered[lane] = n
        await store.close()


async def test_a_database_locked_by_another_program_is_unavailable_then_works(
    file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    store = await Store.open(file_url, 0)
    other = sqlite3.connect(file_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with capture_logs() as said:
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="another program has locked it"):
                await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    assert [line["event"] for line in said] == ["store.failed"]  # once, however often it is tried
    assert await store.latest(["s"]) == []
    other.execute("ROLLBACK")
    other.close()
    await store.commit(Commit(1, readings=[Reading(S, 2, 2.0)]))
    assert await store.window(["s"], 0, 9) == [Reading(S, 2, 2.0)]
    await store.close()


async def test_a_full_disk_is_unavailable_and_leaves_the_database_whole(file_url: str) -> None:
    store = await Store.open(file_url, 0)
    await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    assert store._writer is not None
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    many = [Reading(Series(f"s{n}"), n, 1.0) for n in range(20_000)]
    big = store.commit(Commit(1, readings=many, deliveries=[NOTICE]))
    outcomes = await asyncio.gather(big, store.commit(Commit(1, readings=many)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, StoreUnavailable)
        assert "the disk is full" in str(outcome)
    assert await store.deliveries(9) == []
    await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    await store.commit(Commit(1, readings=many, deliveries=[NOTICE]))
    assert await store.latest(["s7"]) == [Reading(Series("s7"), 7, 1.0)]
    assert await store.deliveries(9) == [replace(NOTICE, id=1)]
    await store.close()


async def test_a_damaged_database_is_said_to_be_so_and_waited_for(file_url: str) -> None:
    store = await Store.open(file_url, 0)
    await store.commit(Commit(1, readings=[Reading(S, n, 1.0) for n in range(50_000)]))
    await store.close()
    path = Path(file_url.removeprefix("sqlite:///"))
    with path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(os.urandom(4096 * 100))
    store = await Store.open(file_url, 0)
    assert not store.damage
    with pytest.raises(StoreUnavailable, match="damaged"):  # the daemon stays up, and tells of it
        await store.window(["s"], 0, 2**62)
    assert "is damaged" in store.damage
    await store.close()


async def test_a_file_that_is_removed_or_replaced_is_missed_until_it_is_back(file_url: str) -> None:
    store = await Store.open(file_url, 0)
    path = Path(file_url.removeprefix("sqlite:///"))
    path.rename(path.with_suffix(".away"))
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    path.write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    path.with_suffix(".away").replace(path)
    await store.commit(Commit(1, readings=[Reading(S, 2, 2.0)]))
    await store.close()
    again = await Store.open_readonly(file_url)
    assert await again.window(["s"], 0, 9) == [Reading(S, 2, 2.0)]
    await again.close()


async def test_a_connection_that_was_given_up_is_made_again_when_that_works(
    file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(file_url, 0)
    link: Any = store._write()._link

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_link, "connect", refuse)
        link._reopen()
        with pytest.raises(StoreUnavailable, match="the disk is away"):
            await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    await store.commit(Commit(1, readings=[Reading(S, 2, 2.0)]))
    assert await store.window(["s"], 0, 9) == [Reading(S, 2, 2.0)]
    await store.close()


async def test_a_caller_that_gives_up_does_not_stop_the_others(store: Store) -> None:
    given_up = asyncio.ensure_future(store.commit(Commit(1, readings=[Reading(S, 1, 1.0)])))
    other = asyncio.ensure_future(store.commit(Commit(1, readings=[Reading(S, 2, 2.0)])))
    await asyncio.sleep(0)
    given_up.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await store.window(["s"], 0, 9) == [Reading(S, 1, 1.0), Reading(S, 2, 2.0)]


async def test_a_log_that_is_removed_costs_nothing_and_is_told(file_url: str) -> None:
    store = await Store.open(file_url, 0)
    path = Path(file_url.removeprefix("sqlite:///"))
    await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    assert not store.damage
    path.with_name(path.name + "-wal").unlink()
    both = [Reading(S, 1, 1.0), Reading(S, 2, 2.0)]
    await store.commit(Commit(1, readings=both[1:]))
    assert "start the daemon anew" in store.damage
    assert await store.window(["s"], 0, 9) == both
    killed = path.with_name("killed.db")  # as it is found after a kill
    shutil.copy(path, killed)
    after = await Store.open_readonly(f"sqlite:///{killed}")
    assert await after.window(["s"], 0, 9) == both
    await after.close()
    await store.close()
    again = await Store.open(file_url, 0)
    assert not again.damage
    assert await again.window(["s"], 0, 9) == both
    await again.close()
