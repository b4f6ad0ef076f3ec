"""Around every request: an id, one line in the log, errors as JSON, and headers that keep browsers careful."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from agent.web.errors import response_to
from agent.web.face import FACE, route_of

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUEST_ID = "X-Request-Id"
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9._-]")
_HEADERS = {
    "Server": "setpoint",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@web.middleware
async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gives the request its id, answers what was raised, and says how it went."""
    clock = request.app[FACE].runtime.clock
    request_id = _NOT_IN_AN_ID.sub("", request.headers.get(REQUEST_ID, ""))[:64] or secrets.token_hex(8)
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        started = clock.monotonic()
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            response = response_to(error, request)
        response.headers[REQUEST_ID] = request_id
        _say(request, response.status, clock.monotonic() - started)
    return response


def _say(request: web.Request, status: int, seconds: float) -> None:
    route = route_of(request)
    say = log.debug if route is not None and route.quiet else log.info
    # As it came, so without anything that could break a line, and without its query.
    path = route.path if route is not None and route.link else request.rel_url.raw_path
    say("http.request", method=request.method, path=path[:200], status=status, took_ms=round(seconds * 1_000, 1))


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer; the server does not say its version."""
    for name, value in _HEADERS.items():
        if name == "Server":
            response.headers[name] = value
        else:
            response.headers.setdefault(name, value)
