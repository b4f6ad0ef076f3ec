"""A payload of Slack becomes an answer: the one handler behind both doors.

Payloads: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.runtime import Runtime
from agent.slack import buttons, commands, home
from agent.slack.api import Api
from agent.slack.asking import Asked, parse
from agent.slack.orphans import put_aside
from agent.slack.people import People
from agent.slack.replies import Reply, lines
from agent.slack.visit import Visit

Payload = Mapping[str, Any]


class Handler:
    """Answers payloads by the daemon as it is at that moment. Acts are done one after another."""

    def __init__(self, runtime: Runtime, api: Api) -> None:
        self.runtime = runtime
        self.api = api
        self.people = People(api, runtime.clock.now)
        self._acting = Lock()  # of two quick clicks the second sees what the first did

    async def command(self, payload: Payload) -> Reply | None:
        """What a slash command has to say."""
        asked = parse(str(payload.get("text") or ""))
        command = commands.command_of(asked.verb)
        user, name = str(payload.get("user_id") or ""), str(payload.get("user_name") or "")
        visit = await self.visit_of(payload, asked, user, name)
        if command is None:
            return await commands.unknown(visit)
        if not command.changes(asked):
            return await commands.answer(visit, command)
        refusal = await self._refusal(user)
        if refusal:
            return lines(refusal)
        async with self._acting:
            return await commands.answer(visit, command)

    async def interaction(self, payload: Payload, way: str) -> Reply | None:
        """What is to be said to a click; None where nothing is. `way` is how it came."""
        if payload.get("type") != "block_actions":
            return None
        actions, user = payload.get("actions"), _mapping(payload.get("user"))
        action = _mapping(actions[0] if isinstance(actions, list) and actions else None)
        name, _, own = str(action.get("action_id") or "").partition(":")
        handler, acts = buttons.TABLE.get(name, (None, False))
        if handler is None:
            return None
        chosen = _mapping(action.get("selected_option")).get("value") or action.get("value") or own
        who = str(user.get("id") or "")
        called = str(user.get("username") or user.get("name") or "")
        visit = await self.visit_of(payload, parse(""), who, called)
        trigger, block = str(payload.get("trigger_id") or ""), str(action.get("block_id") or "")
        message = _mapping(payload.get("message"))
        click = buttons.Click(visit, str(chosen), trigger, block, way, str(message.get("ts") or ""))
        reply = await self._clicked(click, handler, acts=acts)
        await put_aside(visit, name, click.value, message)
        if not home.is_home(payload):
            return reply
        published = await home.publish(visit, [text for text in (reply.title, *reply.lines) if text] if reply else ())
        return None if published else reply

    async def _clicked(self, click: buttons.Click, handler: buttons.Handler, *, acts: bool) -> Reply | None:
        """Does what was clicked; what changes nothing everybody may."""
        if not acts:
            return await handler(click)
        refusal = await self._refusal(click.visit.person.id)
        if refusal:
            return lines(refusal)
        async with self._acting:
            return await handler(click)

    async def event(self, payload: Payload) -> Reply | None:
        """Does what an event asks for; there is nobody to answer."""
        event = _mapping(payload.get("event"))
        handler = EVENTS.get(str(event.get("type") or ""))
        if handler is not None:
            await handler(self, event)
        return None

    async def visit_of(self, payload: Payload, asked: Asked, user: str, name: str) -> Visit:
        """The visit of the person with that id."""
        person = await self.people.person(user, name)
        channel = payload.get("channel_id") or _mapping(payload.get("channel")).get("id") or ""
        command = str(payload.get("command") or "/setpoint")
        return Visit(self.runtime, self.api, person, asked, command, str(channel))

    async def _refusal(self, user: str) -> str:
        if not user:
            return "Slack does not say who you are. Nothing was done."
        return await self.people.refusal(user, self.runtime.config.operators)


EventHandler = Callable[[Handler, Payload], Awaitable[None]]


async def _home_opened(handler: Handler, event: Payload) -> None:
    """Shows the one who opened App Home how everything stands now."""
    user = str(event.get("user") or "")
    if user and event.get("tab") in {None, "home"}:
        await home.publish(await handler.visit_of(event, parse(""), user, ""))


EVENTS: dict[str, EventHandler] = {"app_home_opened": _home_opened}
"""What is done about the events of the Events API, by their type; the others are acknowledged and forgotten."""


def _mapping(value: Any) -> Payload:
    return value if isinstance(value, Mapping) else {}
