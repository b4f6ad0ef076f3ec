"""What a caller sends: bodies within limits, JSON, and the parameters of the query."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import orjson
from aiohttp import web

from agent.web.errors import Failure
from agent.web.face import route_of
from connectors.values import moment

MOST = 5_000_000  # bytes of a body
DEFAULT_LIMIT = 100
MOST_ROWS = 1_000
_PATIENCE = 30.0  # seconds for a body to arrive


async def read(request: web.Request) -> bytes:
    """The whole body, unpacked. Raises Failure 400, 408; aiohttp raises 413."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await request.read()
    except TimeoutError:
        raise Failure(408, f"the body did not arrive within {_PATIENCE:g} s") from None


async def read_start(request: web.Request, most: int) -> bytes:
    """The first `most` bytes of a body; the rest is of no interest."""
    start = b""
    try:
        async with asyncio.timeout(_PATIENCE):
            while len(start) < most and (part := await request.content.read(most - len(start))):
                start += part
    except TimeoutError:
        raise Failure(408, f"the body did not arrive within {_PATIENCE:g} s") from None
    return start


def check_json(request: web.Request, body: bytes) -> None:
    """Refuses what says that it is not JSON. What curl says by default is let through if it looks like JSON."""
    kind = request.content_type
    if kind == "application/json" or kind.endswith("+json") or "Content-Type" not in request.headers:
        return
    if kind == "application/x-www-form-urlencoded" and body.lstrip()[:1] in {b"{", b"["}:
        return
    raise Failure(415, f"send JSON (Content-Type: application/json), not {kind}")


async def read_json(request: web.Request) -> Any:
    """The body as JSON. Raises Failure 400, 415."""
    body = await read(request)
    check_json(request, body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Failure(400, f"the body is not JSON: {error}"[:300]) from None


def check_keys(given: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    """Raises ValueError for a key that has no meaning, offering a near one."""
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"unknown {what} {key[:60]!r}; {hint}")


def query(request: web.Request) -> Mapping[str, str]:
    """The parameters of the query, all of them known to the route. Raises Failure 422."""
    route = route_of(request)
    try:
        check_keys(request.query, tuple(route.query) if route else (), "parameter")
    except ValueError as error:
        raise Failure(422, str(error)) from None
    return request.query


def limit(request: web.Request) -> int:
    """How many rows are asked for. Raises Failure 422."""
    text = query(request).get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST_ROWS:
        raise Failure(422, f"limit has to be a number from 1 to {MOST_ROWS:,}")
    return int(text)


def time(request: web.Request, name: str) -> int | None:
    """The time that a parameter says, None without one. Raises Failure 422."""
    text = query(request).get(name)
    if not text:
        return None
    try:
        return time_of(text)
    except ValueError as error:
        raise Failure(422, f"{name}: {error}") from None


def time_of(given: Any) -> int:
    """The time that ISO 8601 (UTC unless it says so) or Unix time says, in UTC microseconds. Raises ValueError."""
    try:
        return moment(given, "UTC")
    except ValueError:
        raise ValueError(f"{str(given)[:40]!r} is not a time: ISO 8601 or Unix time") from None
