"""A whole Slack workspace: what people type and click reaches the app, signed over HTTP or by Socket Mode.

Sources: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload,
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from agent.demo.slack import Arguments
from agent.demo.slack_blocks import MAX_TOTAL, problems, total_text
from agent.demo.slack_parts import Message, Rejected
from rules.model import MINUTE, SECOND
from tests.slack_workspace.people import Ephemeral, PeopleServer
from tests.slack_workspace.sockets import Sockets

APP_TOKEN = "xapp-1-A0DEMO0001-3333333333-demo"
SIGNING_SECRET = "5ebe2294ecd0e0f08eab7690d2a6ee69"
TEAM = "T0DEMO0001"
_PATIENCE = 3.0  # seconds that Slack waits for an answer
_USES, _LASTS = 5, 30 * MINUTE


class Failed(Exception):
    """The app did not answer as Slack wants it; people see an error."""


@dataclass(slots=True)
class ResponseUrl:
    """Where an app may answer what one person did in one channel."""

    user: str
    channel: str
    until: int
    uses: int = 0


class SlackWorkspace(PeopleServer):
    """`request_url` is the app's address for HTTP; while Socket Mode is connected everything goes there instead."""

    def __init__(self, channels: Iterable[str] = ("growth",), now: Callable[[], int] = lambda: 0) -> None:
        super().__init__(channels, now)
        self.request_url = ""
        self.signing_secret = SIGNING_SECRET
        self.app_tokens = {APP_TOKEN: ""}
        self.sockets = Sockets()
        self.response_urls: dict[str, ResponseUrl] = {}
        self._urls = itertools.count(1)
        self._methods["apps.connections.open"] = self._open_connection

    async def command(
        self, text: str, user: str = "U0ANN0001", channel: str = "", command: str = "/setpoint"
    ) -> Mapping[str, Any] | None:
        """Types a slash command; the direct answer, which is checked as Slack checks it. Raises Failed."""
        where = channel or next(iter(self.channels.values())).id
        names = {one.id: one.name for one in self.channels.values()}
        payload = {
            "token": "deprecated",
            "team_id": TEAM,
            "team_domain": "demo",
            "channel_id": where,
            "channel_name": names.get(where, "directmessage"),
            "user_id": user,
            "user_name": self.users[user].name if user in self.users else "somebody",
            "command": command,
            "text": text,
            "api_app_id": "A0DEMO0001",
            "is_enterprise_install": "false",
            "response_url": self.response_url(user, where),
            "trigger_id": self.trigger(user),
        }
        if self.sockets.connections:
            said = await self.sockets.send("slash_commands", payload, answered=True)
        else:
            said = await self._call("/slack/commands", urlencode(payload))
        if said is not None:
            await self._show(said, user, where)
        return said

    async def click(
        self, message: Message | Ephemeral, act: str, user: str = "U0ANN0001", option: str = "", *, http: bool = False
    ) -> None:
        """Clicks the element of a message whose action id is `act`, or chooses an option of it. Raises Failed.

        `http` sends it that way even while Socket Mode is connected.
        """
        element, block = _element(message.blocks, act)
        action: dict[str, Any] = {"type": element["type"], "action_id": act, "block_id": block.get("block_id", "b1")}
        action |= {"action_ts": "1548426417.840180"}
        if element["type"] == "button":
            action |= {"value": element.get("value", ""), "text": element["text"]}
        else:
            action["selected_option"] = next(one for one in element["options"] if one["value"].startswith(option))
        hidden = isinstance(message, Ephemeral)
        person = self.users[user]
        ts = "0000000000.000000" if isinstance(message, Ephemeral) else message.ts
        payload: dict[str, Any] = {
            "type": "block_actions",
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": person.team},
            "api_app_id": "A0DEMO0001",
            "token": "deprecated",
            "container": {
                "type": "message", "message_ts": ts, "channel_id": message.channel, "is_ephemeral": hidden,
            },
            "trigger_id": self.trigger(user),
            "team": {"id": TEAM, "domain": "demo"},
            "channel": {"id": message.channel, "name": "growth"},
            "state": {"values": {}},
            "response_url": self.response_url(user, message.channel),
            "actions": [action],
        }  # fmt: skip
        if not hidden:
            payload["message"] = {"type": "message", "ts": ts, "text": message.text, "blocks": message.blocks}
        await self.interact(payload, http=http)

    async def interact(self, payload: Mapping[str, Any], *, http: bool = False) -> None:
        """Sends an interaction, which has to be acknowledged with nothing. Raises Failed."""
        if self.sockets.connections and not http:
            said = await self.sockets.send("interactive", payload, answered=True)
        else:
            said = await self._call("/slack/interactive", urlencode({"payload": json.dumps(payload)}))
        if said:
            raise Failed(f"a click is acknowledged with nothing, not with {said}")

    async def event(self, event: Mapping[str, Any], identity: str = "Ev0DEMO0001", attempt: int = 0) -> None:
        """Sends an event of the Events API; with an `attempt` it is sent again. Raises Failed."""
        body = {"type": "event_callback", "team_id": TEAM, "event_id": identity, "event": event}
        if self.sockets.connections:
            await self.sockets.send("events_api", body, answered=False)
            return
        again = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_timeout"} if attempt else {}
        await self._call("/slack/events", json.dumps(body), "application/json", again)

    def signed(self, body: str) -> dict[str, str]:
        """The headers that sign a body now."""
        timestamp = str(self._now() // SECOND)
        base = f"v0:{timestamp}:{body}".encode()
        signature = hmac.new(self.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={signature}"}

    def response_url(self, user: str, channel: str) -> str:
        """A new address to answer what a person did."""
        path = f"{TEAM}/{next(self._urls)}/demoResponseSecret"
        self.response_urls[path] = ResponseUrl(user, channel, self._now() + _LASTS)
        return f"http://127.0.0.1:{self.port}/commands/{path}"

    async def __aexit__(self, *error: Any) -> None:
        await self.sockets.close()
        await super().__aexit__(*error)

    async def _call(self, path: str, body: str, kind: str = "", more: Mapping[str, str] | None = None) -> Any:
        headers = {"Content-Type": kind or "application/x-www-form-urlencoded", **self.signed(body), **(more or {})}
        try:
            async with (
                asyncio.timeout(_PATIENCE),
                aiohttp.ClientSession() as session,
                session.post(self.request_url + path, data=body.encode(), headers=headers) as answer,
            ):
                said = await answer.text()
        except TimeoutError:
            raise Failed(f"{path} did not answer within {_PATIENCE:g} s") from None
        if answer.status != 200:
            raise Failed(f"{path} answered {answer.status}: {said[:300]}")
        return json.loads(said) if said else None

    def _add_doors(self, app: web.Application) -> None:
        super()._add_doors(app)
        app.router.add_post("/commands/{path:.*}", self._respond)
        app.router.add_get("/link", self.sockets.serve)

    async def _respond(self, request: web.Request) -> web.Response:
        """An answer to a response URL."""
        failed = self._failure("response_url")
        if failed is not None:
            return failed
        url = self.response_urls.get(request.match_info["path"])
        if url is None or url.uses >= _USES or self._now() > url.until:
            error = "used_url" if url is not None and url.uses >= _USES else "expired_url"
            return web.json_response({"ok": False, "error": error}, status=404)
        url.uses += 1
        try:
            await self._show(json.loads(await request.text()), url.user, url.channel)
        except Failed as refused:
            return web.json_response({"ok": False, "error": "invalid_blocks", "said": str(refused)})
        return web.Response(text="ok")

    async def _show(self, said: Mapping[str, Any], user: str, channel: str) -> None:
        """Shows an answer to the person, or to all. Raises Failed where Slack would not."""
        blocks = said.get("blocks") or []
        found = problems(blocks, self._file_ready)
        if found or total_text(blocks) > MAX_TOTAL or not (said.get("text") or blocks):
            raise Failed(f"Slack would not show this: {found or 'its length'}")
        kind = said.get("response_type", "ephemeral")
        if kind == "in_channel":
            place = next(one for one in self.channels.values() if one.id == channel)
            self._add(Message(channel, "", str(said.get("text") or ""), blocks), place)
        elif kind == "ephemeral":
            shown = Ephemeral(channel, user, str(said.get("text") or ""), blocks, bool(said.get("replace_original")))
            self.ephemerals.append(shown)
        else:
            raise Failed(f"there is no response_type {kind}")
        await self._tell()

    def _authorize(self, request: web.Request, method: str, arguments: Arguments) -> None:
        if method != "apps.connections.open":
            super()._authorize(request, method, arguments)
            return
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in self.tokens:
            raise Rejected("not_allowed_token_type")
        refused = self.app_tokens.get(token, "invalid_auth")
        if refused:
            raise Rejected(refused)

    def _open_connection(self, _: Arguments) -> dict[str, Any]:
        return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link?ticket={self.sockets.ticket()}"}


def _element(blocks: Iterable[Mapping[str, Any]], act: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """An interactive element and its block. Raises Failed."""
    for block in blocks:
        for element in block.get("elements", ()):
            if element.get("action_id") == act:
                return element, block
    raise Failed(f"the message has no {act}")
