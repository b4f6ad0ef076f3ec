"""The HTTP face as a whole."""

from __future__ import annotations

from contextlib import AsyncExitStack

import structlog
from aiohttp import web

from agent.metrics import Metrics
from agent.runtime import Runtime
from agent.settings import Address
from agent.slack.desk import Desk
from agent.web import wire
from agent.web.access import guard
from agent.web.body import MOST
from agent.web.exposure import Exposed, check_exposure
from agent.web.face import BY_PATH, FACE, ROUTES, Face, Route
from agent.web.middleware import add_headers, respond
from agent.web.routes import TABLE

log = structlog.get_logger()


def make_app(runtime: Runtime, metrics: Metrics, slack: Desk | None = None) -> web.Application:
    """The application: every route of the table behind the same middlewares."""
    app = web.Application(middlewares=[respond, guard], client_max_size=MOST)
    app[FACE] = Face(runtime, metrics, runtime.clock.monotonic(), slack)
    app[ROUTES] = TABLE
    by_path: dict[tuple[str, str], Route] = {}
    for route in TABLE:
        # A HEAD is answered as its GET, without the body.
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            resource = app.router.add_route(method, route.path, route.handler).resource
            if resource is not None:
                by_path[method, resource.canonical] = route
    app[BY_PATH] = by_path
    app.on_response_prepare.append(add_headers)
    return app


async def serve(runtime: Runtime, metrics: Metrics, stack: AsyncExitStack, slack: Desk | None = None) -> Address:
    """Listens on `settings.listen` until the stack is closed; returns the address in use.

    Raises Exposed if others could reach it without a key, CannotListen if the address can't be bound.
    """
    problem = check_exposure(runtime.settings)
    if problem:
        raise Exposed(problem)
    address = await wire.listen(make_app(runtime, metrics, slack), runtime.settings.listen, stack)
    log.info("http.listening", address=str(address))
    return address
