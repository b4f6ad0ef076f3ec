from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from yarl import URL

from connectors.base import Unreachable
from connectors.http import HttpClient, Request
from connectors.resolving import Resolver
from tests.connectors.conformance import NOW, body, serving


def names(*hosts: str):
    """A look-up that knows these addresses of every name."""

    def look_up(host, port, *_):
        look_up.asked.append(host)
        return [found for one in look_up.hosts for found in socket.getaddrinfo(one, port, 0, socket.SOCK_STREAM)]

    look_up.asked = []
    look_up.hosts = list(hosts)
    return look_up


async def fetch(look_up, url: URL, seconds: float = 7.0) -> int:
    http = HttpClient(now=lambda: NOW, resolver=Resolver(look_up, seconds))
    try:
        return (await http.fetch(Request("GET", url))).status
    finally:
        await http.close()


async def test_addresses_are_kept_for_a_while():
    look_up = names("127.0.0.1")
    async with serving(body(b"{}", Connection="close")) as base:
        http = HttpClient(now=lambda: NOW, resolver=Resolver(look_up))
        for _ in range(5):
            await http.fetch(Request("GET", URL(base).with_host("api.example")))
        await http.close()
    assert look_up.asked == ["api.example"]


@pytest.mark.parametrize("dead", ["::1", "127.0.0.2"])
async def test_the_next_address_is_tried(dead):
    async with serving(body(b"{}")) as base:
        async with asyncio.timeout(5):
            assert await fetch(names(dead, "127.0.0.1"), URL(base).with_host("api.example")) == 200


async def test_an_address_that_swallows_everything_costs_a_quarter_of_a_second():
    """A full queue of connections drops what comes, as a network does that has no way for IPv6."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        port = full.getsockname()[1]
        filling = [socket.socket() for _ in range(4)]
        for one in filling:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        listener = await asyncio.start_server(_answer, "127.0.0.1", port)
        try:
            async with asyncio.timeout(4):
                look_up = names("127.0.0.2", "127.0.0.1")
                assert await fetch(look_up, URL(f"http://api.example:{port}/")) == 200
        finally:
            listener.close()
            for one in filling:
                one.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (socket.EAI_NONAME, r"name not found$"),
        (socket.EAI_AGAIN, r"name not found \(the name server does not answer\)$"),
    ],
)
async def test_a_name_that_is_not_found_is_told_from_a_name_server_that_is_gone(number, says):
    def look_up(*_):
        raise socket.gaierror(number, "x")

    with pytest.raises(Unreachable, match=says) as caught:
        await fetch(look_up, URL("http://api.example/"))
    assert not caught.value.unanswered
    assert not caught.value.permanent


async def test_a_name_server_that_hangs_keeps_nothing_waiting():
    released = threading.Event()

    def look_up(*_):
        released.wait(10)
        return []

    with pytest.raises(Unreachable, match="the name server does not answer"):
        await fetch(look_up, URL("http://api.example/"), seconds=0.05)
    asked = asyncio.gather(
        *(fetch(look_up, URL("http://api.example/"), 0.1) for _ in range(40)), return_exceptions=True
    )
    for _ in range(20):
        await asyncio.sleep(0)  # all of them are being asked
    async with asyncio.timeout(3):
        assert await asyncio.to_thread(lambda: 1) == 1  # the threads of everything else are free
    released.set()
    assert all(isinstance(error, Unreachable) for error in await asked)


async def test_a_host_that_moved_is_found_again():
    look_up = names("127.0.0.2")
    http = HttpClient(now=lambda: NOW, resolver=Resolver(look_up))
    async with serving(body(b"{}")) as base:
        url = URL(base).with_host("api.example")
        with pytest.raises(Unreachable):
            await http.fetch(Request("GET", url))
        look_up.hosts = ["127.0.0.1"]
        assert (await http.fetch(Request("GET", url))).status == 200
    await http.close()
