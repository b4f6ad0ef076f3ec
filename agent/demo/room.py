"""A room with a thermostat on the loopback: it warms and cools as rooms do, only in seconds instead of hours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from types import TracebackType
from typing import Self

from aiohttp import web

from connectors.signing import verify
from rules.model import SECOND

SECRET = "whsec_ZGVtby1yb29tLXNlY3JldC1mb3ItdGhpcy1ydW4="  # noqa: S105 - this server's own
_OUTSIDE, _COOLS_IN, _WARMS_IN = 14.0, 12.0, 4.0  # °C, and the seconds in which two thirds of the way are gone


@dataclass(frozen=True, slots=True)
class SetpointCall:
    """One call that set the thermostat: when, and to how many degrees."""

    at: int
    setpoint: float


class RoomServer:
    """`GET /rooms/den` tells the temperature, a signed `POST /rooms/den` with `{"setpoint": 22}` sets the thermostat.

    `calls` are those that were signed well, `refused` counts the others. `now` gives UTC microseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._runner: web.AppRunner | None = None
        self._since, self._from, self._to, self._in = now(), 21.6, 21.6, 1.0
        self.port = 0
        self.calls: list[SetpointCall] = []
        self.refused = 0

    @property
    def url(self) -> str:
        """Where the room is."""
        return f"http://127.0.0.1:{self.port}/rooms/den"

    def celsius(self) -> float:
        """The temperature now: it nears where it is going by the same share in every second."""
        gone = (self._now() - self._since) / SECOND / self._in
        return round(self._to + (self._from - self._to) * exp(-gone), 2)

    def open_window(self) -> None:
        """From now on the room cools down."""
        self._go_to(_OUTSIDE, _COOLS_IN)

    def _go_to(self, celsius: float, seconds: float) -> None:
        self._from, self._since = self.celsius(), self._now()
        self._to, self._in = celsius, seconds

    async def _tell(self, _: web.Request) -> web.Response:
        return web.json_response({"room": "den", "celsius": self.celsius()})

    async def _set(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not verify(SECRET, headers, body, self._now()):
            self.refused += 1
            return web.json_response({"error": "the signature is missing or wrong"}, status=401)
        try:
            setpoint = float(json.loads(body)["setpoint"])
        except (ValueError, TypeError, LookupError):
            return web.json_response({"error": "a number is needed as setpoint"}, status=422)
        self._go_to(setpoint, _WARMS_IN)
        self.calls.append(SetpointCall(self._now(), setpoint))
        return web.json_response({"room": "den", "setpoint": setpoint})

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/rooms/den", self._tell)
        app.router.add_post("/rooms/den", self._set)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
