"""The server below the handlers: binds the address, and answers what is not even HTTP without a traceback."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from contextlib import AsyncExitStack
from typing import Any

import structlog
from aiohttp import web

from agent.settings import Address
from agent.web.errors import Failure, said
from agent.web.exposure import CannotListen

log = structlog.get_logger()

MOST_CONNECTIONS = 1_000
"""Open at once: more would take files that sources and receivers are reached with. A quarter of the files, if fewer."""
_NO_MORE_FILES = "socket.accept() out of system resource"  # as asyncio says it
_QUIET = 60.0  # seconds in which that is said once
_IDLE = 75.0  # seconds for the head of a request to arrive, from the answer before or the connection's beginning
_DRAIN = 2.0  # seconds that requests being answered may take when the daemon stops


class _Protocol(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Drops what is too much."""
        super().connection_made(transport)
        manager = self._manager
        if manager is not None and len(manager.connections) > _most() and isinstance(transport, asyncio.Transport):
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers a request that no handler saw, or whose answer could not be made."""
        if status >= 500:
            log.error("http.failed", exc_info=exc)
        else:
            log.debug("http.malformed", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, no other can be given")
        response = said(Failure(status, "this is not a request that can be understood"))
        response.headers["Server"] = "setpoint"
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What is left of a body that can't be unpacked is read once more after the answer: no fault of ours."""
        error = kw.get("exc_info")
        if isinstance(error, (web.RequestPayloadError, ConnectionError)):
            log.debug("http.malformed", error=type(error).__name__)
        else:
            log.error("http.failed", exc_info=error)


def _most() -> int:
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)


class _Sparing:
    """asyncio says it of each connection that waits, a thousand lines a second, and again of each when it closes."""

    def __init__(self) -> None:
        self._said: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        words, now = str(context.get("message", "")), loop.time()
        if words.startswith(_NO_MORE_FILES):
            if self._said is None or now - self._said >= _QUIET:
                log.error(
                    "http.no_more_files", error="this process has too many open files; raise its limit (ulimit -n)"
                )
                self._said = now
        elif self._said is None or "_start_serving" not in words:
            loop.default_exception_handler(context)


async def listen(app: web.Application, address: Address, stack: AsyncExitStack) -> Address:
    """Serves an application; on the stack: take no new connections, let requests end, close.

    Returns the address in use, which has the real port where 0 was asked for. Raises CannotListen.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_DRAIN)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_Sparing())
    server = runner.server

    def connection() -> _Protocol:
        return _Protocol(server, loop=loop, access_log=None, keepalive_timeout=_IDLE)  # type: ignore[arg-type] # set up above

    try:
        listener = await loop.create_server(connection, address.host, address.port, backlog=1024, reuse_address=True)
    except OSError as error:
        raise CannotListen(f"can't listen on {address}: {_why(error)}") from None
    stack.callback(listener.close)
    bound: Any = listener.sockets[0].getsockname()
    return Address(address.host, int(bound[1]))


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; stop it or set SETPOINT_LISTEN to another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; set SETPOINT_LISTEN"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "not allowed; ports below 1024 are the administrator's"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "there is no such host"
    return reason.lower()
