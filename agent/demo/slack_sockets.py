"""Slack's side of Socket Mode: addresses for one connection each, envelopes and their acknowledgements.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import Mapping
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

    async def send(self, kind: str, payload: Mapping[str, Any], *, answered: bool) -> Mapping[str, Any] | None:
        """Sends an envelope to the newest connection; the payload of its acknowledgement. Raises Unacknowledged."""
        if not self._connections:
            raise Unacknowledged("nobody is connected")
        envelope = str(uuid.uuid4())
        waiting = self._waiting[envelope] = asyncio.get_running_loop().create_future()
        said = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": answered}
        if kind == "events_api":
            said |= {"retry_attempt": 0, "retry_reason": ""}
        await self._connections[-1].send_str(json.dumps(said))
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

    async def close(self) -> None:
        """Closes every connection without a word."""
        for socket in list(self._connections):
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
