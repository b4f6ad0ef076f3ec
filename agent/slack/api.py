"""What this face asks of Slack: methods of its Web API, and messages to the response URLs that come with payloads."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from yarl import URL

from agent.settings import Settings
from connectors.base import ConnectorError, Misconfigured, Refused, Services
from connectors.http import HttpClient, Request
from connectors.posting import origin, words

if TYPE_CHECKING:
    from connectors.slack_api import SlackApi

_SECONDS = 5.0  # people wait
_SLACK = "slack.com"
_MOST = 4_096
_PATIENT = 60.0  # seconds, for what follows an answer; a response URL is good for half an hour
_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds, where Slack failed and does not say when to try again


class Api:
    """Slack's Web API with the bot token, over the shared session and at the pace that receivers keep to too.

    `now` gives UTC microseconds.
    """

    def __init__(self, settings: Settings, http: HttpClient, now: Any) -> None:
        self._settings = settings
        self._http = http
        self._now = now
        self._made: SlackApi | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a bot token."""
        return bool(self._settings.slack_bot_token)

    async def call(self, method: str, **arguments: Any) -> Any:
        """The answer to a method by slack-sdk's name (`users_info`). Raises ConnectorError; SlackRefused has a code."""
        return await self._connected().call(method, **arguments)

    async def in_time(self, method: str, **arguments: Any) -> Any:
        """As `call`, for what follows an answer: again when Slack allows, if that is within a minute."""
        left = _PATIENT
        while True:
            try:
                return await self.call(method, **arguments)
            except ConnectorError as error:
                wait = error.retry_after
                if wait is None or wait > left or error.permanent:
                    raise
            left -= max(wait, 1.0)
            await self.pause(wait)

    async def anew(self, method: str, arguments: Callable[[], Mapping[str, Any]]) -> Any:
        """As `in_time`, for what may be done twice: again too where Slack failed, each time as things are by then."""
        for pause in _PAUSES:
            try:
                return await self.in_time(method, **arguments())
            except ConnectorError as error:
                if error.permanent or error.until_mended or error.retry_after is not None:
                    raise
            await self.pause(pause)
        return await self.in_time(method, **arguments())

    async def pause(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        await self._http.pace(self._settings.slack_bot_token).pause(seconds)

    def _connected(self) -> SlackApi:
        if not self.usable:
            raise Misconfigured("Slack can't be asked without a bot token: set SETPOINT_SLACK_BOT_TOKEN")
        if self._made is None:
            from connectors.slack_api import SlackApi

            there = Services(self._http, self._now, slack_api_url=self._settings.slack_api_url)
            self._made = SlackApi(self._settings.slack_bot_token, there, _SECONDS)
        return self._made

    async def upload(self, url: str, content: bytes) -> None:
        """Puts a file where Slack said. Raises ConnectorError."""
        from connectors.slack_api import mapped

        with mapped(_SECONDS, self._now()):
            async with asyncio.timeout(_SECONDS), self._http.session.post(url, data=content) as answer:
                answer.raise_for_status()

    async def respond(self, url: str, body: Mapping[str, Any]) -> None:
        """Sends an answer to a response URL. Raises ConnectorError, without the address, which is a secret.

        Slack takes five within 30 minutes. Source:
        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        if not may_respond(url, self._settings.slack_api_url):
            raise Refused("the response URL is not one of Slack's", permanent=True)
        request = Request(
            "POST",
            URL(url),
            {"Content-Type": "application/json"},
            orjson.dumps(body),
            _SECONDS,
            _MOST,
            name=origin(url),
            secrets=tuple(words(url, ())),
        )
        answer = await self._http.send(request)
        refused = _error(answer.body)
        if refused:
            raise Refused(f"{request.where} refused: {refused}", permanent=True)


def may_respond(url: str, api_url: str) -> bool:
    """Whether a response URL belongs to Slack, or to the host that stands for it: only there may answers go.

    Subdomains count (hooks.slack.com). Plain http and other ports only where the API itself is asked on loopback.
    """
    try:
        given, api = URL(url), URL(api_url)
    except ValueError:
        return False
    host, known = given.host or "", api.host or ""
    if given.scheme not in {"http", "https"} or not host or given.user is not None or given.password is not None:
        return False
    if _is_loopback(known):
        return _is_loopback(host)
    secure = given.scheme == "https" and given.port == 443
    return (secure and any(host == one or host.endswith(f".{one}") for one in (_SLACK, known) if one)) or (
        given.origin() == api.origin()
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _error(body: bytes) -> str:
    """Slack's word for why it did not take an answer, empty if it did."""
    try:
        said = orjson.loads(body)
    except ValueError:
        return ""
    return str(said.get("error") or "no reason is given")[:100] if isinstance(said, dict) and not said.get("ok") else ""


async def tried(call: Any) -> Any:
    """The answer of a call, None if it failed: for what is only nice to have."""
    try:
        return await call
    except ConnectorError:
        return None
