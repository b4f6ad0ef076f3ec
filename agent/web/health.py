"""For those who watch the daemon: alive, ready, reload, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web

from agent.runtime import Reloaded
from agent.web.errors import Failure, answer
from agent.web.face import FACE, runtime
from agent.web.overview import outbox

_PATIENCE = 10.0  # seconds; a good configuration is in force once the database has taken what that changes
_under_way: set[asyncio.Future[Reloaded]] = set()  # reloads that nobody waits for any more go on


async def healthy(request: web.Request) -> web.Response:
    """200 while the daemon does its work, else 503 with the reason; that it is blind is said, and no reason."""
    daemon = runtime(request)
    return _say(daemon.alive(), [f"blind: {one.words}" for one in daemon.troubles()])


async def alive(_: web.Request) -> web.Response:
    """200 while the event loop turns: whoever restarts what is not alive must not do it for a database that is away."""
    return _say(None)


async def ready(request: web.Request) -> web.Response:
    """200 once it has started."""
    return _say(runtime(request).ready())


def _say(problem: str | None, more: Sequence[str] = ()) -> web.Response:
    text = "".join(f"{line}\n" for line in (problem or "OK", *more))
    return web.Response(text=text, status=503 if problem else 200)


async def reload(request: web.Request) -> web.Response:
    """Reads the configuration again; a bad one changes nothing."""
    asked = asyncio.ensure_future(runtime(request).reload())
    _under_way.add(asked)
    asked.add_done_callback(_under_way.discard)
    done, _ = await asyncio.wait({asked}, timeout=_PATIENCE)
    if not done:
        raise Failure(503, "the database can't be used at the moment; the configuration is in force once it can")
    reloaded = asked.result()
    if reloaded.errors:
        raise Failure(422, "the new configuration can't be used; the old one stays in force", reloaded.errors)
    return answer({"reloaded": True})


async def metrics(request: web.Request) -> web.Response:
    """Everything for Prometheus; what the database can't say at the moment is absent."""
    face = request.app[FACE]
    body, content_type = await face.metrics.render(await outbox(face.runtime), request.headers.get("Accept", ""))
    response = web.Response(body=body, headers={"Content-Type": content_type})
    response.enable_compression()
    return response
