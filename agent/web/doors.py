"""Where sources are called: `/in/<source>` for readings, `/ping/<source>` for check-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

from aiohttp import web

from agent.runtime import Runtime
from agent.store.records import Ping
from agent.web import body
from agent.web.errors import Failure, answer
from agent.web.face import runtime
from connectors.base import BadAnswer, Inbound, InboundSource, Refused
from rules.model import Reading

_KEPT = 10_000  # bytes of what a check-in says
_PATIENCE = 30.0  # seconds for a commit


class _Checkin(InboundSource, Protocol):
    def ping(self, call: Inbound) -> tuple[str, int | None, str]:
        """Kind, exit status, text. Raises Refused."""


async def inbound(request: web.Request) -> web.Response:
    """Takes the readings of a webhook source: all of them or none. Answered once they are committed."""
    daemon = runtime(request)
    name = request.match_info["source"]
    source = daemon.inbound("in", name)
    if source is None:
        raise Failure(404, f"there is no source {name[:100]!r} that waits at /in/")
    sent = await body.read(request)
    body.check_json(request, sent)
    call = _call(request, sent)
    try:
        readings = source.accept(call, daemon.clock.now())
    except Refused as error:
        raise _refused(error) from None
    except BadAnswer as error:
        raise Failure(422, f"{error}; nothing was taken") from None
    return answer(await commit(daemon, name, readings, message=source.message_id(call)), 202)


async def ping(request: web.Request) -> web.Response:
    """Takes the call of a job. Answered once it is committed."""
    daemon = runtime(request)
    name = request.match_info["source"]
    source = cast("_Checkin | None", daemon.inbound("ping", name))
    if source is None:
        raise Failure(404, f"there is no check-in {name[:100]!r}")
    call = _call(request, await body.read_start(request, _KEPT))
    now = daemon.clock.now()
    try:
        kind, status, text = source.ping(call)
        readings = source.accept(call, now)
    except Refused as error:
        raise _refused(error) from None
    await commit(daemon, name, readings, [Ping(name, now, kind, status, text)])
    return web.Response(text="OK\n")


def _call(request: web.Request, sent: bytes) -> Inbound:
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = request.match_info["rest"].strip("/")
    return Inbound(request.method, path, headers, dict(request.query), sent)


def _refused(error: Refused) -> Failure:
    return Failure(error.status or 422, str(error))


async def commit(
    daemon: Runtime,
    source: str,
    readings: Sequence[Reading],
    pings: Sequence[Ping] = (),
    message: str | None = None,
) -> dict[str, Any]:
    """Hands readings over and waits until they are committed; says how many were taken. Raises Failure 503."""
    if message is not None:
        message = message.encode("utf-8", "backslashreplace").decode()  # a header may hold any bytes
    try:
        async with asyncio.timeout(_PATIENCE):
            new = await daemon.receive(source, readings, pings, message)
    except TimeoutError:
        raise Failure(503, f"not stored within {_PATIENCE:g} s; send it again") from None
    return {"readings": len(readings)} if new else {"readings": 0, "repeated": True}
