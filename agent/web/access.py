"""Who may ask: holders of the API key, or, without a key, programs and browsers of this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from agent.settings import key_hash
from agent.web.errors import Failure, said
from agent.web.face import route_of, runtime
from agent.web.middleware import Handler

_ASKING = 'Bearer realm="setpoint", Basic realm="setpoint", charset="UTF-8"'
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses who may not. Without a key the daemon listens on loopback, where the caller to fear is a web page."""
    settings = runtime(request).settings
    route = route_of(request)
    if settings.api_key_hash is None:
        _check_host(request, settings.external_url)
        if route is None or not route.link:
            _check_origin(request, settings.external_url)
    elif route is None or not route.open:
        if not hmac.compare_digest(key_hash(_key(request)), settings.api_key_hash):
            refused = said(Failure(401, "the API key is missing or wrong: Authorization: Bearer <SETPOINT_API_KEY>"))
            refused.headers["WWW-Authenticate"] = _ASKING
            return refused
        _check_origin(request, settings.external_url)
    return await handler(request)


def _key(request: web.Request) -> str:
    """The key as a bearer token, or as the password of any user, which is what browsers can do."""
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip().encode("utf-8", "replace").decode()
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _check_host(request: web.Request, external_url: str) -> None:
    """A name that is not this machine's would be one that a foreign page let point here (DNS rebinding)."""
    try:
        name = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        name = ""
    if not _is_loopback(name) and (not name or name != urlsplit(external_url).hostname):
        raise Failure(403, "this daemon is asked by another name than localhost; set SETPOINT_EXTERNAL_URL to allow it")


def _is_loopback(name: str) -> bool:
    if name.rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _check_origin(request: web.Request, external_url: str) -> None:
    """A page from elsewhere can make a browser send something here, with the browser's credentials."""
    origin = request.headers.get("Origin")
    if origin is None or request.method in _SAFE:
        return
    own = {f"{scheme}://{request.headers.get('Host', '')}" for scheme in ("http", "https")}
    outside = urlsplit(external_url)
    if origin not in own | {f"{outside.scheme}://{outside.netloc}"}:
        raise Failure(403, "a page of another origin may not do this")
