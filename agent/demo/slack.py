"""A server that speaks Slack's Web API on the loopback, strictly enough that a mistake shows.

Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from agent.demo.slack_blocks import MAX_TOTAL, problems, total_text
from agent.demo.slack_parts import (
    Channel,
    Failure,
    File,
    Message,
    Rejected,
    Version,
    arguments_of,
    described,
    metadata_of,
    shown,
    uploaded,
)
from agent.demo.slack_rates import Rates

TOKEN = "xoxb-1111111111-2222222222-demo"  # noqa: S105 - this server's own, worth nothing elsewhere
SIGNING_SECRET = "0de300de300de300de300de300de300d"  # noqa: S105
_CHANNEL_ID = re.compile(r"[CGDZ][A-Z0-9]{8,}")
_TEXT_LIMITS = {"chat.postMessage": 40_000, "chat.update": 4_000}
SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
}


Arguments = Mapping[str, Any]


class SlackServer:
    """Used as `async with SlackServer() as slack:`; `slack.api_url` is the base address of the API.

    `messages` and `files` are what arrived; `failures` make the calls of a method (or of all, under `*`) fail until
    they are removed; beyond the `rates` that are set calls are answered with 429. Uploads can be shown in blocks
    `files_take` seconds after they are complete, as at Slack, and never with `files_ready` off. One that is shared with
    a channel and has an alternative text is lost, as there. `now` gives UTC microseconds, for the times in messages'
    addresses, for the rates and for files.
    """

    def __init__(self, channels: Iterable[str] = ("growth",), now: Callable[[], int] = lambda: 0) -> None:
        self.tokens = {TOKEN: ""}  # token -> error code, empty if it is good
        self.scopes = {"chat:write", "files:write", "channels:read"}
        self.needs = dict(SCOPES)
        self.channels = {name: Channel(f"C0DEMO{number:04d}", name) for number, name in enumerate(channels, start=1)}
        self.messages: list[Message] = []
        self.files: dict[str, File] = {}
        self.calls: list[tuple[str, Arguments]] = []
        self.failures: dict[str, Failure] = {}
        self.rates = Rates(now)
        self.files_ready = True
        self.files_take = 0.0
        self.installed: dict[str, Any] = {"is_enterprise_install": False}  # what auth.test says beside
        self.hook_channel = next(iter(self.channels), "")
        self.port = 0
        self._now = now
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._methods: dict[str, Callable[[Arguments], dict[str, Any]]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.getPermalink": self._permalink,
            "conversations.list": self._list,
            "conversations.info": self._info,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete,
        }

    @property
    def api_url(self) -> str:
        """The base address of the API, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def webhook_url(self) -> str:
        """The address of an incoming webhook that posts to `hook_channel`."""
        return f"http://127.0.0.1:{self.port}/services/T0DEMO0001/B0DEMO0001/DemoWebhookSecret01"

    def message(self, ts: str) -> Message:
        """The message of that address. Raises KeyError."""
        for message in self.messages:
            if message.ts == ts:
                return message
        raise KeyError(ts)

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for calls until `true()`."""
        async with self._changed:
            await self._changed.wait_for(true)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024**2)
        self._add_doors(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # the doors

    def _add_doors(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_post("/services/{path:.*}", self._hook)

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        failed = self._failure(method)
        if failed is not None:
            return failed
        try:
            arguments = await arguments_of(request)
            failed = self.rates.refusal(method, self._place(method, arguments))
            if failed is not None:
                return failed
            self.calls.append((method, {key: value for key, value in arguments.items() if key != "token"}))
            self._authorize(request, method, arguments)
            if method not in self._methods:
                raise Rejected("unknown_method")  # noqa: TRY301
            answer = self._methods[method](arguments)
        except Rejected as rejected:
            answer = rejected.answer
        await self._tell()
        return web.json_response(answer, headers={"X-OAuth-Scopes": ",".join(sorted(self.scopes))})

    async def _upload(self, request: web.Request) -> web.Response:
        failed = self._failure("upload")
        if failed is not None:
            return failed
        file = self.files.get(request.match_info["file"])
        content = await uploaded(request)
        if file is None or file.complete or len(content) != file.length:
            return web.Response(status=400, text="the upload does not fit what was announced")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _hook(self, request: web.Request) -> web.Response:
        failed = self._failure("webhook")
        if failed is not None:
            return failed
        channel = self.channels[self.hook_channel]
        if f"/services/{request.match_info['path']}" != self.webhook_url.split(str(self.port), 1)[1]:
            return web.Response(status=404, text="no_service")
        if channel.archived:
            return web.Response(status=410, text="channel_is_archived")
        try:
            said = json.loads(await request.text())
            self.calls.append(("webhook", said))
            self._add(self._checked("chat.postMessage", said), channel, by_hook=True)
        except (ValueError, AttributeError):
            return web.Response(status=400, text="invalid_payload")
        except Rejected as rejected:
            return web.Response(status=400, text=str(rejected))
        await self._tell()
        return web.Response(text="ok")

    # the methods

    def _auth_test(self, _: Arguments) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/"
        return {
            "ok": True,
            "url": url,
            "team": "Demo",
            "user": "setpoint",
            "team_id": "T0DEMO0001",
            "user_id": "U0DEMO",
            **self.installed,
        }

    def _post_message(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(str(arguments.get("channel", "")), by_name=True)
        message = self._add(self._checked("chat.postMessage", arguments), channel)
        message.metadata = metadata_of(arguments)
        return {"ok": True, "channel": channel.id, "ts": message.ts, "message": shown(message)}

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        channel = self._channel(str(arguments.get("channel", "")), by_name=False)
        ts = str(arguments.get("ts", ""))
        message = next((m for m in self.messages if (m.channel, m.ts) == (channel.id, ts)), None)
        if message is None:
            raise Rejected("message_not_found")
        if message.by_hook:
            raise Rejected("cant_update_message")
        said = self._checked("chat.update", arguments)
        message.history.append(Version(message.text, message.blocks))
        message.text, message.blocks = said.text, said.blocks
        return {"ok": True, "channel": channel.id, "ts": ts, "text": message.text, "message": shown(message)}

    def _permalink(self, arguments: Arguments) -> dict[str, Any]:
        channel, ts = str(arguments.get("channel", "")), str(arguments.get("message_ts", ""))
        if all((m.channel, m.ts) != (channel, ts) for m in self.messages):
            raise Rejected("message_not_found")
        link = f"http://127.0.0.1:{self.port}/archives/{channel}/p{ts.replace('.', '')}"
        return {"ok": True, "channel": channel, "permalink": link}

    def _list(self, arguments: Arguments) -> dict[str, Any]:
        """A private channel is there only for those in it. Pages are as large as `limit` says."""
        kinds = str(arguments.get("types") or "public_channel").split(",")
        for kind in kinds:
            self._may_see(private=kind == "private_channel")
        known = [
            described(channel)
            for channel in self.channels.values()
            if ("private_channel" if channel.private else "public_channel") in kinds
            and (channel.member or not channel.private)
        ]
        start, size = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
        more = str(start + size) if start + size < len(known) else ""
        return {"ok": True, "channels": known[start : start + size], "response_metadata": {"next_cursor": more}}

    def _info(self, arguments: Arguments) -> dict[str, Any]:
        wanted = arguments.get("channel")
        for channel in self.channels.values():
            if channel.id == wanted and (channel.member or not channel.private):
                self._may_see(private=channel.private)
                return {"ok": True, "channel": described(channel)}
        raise Rejected("channel_not_found")

    def _may_see(self, *, private: bool) -> None:
        needed = "groups:read" if private else "channels:read"
        if needed not in self.scopes:
            raise Rejected("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))

    def _upload_url(self, arguments: Arguments) -> dict[str, Any]:
        length = str(arguments.get("length", ""))
        if not arguments.get("filename") or not length.isdigit() or int(length) == 0:
            raise Rejected("invalid_arguments")
        identity = f"F0DEMO{next(self._numbers):05d}"
        alt = str(arguments.get("alt_txt", ""))
        self.files[identity] = File(identity, str(arguments["filename"]), int(length), alt_text=alt)
        url = f"http://127.0.0.1:{self.port}/upload/{identity}"
        return {"ok": True, "upload_url": url, "file_id": identity}

    def _complete(self, arguments: Arguments) -> dict[str, Any]:
        given = arguments.get("files")
        listed = json.loads(given) if isinstance(given, str) else given
        channel = str(arguments.get("channel_id") or "")
        if not listed or (channel and not _CHANNEL_ID.fullmatch(channel)):
            raise Rejected("invalid_arguments")
        place = self._channel(channel, by_name=False) if channel else None
        done = [self._completed(entry) for entry in listed]
        if place is not None and not any(file.alt_text for file in done):
            thread = arguments.get("thread_ts") or None
            message = Message(place.id, "", str(arguments.get("initial_comment") or ""), [], thread)
            self._add(replace(message, files=[file.id for file in done]), place)
            for file in done:
                file.shared.append((place.id, thread))
        return {"ok": True, "files": [{"id": file.id, "title": file.title, "name": file.name} for file in done]}

    # what they share

    def _place(self, method: str, arguments: Arguments) -> str:
        """Where a call counts by itself: posts do in each channel."""
        name = str(arguments.get("channel", "")).removeprefix("#") if method == "chat.postMessage" else ""
        return self.channels[name].id if name in self.channels else name

    def _failure(self, method: str) -> web.Response | None:
        failure = self.failures.get(method) or self.failures.get("*")
        if failure is None:
            return None
        headers = {"Retry-After": str(failure.retry_after)} if failure.retry_after is not None else {}
        error = failure.error or ("ratelimited" if failure.status == 429 else "")
        if error:
            return web.json_response({"ok": False, "error": error}, status=failure.status, headers=headers)
        return web.Response(
            status=failure.status, text="<html>upstream</html>", content_type="text/html", headers=headers
        )

    def _authorize(self, request: web.Request, method: str, arguments: Arguments) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme == "Bearer" else str(arguments.get("token", ""))
        if not token:
            raise Rejected("not_authed")
        refused = self.tokens.get(token, "invalid_auth")
        if refused:
            raise Rejected(refused)
        needed = self.needs.get(method)
        if needed and needed not in self.scopes:
            raise Rejected("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))

    def _channel(self, given: str, *, by_name: bool) -> Channel:
        for channel in self.channels.values():
            if channel.id == given or (by_name and channel.name == given.removeprefix("#")):
                if channel.archived:
                    raise Rejected("is_archived")
                if not channel.member:
                    raise Rejected("not_in_channel")
                return channel
        raise Rejected("channel_not_found")

    def _checked(self, method: str, arguments: Arguments) -> Message:
        given = arguments.get("blocks")
        try:
            blocks = json.loads(given) if isinstance(given, str) else given or []
        except ValueError:
            raise Rejected("invalid_blocks_format") from None
        text = str(arguments.get("text") or "")
        found = problems(blocks, self._file_ready)
        if found:
            raise Rejected(
                "invalid_blocks", errors=found, response_metadata={"messages": [f"[ERROR] {f}" for f in found]}
            )
        if not text and not blocks:
            raise Rejected("no_text")
        if len(text) > _TEXT_LIMITS[method]:
            raise Rejected("msg_too_long")
        if total_text(blocks) > MAX_TOTAL:
            raise Rejected("msg_blocks_too_long")
        thread = arguments.get("thread_ts")
        if thread is not None and all(message.ts != thread for message in self.messages):
            raise Rejected("thread_not_found")
        return Message("", "", text, blocks, thread, bool(arguments.get("reply_broadcast")))

    def _file_ready(self, identity: str) -> bool:
        file = self.files.get(identity)
        if file is None or not file.complete or not self.files_ready:
            return False
        return self._now() - file.completed >= self.files_take * 1_000_000

    def _completed(self, entry: Mapping[str, Any]) -> File:
        file = self.files.get(str(entry.get("id")))
        if file is None or not file.content:
            raise Rejected("file_not_found")
        file.complete, file.completed, file.title = True, self._now(), str(entry.get("title") or file.name)
        return file

    def _add(self, message: Message, channel: Channel, *, by_hook: bool = False) -> Message:
        ts = f"{self._now() // 1_000_000:010d}.{next(self._numbers):06d}"
        added = replace(message, channel=channel.id, ts=ts, by_hook=by_hook)
        self.messages.append(added)
        return added

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
