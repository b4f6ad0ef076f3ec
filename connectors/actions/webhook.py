"""A corrective call over HTTP: address, headers and body are templates, signed by Standard Webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Literal

import orjson
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from yarl import URL

from connectors import fields
from connectors.answers import excerpt, shown
from connectors.auth import Auth
from connectors.base import Call, Misconfigured, Services
from connectors.bodies import Method, Path, check_method, strings
from connectors.calling import ActionConfig, JsonTemplate, SaidTemplate, SecretTemplate, Template, shown_json
from connectors.gateway import Way, check_http_url, way
from connectors.http import Request
from connectors.public import is_chosen
from connectors.signing import SigningSecret
from connectors.signing import headers as signature_headers
from connectors.template import TemplateError, render, render_json, render_url
from rules.model import SECOND

_READ_AT_MOST = 4_096
_TELLING = 5  # what is this short in an address's query tells nothing


class WebhookActionConfig(ActionConfig):
    """`json` or `body`, not both; without either the body is empty. `secret` signs.

    `url`, `headers`, `json` and `body` are templates.
    """

    NOT_BOTH = (("json", "body"),)
    type: Literal["webhook"]
    method: Method = "POST"
    gateway: str | None = None
    url: SaidTemplate
    auth: Auth | None = None
    headers: dict[fields.CallHeaderName, SecretTemplate] = Field(default_factory=dict)
    json_: JsonTemplate = Field(default=None, alias="json")
    body: Template | None = None
    secret: SigningSecret | None = None
    timeout: fields.Span = 10 * SECOND

    _no_body_of_get = field_validator("json_", "body")(check_method)

    @field_validator("url")
    @classmethod
    def _can_be_reached(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("gateway", "") is not None:
            return url
        if not url.startswith(("http://", "https://")):
            raise ValueError("has to begin with http:// or https://, or be a path of a gateway")
        return url if "{" in url else check_http_url(url)

    @property
    def acts_on(self) -> str:
        """The method and the address."""
        return self.thing or f"{self.method} {self.url}"

    def preview(self, context: Mapping[str, Any]) -> str:
        """The method, the address without its query, and the body if it is JSON."""
        address, _, query = render_url(self.url, context).partition("?")
        with suppress(ValueError):
            address = shown(URL(address)) if "://" in address else address
        through = f" through {self.gateway}" if self.gateway else ""
        body = f" with a body of {len(render(self.body, context))} characters" if self.body is not None else ""
        body = f" {shown_json(self.json_, context)}" if self.json_ is not None else body
        return f"{self.method} {address}{'?***' if query else ''}{through}{body}"

    def templates(self) -> Iterator[tuple[Path, str]]:
        """Every template with the path of its key."""
        yield from super().templates()
        yield ("url",), self.url
        yield ("body",), self.body or ""
        yield from ((("headers", name), value.get_secret_value()) for name, value in self.headers.items())
        yield from ((("json", *at), text) for at, text in strings(self.json_))


class WebhookAction:
    """Makes one call; the same id and key again if the same call is made again."""

    Config = WebhookActionConfig

    def __init__(self, name: str, config: WebhookActionConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._services = services

    async def call(self, call: Call) -> str:
        """Makes the call; any 2xx is an answer, which proves nothing yet. Raises ConnectorError.

        Redirects are not followed: what was meant for one address is not given to another.
        """
        try:
            request = self._request(call)
        except (TemplateError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
            raise Misconfigured(f"action {self._name}: {error}") from None
        started = self._services.now()
        answer = await self._services.http.send(request)
        took = max(self._services.now() - started, 0) // 1_000
        said = excerpt(answer.body, request.secrets)
        return f"answered {_phrase(answer.status)} in {took} ms" + (f": {said}" if said else "")

    def _request(self, call: Call) -> Request:
        config = self._config
        headers = {n: SecretStr(render(v.get_secret_value(), call.context)) for n, v in config.headers.items()}
        url = render_url(config.url, call.context)
        found = way(self._services, url, gateway=config.gateway, headers=headers, auth=config.auth)
        body, kind = self._body(call.context)
        return Request(
            config.method,
            found.url,
            {**kind, **found.headers, **self._identity(call.key, body)},
            body or None,
            found.seconds(config),
            _READ_AT_MOST,
            secrets=self._secrets(found),
            limits=found.limits,
            proxy=found.proxy,
            public=config.gateway is None and is_chosen(config.url),
        )

    def _secrets(self, found: Way) -> tuple[str, ...]:
        own = [self._config.secret.get_secret_value()] if self._config.secret else []
        return (*found.secrets, *own, *(value for value in found.url.query.values() if len(value) > _TELLING))

    def _body(self, context: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        if self._config.json_ is not None:
            made = orjson.dumps(render_json(self._config.json_, context))
            return made, {"content-type": "application/json"}
        if self._config.body is not None:
            return render(self._config.body, context).encode(), {"content-type": "text/plain; charset=utf-8"}
        return b"", {}

    def _identity(self, key: str, body: bytes) -> dict[str, str]:
        same = {"idempotency-key": key, "webhook-id": key}
        if self._config.secret is None:
            return same
        timestamp = self._services.now() // SECOND
        return same | signature_headers(self._config.secret.get_secret_value(), key, timestamp, body)

    async def close(self) -> None:
        """Nothing is held open: the HTTP client is shared."""


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
