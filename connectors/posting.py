"""Sending to an address that is itself a secret, as webhooks' addresses are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

from connectors.auth import url_secrets
from connectors.base import Refused, Services
from connectors.http import Request, Response
from rules.model import SECOND

_SHORTEST_SECRET = 6
READ_AT_MOST = 4_096


async def post(
    services: Services, url: str, body: bytes, headers: Mapping[str, str], *, within: int, secrets: Iterable[str] = ()
) -> Response:
    """Sends `body` to a `SecretUrl`; `within` is in microseconds. Returns and raises as `deliver` does."""
    place, address = origin(url), URL(url)
    request = Request(
        "POST",
        address,
        {"Content-Type": "application/json", **headers},
        body,
        within / SECOND,
        READ_AT_MOST,
        name=place,
        secrets=(*words(url, secrets), *url_secrets(address)),
    )
    return await deliver(services, request)


async def deliver(services: Services, request: Request) -> Response:
    """Sends the request; any 2xx is success, and the answer is returned.

    Raises ConnectorError, which names the other side by the request's `name`. Redirects are not followed: what was
    signed for one address is not given to another.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at info level it logs whole addresses
    try:
        return await services.http.send(request)
    except Refused as error:
        if error.status is None or not 300 <= error.status < 400:
            raise
        raise Refused(
            f"{request.where} answered {error.status}, a redirect, which is not followed: configure the final address",
            status=error.status,
            permanent=True,
        ) from None


def origin(url: str) -> str:
    """Scheme, host and port of an address: the rest of a webhook's address may be secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def words(url: str, secrets: Iterable[str]) -> list[str]:
    """Everything in the address and the secrets that must not be repeated; servers like to repeat what they get."""
    parts = urlsplit(url)
    found = {url, parts.path, parts.query, parts.username or "", parts.password or ""}
    found.update(part for part in parts.path.split("/") if len(part) > 9)  # not the plain words of an address
    found.update(value for _, value in parse_qsl(parts.query))
    for secret in secrets:
        found.update((secret, *secret.split()))
    return [word for word in found if len(word) >= _SHORTEST_SECRET]
