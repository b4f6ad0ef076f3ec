"""What every source that polls over HTTP has to stand: a server that misbehaves in every way we know.

`CASES` pairs an answer with the error it has to become; `run` polls once and gives the error back. The secrets in
`SECRETS` are part of every request and of many answers; none of them may be in a message.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from connectors.base import BadAnswer, ConnectorError, Refused, TimedOut, Unreachable

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
SECRETS = ("t0p-secret-token", "s3cret-query-key", "pa55word-of-user")
LIMIT = 1_000_000
CERTIFICATE = Path(__file__).parent / "data" / "self-signed.pem"
RELEASED = web.AppKey("released", asyncio.Event)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Case:
    """One way to misbehave. `says` are parts the message has to have; `permanent` and `retry_after` as expected."""

    name: str
    answer: Answer
    expected: type[ConnectorError]
    says: tuple[str, ...]
    status: int | None = None
    permanent: bool = False
    retry_after: float | None = None


def gossip(request: web.Request) -> str:
    """An answer that repeats everything it was told."""
    return f"denied: {request.headers} {request.url} {request.query_string} {' '.join(SECRETS)}"


def status(code: int, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=gossip(request), headers=named)

    return answer


def body(content: bytes, content_type: str = "application/json", status: int = 200, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=content, headers={"Content-Type": content_type, **named})

    return answer


async def loop(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.rel_url.path + "?again=" + SECRETS[0])


async def elsewhere(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "ftp://127.0.0.1/" + SECRETS[0]})


async def hang(request: web.Request) -> web.Response:
    await request.app[RELEASED].wait()
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    released = asyncio.ensure_future(request.app[RELEASED].wait())
    while not released.done():
        await response.write(b" ")
        await asyncio.wait([released], timeout=0.01)
    return response


async def truncated(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"data": [')
    assert request.transport is not None
    request.transport.abort()
    return response


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def two_gigabytes(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "2000000000"})
    await response.prepare(request)
    await response.write(b"[")
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while not request.app[RELEASED].is_set():
        await response.write(b"1234567890" * 6_000)
    return response


PAGE = b"<!doctype html><html><head><title>Sign in</title><script>var a = 1;</script></head><body>Please log in</body>"
CASES = [
    *(
        Case(f"status-{code}", status(code), Refused, (f"answered {code}",), code, permanent)
        for code, permanent in [
            (204 + 100, True),
            (400, True),
            (401, True),
            (403, True),
            (404, True),
            (405, True),
            (410, True),
            (422, True),
            (408, False),
            (425, False),
            (429, False),
            (500, False),
            (502, False),
            (503, False),
            (504, False),
            (599, False),
        ]
    ),
    Case("slow-down", status(429, Retry_After="17"), Refused, ("429",), 429, retry_after=17.0),
    Case("back-at", status(503, Retry_After="Thu, 01 Jan 2026 00:01:30 GMT"), Refused, ("503",), 503, retry_after=90.0),
    Case("back-before", status(503, Retry_After="Thu, 01 Jan 2015 00:00:00 GMT"), Refused, (), 503, retry_after=0.0),
    Case("back-somewhen", status(503, Retry_After="soon"), Refused, ("503",), 503),
    Case("redirect-loop", loop, Refused, ("redirects more than 5 times",), 302),
    Case("redirect-elsewhere", elsewhere, Refused, ("redirects to no web address",), 302),
    Case("hangs", hang, TimedOut, ("no complete answer within 0.25 s",)),
    Case("drips", drip, TimedOut, ("no complete answer within 0.25 s",)),
    Case("truncated", truncated, Unreachable, ("broke off",)),
    Case("hangs-up", hang_up, Unreachable, ("closed before the answer",)),
    Case("html", body(PAGE, "text/html"), BadAnswer, ("answered HTML (status 200), expected JSON: Sign in",)),
    Case("html-as-json", body(PAGE), BadAnswer, ("answered HTML (status 200), expected JSON",)),
    Case("half-json", body(b'{"data": [{"a": 1'), BadAnswer, ("is not JSON", "expected JSON")),
    Case("wrong-charset", body(b'{"data": "\xff\xfe\xfa"}'), BadAnswer, ("is not JSON",)),
    Case("declared-charset", body(b"\x81", "application/json; charset=ascii"), BadAnswer, ("is not JSON",)),
    Case("empty", body(b""), BadAnswer, ("answered nothing (status 200)",)),
    Case("blank", body(b" \r\n "), BadAnswer, ("answered nothing (status 200)",)),
    Case(
        "part",
        body(b'{"data": {"v": 1}}', status=206, Content_Range="bytes 0-17/90"),
        BadAnswer,
        ("206 Partial Content", "as a whole"),
    ),
    Case("no-gzip", body(b"no gzip at all", Content_Encoding="gzip"), BadAnswer, ("can't be unpacked",)),
    Case(
        "half-gzip",
        body(gzip.compress(b"v\n" + b"1582\n" * 900)[:-9], "text/csv", Content_Encoding="gzip"),
        BadAnswer,
        ("broke off",),
    ),
    Case("two-gigabytes", two_gigabytes, BadAnswer, ("2000000000 bytes", "max_bytes (1000000)")),
    Case("endless", endless, BadAnswer, ("larger than max_bytes (1000000)",)),
    Case(
        "gzip-bomb",
        body(gzip.compress(bytes(60_000_000), 1), Content_Encoding="gzip"),
        BadAnswer,
        ("larger than max_bytes (1000000)",),
    ),
    Case("nothing-selected", body(b'{"error": "quota"}'), BadAnswer, ("select 'data' finds nothing",)),
    Case("not-a-number", body(b'{"data": [{"v": "many"}]}'), BadAnswer, ("row 1", "'many' is not a number")),
]


@asynccontextmanager
async def serving(answer: Answer, tls: bool = False) -> AsyncIterator[str]:
    """A server on loopback that answers every path so; gives its address."""
    application = web.Application()
    application[RELEASED] = asyncio.Event()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=1.0)
    await runner.setup()
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        application[RELEASED].set()
        await runner.cleanup()


def assert_no_secret(error: BaseException) -> None:
    """No message in the chain of an error, as a log would print it, holds a secret."""
    shown: BaseException | None = error
    while shown is not None:
        for secret in SECRETS:
            assert secret not in str(shown)
            assert secret not in repr(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def assert_is(error: ConnectorError, case: Case) -> None:
    """The error is exactly what the case expects."""
    assert type(error) is case.expected, error
    for part in case.says:
        assert part in str(error)
    assert error.permanent is case.permanent
    assert error.retry_after == case.retry_after
    assert getattr(error, "status", None) == case.status
    assert len(str(error)) < 400
    assert_no_secret(error)
