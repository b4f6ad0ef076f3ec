"""What comes to the daemon by itself: pushed readings, check-ins, and files and databases that change."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.servers import SECRET
from tests.soak.fleet import ROOMS, Fleet
from tests.soak.world import Values

BURST = 5  # messages
STARTING = "it has not started yet"  # after a kill, while the database still has what it held: to be sent again


class Feed:
    """`garbage` and `silent` are the faults: files and rows that can't be read, jobs that do not call in."""

    def __init__(self, fleet: Fleet, values: Values, folder: Path, retention: int) -> None:
        """`retention` in seconds: now and then a reading is older than that."""
        self.garbage = self.silent = False
        self.unanswered = 0
        self.refused: list[str] = []
        self._fleet, self._values, self._folder, self._retention = fleet, values, folder, retention
        self._rng = random.Random(f"feed {values.seed}")
        self._second = 0
        self._postgres: Any = None

    async def prepare(self, postgres: str) -> None:
        """Makes files and tables before the daemon reads them."""
        with closing(sqlite3.connect(self._folder / "shop.db")) as shop:
            shop.execute("PRAGMA journal_mode = WAL")
            shop.execute("CREATE TABLE rooms (room TEXT PRIMARY KEY, value)")
        if postgres:
            import asyncpg

            self._postgres = await asyncpg.connect(postgres)
            await self._postgres.execute("CREATE TABLE rooms (room text PRIMARY KEY, value float)")
        await self._write()

    async def close(self) -> None:
        if self._postgres is not None:
            await self._postgres.close()

    async def tick(self, session: aiohttp.ClientSession) -> None:
        """One second's worth."""
        every, names = self._fleet.every, self._fleet.names
        due = [name for place, name in enumerate(names["pushed"]) if (place + self._second) % every == 0]
        for name in due:
            await self._post(session, f"/in/{name}", {"rows": self._rows(name)})
        if not self.silent:
            for place, name in enumerate(names["checkin"]):
                if (place + self._second) % (2 * every) == 0:
                    await self._post(session, f"/ping/{name}", {})
        if self._second % every == 0:
            await self._write()
        self._second += 1

    async def burst(self, session: aiohttp.ClientSession) -> None:
        """Thousands of readings of many rooms, in no order."""
        now = time.time()
        for _ in range(BURST):
            rooms = [f"burst-{number:03}" for number in range(ROOMS) for _ in range(5)]
            times = [now - self._rng.choice([0, 0, 1, 5, 60]) for _ in rooms]
            rows = [{"room": r, "value": self._values.of(r, t), "time": t} for r, t in zip(rooms, times, strict=True)]
            await self._post(session, "/in/burst", {"rows": rows})

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """One of now, one late by up to two minutes, and at times one that is older than what is kept."""
        now = time.time()
        times = [now, now - self._rng.uniform(5, 120)]
        times += [now - self._rng.uniform(2, 20) * self._retention] if self._rng.random() < 0.2 else []
        return [{"room": name, "value": self._values.of(name, at), "time": at} for at in times]

    async def _post(self, session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
        try:
            async with session.post(path, json=body, headers={"Authorization": f"Bearer {SECRET}"}) as answer:
                said = await answer.text()
                if answer.status == 503 and STARTING in said:
                    self.unanswered += 1
                elif answer.status >= 300:
                    self.refused.append(f"{path}: {answer.status} {said[:200]}")
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.unanswered += 1  # it was killed, or stopped for too long

    async def _write(self) -> None:
        names, of = self._fleet.names, self._values.of
        for place, name in enumerate(names["file"]):
            bad = self.garbage and place % 4 == 0
            new = self._folder / f"{name}.new"
            new.write_text(f"room,value\n{name},{'warm' if bad else of(name)}\n", encoding="utf-8")
            new.replace(self._folder / f"{name}.csv")
        rows = [(n, "warm" if self.garbage and p % 4 == 0 else of(n)) for p, n in enumerate(names["sql"])]
        with closing(sqlite3.connect(self._folder / "shop.db", timeout=10)) as shop, shop:
            shop.executemany("INSERT OR REPLACE INTO rooms VALUES (?, ?)", rows)
        if self._postgres is not None:
            upsert = "INSERT INTO rooms VALUES ($1, $2) ON CONFLICT (room) DO UPDATE SET value = excluded.value"
            await self._postgres.executemany(upsert, [(name, of(name)) for name in names["pg"]])
