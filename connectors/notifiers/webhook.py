"""Posts notices as JSON to an address: Alertmanager's body, signed by Standard Webhooks if there is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field

from connectors import fields
from connectors.base import Sending, Services
from connectors.gateway import SecretUrl
from connectors.payload import payload
from connectors.posting import post
from connectors.signing import sign
from rules.model import SECOND


class WebhookConfig(fields.Config):
    """`secret` signs by Standard Webhooks; header values may hold secrets."""

    type: Literal["webhook"]
    url: SecretUrl
    secret: fields.Token | None = None
    headers: fields.Headers = Field(default_factory=dict)
    timeout: fields.Span = 10_000_000


class WebhookNotifier:
    """The same id and key on every try of a delivery, so that the receiving side can tell a repetition."""

    Config = WebhookConfig
    wants_chart: ClassVar[bool] = False
    wants_updates: ClassVar[bool] = False

    def __init__(self, config: WebhookConfig, services: Services) -> None:
        self._config = config
        self._services = services

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Posts the notice. Raises ConnectorError."""
        config = self._config
        body = orjson.dumps(payload(sending.notice))
        own = {name: value.get_secret_value() for name, value in config.headers.items()}
        secrets = [*own.values(), config.secret.get_secret_value() if config.secret else ""]
        url = config.url.get_secret_value()
        headers = {**own, **self._identity(sending.key, body)}
        await post(self._services, url, body, headers, within=config.timeout, secrets=secrets)
        return None

    async def close(self) -> None:
        """Nothing is held open: the HTTP client is shared."""

    def _identity(self, key: str, body: bytes) -> dict[str, str]:
        """Source: https://www.standardwebhooks.com/ and draft-ietf-httpapi-idempotency-key-header."""
        headers = {"Idempotency-Key": key, "webhook-id": key}
        if self._config.secret is not None:
            seconds = self._services.now() // SECOND
            signature = sign(self._config.secret.get_secret_value(), key, seconds, body)
            headers |= {"webhook-timestamp": str(seconds), "webhook-signature": signature}
        return headers
