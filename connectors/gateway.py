"""Gateways: one way in to many APIs. Base address, credentials and limits, shared by sources and actions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from yarl import URL

from connectors.auth import Auth, url_secrets
from connectors.base import Misconfigured, Services
from connectors.fields import Config, Headers, Rate, Secret, Span
from connectors.limits import Limits
from rules.model import SECOND

_NOT_IN_HOSTS = re.compile(r"[\s\x00-\x1f\x7f]")


def check_http_url(text: str) -> str:
    """The address itself, if it is an absolute one of HTTP. Raises ValueError, without the address in it."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("is not a web address") from None
    if url.scheme not in {"http", "https"} or not url.host or _NOT_IN_HOSTS.search(url.host):
        raise ValueError("has to be an address such as https://api.example.com/v1")
    return text


def check_secret_url(value: Secret) -> Secret:
    """As `check_http_url`, of an address that is a secret."""
    check_http_url(value.get_secret_value())
    return value


SecretUrl = Annotated[Secret, AfterValidator(check_secret_url)]
"""An absolute address of HTTP that is itself a secret, as webhooks' addresses are."""


def _check_base(text: str) -> str:
    url = URL(check_http_url(text))
    if url.query_string or url.fragment:
        raise ValueError("can't have a query or a fragment")
    return text


class GatewayConfig(Config):
    """A gateway. Its limits hold for all sources and actions that name it, together."""

    base_url: Annotated[str, AfterValidator(_check_base)]
    auth: Auth | None = None
    headers: Headers = Field(default_factory=dict)
    rate_limit: Rate | None = None
    max_concurrency: Annotated[int, Field(ge=1)] | None = None
    timeout: Span | None = None
    proxy: SecretUrl | None = None


_TELLING = 5  # a header's value this short (1, gzip) tells nothing and would only riddle an excerpt with stars
Parameters = Mapping[str, str | int | float | bool | Sequence[str | int | float | bool]]


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach an address: everything a gateway and a kind's own keys say together."""

    url: URL
    headers: Mapping[str, str]  # names in lower case
    secrets: tuple[str, ...]  # values that no message may hold
    limits: Limits | None
    timeout: float | None  # seconds, if the gateway names one
    proxy: URL | None  # if the gateway names one

    def seconds(self, config: Any) -> float:
        """How long a request may take: what the connector says, else what its gateway says, else its kind's default."""
        own: float = config.timeout / SECOND
        return own if self.timeout is None or "timeout" in config.model_fields_set else self.timeout


def way(
    services: Services,
    url: str,
    *,
    gateway: str | None = None,
    headers: Mapping[str, Secret] | None = None,
    auth: Auth | None = None,
    params: Parameters | None = None,
) -> Way:
    """The way to `url`, alone or through the gateway of that name; own headers and `auth` go before the gateway's.

    Has to be called in the event loop. Raises Misconfigured: no such gateway, or an address the gateway does not have.
    """
    through = _gateway(services, gateway)
    address = _address(url, through, gateway)
    credentials = auth or (through.auth if through else None)
    merged = _plain(through.headers if through else {})
    if credentials is not None:
        merged |= {name.lower(): value for name, value in credentials.headers().items()}
        address = address.extend_query(credentials.query())
    merged |= _plain(headers or {})
    secrets = [value for value in (*merged.values(), *url_secrets(address)) if len(value) > _TELLING]
    secrets += credentials.secrets() if credentials else []
    proxy = URL(through.proxy.get_secret_value()) if through and through.proxy else None
    secrets += url_secrets(proxy) if proxy else []
    if params:
        address = address.extend_query(_pairs(params))
    limits = services.http.limits(gateway or "", through.rate_limit, through.max_concurrency) if through else None
    timeout = through.timeout / SECOND if through and through.timeout else None
    return Way(address, merged, tuple(secrets), limits, timeout, proxy)


def origin(services: Services, url: str, gateway: str | None = None) -> str:
    """Scheme, name and port of what `url` is on. Raises Misconfigured."""
    return str(_address(url, _gateway(services, gateway), gateway).origin())


def _plain(headers: Mapping[str, Secret]) -> dict[str, str]:
    return {name.lower(): value.get_secret_value() for name, value in headers.items()}


def _gateway(services: Services, name: str | None) -> GatewayConfig | None:
    if name is None:
        return None
    found = services.gateways.get(name)
    if not isinstance(found, GatewayConfig):
        raise Misconfigured(f"there is no gateway {name!r}")
    return found


def is_absolute(url: str) -> bool:
    """Whether an address names its own host, not only a path."""
    return "://" in url.partition("?")[0]


def check_through(url: str, gateway: GatewayConfig, name: str) -> None:
    """Raises ValueError for an absolute address of another host than the gateway's, which its credentials are not for.

    Of a template only what is before its first value is looked at, as far as that names the host.
    """
    fixed, value, _ = url.partition("{")
    if not is_absolute(fixed) or (value and "/" not in fixed.partition("://")[2]):
        return
    at, base = URL(check_http_url(fixed)), URL(gateway.base_url)
    if (at.scheme, at.host, at.port) != (base.scheme, base.host, base.port):  # the default port may be written out
        raise ValueError(f"is not an address of the gateway {name!r}; write a path, or leave out the gateway")


def _address(url: str, gateway: GatewayConfig | None, name: str | None) -> URL:
    try:
        if gateway is None:
            return URL(check_http_url(url))
        if not is_absolute(url):
            return URL(gateway.base_url.rstrip("/") + ("/" + url.lstrip("/") if url else ""))
        check_through(url, gateway, name or "")
        return URL(check_http_url(url))
    except ValueError as error:
        raise Misconfigured(f"url: {error}") from None


def _pairs(params: Parameters) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        pairs += [(name, _text(one)) for one in several]
    return pairs


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
