"""Slack: one message for each alert or group, edited as it changes, with its chart; or an incoming webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson
import structlog
from pydantic import Field

from connectors import fields
from connectors.base import ConnectorError, Misconfigured, Refused, ReportSending, Sending, Services
from connectors.facts import heading, shortened
from connectors.gateway import SecretUrl
from connectors.posting import post
from connectors.slack_message import Extras, message
from connectors.slack_picture import once_more, when_taken_in
from connectors.slack_plain import as_words, has_picture
from connectors.slack_thread import Answer, Reference, again, answer, kept_firing, known, posted, replaced, standing
from rules.model import SECOND, Notice, Reason

if TYPE_CHECKING:
    from connectors.slack_api import SlackApi

_log = structlog.get_logger(__name__)
_CHART_BY = 18.0  # seconds after a sending began; it may take 20, and a message that has arrived must not be sent again
_FILES_BY = 12.0  # the same of a report, which may have taken 14 of the 30 to be drawn
_HOOK_RATE = (1, 1.1)
_HOOK_UNTOLD = 5.0  # seconds, where a 429 does not say how long
_HOOK_LAYOUT = ("invalid_blocks", "invalid_payload", "msg_too_long", "msg_blocks_too_long")  # what a 400 then says


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
    def way(self) -> str:
        """Through what it sends, and what that can do or lacks; buttons also need a way in for clicks."""
        if self.url is not None:
            return "through an incoming webhook: no buttons, no chart, no edits"
        if self.token is not None:
            return "with a bot token of its own: edits and charts, no buttons"
        return "with a bot token: edits, buttons and charts"

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
        self._api: SlackApi | None = None
        self._clicks = services.slack_clicks and config.token is None  # clicks of another app are not heard here
        self.wants_chart = config.url is None

    @property
    def way(self) -> str:
        """Through what it sends, and what that lacks."""
        if self._clicks or self._config.url is not None or self._config.token is not None:
            return self._config.way
        missing = "SETPOINT_SLACK_APP_TOKEN nor SETPOINT_SLACK_SIGNING_SECRET"
        return f"with a bot token: edits and charts, no buttons, as neither {missing} is set"

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Posts or edits; returns what a later edit needs. Raises ConnectorError."""
        until = asyncio.get_running_loop().time() + _CHART_BY
        if self._config.url is not None:
            return await self._post_to_hook(sending, self._config.url.get_secret_value())
        if sending.notice.reason is Reason.UNDELIVERABLE:
            return await self._beside(sending)
        before = known(sending, self._config.channel or "")
        thread = await self._set_aside(sending, await self._show(sending, before))
        if before is not None and before["ts"] == thread["ts"]:
            said, thread = answer(sending, thread)
            if said is not None:
                await self._answer(said, thread, _marked(sending))
        if sending.chart is not None and not _has_its_chart(sending.notice, thread):
            await sending.keep(thread)  # a picture takes seconds, and the words must not be posted again
            thread = await self._attach(sending, thread, until)
        return thread

    async def report(self, sending: ReportSending) -> None:
        """Posts a report with its charts or its PDF; an incoming webhook takes words. Raises ConnectorError."""
        from connectors.slack_report import Ways, post_report, report_message

        if self._config.url is not None:
            await self._hook(self._config.url.get_secret_value(), report_message(sending.report))
        else:
            until = asyncio.get_running_loop().time() + _FILES_BY
            ways = Ways(self._call, self._put, self._connected().pause, until)
            await post_report(ways, self._config.channel or "", sending)

    async def close(self) -> None:
        """Nothing is held open: the session is shared."""

    async def _put(self, url: str, content: bytes) -> None:
        """Uploads a file to the address that Slack gave for it."""
        from connectors.slack_api import mapped

        with mapped(self._seconds, self._services.now()):
            async with asyncio.timeout(self._seconds), self._services.http.session.post(url, data=content) as answer:
                answer.raise_for_status()

    async def _post_to_hook(self, sending: Sending, url: str) -> Mapping[str, Any] | None:
        notice, before = sending.notice, sending.thread or {}
        if notice.reason is Reason.UPDATED:
            return sending.thread
        before = before if before.get("starts_at") == notice.episode else {}
        fired = kept_firing(notice, before)
        await self._hook(url, message(notice, Extras(fired, clicks=False)))
        return {"starts_at": notice.episode, "fired": fired}

    async def _hook(self, url: str, shown: Mapping[str, Any]) -> None:
        try:
            await self._post_hook(url, shown)
        except Refused as error:
            if error.status != 400 or not any(word in str(error) for word in _HOOK_LAYOUT):
                raise
            _log.warning("layout refused", notifier="slack", error=str(error))
            await self._post_hook(url, as_words(shown))

    async def _post_hook(self, url: str, shown: Mapping[str, Any]) -> None:
        body = orjson.dumps({**shown, "unfurl_links": False, "unfurl_media": False})
        pace = self._services.http.pace(url)
        await pace.turn("the webhook", _HOOK_RATE)
        try:
            await post(self._services, url, body, {}, within=self._config.timeout)
        except Refused as error:
            if error.status == 429:
                pace.hold("the webhook", error.retry_after or _HOOK_UNTOLD)
            raise

    async def _beside(self, sending: Sending) -> Mapping[str, Any] | None:
        """That another receiver could not be told, in the alert's thread if it has one; its message stays as it is."""
        thread = sending.thread or {}
        if thread.get("ts"):
            await self._answer(Answer(message(sending.notice), loud=True), thread, _marked(sending))
            return sending.thread
        await self._post({**message(sending.notice), **_marked(sending)})
        return None

    async def _show(self, sending: Sending, before: Reference | None) -> Reference:
        """Edits the alert's message, or posts it if there is none (any more)."""
        from connectors.slack_api import GONE, SlackRefused

        notice = sending.notice
        if before is not None:
            edited = {**before, "status": notice.status, "fired": kept_firing(notice, before)}
            try:
                return await self._edit(notice, edited)
            except SlackRefused as error:
                if error.code not in GONE:
                    raise
        new = posted(sending, before or {}, self._config.channel or "", self._services.now())
        return {**new, **await self._post({**self._message(notice, new), **_marked(sending)})}

    async def _set_aside(self, sending: Sending, thread: Reference) -> Reference:
        """Puts a link to the alert's message in the place of the one that was left; the next sending tries again."""
        from connectors.slack_api import GONE, SlackRefused

        left, notice = thread.get("left"), sending.notice
        if left is None:
            return thread
        await sending.keep(thread)
        try:
            said = replaced(await self._link(thread), left["fired"])
            await self._call("chat_update", **_address(left), **said)
        except ConnectorError as error:
            if not (isinstance(error, SlackRefused) and error.code in GONE):
                _log.warning("message left", receiver=notice.receiver, alert=notice.alert, error=str(error))
                return thread
        return {name: value for name, value in thread.items() if name != "left"}

    async def _link(self, thread: Reference) -> str:
        """Where the message is for people, empty if Slack does not say."""
        try:
            said = await self._call("chat_getPermalink", channel=thread["channel"], message_ts=thread["ts"])
        except ConnectorError:
            return ""
        return str(said.get("permalink") or "")

    def _message(self, notice: Notice, thread: Mapping[str, Any], file: str | None = None) -> dict[str, Any]:
        return message(notice, Extras(thread.get("fired"), file, again(notice, thread), self._clicks))

    async def _edit(self, notice: Notice, thread: Reference) -> Reference:
        """The reference after the message was edited: without its chart, if that was deleted at Slack."""
        from connectors.slack_api import LAYOUT, SlackRefused

        file = thread.get("file")
        try:
            await self._call("chat_update", **_address(thread), **self._message(notice, thread, file))
        except SlackRefused as error:
            if error.code not in LAYOUT or not file:
                raise
            # the words must arrive without it
            await self._call("chat_update", **_address(thread), **self._message(notice, thread))
            return {name: value for name, value in thread.items() if name != "file"}
        return thread

    async def _answer(self, said: Answer, thread: Mapping[str, Any], mark: Mapping[str, Any]) -> None:
        """Says it in the message's thread; beside it where the thread takes no answer."""
        from connectors.slack_api import GONE, SlackRefused

        place = {"thread_ts": thread["ts"], **({"reply_broadcast": True} if said.loud else {})}
        try:
            await self._post({**said.arguments, **mark, **place}, channel=thread["channel"])
        except SlackRefused as error:
            if error.code not in GONE:
                raise
            await self._post({**said.arguments, **mark})

    async def _post(self, arguments: Mapping[str, Any], channel: str | None = None) -> dict[str, str]:
        where = channel or self._config.channel
        said = await self._call("chat_postMessage", channel=where, unfurl_links=False, unfurl_media=False, **arguments)
        return {"channel": said["channel"], "ts": said["ts"]}

    async def _attach(self, sending: Sending, thread: Reference, until: float) -> Reference:
        """Puts the chart into the message, else into its thread. Its failure is logged: the words have arrived."""
        from connectors.slack_api import LAYOUT, SlackRefused

        notice, chart = sending.notice, sending.chart or b""
        try:
            async with asyncio.timeout_at(until):
                file = await once_more(lambda: self._upload(notice, chart, alt_txt=_titled(notice)))
                try:
                    return await once_more(lambda: self._chart(notice, thread, file, until))
                except SlackRefused as error:
                    if error.code not in LAYOUT:
                        raise
                return await self._beneath(notice, thread, chart)
        except ConnectorError as error:
            _log.warning("chart not attached", receiver=notice.receiver, alert=notice.alert, error=str(error))
        except TimeoutError:
            _log.warning("chart not attached", receiver=notice.receiver, alert=notice.alert, error="not there in time")
        return thread

    async def _chart(self, notice: Notice, thread: Reference, file: str, until: float) -> Reference:
        """The reference after the message was given the chart. Raises ConnectorError."""
        shown = {**_address(thread), **self._message(notice, thread, file)}
        await when_taken_in(lambda: self._call("chat_update", **shown), self._connected().pause, until)
        return {**thread, "file": file}

    async def _beneath(self, notice: Notice, thread: Reference, chart: bytes) -> Reference:
        """The reference after the chart went into the thread, once as the alert stands; a chart that is shown stays."""
        if "file" in thread or thread.get("beneath") == standing(notice):
            return thread
        # remembered before: of a second picture of the same there is no need, even if this one is lost
        after = {**thread, "beneath": standing(notice)}
        try:
            await self._upload(notice, chart, channel=thread["channel"], thread_ts=thread["ts"])
        except ConnectorError as error:
            _log.warning("chart not attached", receiver=notice.receiver, alert=notice.alert, error=str(error))
        return after

    async def _upload(self, notice: Notice, chart: bytes, **more: str) -> str:
        """The id of the file. What goes to a channel has no `alt_txt`: Slack then says yes and shares nothing.

        Source: python-slack-sdk issue 1818
        """
        said = await self._call("files_upload_v2", file=chart, filename="chart.png", title=_titled(notice), **more)
        return str(said["files"][0]["id"])

    async def _call(self, method: str, **arguments: Any) -> Any:
        """Calls a method; what is refused for its layout is said in plain words, so that it is said."""
        from connectors.slack_api import LAYOUT, SlackRefused

        try:
            return await self._connected().call(method, **arguments)
        except SlackRefused as error:
            if error.code not in LAYOUT or not arguments.get("blocks") or has_picture(arguments):
                raise
            _log.warning("layout refused", notifier="slack", error=str(error))
            return await self._connected().call(method, **as_words(arguments))

    def _connected(self) -> SlackApi:
        """Made at the first sending: slack-sdk is heavy."""
        if self._api is None:
            own = self._config.token
            token = own.get_secret_value() if own else self._services.slack_bot_token
            if not token:
                raise _without_token()
            from connectors.slack_api import SlackApi

            self._api = SlackApi(token, self._services, self._seconds)
        return self._api


def _marked(sending: Sending) -> dict[str, Any]:
    """The key of the sending, with the message that it made."""
    payload = {"key": sending.key, "about": sending.notice.fingerprint, "reason": str(sending.notice.reason)}
    return {"metadata": {"event_type": "setpoint_notice", "event_payload": payload}}


def _has_its_chart(notice: Notice, thread: Mapping[str, Any]) -> bool:
    """Whether a picture of the alert as it stands was given already: an update changes none."""
    return notice.reason is Reason.UPDATED and bool(thread.get("file") or thread.get("beneath") == standing(notice))


def _titled(notice: Notice) -> str:
    return shortened(heading(notice), 200)


def _address(thread: Mapping[str, Any]) -> dict[str, str]:
    return {"channel": thread["channel"], "ts": thread["ts"]}


def _without_token() -> Misconfigured:
    how = "set SETPOINT_SLACK_BOT_TOKEN, or token at the receiver"
    error = Misconfigured(f"Slack needs a bot token: {how}", permanent=False)  # one that is set later sends what waits
    error.until_mended = True
    return error
