"""A corrective call that posts one message to a Slack channel, for what people or another app there act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from connectors import fields
from connectors.base import Call, ConnectorError, Misconfigured, Services
from connectors.bodies import Path
from connectors.calling import ActionConfig, SaidTemplate
from connectors.template import TemplateError, render_mrkdwn
from rules.model import SECOND

if TYPE_CHECKING:
    from connectors.slack_api import SlackApi

_MOST = 40_000  # https://docs.slack.dev/reference/methods/chat.postMessage: what is longer Slack would cut
_SHOWN = 200


def _check_channel(text: str) -> str:
    if "{" in text:
        raise ValueError("is no template; name one channel, for example #facilities")
    return text


class SlackActionConfig(ActionConfig):
    """Keys of an action of type `slack`. `text` is a template in Slack's mrkdwn, whose values are escaped."""

    type: Literal["slack"]
    channel: Annotated[str, Field(min_length=1), AfterValidator(_check_channel)]
    text: SaidTemplate
    token: fields.Token | None = None
    timeout: fields.Span = 15 * SECOND

    @property
    def needs_setting(self) -> tuple[str, str] | None:
        """The key that is left to a setting, and which setting that is."""
        return ("token", "slack_bot_token") if self.token is None else None

    def preview(self, context: Mapping[str, Any]) -> str:
        """The channel and the message."""
        text = " ".join(render_mrkdwn(self.text, context).split())
        return f"a message in {self.channel}: {text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}"

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield from super().templates()
        yield ("text",), self.text


class SlackAction:
    """Posts. Slack knows no idempotency key: a call that is repeated after a lost answer posts twice."""

    Config = SlackActionConfig

    def __init__(self, name: str, config: SlackActionConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services
        self._api: SlackApi | None = None

    async def call(self, call: Call) -> str:
        """Posts the message. Raises ConnectorError."""
        text = self._text(call.context)
        try:
            said = await self._connected().call(
                "chat_postMessage", channel=self._config.channel, text=text, unfurl_links=False, unfurl_media=False
            )
        except ConnectorError as error:
            error.permanent |= error.until_mended  # a call can't wait for that: people hear at once that it failed
            raise
        return f"posted in {self._config.channel} ({said['channel']}, {said['ts']})"

    def _text(self, context: Mapping[str, Any]) -> str:
        try:
            text = render_mrkdwn(self._config.text, context)
        except TemplateError as error:
            raise Misconfigured(f"action {self._name}: {error}") from None
        if not text.strip():
            raise Misconfigured(f"action {self._name}: the text is empty")
        if len(text) > _MOST:
            raise Misconfigured(f"action {self._name}: the text has more than {_MOST} characters")
        return text

    def _connected(self) -> SlackApi:
        """Made at the first call: slack-sdk is heavy."""
        if self._api is None:
            own = self._config.token
            token = own.get_secret_value() if own else self._services.slack_bot_token
            if not token:
                how = "set SETPOINT_SLACK_BOT_TOKEN, or token at the action"
                raise Misconfigured(f"action {self._name}: Slack needs a bot token: {how}")
            from connectors.slack_api import SlackApi

            self._api = SlackApi(token, self._services, self._config.timeout / SECOND)
        return self._api

    async def close(self) -> None:
        """Nothing is held open: the session is shared."""
