"""Slack: one message for each alert or group, edited as it changes, with its chart; or an incoming webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson
import structlog
from pydantic import Field

from connectors import fields
from connectors.base import ConnectorError, Misconfigured, Sending, Services
from connectors.facts import heading, shortened
from connectors.gateway import SecretUrl
from connectors.posting import post
from connectors.slack_message import firing, message
from rules.model import SECOND, Notice, Reason

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

_log = structlog.get_logger(__name__)
_NEWS = frozenset({Reason.FIRING, Reason.FLAPPING, Reason.ESCALATED, Reason.RAISED})  # may be the first of a firing


class SlackConfig(fields.Config):
    """`channel` is written to with the bot token, `url` is an incoming webhook; exactly one of them."""

    ONE_OF = ("channel", "url")
    NOT_BOTH = (ONE_OF, ("url", "token"))
    type: Literal["slack"]
    channel: str | None = Field(default=None, min_length=1)  # "#growth", or an id such as C024BE91L
    token: fields.Token | None = None  # instead of SETPOINT_SLACK_BOT_TOKEN
    url: SecretUrl | None = None
    timeout: fields.Span = 15_000_000

    @property
    def needs_setting(self) -> tuple[str, str] | None:
        """The key that is left to a setting, and which setting that is."""
        return ("token", "slack_bot_token") if self.url is None and self.token is None else None

    @property
    def wants_updates(self) -> bool:
        """An incoming webhook can't edit what it posted."""
        return self.url is None


