"""Connections of the client: kept, used again, closed; what happens where the other side closed one."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from connectors.base import Unreachable
from connectors.connector import KEPT
from connectors.http import HttpClient, Request
from tests.connectors.conformance import NOW

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers so many requests on each connection, then takes one more and closes without an answer."""

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.connections = 0
        self.open = 0
        self.requests: list[bytes] = []
        self.answered: list[int] = []  # by connection
        self.idle = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = self.connections
        self.connections += 1
        self.open += 1
        self.answered.append(0)
        try:
            for number in range(self.answers + 1):
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.split()[0])
                if number < self.answers:
                    self.answered[place] += 1
                    writer.write(OK.removesuffix(b"{}") if head.startswith(b"HEAD") else OK)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            self.open -= 1
            if not self.open:
                self.idle.set()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[URL]:
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    try:
        yield URL(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/")
    finally:
        listener.close()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(now=lambda: NOW)
    yield client
    await client.close()


async def test_many_polls_use_one_connection_that_is_closed_with_the_client(http):
    server = Server(1_000)
    async with listening(server) as url:
        for _ in range(50):
            await http.fetch(Request("GET", url))
        assert (server.connections, server.open) == (1, 1)
        assert http.session.connector is not None
        assert http.session.connector._keepalive_timeout == KEPT
        await http.close()
        await server.idle.wait()
    assert len(server.requests) == 50


async def test_after_many_requests_at_once_the_others_stay_idle(http):
    server = Server(1_000)
    async with listening(server) as url:
        await asyncio.gather(*(http.fetch(Request("GET", url)) for _ in range(20)))
        assert server.open == 20
        before = list(server.answered)
        for _ in range(60):
            await http.fetch(Request("GET", url))
        assert server.connections == 20
        assert sum(after > was for after, was in zip(server.answered, before, strict=True)) == 1
        await http.close()
        await server.idle.wait()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_connection_that_was_closed_meanwhile_costs_no_poll(http, method):
    server = Server(1)
    async with listening(server) as url:
        await http.fetch(Request("GET", url))
        await http.fetch(Request(method, url))
    assert server.connections == 2
    assert len(server.requests) == 3


@pytest.mark.parametrize("way", ["fetch", "send"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_what_changes_something_is_never_made_twice(http, way, method):
    server = Server(0)
    async with listening(server) as url:
        with pytest.raises(Unreachable, match="closed before the answer") as caught:
            await getattr(http, way)(Request(method, url))
    assert caught.value.unanswered
    assert server.requests == [method.encode()]


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_nor_on_a_kept_connection(http, method):
    server = Server(1)
    async with listening(server) as url:
        await http.fetch(Request("GET", url))
        with pytest.raises(Unreachable):
            await http.fetch(Request(method, url))
    assert len(server.requests) == 2


async def test_a_server_that_closes_each_kept_connection_as_a_poll_comes_costs_none(http):
    server = Server(1)
    async with listening(server) as url:
        for _ in range(40):
            await http.fetch(Request("GET", url))
    assert len(server.requests) == 40 + 39


async def test_the_second_try_takes_no_other_kept_connection(http):
    server = Server(1)
    async with listening(server) as url:
        await asyncio.gather(*(http.fetch(Request("GET", url)) for _ in range(5)))
        await http.fetch(Request("GET", url))
    assert server.connections == 6


async def test_an_outage_is_not_made_worse(http):
    server = Server(1)
    async with listening(server) as url:
        await asyncio.gather(*(http.fetch(Request("GET", url)) for _ in range(5)))
        server.answers = 0
        failed = await asyncio.gather(*(http.fetch(Request("GET", url)) for _ in range(40)), return_exceptions=True)
    assert all(isinstance(error, Unreachable) for error in failed)
    assert len(server.requests) == 5 + 40 + 5  # as many again as there were kept connections


async def test_where_there_are_no_more_files_idle_connections_are_given_up(http):
    server = Server(1_000)
    async with listening(server) as url:
        await asyncio.gather(*(http.fetch(Request("GET", url)) for _ in range(5)))
        other = Request("GET", url.with_port(9))
        key = ConnectionKey(
            "127.0.0.1", 9, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
        )
        failed = http._failure(aiohttp.ClientConnectorError(key, OSError(errno.EMFILE, "")), other)
        assert "too many open files" in str(failed)
        await server.idle.wait()
        await http.fetch(Request("GET", url))
    assert server.connections == 6
