"""The world around the daemon: what sources say, and the servers that say it well or badly."""

from __future__ import annotations

import asyncio
import time
import zlib

import orjson
from aiohttp import web

from tests.acceptance.servers import Message, Receiver, Server, hang
from tests.acceptance.waiting import Happenings, passed

SPAN = 40  # seconds that a number stays off
OFF = 0.03  # of the time
GOOD, BAD = 21.0, 30.0


class Values:
    """What each room's number is: good, off target for some time now and then, or mended by a call."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.quiet = False  # everything is good
        self.steady: set[str] = set()
        self._healed: dict[str, float] = {}  # until when

    def of(self, room: str, at: float | None = None) -> float:
        """The number of a room at a time, in seconds."""
        at = time.time() if at is None else at
        chance = zlib.crc32(f"{self.seed} {room} {int(at // SPAN)}".encode()) / 2**32
        off = not self.quiet and chance < OFF and room not in self.steady and at > self._healed.get(room, 0.0)
        return round((BAD if off else GOOD) + chance, 3)

    def heal(self, room: str) -> None:
        """It is good until the next time that it goes off."""
        self._healed[room] = (time.time() // SPAN + 1) * SPAN


class Sources(Server):
    """One host of HTTP sources: `GET /<source>`. `faults[source]` is how it fails now."""

    def __init__(self, happenings: Happenings, values: Values) -> None:
        super().__init__(happenings)
        self.values = values
        self.faults: dict[str, str] = {}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"]
        fault = self.faults.get(name)
        if fault is not None:
            return await _badly(fault, request)
        kind, _, _ = name.partition("-")
        rows = self._past(name) if kind == "timed" else [{"room": name, "value": self.values.of(name)}]
        if kind == "csv":
            lines = [f"{row['room']},{row['value']}" for row in rows]
            return web.Response(text="\n".join(["room,value", *lines]), content_type="text/csv")
        body = orjson.dumps({"rows": rows})
        tag = f'"{zlib.crc32(body)}"'
        if kind == "tagged" and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        headers = {"ETag": tag} if kind == "tagged" else {}
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _past(self, room: str) -> list[dict[str, object]]:
        """The last minute in steps of ten seconds, the newest of which is revised until it is over."""
        now = int(time.time()) // 10 * 10
        return [{"room": room, "value": self.values.of(room, at), "time": at} for at in range(now - 50, now + 1, 10)]


async def _badly(fault: str, request: web.Request) -> web.StreamResponse:
    if fault == "slow":
        return await hang(request)
    if fault == "garbage":
        return web.Response(text='{"rows": [{"room": "x", "val', content_type="application/json")
    if fault == "drips":
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await passed(0.5)
    if fault == "breaks" and request.transport is not None:
        request.transport.abort()
        return web.Response()
    return web.Response(status=int(fault), headers={"Retry-After": "3"} if fault == "429" else {})


class Sink(Receiver):
    """A receiver or an action's host. `fault` is how it fails now; `told` are the ids of what it took.

    `told[path, fingerprint, status]` has one id for each message; `last[path, fingerprint]` is what was said last.
    """

    def __init__(self, happenings: Happenings) -> None:
        super().__init__(happenings)
        self.fault = ""
        self.told: dict[tuple[str, str, str], set[str]] = {}
        self.last: dict[tuple[str, str], str] = {}
        self.answered: dict[int, int] = {}
        self.answer = self._as_it_is

    async def _as_it_is(self, _path: str, _json: object) -> web.Response:
        if self.fault == "slow":
            await asyncio.Event().wait()
        if self.fault.isdigit():
            return web.Response(status=int(self.fault), headers={"Retry-After": "2"} if self.fault == "429" else {})
        return web.Response(text="taken")

    def digest(self) -> None:
        """Keeps of what arrived only what has to be known."""
        messages, self.arrived.messages = self.arrived.messages, []
        for message in messages:
            self.answered[message.status] = self.answered.get(message.status, 0) + 1
            if message.status == 200 and isinstance(message.json, dict):
                self._told(message)

    def _told(self, message: Message) -> None:
        for alert in message.json.get("alerts", ()):
            print_, status = alert["fingerprint"], alert["status"]
            self.told.setdefault((message.path, print_, status), set()).add(message.id)
            self.last[message.path, print_] = status


class Healer(Sink):
    """Where corrections are called: `heal/t-<room>` helps, whatever else does nothing and says yes."""

    def __init__(self, happenings: Happenings, values: Values) -> None:
        super().__init__(happenings)
        self.answer = self._called
        self._values = values

    async def _called(self, path: str, _json: object) -> web.Response:
        kind, _, room = path.partition("/")
        if kind == "heal" and not self.fault:
            self._values.heal(room.removeprefix("t-"))
        return await self._as_it_is(path, _json)
