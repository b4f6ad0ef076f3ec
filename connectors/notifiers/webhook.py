"""Posts notices to an address: Alertmanager's body or one of your own, signed by Standard Webhooks if asked to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from connectors import fields
from connectors.auth import Auth, url_secrets
from connectors.base import Misconfigured, ReportSending, Sending, Services
from connectors.bodies import Method, check_method, json_of, secret_of, text_of
from connectors.facts import plain
from connectors.gateway import Way, check_secret_url, way
from connectors.http import Request
from connectors.payload import TEMPLATE_NAMES, context, payload
from connectors.posting import READ_AT_MOST, deliver, origin, words
from connectors.report_message import as_notice
from connectors.report_payload import report_payload
from connectors.signing import SigningSecret, sign
from connectors.template import TemplateError, render_annotation, render_json
from rules.model import SECOND

_HeaderText = Annotated[fields.HeaderValue, AfterValidator(secret_of(TEMPLATE_NAMES))]
_WITHOUT_BODY = frozenset({"GET", "DELETE"})


class WebhookConfig(fields.Config):
    """`json` or `body`, not both; without either the body is Alertmanager's. `secret` signs by Standard Webhooks.

    `headers`, `json` and `body` are templates; header values may hold secrets.
    """

    NOT_BOTH = (("json", "body"),)
    type: Literal["webhook"]
    method: Method = "POST"
    gateway: str | None = None
    url: fields.Secret
    auth: Auth | None = None
    headers: dict[fields.CallHeaderName, _HeaderText] = Field(default_factory=dict)
    json_: Annotated[Any, AfterValidator(json_of(TEMPLATE_NAMES))] = Field(default=None, alias="json")
    body: Annotated[str, AfterValidator(text_of(TEMPLATE_NAMES))] | None = None
    secret: SigningSecret | None = None
    timeout: fields.Span = 10_000_000

    _no_body_of_get = field_validator("json_", "body")(check_method)

    @property
    def keeps_open(self) -> bool:
        """What a body of one's own says is maybe read by people."""
        return self.json_ is None and self.body is None

    @field_validator("url")
    @classmethod
    def _can_be_reached(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        if not url.get_secret_value().strip():
            raise ValueError("is empty")
        return url if info.data.get("gateway", "") is not None else check_secret_url(url)


class WebhookNotifier:
    """The same id and key on every try of a delivery, so that the receiving side can tell a repetition."""

    Config = WebhookConfig
    wants_chart: ClassVar[bool] = False
    wants_updates: ClassVar[bool] = False
    wants_every: ClassVar[bool] = True
    keeps_open: ClassVar[bool] = True

    def __init__(self, config: WebhookConfig, services: Services) -> None:
        self._config = config
        self._services = services

    async def send(self, sending: Sending) -> Mapping[str, Any] | None:
        """Posts the notice. Raises ConnectorError."""
        await self._post(sending, payload(sending.notice))
        return None

    async def report(self, sending: ReportSending) -> None:
        """Posts a report: its own JSON, or what the templates make of it as a notice. Raises ConnectorError."""
        notice = as_notice(sending.report, sending.receiver)
        said = {"receiver": sending.receiver, **report_payload(sending.report)}
        await self._post(Sending(notice, sending.key, sending.attempt), said)

    async def close(self) -> None:
        """Nothing is held open: the HTTP client is shared."""

    async def _post(self, sending: Sending, said: Mapping[str, Any]) -> None:
        """Posts what is said where no template says it."""
        try:
            request = self._request(sending, said)
        except (TemplateError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
            raise Misconfigured(f"the webhook's template: {error}") from None
        await deliver(self._services, request)

    def _request(self, sending: Sending, said: Mapping[str, Any]) -> Request:
        config = self._config
        told = context(sending) if config.json_ is not None or config.body is not None or config.headers else {}
        headers = {name: SecretStr(_header(value.get_secret_value(), told)) for name, value in config.headers.items()}
        url = config.url.get_secret_value()
        found = way(self._services, url, gateway=config.gateway, headers=headers, auth=config.auth)
        body, kind = self._body(said, told)
        return Request(
            config.method,
            found.url,
            {**kind, **found.headers, **self._identity(sending.key, body)},
            body or None,
            found.seconds(config),
            READ_AT_MOST,
            name=origin(str(found.url)),
            secrets=self._secrets(found),
            limits=found.limits,
            proxy=found.proxy,
        )

    def _secrets(self, found: Way) -> tuple[str, ...]:
        own = [value.get_secret_value() for value in self._config.headers.values()]
        signing = self._config.secret.get_secret_value() if self._config.secret else ""
        return (*words(str(found.url), [*own, signing]), *url_secrets(found.url), *found.secrets)

    def _body(self, said: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        config = self._config
        if config.body is not None:
            return render_annotation(config.body, told).encode(), {"content-type": "text/plain; charset=utf-8"}
        if config.json_ is None and config.method in _WITHOUT_BODY:
            return b"", {}
        made = said if config.json_ is None else render_json(config.json_, told, known=True)
        return orjson.dumps(made), {"content-type": "application/json"}

    def _identity(self, key: str, body: bytes) -> dict[str, str]:
        """Source: https://www.standardwebhooks.com/ and draft-ietf-httpapi-idempotency-key-header."""
        headers = {"idempotency-key": key, "webhook-id": key}
        if self._config.secret is not None:
            seconds = self._services.now() // SECOND
            signature = sign(self._config.secret.get_secret_value(), key, seconds, body)
            headers |= {"webhook-timestamp": str(seconds), "webhook-signature": signature}
        return headers


def _header(text: str, told: Mapping[str, Any]) -> str:
    """On one line, whatever a label or an annotation holds."""
    made = render_annotation(text, told)
    return made if made == text else plain(made)