class SlackNotifier:
    """Posts, edits and answers in one channel. An incoming webhook can't edit: it posts firing and resolve."""

    Config = SlackConfig
    wants_chart: bool = True
    wants_updates: ClassVar[bool] = True

    def __init__(self, config: SlackConfig, services: Services) -> None:
        self._config = config
        self._services = services
        self._seconds = config.timeout / SECOND
        self._client: AsyncWebClient | None = None
        self.wants_chart = config.url is None

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Posts or edits; returns channel, ts and what a later edit needs. Raises ConnectorError."""
        if self._config.url is not None:
            return await self._post_to_hook(sending, self._config.url.get_secret_value())
        thread = _same_episode(sending)
        if thread and "ts" not in thread:  # the receiver was an incoming webhook then
            thread = None
        if sending.notice.reason is Reason.ESCALATED and thread and await self._answer(sending.notice, thread):
            return thread
        known, thread = thread, await self._show(sending.notice, thread)
        if _is_news(sending.notice) and known and known["ts"] == thread["ts"]:
            await self._answer(sending.notice, thread)  # an edit alone would not be seen
        if sending.chart is not None:
            thread = await self._attach(sending, thread, sending.chart)
        return thread

    async def close(self) -> None:
        """Nothing is held open: the session is shared."""

    async def _post_to_hook(self, sending: Sending, url: str) -> Mapping[str, Any] | None:
        notice = sending.notice
        if notice.reason is Reason.UPDATED:
            return sending.thread
        fired = (_same_episode(sending) or {}).get("fired") or firing(notice)
        body = orjson.dumps({**message(notice, fired), "unfurl_links": False, "unfurl_media": False})
        await post(self._services, url, body, {}, within=self._config.timeout)
        return {"starts_at": notice.episode, "fired": fired}

    async def _show(self, notice: Notice, thread: dict[str, Any] | None) -> dict[str, Any]:
        """Edits the alert's message, or posts it if there is none (any more)."""
        from connectors.slack_api import GONE, SlackRefused

        known = thread or {"starts_at": notice.episode}
        fired = known.get("fired") or (firing(notice) if notice.status == "firing" else None)
        if thread is not None:
            edited = {**thread, "fired": fired}
            try:
                await self._edit(notice, edited)
            except SlackRefused as error:
                if error.code not in GONE:
                    raise
            else:
                return edited
        address = await self._post(message(notice, fired))
        return {"starts_at": known["starts_at"], "fired": fired, **address}

    async def _edit(self, notice: Notice, thread: Mapping[str, Any]) -> None:
        from connectors.slack_api import SlackRefused

        file = thread.get("file")
        try:
            await self._call("chat_update", **_address(thread), **message(notice, thread.get("fired"), file))
        except SlackRefused as error:
            if error.code != "invalid_blocks" or not file:
                raise
            # the chart was deleted at Slack: the words must arrive without it
            await self._call("chat_update", **_address(thread), **message(notice, thread.get("fired")))

    async def _answer(self, notice: Notice, thread: Mapping[str, Any]) -> bool:
        """Says it in the message's thread and to the channel; False if the message is gone."""
        from connectors.slack_api import GONE, SlackRefused

        try:
            await self._post(
                {**message(notice), "thread_ts": thread["ts"], "reply_broadcast": True}, channel=thread["channel"]
            )
        except SlackRefused as error:
            if error.code not in GONE:
                raise
            return False
        return True

    async def _post(self, arguments: Mapping[str, Any], channel: str | None = None) -> dict[str, str]:
        where = channel or self._config.channel
        said = await self._call("chat_postMessage", channel=where, unfurl_links=False, unfurl_media=False, **arguments)
        return {"channel": said["channel"], "ts": said["ts"]}

    async def _attach(self, sending: Sending, thread: dict[str, Any], chart: bytes) -> dict[str, Any]:
        """Puts the chart into the message, else into its thread. Its failure is logged: the words have arrived."""
        notice = sending.notice
        try:
            file = await self._upload(notice, chart)
            shown = {**thread, "file": file}
            if await self._embed(notice, shown):
                return shown
            if "file" not in thread:
                await self._upload(notice, chart, channel=thread["channel"], thread_ts=thread["ts"])
        except ConnectorError as error:
            _log.warning("chart not attached", receiver=notice.receiver, alert=notice.alert, error=str(error))
        return thread

    async def _embed(self, notice: Notice, thread: Mapping[str, Any]) -> bool:
        from connectors.slack_api import SlackRefused

        try:
            words = message(notice, thread.get("fired"), thread["file"])
            await self._call("chat_update", **_address(thread), **words)
        except SlackRefused as error:
            if error.code != "invalid_blocks":
                raise
            return False  # Slack takes uploads in later, sometimes too late for this
        return True

    async def _upload(self, notice: Notice, chart: bytes, **where: str) -> str:
        title = shortened(heading(notice), 200)
        said = await self._call(
            "files_upload_v2", file=chart, filename="chart.png", title=title, alt_txt=title, **where
        )
        return str(said["files"][0]["id"])

    async def _call(self, method: str, **arguments: Any) -> Any:
        client = self._connected()
        from connectors.slack_api import mapped

        with mapped(self._seconds, self._services.now()):
            async with asyncio.timeout(self._seconds):
                return (await getattr(client, method)(**arguments)).data

    def _connected(self) -> AsyncWebClient:
        """The client, made at the first sending: slack-sdk is heavy."""
        if self._client is None:
            own = self._config.token
            token = own.get_secret_value() if own else self._services.slack_bot_token
            if not token:
                raise Misconfigured("Slack needs a bot token: set SETPOINT_SLACK_BOT_TOKEN, or token at the receiver")
            from connectors.slack_api import connected

            self._client = connected(token, self._services.slack_api_url, self._services.http.session)
        return self._client


def _is_news(notice: Notice) -> bool:
    """Whether people are to see it although its message is there: reminder, graver severity, another alert."""
    return notice.reason in {Reason.REMINDER, Reason.RAISED} or (notice.reason is Reason.FIRING and bool(notice.group))


def _address(thread: Mapping[str, Any]) -> dict[str, str]:
    return {"channel": thread["channel"], "ts": thread["ts"]}


def _same_episode(sending: Sending) -> dict[str, Any] | None:
    """What the last sending returned, unless a new firing began since: that one gets a message of its own."""
    thread = sending.thread
    if not thread or "starts_at" not in thread:
        return None
    if sending.notice.reason in _NEWS and thread.get("starts_at") != sending.notice.episode:
        return None
    return dict(thread)
