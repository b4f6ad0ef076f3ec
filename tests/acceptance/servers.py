"""The world around the daemon, in the test's own process: an API with numbers, and receivers of webhooks and calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.acceptance.waiting import Happenings
from tests.servers import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """An HTTP server on loopback that takes every path; `port` stays over stop and start."""

    def __init__(self, happenings: Happenings) -> None:
        self.happenings = happenings
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        self.port = self.port or free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Takes no connection any more: those that try are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raise NotImplementedError


class Api(Server):
    """`GET /<source>` answers rows of room and value; a test changes `values[source][room]` as it likes.

    `answers[source]` takes over a source's answers; `asked[source]` are the times (monotonic) of its requests.
    """

    def __init__(self, happenings: Happenings) -> None:
        super().__init__(happenings)
        self.values: dict[str, dict[str, float | None]] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: dict[str, list[float]] = {}

    def times_asked(self, source: str) -> int:
        return len(self.asked.get(source, ()))

    async def asked_again(self, source: str, times: int = 2, within: float = 15.0) -> None:
        """Returns when so many more requests came: all but the last were answered, decided and committed."""
        before = self.times_asked(source)
        await self.happenings.until(
            lambda: self.times_asked(source) >= before + times, f"{source} polled {times} more times", within
        )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        source = request.match_info["path"]
        self.asked.setdefault(source, []).append(time.monotonic())
        self.happenings.tell()
        if source in self.answers:
            return await self.answers[source](request)
        rows = [{"room": room, "value": value} for room, value in self.values.get(source, {}).items()]
        return web.Response(body=orjson.dumps({"rows": rows}), content_type="application/json")


@dataclass(frozen=True)
class Message:
    """One webhook or call that arrived; `at` is in UTC microseconds, `status` what it was answered with."""

    path: str
    id: str
    headers: Mapping[str, str]
    body: bytes
    json: Any
    at: int
    status: int

    @property
    def alert(self) -> dict[str, Any]:
        """The one alert of an Alertmanager body."""
        (alert,) = self.json["alerts"]
        return alert

    @property
    def what(self) -> tuple[str, str]:
        return self.json["status"], self.alert["labels"].get("room") or self.alert["labels"].get("source", "")


@dataclass
class Arrived:
    """What arrived, in order; `forged` are the ones whose signature is wrong."""

    messages: list[Message] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)


class Receiver(Server):
    """Takes signed webhooks and calls on every path and verifies them as the Standard Webhooks library does.

    `answer(request)`, if set, decides the status; it may take its time.
    """

    def __init__(self, happenings: Happenings) -> None:
        super().__init__(happenings)
        self.arrived = Arrived()
        self.answer: Callable[[str, Any], Awaitable[web.Response]] | None = None

    def taken(self, path: str | None = None) -> list[Message]:
        """Messages answered with success."""
        return [m for m in self.arrived.messages if 200 <= m.status < 300 and path in {None, m.path}]

    def once(self, path: str | None = None) -> list[Message]:
        """Messages without repetitions of the same id, in order of first arrival."""
        found: dict[str, Message] = {}
        for message in self.taken(path):
            found.setdefault(message.id, message)
        return list(found.values())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, body, at = request.match_info["path"], await request.read(), time.time_ns() // 1_000
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            json = Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as error:
            self.arrived.forged.append(f"{path}: {error}")
            self.happenings.tell()
            return web.Response(status=401)
        response = await self.answer(path, json) if self.answer else web.Response(text="taken")
        message = Message(path, headers["webhook-id"], headers, body, json, at, response.status)
        self.arrived.messages.append(message)
        self.happenings.tell()
        return response


async def hang(_request: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError
