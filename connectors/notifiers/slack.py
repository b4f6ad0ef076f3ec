"""Slack."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from connectors import fields


class SlackConfig(fields.Config):
    """`channel` is written to with the bot token, `url` is an incoming webhook; exactly one of them."""

    type: Literal["slack"]
    channel: str | None = Field(default=None, min_length=1)  # "#growth", or an id such as C024BE91L
    token: fields.Secret | None = None  # instead of SETPOINT_SLACK_BOT_TOKEN
    url: fields.Secret | None = None
    timeout: fields.Span = 15_000_000

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.channel is None) == (self.url is None):
            raise fields.KeyProblem(
                "channel", "give either channel (posted with the bot token) or url (an incoming webhook)"
            )
        if self.url is not None and not self.url.get_secret_value().startswith(("https://", "http://")):
            raise fields.KeyProblem("url", "has to be the address of an incoming webhook, https://hooks.slack.com/…")
        if self.url is not None and self.token is not None:
            raise fields.KeyProblem("token", "an incoming webhook needs no token")
        return self


class SlackNotifier:
    Config = SlackConfig
