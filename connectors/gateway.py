"""Gateways: one way in to many APIs. Base address, credentials and limits, shared by sources and actions."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from connectors.auth import Auth
from connectors.fields import Config, Rate, Secret, Span


def check_http_url(text: str) -> str:
    """The address itself, if it is an absolute one of HTTP. Raises ValueError, without the address in it."""
    from yarl import URL

    try:
        url = URL(text)
    except ValueError:
        raise ValueError("is not a web address") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("has to be an address such as https://api.example.com/v1")
    return text


HttpUrl = Annotated[str, AfterValidator(check_http_url)]
"""An absolute http or https address."""


class GatewayConfig(Config):
    """A gateway. Its limits hold for all sources and actions that name it, together."""

    base_url: HttpUrl
    auth: Auth | None = None
    headers: dict[str, Secret] = Field(default_factory=dict)
    rate_limit: Rate | None = None
    max_concurrency: Annotated[int, Field(ge=1)] | None = None
    timeout: Span | None = None
