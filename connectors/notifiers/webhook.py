"""Outgoing webhook."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from connectors import fields


class WebhookConfig(fields.Config):
    """`secret` signs by Standard Webhooks; header values may hold secrets."""

    type: Literal["webhook"]
    url: fields.Secret
    secret: fields.Secret | None = None
    headers: dict[str, fields.Secret] = {}
    timeout: fields.Span = 10_000_000

    @model_validator(mode="after")
    def _http(self) -> Self:
        if not self.url.get_secret_value().startswith(("https://", "http://")):
            raise fields.KeyProblem("url", "has to start with https:// or http://")
        return self


class WebhookNotifier:
    Config = WebhookConfig
