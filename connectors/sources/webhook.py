"""Source `webhook`: waits for `POST /in/<source>`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from connectors.base import Inbound, Refused, Services
from connectors.extract import Extractor
from connectors.fields import Config, RetentionSection, Zone
from connectors.formats import charset_of, parse_json
from connectors.rows import MOST_SERIES, MostSeries, Readings
from connectors.signing import SigningSecret, verify
from rules.model import Reading

_MOST_READINGS = 10_000  # in one transaction, for which everybody else waits
_MOST_VALUES = 20 * _MOST_READINGS
_WRONG = {
    "standard": "the signature (webhook-id, webhook-timestamp, webhook-signature) is missing, wrong or too old",
    "bearer": "the bearer token is missing or wrong",
    "github": "the signature (X-Hub-Signature-256) is missing or wrong",
}


class WebhookSourceConfig(Config):
    """Keys of a source of type `webhook`. Without `secret` every caller is believed.

    `scheme` says how a call proves that it knows the secret: `standard` (Standard Webhooks), `github`
    (X-Hub-Signature-256) or `bearer`; `auto` takes standard or bearer.
    """

    type: Literal["webhook"]
    secret: SigningSecret | None = None
    scheme: Literal["auto", "standard", "bearer", "github"] = "auto"
    timezone: Zone | None = None
    max_bytes: Annotated[int, Field(ge=1)] = 1_000_000
    max_series: MostSeries = MOST_SERIES
    retention: RetentionSection | None = None
    readings: Readings

    @field_validator("scheme")
    @classmethod
    def _needs_secret(cls, scheme: str, info: ValidationInfo) -> str:
        if scheme != "auto" and info.data.get("secret", "") is None:
            raise ValueError(f"{scheme} needs a secret")
        return scheme


class WebhookSource:
    """Takes readings that are sent to it."""

    Config = WebhookSourceConfig
    door = "in"

    def __init__(self, name: str, config: WebhookSourceConfig, services: Services) -> None:
        self._config = config
        self._extractor = Extractor(name, config.readings, config.timezone or services.timezone, sent=True)

    def accept(self, call: Inbound, now: int) -> Sequence[Reading]:
        """The readings of the call's JSON body.

        Raises Refused: 400 no JSON, 401 not signed as it has to be, 404 unknown path, 405 not a POST, 413 too much;
        BadAnswer or PartialAnswer where rows can't be read.
        """
        if call.path.strip("/"):
            raise _refused("there is nothing below this address", 404)
        if call.method != "POST":
            raise _refused("readings are sent with POST", 405)
        if len(call.body) > self._config.max_bytes:
            raise _refused(f"the body is larger than max_bytes ({self._config.max_bytes})", 413)
        self._verify(call, now)
        try:
            table = parse_json(call.body, charset_of(call.headers), _MOST_VALUES)
        except ValueError as error:
            raise _refused(f"the body {error}", 400) from None
        readings = self._extractor.readings(table, now)
        if len(readings) > _MOST_READINGS:
            raise _refused(f"at most {_MOST_READINGS:,} readings can be sent at once", 413)
        return readings

    def message_id(self, call: Inbound) -> str | None:
        """The id that the scheme has, which its senders keep when they try again.

        Sources: https://www.standardwebhooks.com, draft-ietf-httpapi-idempotency-key-header,
        https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
        """
        names = {"standard": ("webhook-id",), "github": ("x-github-delivery",)}
        known = names.get(self._scheme(call), ("idempotency-key", "webhook-id"))
        return next((call.headers[name] for name in known if call.headers.get(name)), None)

    def _scheme(self, call: Inbound) -> str:
        """How the call says that it knows the secret; `none` where there is none to know."""
        if self._config.secret is None:
            return "none"
        if self._config.scheme != "auto":
            return self._config.scheme
        return "bearer" if "authorization" in call.headers else "standard"

    def _verify(self, call: Inbound, now: int) -> None:
        if self._config.secret is None:
            return
        secret, scheme = self._config.secret.get_secret_value(), self._scheme(call)
        if scheme == "bearer":
            kind, _, token = call.headers.get("authorization", "").partition(" ")
            good = kind.lower() == "bearer" and _same(token.strip(), secret)
        elif scheme == "github":
            digest = hmac.digest(secret.encode(), call.body, hashlib.sha256).hex()
            good = _same(call.headers.get("x-hub-signature-256", ""), f"sha256={digest}")
        else:
            good = call.headers.get("webhook-signature", "").isascii() and verify(secret, call.headers, call.body, now)
        if not good:
            raise _refused(_WRONG[scheme], 401)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def _refused(message: str, status: int) -> Refused:
    return Refused(message, status=status, permanent=True)
