"""The world around the daemon: sources, receivers and what corrective calls act on, in the driver's own process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from tests.crash.courses import BAND, HIGH, LENGTH, LOW
from tests.crash.scenario import Scenario
from tests.crash.workspace import Workspace


@dataclass(frozen=True)
class Arrival:
    """One request at a receiver or an action: in which life of the daemon, with which key, and how it was answered."""

    path: str
    key: str
    life: int
    step: int
    answer: str
    body: Any


class World:
    """Answers as the scenario says for the step that is `now`; `arrived` are all requests, in order."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.step = 0
        self.life = 0
        self.arrived: list[Arrival] = []
        self.read: dict[str, set[int]] = {}  # steps in which a source was read and did not fail
        self.beats: list[tuple[int, int]] = []  # life and step of each sign of life
        self.slack = Workspace(lambda: self.life, lambda: self.step in scenario.receivers["slack"])
        self._healed: dict[str, range] = {}  # room -> steps
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.on_late: Callable[[str], None] = lambda _key: None  # told the key of what gets no answer

    async def start(self) -> None:
        await self.slack.__aenter__()
        app = web.Application()
        app.router.add_get("/source/{name}", self._source)
        app.router.add_get("/beat", self._beat)
        app.router.add_post("/{kind:hook|act}/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self.slack.__aexit__(None, None, None)

    def rows(self, source: str) -> Any:
        """What a source says now: a list of rows, or the status of a failure."""
        rows = self.scenario.values[source][self.step]
        return rows if isinstance(rows, int) else [self._as_healed(row) for row in rows]

    def _as_healed(self, row: dict[str, Any]) -> dict[str, Any]:
        """A room that a call has healed is in band."""
        return {**row, "value": BAND} if self.step in self._healed.get(row.get("room", ""), ()) else row

    async def _source(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        rows = self.rows(name)
        if not isinstance(rows, int):
            self.read.setdefault(name, set()).add(self.step)
        if isinstance(rows, int):
            return web.Response(status=rows)
        return web.Response(body=orjson.dumps({"rows": rows}), content_type="application/json")

    async def _beat(self, _request: web.Request) -> web.Response:
        self.beats.append((self.life, self.step))
        return web.Response()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        kind, path = request.match_info["kind"], request.match_info["path"]
        key, step, life = request.headers["Idempotency-Key"], self.step, self.life
        body = orjson.loads(await request.read() or b"null")
        how = self._call(path, key, body) if kind == "act" else self.scenario.receivers.get(path, {}).get(step, "200")
        self.arrived.append(Arrival(f"{kind}/{path}", key, life, step, how, body))
        if how == "late":  # until the daemon waits no more
            self.on_late(key)
            await asyncio.Event().wait()
        if how == "lost" and request.transport is not None:
            request.transport.abort()
        headers = {"Retry-After": "15"} if how == "429" else None
        return web.Response(status=int(how) if how.isdigit() else 200, headers=headers)

    def _call(self, path: str, key: str, body: Any) -> str:
        """Healing helps from the next step on, busy asks to come again at times, dull helps at times, idle never."""
        action, _, target = path.partition("/")
        room = (body or {}).get("room") or target.removeprefix("room")
        chance = hashlib.sha256(key.encode()).digest()[0]
        if action == "busy" and chance < 100:
            return "503"
        if action == "busy" and chance < 140:
            return "lost"
        if (action in {"heal", "busy", "valve"} or (action == "dull" and chance < 80)) and self.step < LENGTH:
            self._heal(room)
        return "200"

    def _heal(self, room: str) -> None:
        """Until it would be in band by itself: what is left of a turn could end just when an alert is due."""
        number, _, _ = room.partition("-")
        courses = self.scenario.values[f"rooms{number}" if number.isdigit() else "plant"]
        end = self.step + 1
        while any(row["room"] == room and not LOW <= row["value"] <= HIGH for row in courses[end]):
            end += 1
        if self.step not in self._healed.get(room, ()):
            self._healed[room] = range(self.step + 1, end)
