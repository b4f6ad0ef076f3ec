"""What is answered while the daemon waits for its database to start."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from agent.settings import Address
from agent.web import wire
from agent.web.body import MOST
from agent.web.errors import Failure, said

_ALIVE = "/livez"
_TEXTS = frozenset({"/-/healthy", "/healthz", "/-/ready", "/readyz"})


@dataclass(slots=True)
class Away:
    """Why the database can't be used, as of the last try."""

    problem: str

    async def answer(self, request: web.Request) -> web.Response:
        """It is alive; everything else has to wait."""
        if request.path == _ALIVE:
            return web.Response(text="OK\n")
        if request.path in _TEXTS:
            return web.Response(text=f"starting: {self.problem}\n", status=503)
        return said(Failure(503, "it has not started yet: it waits for its database"))


async def serve_away(address: Address, problem: str, stack: AsyncExitStack) -> Away:
    """Listens until the stack is closed. Raises CannotListen if the address can't be bound."""
    away = Away(problem)
    app = web.Application(client_max_size=MOST)
    app.router.add_route("*", "/{path:.*}", away.answer)
    await wire.listen(app, address, stack)
    return away
