"""Slack's side of Socket Mode: addresses for one connection each, envelopes and their acknowledgements.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web

_PATIENCE = 3.0  # seconds that Slack waits for an acknowledgement


class Unacknowledged(Exception):
    """An envelope was not acknowledged in time, or nobody is connected."""


class Sockets:
    """The connections of one app. `opened` counts all there ever were; `problems` are breaches of the protocol."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self.opened = 0
        self.greets = True  # whether a connection begins with a hello
        self.problems: list[str] = []
        self.changed = asyncio.Condition()
        self._connections: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._numbers = itertools.count(1)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def ticket(self) -> str:
        """What one connection may be opened with, once."""
        made = uuid.uuid4().hex
        self.tickets.add(made)
        return made

    async def until(self, connections: int, opened: int = 0) -> None:
        """Waits until so many are open, and so many were opened in all."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.connections == connections and self.opened >= opened)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=404, text="this address was used before")
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._connections.append(socket)
        self.opened += 1
        info = {"host": "demo", "build_number": 1, "approximate_connection_time": 18060}
        hello = {"type": "hello", "num_connections": self.connections, "debug_info": info}
        if self.greets:
            await socket.send_str(json.dumps({**hello, "connection_info": {"app_id": "A0DEMO0001"}}))
        await self._tell()
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            if socket in self._connections:
                self._connections.remove(socket)
            await self._tell()
        return socket

    async def send(
        self, kind: str, payload: Mapping[str, Any], *, answered: bool, over: int = -1, envelope: str = ""
    ) -> Mapping[str, Any] | None:
        """Sends an envelope; the payload of its acknowledgement. Raises Unacknowledged.

        `over` is which connection, in the order in which they were opened: the newest unless it is said.
        """
        if not self._connections:
            raise Unacknowledged("nobody is connected")
        envelope = envelope or str(uuid.uuid4())
        waiting = self._waiting[envelope] = asyncio.get_running_loop().create_future()
        said = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": answered}
        if kind == "events_api":
            said |= {"retry_attempt": 0, "retry_reason": ""}
        await self._connections[over].send_str(json.dumps(said))
        try:
            async with asyncio.timeout(_PATIENCE):
                acknowledged = await waiting
        except TimeoutError:
            raise Unacknowledged(f"not acknowledged within {_PATIENCE:g} s") from None
        answer: Mapping[str, Any] | None = acknowledged.get("payload")
        if answer is not None and not answered:
            self.problems.append("a payload where none is taken")
        return answer

    async def disconnect(self, reason: str = "refresh_requested", *, close: bool = False) -> None:
        """Tells every connection that it will be closed, as Slack does now and then; or closes it too."""
        for socket in list(self._connections):
            said = {"type": "disconnect", "reason": reason, "debug_info": {"host": "demo"}}
            await socket.send_str(json.dumps(said))
            if close:
                await socket.close()

    def cut(self) -> None:
        """Breaks the newest connection without a close, as a network does."""
        transport = self._transport(self._connections[-1])
        if transport is not None:
            transport.abort()

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Reads nothing from the newest connection for a while, not even that it is closed."""
        transport = self._transport(self._connections[-1])
        if transport is None:
            raise Unacknowledged("nobody is connected")
        transport.pause_reading()
        try:
            yield
        finally:
            transport.abort()

    @staticmethod
    def _transport(socket: web.WebSocketResponse) -> asyncio.Transport | None:
        request = socket._req
        return request.transport if request is not None and isinstance(request.transport, asyncio.Transport) else None

    async def close(self, oldest: int | None = None) -> None:
        """Closes every connection without a word, or so many of the oldest."""
        for socket in self._connections[:oldest]:
            await socket.close()

    def _acknowledged(self, text: str) -> None:
        said = json.loads(text)
        waiting = self._waiting.pop(str(said.get("envelope_id")), None)
        if waiting is None or waiting.done():
            self.problems.append(f"an acknowledgement of nothing: {text[:100]}")
        elif not set(said) <= {"envelope_id", "payload"}:
            self.problems.append(f"unknown keys: {sorted(said)}")
        else:
            waiting.set_result(said)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()
