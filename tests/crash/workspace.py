"""Slack beside the daemon, which remembers what people could read there, message by message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from agent.demo.slack import TOKEN, Arguments, SlackServer
from agent.demo.slack_parts import metadata_of

CHANNEL = "ops"
Post = tuple[int, str, bool]
"""The life in which a sending posted, its key, and whether it did so in a thread."""
_LINK = re.compile(r"/archives/\w+/p\d+")


class Workspace(SlackServer):
    """As strict as Slack. It `fails` at times.

    `shown` is what the message about each alert or group says by now, and the lines of its thread: an edit that waits is
    replaced by the next one, with all it has to say, and whether one waits is decided by a kill too. `began` is what
    messages said when they were posted.
    """

    def __init__(self, life: Callable[[], int], fails: Callable[[], bool]) -> None:
        super().__init__([CHANNEL])
        self.shown: dict[str, list[str]] = {}
        self.began: dict[str, list[str]] = {}
        self.posts: list[Post] = []
        self._life, self._fails = life, fails
        self._about: dict[str, str] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What the daemon has to be told of it."""
        return {"SETPOINT_SLACK_BOT_TOKEN": TOKEN, "SETPOINT_SLACK_API_URL": self.api_url}

    def _failure(self, method: str) -> web.Response | None:
        return web.Response(status=500) if self._fails() else super()._failure(method)

    def _post_message(self, arguments: Arguments) -> dict[str, Any]:
        said, mark = super()._post_message(arguments), metadata_of(arguments)["event_payload"]
        about, key, in_thread = mark["about"], mark["key"], "thread_ts" in arguments
        if not in_thread:
            self._about[said["ts"]] = about
            self.began.setdefault(about, []).append(str(arguments["text"]))
            self._show(about, arguments)
        elif all((key, in_thread) != post[1:] for post in self.posts):
            self.shown.setdefault(f"{about} thread", []).extend(str(arguments["text"]).splitlines())
        self.posts.append((self._life(), key, in_thread))
        return said

    def _update(self, arguments: Arguments) -> dict[str, Any]:
        said = super()._update(arguments)
        self._show(self._about[said["ts"]], arguments)
        return said

    def _show(self, about: str, arguments: Arguments) -> None:
        blocks = arguments.get("blocks") or []
        said = blocks if isinstance(blocks, str) else orjson.dumps(blocks).decode()
        self.shown[about] = [_LINK.sub("/archives", f"{arguments.get('text')} {said}")]
