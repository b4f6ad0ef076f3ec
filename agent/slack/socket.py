"""Socket Mode: Slack's payloads over a connection that this process opens, so that it needs no public address.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode. Each connection is opened with a fresh address, since
an address is good for one; slack-sdk would try an old one again. Heavy: import it late.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import orjson
import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from agent.slack.desk import SOCKET, Desk
from connectors.base import ConnectorError, TimedOut, Unreachable
from connectors.slack_api import SlackRefused, connected, mapped

log = structlog.get_logger()

_SECONDS = 10.0  # for one try to connect, and for the hello
_CLOSES = 1.0  # seconds in which Slack may answer that a connection is closed
_LINGERS = 30.0  # seconds that one which is followed by another goes on; Slack closes it after ten
_FIRST, _LONGEST = 1.0, 60.0  # seconds between tries
_RENEWED = frozenset({"warning", "refresh_requested"})  # Slack moves connections about; another is opened at once
_ENDED = {
    "link_disabled": "Socket Mode was turned off in the app's settings",
    "too_many_websockets": "the app has more connections open than Slack allows",
}
_OVER = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)
_WHAT = (
    "SETPOINT_SLACK_APP_TOKEN has to be an app-level token (xapp-…) with the scope connections:write, "
    "of an app with Socket Mode turned on"
)
_QUIET = logging.CRITICAL + 1  # its errors hold addresses that are secrets; what matters is said here
_WRONG = frozenset({"invalid_auth", "not_authed", "not_allowed_token_type", "missing_scope", "token_revoked"})

Wait = Callable[[float], Awaitable[None]]


class Connection(SocketModeClient):
    """One connection; `ended` when Slack is about to close it, or has, for a `reason` if it gives one.

    `greeted`: Slack said hello, or anything else but that it ends. `gone`: nothing comes any more. `heard` is set by
    the first word, or by the end without one.
    """

    def __init__(self, token: str, web: AsyncWebClient) -> None:
        logger = logging.getLogger("slack_sdk.socket_mode")
        logger.setLevel(_QUIET)
        super().__init__(token, logger=logger, web_client=web)
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()
        self.heard = asyncio.Event()
        self.greeted = False
        self.reason = ""

    async def enqueue_message(self, message: str) -> None:
        """Looks at a message as it arrives: a close that follows it is noticed before slack-sdk handles it."""
        with suppress(ValueError, TypeError, AttributeError):
            said = orjson.loads(message)
            if said.get("type") == "disconnect":
                self.reason = str(said.get("reason") or "")
            else:
                self.greeted = True
            self.heard.set()
        await super().enqueue_message(message)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """What slack-sdk does when a connection ends; here another one takes its place."""
        self.ended.set()

    async def receive_messages(self) -> None:
        """Reads until the connection ends; slack-sdk would look only every five seconds whether one broke."""
        session = self.current_session
        try:
            while session is not None:
                message = await session.receive()
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self.enqueue_message(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    await session.pong(message.data)
                elif message.type is aiohttp.WSMsgType.PONG:
                    self._answered(bytes(message.data))
                elif message.type in _OVER:
                    break
        except (aiohttp.ClientError, OSError):
            pass
        finally:
            for event in (self.gone, self.ended, self.heard):
                event.set()

    def _answered(self, pong: bytes) -> None:
        """Notes which of slack-sdk's pings was answered: its monitor gives up a connection that answers none."""
        sign, _, sent = pong.partition(b":")
        if sign == b"sdk-ping-pong":
            with suppress(ValueError):
                self.last_ping_pong_time = float(sent)

    async def linger(self) -> None:
        """Goes on taking what comes until Slack closes it, for a while; then closes it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGERS):
                await self.gone.wait()
        await self.shut()

    async def shut(self) -> None:
        """Closes it and waits for its tasks, not for Slack."""
        self.closed = True
        tasks = (self.message_processor, self.current_session_monitor, self.message_receiver)
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSES):
                await self.disconnect()  # type: ignore[no-untyped-call]
        known = [task for task in tasks if task is not None]
        for task in known:
            task.cancel()
        await asyncio.gather(*known, return_exceptions=True)
        await self.aiohttp_client_session.close()


class Socket:
    """Keeps a connection to Slack and hands what comes to the desk. `said(connected)` is told of each change."""

    def __init__(self, desk: Desk, said: Callable[[bool], None], wait: Wait = asyncio.sleep) -> None:
        self._desk = desk
        self._said = said
        self._wait = wait
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._lingering: dict[asyncio.Task[None], Connection] = {}
        self._problem: str | None = ""

    def start(self) -> None:
        """Begins to connect; whether that works, and when, is no business of the rest."""
        self._down("Socket Mode is not connected yet", quiet=True)
        self._running = asyncio.create_task(self._run(), name="slack socket")

    async def stop(self) -> None:
        """Takes nothing more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for task in self._lingering:
            task.cancel()
        open_ = [*self._lingering.values(), *([self._connection] if self._connection is not None else [])]
        await asyncio.gather(*(one.shut() for one in open_), *self._lingering, return_exceptions=True)

    async def _run(self) -> None:
        tries = 0
        while True:
            least = 0.0
            try:
                connection = await self._connect()
            except Exception as error:
                self._down(str(error) if isinstance(error, ConnectorError) else type(error).__name__)
                least = (isinstance(error, ConnectorError) and error.retry_after) or 0.0
            else:
                old, self._connection = self._connection, connection
                if old is not None:
                    self._let_go(old)
                self._up()
                if await self._is_followed_at_once(connection):
                    tries = 0
                    continue
            backed_off = random.uniform(0.5, 1) * min(_LONGEST, _FIRST * 2 ** min(tries, 10))  # noqa: S311
            await self._wait(max(backed_off, least))
            tries += 1

    def _let_go(self, old: Connection) -> None:
        """Ends a connection whose place another has taken: Slack may still send over it, and what came is at work."""
        task = asyncio.create_task(old.linger() if old.reason in _RENEWED else old.shut())
        self._lingering[task] = old
        task.add_done_callback(lambda done: self._lingering.pop(done, None))

    async def _is_followed_at_once(self, connection: Connection) -> bool:
        """Waits for a connection's end: whether it was a good one, which says nothing against another.

        Source: https://docs.slack.dev/apis/events-api/using-socket-mode#disconnect
        """
        began = asyncio.get_running_loop().time()
        await connection.ended.wait()
        if connection.reason in _RENEWED:
            return True
        why = connection.reason and f": {_ENDED.get(connection.reason, connection.reason[:100])}"
        self._down(f"Slack closed the connection{why}", quiet=not why)
        if why:
            return False
        lasted = asyncio.get_running_loop().time() - began
        if lasted < _FIRST:  # what breaks each one right after its hello is not asked without a pause
            await self._wait(_FIRST - lasted)
        return True

    async def _connect(self) -> Connection:
        settings, http = self._desk.runtime.settings, self._desk.http
        token = settings.slack_app_token
        web = connected(token, settings.slack_api_url, http.session)
        try:
            with mapped(_SECONDS, self._desk.runtime.clock.now()):
                async with asyncio.timeout(_SECONDS):
                    url = (await web.apps_connections_open(app_token=token))["url"]
        except SlackRefused as error:
            if error.code in _WRONG:
                raise ConnectorError(f"Slack refused: {error.code}; {_WHAT}") from None
            raise
        connection = Connection(token, web)
        connection.wss_uri = url
        connection.proxy = http.proxy_for(url)  # this library opens a session of its own
        connection.socket_mode_request_listeners.append(self._taken)
        try:
            async with asyncio.timeout(_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.heard.wait()
            if not connection.greeted:
                why = connection.reason and f": {_ENDED.get(connection.reason, connection.reason[:100])}"
                raise Unreachable(f"Slack closed the connection{why}")  # noqa: TRY301
        except BaseException as error:
            await connection.shut()
            if isinstance(error, TimeoutError):
                raise TimedOut(f"Slack let no connection be opened, or said no hello, within {_SECONDS:g} s") from None
            raise
        return connection

    async def _taken(self, connection: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Acknowledges an envelope with its answer, if Slack takes one there."""
        try:
            message = str(request.payload.get("event_id") or request.envelope_id)
            answer = await self._desk.take(request.type, request.payload, message, SOCKET)
            given = answer if request.accepts_response_payload else None
            try:
                await connection.send_socket_mode_response(SocketModeResponse(request.envelope_id, given))
            except (aiohttp.ClientError, OSError, AttributeError):
                given = None
            if answer is not None and given is None:
                await self._desk.answer_late(answer, request.payload)
        except Exception:
            log.exception("slack.failed", kind=request.type)

    def _up(self) -> None:
        if self._problem is not None:
            log.info("slack.socket_connected")
        self._problem = self._desk.socket_problem = None
        self._said(True)

    def _down(self, problem: str, *, quiet: bool = False) -> None:
        """Said once for each reason, however often it is tried again."""
        if not quiet and problem != self._problem:
            log.warning("slack.socket_down", error=problem)
        if not (quiet and self._problem):
            self._problem = problem
        self._desk.socket_problem = f"Slack's Socket Mode: {self._problem}"
        self._said(False)
