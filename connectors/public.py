"""Addresses that data chose: reached only where the whole Internet may reach them, never this machine or its network.

What a configuration names may be anywhere. But where a redirect leads, or a host made of labels, somebody else
decides, and a daemon inside a network reaches what they don't: metadata of a cloud, services that trust neighbours.
The check is on the very addresses that are connected to, so a name can't be one thing first and another then.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from connectors.base import Refused

_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
_AUTHORITY = re.compile(r"(?s)https?://((?:\{\{.*?\}\}|\{%.*?%\}|[^/?#{]|\{)*)")
_PORT = re.compile(r":(\d*|\{\{[^:]*\}\})$")
_DOMAIN = re.compile(r"(?:\.[\w-]+)*\.[A-Za-z][\w-]*")  # what ends in digits may be an address


class NotPublic(OSError):
    """A name leads to addresses of this machine or its network only."""


def is_public(text: str) -> bool:
    """Whether an IP address can be reached from anywhere; of one that holds an IPv4 address, that one counts too."""
    address = ip_address(text.partition("%")[0])
    return all(one.is_global and not one.is_multicast for one in (address, *_held(address)))


def _held(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    held = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED or int(address) >> 32 == 0:
        held.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in held if one is not None]


def check_public(url: URL, where: str) -> None:
    """Raises Refused for an address that is written in digits and not public; names are looked at when resolved."""
    try:
        if url.host and not is_public(url.host):
            raise not_public(where)
    except ValueError:  # a name
        return


def not_public(where: str) -> Refused:
    """The error of an address that data chose and that is not public."""
    said = "leads to an address of this machine or its network, which the configuration does not name"
    return Refused(f"{where}: {said}", permanent=True)


def is_chosen(template: str) -> bool:
    """Whether values decide on the host of an address: the end of its name, which says whose it is, is not written out.

    In `http://{{ labels.room }}.hvac.example` they don't.
    """
    found = _AUTHORITY.match(template)
    host = _PORT.sub("", found[1]) if found else ""
    return "{" in host and not _DOMAIN.fullmatch(host.rpartition("}")[2])


class PublicOnly(AbstractResolver):
    """Finds the public addresses of a name, and no others, by a resolver that others use too."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public addresses. Raises NotPublic if it has only others, else as the resolver does."""
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise NotPublic
        return public

    async def close(self) -> None:
        """The resolver is not ours to close."""
