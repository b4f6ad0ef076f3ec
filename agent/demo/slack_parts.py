"""What the Slack server remembers, and how it reads and shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Channel:
    """A channel; the app can write where it is a member."""

    id: str
    name: str
    member: bool = True
    archived: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """What a message said at one time."""

    text: str
    blocks: list[dict[str, Any]]


@dataclass(slots=True)
class Message:
    """A message as it is now; `history` holds what it said before each edit, oldest first."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None = None
    reply_broadcast: bool = False
    by_hook: bool = False
    files: list[str] = field(default_factory=list)
    history: list[Version] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class File:
    """An uploaded file, `completed` at a time of the server's clock.

    `shared` are (channel id, thread ts) where it was posted.
    """

    id: str
    name: str
    length: int
    title: str = ""
    alt_text: str = ""
    content: bytes = b""
    complete: bool = False
    completed: int = 0
    shared: list[tuple[str, str | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """How calls fail while it is set: an HTTP status other than 200, or an error code of the API."""

    status: int = 200
    error: str = ""
    retry_after: int | None = None


class Rejected(Exception):
    """What is answered with `ok: false`."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer = {"ok": False, "error": error, **more}


async def arguments_of(request: web.Request) -> dict[str, Any]:
    """The arguments of a call: from the query, and from a body in JSON or form encoding."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise Rejected("invalid_json") from None
        if not isinstance(body, dict):
            raise Rejected("json_not_object")
        return found | body
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        found.update({key: value for key, value in (await request.post()).items() if isinstance(value, str)})
    return found


def metadata_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a message, as https://docs.slack.dev/messaging/message-metadata has it."""
    given = arguments.get("metadata") or {}
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise Rejected("invalid_metadata_format") from None
    if found and not (isinstance(found, dict) and set(found) == {"event_type", "event_payload"}):
        raise Rejected("invalid_metadata_format")
    if found and not (str(found["event_type"]).replace("_", "").isalnum() and isinstance(found["event_payload"], dict)):
        raise Rejected("invalid_metadata_schema")
    return dict(found)


async def uploaded(request: web.Request) -> bytes:
    """The content of an upload, raw or as a form."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""


def shown(message: Message) -> dict[str, Any]:
    """The message as the API gives it."""
    known = {"type": "message", "bot_id": "B0DEMO", "ts": message.ts, "text": message.text, "blocks": message.blocks}
    return known | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def described(channel: Channel) -> dict[str, Any]:
    """The channel as the API gives it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private,
        "is_private": channel.private,
        "is_member": channel.member,
        "is_archived": channel.archived,
    }
