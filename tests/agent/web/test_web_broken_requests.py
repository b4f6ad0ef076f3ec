"""What is not HTTP, or breaks off, over real sockets: answered or dropped, and never a traceback in the log."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from agent.settings import Address
from agent.web.errors import response_to
from agent.web.wire import _Sparing, listen

PATIENCE = 10.0  # seconds
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@web.middleware
async def _answer(request: web.Request, handler: web.Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as error:
        return response_to(error, request)


async def _length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await request.read())))


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    app = web.Application(middlewares=[_answer], client_max_size=1_000)
    app.router.add_post("/", _length)
    async with AsyncExitStack() as stack:
        yield await listen(app, Address("127.0.0.1", 0), stack)


async def say(address: Address, sent: bytes, *, hang_up: bool = False) -> bytes:
    """What comes back until the server closes; with `hang_up` nobody waits for it."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        await writer.drain()
        said = b"" if hang_up else await reader.read()
        writer.close()
        await writer.wait_closed()
    return said


def post(body: bytes, *headers: bytes) -> bytes:
    lines = (*headers, b"Connection: close", b"Content-Length: %d" % len(body))
    return POST + b"\r\n".join(lines) + b"\r\n\r\n" + body


BROKEN = {
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b" 400 "),
    "unknown version": (b"POST / HTTP/9.9\r\n\r\n", b" 400 "),
    "long address": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 400 "),
    "bad chunk": (POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", b" 400 "),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b" 400 "),
    "not gzip": (post(b"not gzip", b"Content-Encoding: gzip"), b" 400 "),
    "gzip with a broken end": (post(gzip.compress(b"a" * 900)[:-8] + b"x" * 8, b"Content-Encoding: gzip"), b" 400 "),
    "too large": (post(b"a" * 1_001), b" 413 "),
    "too large once unpacked": (post(gzip.compress(b"a" * 50_000_000), b"Content-Encoding: gzip"), b" 413 "),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_request_is_answered_without_a_traceback(
    address: Address, what: str, caplog: pytest.LogCaptureFixture
):
    sent, status = BROKEN[what]
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        said = await say(address, sent)
        assert (await say(address, post(b"abc"))).endswith(b"\r\n\r\n3")  # others are served on
    first = said.partition(b"\r\n")[0]
    assert status in first
    assert b'"error"' in said
    assert [line for line in logs if line["log_level"] != "debug"] == []
    assert caplog.records == []


@pytest.mark.parametrize("sent", [POST, POST + b"Content-Length: 100\r\n\r\n{", b"POST"], ids=["head", "body", "word"])
async def test_a_caller_who_hangs_up_leaves_no_traceback(
    address: Address, sent: bytes, caplog: pytest.LogCaptureFixture
):
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        await say(address, sent, hang_up=True)
        assert (await say(address, post(b"abc"))).endswith(b"\r\n\r\n3")
    assert [line for line in logs if line["log_level"] != "debug"] == []
    assert caplog.records == []


async def test_who_sends_the_head_of_a_request_for_ever_is_dropped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent.web.wire._IDLE", 0.05)
    async with AsyncExitStack() as stack:
        address = await listen(web.Application(), Address("127.0.0.1", 0), stack)
        for sent in (b"", b"POST / HTTP/1.1\r\nHost: local", b"GET"):
            assert await say(address, sent) == b""


async def test_more_connections_than_there_may_be_are_dropped_and_others_go_on(
    address: Address, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("agent.web.wire.MOST_CONNECTIONS", 3)
    open_ones = [await asyncio.open_connection(address.host, address.port) for _ in range(3)]
    for _, writer in open_ones:
        writer.write(POST)
        await writer.drain()
    with pytest.raises((ConnectionError, AssertionError)):
        assert await say(address, post(b"abc"))
    reader, writer = open_ones[0]
    writer.write(b"Content-Length: 3\r\nConnection: close\r\n\r\nabc")
    assert (await reader.read()).endswith(b"\r\n\r\n3")
    for _, one in open_ones:
        one.close()
        await one.wait_closed()


async def test_where_few_files_may_be_open_a_quarter_of_them_is_for_callers(address: Address, monkeypatch):
    monkeypatch.setattr("agent.web.wire.resource.getrlimit", lambda _of: (12, 12))
    open_ones = [await asyncio.open_connection(address.host, address.port) for _ in range(3)]
    with pytest.raises((ConnectionError, AssertionError)):
        assert await say(address, post(b"abc"))
    for reader, writer in open_ones:
        writer.write(post(b"abc"))
        assert (await reader.read()).endswith(b"3")
        writer.close()
        await writer.wait_closed()


def test_that_files_are_used_up_is_said_once_a_minute(caplog: pytest.LogCaptureFixture):
    loop = asyncio.new_event_loop()
    try:
        sparing, now = _Sparing(), [100.0]
        loop.time = lambda: now[0]
        with capture_logs() as logs:
            for now[0] in (100.0, 100.1, 159.0, 160.5):
                sparing(loop, {"message": "socket.accept() out of system resource"})
                sparing(loop, {"message": "Exception in callback BaseSelectorEventLoop._start_serving()"})
        assert [line["event"] for line in logs] == ["http.no_more_files"] * 2
        assert caplog.records == []
        sparing(loop, {"message": "anything else"})
        assert len(caplog.records) == 1
    finally:
        loop.close()
