"""Takes payloads from the doors and answers in Slack's three seconds; what takes longer is said later.

Source: https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog

from agent.runtime import Runtime
from agent.slack.api import Api
from agent.slack.handling import Handler, Payload
from agent.slack.replies import Reply, lines
from agent.store.errors import StoreError
from connectors.base import ConnectorError
from connectors.http import HttpClient
from connectors.slack_picture import when_taken_in

log = structlog.get_logger()

COMMAND, INTERACTION, EVENT = "slash_commands", "interactive", "events_api"
"""Kinds of payloads, as Socket Mode names them."""
SIGNED, SOCKET = "signed calls", "Socket Mode"
"""The ways in."""

_PATIENCE = 1.5  # seconds, of the three that Slack waits
_DRAIN = 2.0
_REMEMBERED = 2_000  # messages, beside what is stored; Slack repeats an event for an hour, three times
_TAKEN_IN = 7.0  # seconds for a picture, which is three of the five times that a response URL is good for
_NOT_SHOWN = lines(
    "The chart could not be shown here: Slack has not taken it in. Ask again in a moment, or /invite the app here."
)
_WORKING = lines("Working on it …")


class Desk:
    """The Slack face. `patience` is how long, in seconds, an answer may take to be the direct one."""

    def __init__(self, runtime: Runtime, http: HttpClient, patience: float = _PATIENCE) -> None:
        self.runtime = runtime
        self.http = http
        self.api = Api(runtime.settings, http, runtime.clock.now)
        self.handler = Handler(runtime, self.api)
        self.socket_problem: str | None = None  # why Socket Mode is not connected, if it should be
        self._patience = patience
        self._tasks: set[asyncio.Task[Any]] = set()
        self._seen: dict[str, None] = {}
        self._kinds: Mapping[str, Callable[[Payload, str], Awaitable[Reply | None]]] = {
            COMMAND: lambda payload, _: self.handler.command(payload),
            INTERACTION: self.handler.interaction,
            EVENT: lambda payload, _: self.handler.event(payload),
        }

    async def take(self, kind: str, payload: Payload, message: str = "", way: str = SIGNED) -> dict[str, Any] | None:
        """What to acknowledge a payload with; None is an empty acknowledgement.

        `way` is how it came, SIGNED or SOCKET. `message` is what stays the same when Slack sends it again; then nothing
        is done any more.
        """
        if kind not in self._kinds or self._is_repeated(message):
            return None
        task = self._begin(self._handled(kind, payload, message, way))
        await asyncio.wait({task}, timeout=self._patience)
        if kind == COMMAND and task.done():
            reply = task.result()
            if reply is not None and reply.later is not None:
                self._begin(self._go_on(reply, payload))
            return reply.direct() if reply is not None else None
        self._begin(self._answered(task, payload))
        return _WORKING.direct() if kind == COMMAND else None

    async def answer_late(self, answer: Mapping[str, Any], payload: Payload) -> None:
        """Sends a direct answer that could not be given as one."""
        try:
            await self.api.respond(str(payload.get("response_url") or ""), answer)
        except ConnectorError as error:
            log.warning("slack.unanswered", error=str(error))

    async def close(self) -> None:
        """Lets what is being done come to its end, for a short while."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_DRAIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_repeated(self, message: str) -> bool:
        if not message:
            return False
        known = message in self._seen
        self._seen[message] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return known

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _is_stored(self, message: str) -> bool:
        """Whether the message was taken before, by a process that is gone perhaps."""
        try:
            return bool(message) and not await self.runtime.is_first(message)
        except StoreError:
            return False  # what only looks is answered without a database; it was noted here

    async def _handled(self, kind: str, payload: Payload, message: str, way: str) -> Reply | None:
        """The answer, whatever happens: nobody is left without one."""
        if await self._is_stored(message):
            return None
        try:
            return await self._kinds[kind](payload, way)
        except StoreError as error:
            log.error("slack.store_failed", error=str(error))  # noqa: TRY400
            return lines("The database can't be used at the moment. Nothing was done.")
        except Exception:
            log.exception("slack.failed", kind=kind)
            return lines("Something went wrong here; Setpoint's log says more.")

    async def _answered(self, task: asyncio.Task[Reply | None], payload: Payload) -> None:
        """Says later what a command or a click has to say."""
        reply = await task
        if reply is not None:
            await self._say(reply, payload)
            await self._go_on(reply, payload)

    async def _go_on(self, reply: Reply, payload: Payload) -> None:
        if reply.later is None:
            return
        try:
            more = await reply.later()
        except Exception:
            log.exception("slack.failed", kind="later")
            more = lines("Something went wrong here; Setpoint's log says more.")
        if more is not None:
            await self._say(more, payload)

    async def _say(self, reply: Reply, payload: Payload) -> None:
        """By the payload's response URL, else as the app itself, in the channel or to the person."""
        url = str(payload.get("response_url") or "")
        try:
            if url:
                until = asyncio.get_running_loop().time() + _TAKEN_IN
                if reply.picture:
                    await when_taken_in(lambda: self.api.respond(url, reply.answer()), self.api.pause, until)
                else:
                    await self.api.respond(url, reply.answer())
                return
        except ConnectorError as error:
            log.warning("slack.response_refused", error=str(error))
            if reply.picture:
                await self._say(_NOT_SHOWN, payload)
                return
        try:
            await self._post(reply, payload)
        except ConnectorError as error:
            log.warning("slack.unanswered", error=str(error))

    async def _post(self, reply: Reply, payload: Payload) -> None:
        channel, user = _place_of(payload)
        if not self.api.usable or not user:
            return
        if channel:
            await self.api.call("chat_postEphemeral", channel=channel, user=user, **reply.message())
        else:
            await self.api.call("chat_postMessage", channel=user, **reply.message())


def _place_of(payload: Payload) -> tuple[str, str]:
    """Channel and person of a payload."""
    user, channel = payload.get("user"), payload.get("channel")
    return (
        str(payload.get("channel_id") or (channel.get("id") if isinstance(channel, Mapping) else "") or ""),
        str(payload.get("user_id") or (user.get("id") if isinstance(user, Mapping) else "") or ""),
    )
