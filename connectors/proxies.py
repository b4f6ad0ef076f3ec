"""Through which proxy a request goes: what its gateway says, else what the environment says, as other programs do.

There is no standard for the variables; meant is what curl and Go make of them: `HTTP_PROXY`, `HTTPS_PROXY` and
`ALL_PROXY`, in small letters before capitals, and `NO_PROXY`: names (with all below them), addresses, networks, `*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import aiohttp
from yarl import URL

from connectors.auth import url_secrets

_CHOSEN: ContextVar[URL | None] = ContextVar("proxy", default=None)
_NONE = nullcontext()
_MANY = 20_000


def through(proxy: URL | None) -> AbstractContextManager[None]:
    """Inside, every request of the session goes through this proxy, if there is one."""
    return _NONE if proxy is None else _chosen(proxy)


@contextmanager
def _chosen(proxy: URL) -> Iterator[None]:
    token = _CHOSEN.set(proxy)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


class Proxies:
    """What the environment says. This machine itself is never asked through a proxy."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        names = {scheme: _first(environ, f"{scheme}_proxy", "all_proxy") for scheme in _SCHEMES}
        found = {scheme: _usable(environ.get(name, "")) for scheme, name in names.items()}
        self._of = {scheme: url for scheme, url in found.items() if url is not None}
        self.ignored = sorted({name for scheme, name in names.items() if name and scheme not in self._of})
        self._none = [
            one for one in environ.get(_first(environ, "no_proxy"), "").lower().replace(",", " ").split() if one
        ]
        self._known: dict[URL, URL | None] = {}

    @property
    def secrets(self) -> list[str]:
        """What no message may hold."""
        return [secret for url in self._of.values() for secret in url_secrets(url)]

    def of(self, url: URL) -> URL | None:
        """The proxy for an address; None if it is asked directly."""
        proxy = _CHOSEN.get()
        if proxy is not None or not self._of or not url.host:
            return proxy
        origin = url.origin()
        if origin not in self._known:
            if len(self._known) >= _MANY:
                self._known.clear()
            scheme = _SAME.get(url.scheme, url.scheme)
            self._known[origin] = None if self._direct(url) else self._of.get(scheme)
        return self._known[origin]

    def _direct(self, url: URL) -> bool:
        host = (url.host or "").lower().rstrip(".")
        address = _address(host)
        if host == "localhost" or host.endswith(".localhost") or (address and _is_here(address)):
            return True
        return any(_matches(one, host, url.port, address) for one in self._none)


_SCHEMES = ("http", "https")
_SAME = {"ws": "http", "wss": "https"}


def _first(environ: Mapping[str, str], *names: str) -> str:
    """The first variable that says something; empty if none does."""
    both = (either for name in names for either in (name, name.upper()))
    return next((name for name in both if environ.get(name, "").strip()), "")


def _usable(text: str) -> URL | None:
    text = text.strip()
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        return None
    return url if url.scheme in _SCHEMES and url.host else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_here(address: IPv4Address | IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _matches(pattern: str, host: str, port: int | None, address: IPv4Address | IPv6Address | None) -> bool:
    if pattern == "*":
        return True
    if address is not None:
        try:
            return address in ip_network(pattern.strip("[]"), strict=False)
        except ValueError:
            pass
    name, colon, only = pattern.rpartition(":")
    if colon and only.isdigit():
        if int(only) != port:
            return False
        pattern = name.strip("[]")
    pattern = pattern.removeprefix("*").strip(".")
    return host == pattern or (bool(pattern) and host.endswith(f".{pattern}") and address is None)


def request_class(proxies: Proxies) -> type[aiohttp.ClientRequest]:
    """The requests of a session, each through the proxy that is for its address."""

    class Proxied(aiohttp.ClientRequest):
        def update_proxy(self, proxy: URL | None, *rest: object) -> None:
            super().update_proxy(proxy or proxies.of(self.url), *rest)  # type: ignore[arg-type]

    return Proxied
