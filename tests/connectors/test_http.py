from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gzip
import socket
import ssl

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connectors.answers import excerpt, retry_after, shown
from connectors.base import BadAnswer, Misconfigured, Refused, TimedOut, Unreachable
from connectors.failures import failure
from connectors.http import HttpClient, Request
from tests.connectors.conformance import NOW, SECRETS, assert_no_secret, body, hang, hang_up, serving, status, truncated

KEY = aiohttp.client_reqrep.ConnectionKey("h", 80, False, True, None, None, None)


@pytest.fixture
async def http():
    client = HttpClient(now=lambda: NOW)
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("error", "meant", "says"),
    [
        (aiohttp.ConnectionTimeoutError(), TimedOut, "no connection in time"),
        (aiohttp.SocketTimeoutError(), TimedOut, "within 3 s"),
        (aiohttp.ServerTimeoutError(), TimedOut, "within 3 s"),
        (TimeoutError(), TimedOut, "within 3 s"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name")), Unreachable, "name not found"),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "x")), Unreachable, "connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "x")), Unreachable, "network is unreachable"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EMFILE, "x")), Unreachable, "too many open files"),
        (aiohttp.ClientConnectorError(KEY, OSError(None, "x")), Unreachable, "no connection"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] x")), Unreachable, "TLS refused"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("x")), Unreachable, "TLS refused"),
        (ssl.SSLError(1, "x"), Unreachable, "TLS refused: handshake failed"),
        (aiohttp.ServerDisconnectedError(), Unreachable, "closed before the answer"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), Unreachable, "connection reset"),
        (aiohttp.ClientConnectionResetError("x"), Unreachable, "the connection broke"),
        (ConnectionResetError(), Unreachable, "the connection broke"),
        (OSError(errno.EMFILE, "x"), Unreachable, "too many open files"),
        (aiohttp.ClientPayloadError("not enough data"), Unreachable, "broke off"),
        (aiohttp.ClientPayloadError("400, Can not decode content-encoding: gzip"), BadAnswer, "can't be unpacked"),
        (aiohttp.ClientResponseError(None, (), status=400, message="Bad"), BadAnswer, "did not answer with HTTP"),  # type: ignore[arg-type]
        (aiohttp.InvalidURL("x"), Misconfigured, "not an address"),
        (aiohttp.NonHttpUrlClientError("x"), Misconfigured, "not an address"),
        (UnicodeError("x"), Misconfigured, "no such address"),
        (aiohttp.ClientError("x"), Unreachable, "ClientError"),
    ],
)  # fmt: skip
def test_every_failure_is_its_error(error, meant, says):
    found = failure(error, "http://h/", 3.0)
    assert type(found) is meant
    assert says in str(found)
    assert str(found).startswith("http://h/")


@pytest.mark.parametrize(
    ("error", "unanswered"),
    [
        (TimeoutError(), True),
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (aiohttp.ClientPayloadError("not enough data"), True),
        (aiohttp.ClientResponseError(None, (), status=400, message="Bad"), True),  # type: ignore[arg-type]
        (aiohttp.ConnectionTimeoutError(), False),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name")), False),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "x")), False),
        (aiohttp.ClientConnectorError(KEY, ConnectionResetError(104, "x")), False),
        (ConnectionRefusedError(), False),
        (ssl.SSLError(1, "x"), False),
        (aiohttp.InvalidURL("x"), False),
    ],
)
def test_whether_it_may_have_been_done_is_said(error, unanswered):
    assert failure(error, "http://h/", 3.0).unanswered is unanswered


@pytest.mark.parametrize("way", ["fetch", "send"])
@pytest.mark.parametrize("host", ["a" * 64 + ".example.com", "a..b"])
async def test_hosts_no_name_server_could_know(http, way, host):
    with pytest.raises(Misconfigured):
        await getattr(http, way)(Request("GET", URL(f"http://{host}/")))


@pytest.mark.parametrize("way", ["fetch", "send"])
async def test_addresses_of_another_kind(http, way):
    with pytest.raises(Misconfigured, match="not an address of the web"):
        await getattr(http, way)(Request("GET", URL("ftp://127.0.0.1/")))


@pytest.mark.parametrize("way", ["fetch", "send"])
async def test_a_line_break_can_not_be_smuggled_into_a_header(http, way):
    async with serving(body(b"{}")) as base:
        with pytest.raises(Misconfigured):
            await getattr(http, way)(Request("GET", URL(base), {"x-a": "1\r\nx-b: 2"}))


@pytest.mark.parametrize(
    ("answer", "meant", "says"),
    [
        (hang, TimedOut, "no complete answer within 0.1 s"),
        (hang_up, Unreachable, "closed before the answer"),
        (status(503, Retry_After="30"), Refused, "503"),
        (status(302, Location="/x"), Refused, "302"),
        (status(410), Refused, "410"),
    ],
)
async def test_sending_fails_with_the_same_errors(http, answer, meant, says):
    async with serving(answer) as base:
        url = URL(base).with_user("me").with_password(SECRETS[2]).with_query(token=SECRETS[0])
        request = Request("POST", url, {"x-key": SECRETS[1]}, b"{}", timeout=0.1, secrets=SECRETS)
        with pytest.raises(meant, match=says) as caught:
            await http.send(request)
    assert_no_secret(caught.value)


@pytest.mark.parametrize(
    ("code", "permanent"), [(503, False), (429, False), (408, False), (410, True), (404, True), (302, True)]
)
async def test_which_refusals_are_for_good(http, code, permanent):
    async with serving(status(code, Retry_After="30")) as base:
        with pytest.raises(Refused) as caught:
            await http.send(Request("POST", URL(base)))
    assert (caught.value.permanent, caught.value.retry_after, caught.value.status) == (permanent, 30.0, code)


async def test_sending_refused_and_untrusted(http, unused_tcp_port):
    with pytest.raises(Unreachable, match="connection refused"):
        await http.send(Request("POST", URL(f"http://127.0.0.1:{unused_tcp_port}/")))
    async with serving(body(b"{}"), tls=True) as base:
        with pytest.raises(Unreachable, match="TLS refused: self-signed certificate"):
            await http.send(Request("POST", URL(base)))


async def test_what_is_sent_arrives_and_the_answer_is_cut(http):
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers["X-Key"], await request.read()))
        return web.Response(status=202, body=b"x" * 5_000_000)

    async with serving(answer) as base:
        response = await http.send(Request("PUT", URL(base + "/a%20b?c=d"), {"X-Key": "k"}, b"body", max_bytes=1000))
    assert response.status == 202
    assert 1000 <= len(response.body) < 1_000_000
    assert seen == [("PUT", "/a%20b?c=d", "k", b"body")]


async def dripping(request: web.Request, code: int = 200) -> web.StreamResponse:
    response = web.StreamResponse(status=code, headers={"Retry-After": "30"})
    await response.prepare(request)
    await response.write(b"taken")
    await asyncio.sleep(3600)
    return response


@pytest.mark.parametrize("answer", [dripping, truncated])
async def test_a_success_stays_one_whatever_its_body_does(http, answer):
    async with serving(answer) as base:
        response = await http.send(Request("POST", URL(base), body=b"{}", timeout=0.3))
    assert response.status == 200
    assert response.body in {b"taken", b'{"data": ['}


async def test_so_does_a_refusal(http):
    async with serving(functools.partial(dripping, code=410)) as base:
        with pytest.raises(Refused, match="410 Gone: taken") as caught:
            await http.send(Request("POST", URL(base), body=b"{}", timeout=0.3))
    assert (caught.value.permanent, caught.value.retry_after) == (True, 30.0)


@pytest.mark.parametrize("way", ["fetch", "send"])
async def test_that_there_was_no_connection_is_known_however_short_the_time(http, way):
    """A full queue of connections drops what comes: nothing was sent, so nothing was done there either."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as filling:
        host, port = full.getsockname()
        for _ in range(4):
            one = filling.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((host, port))
        with pytest.raises(TimedOut, match="no connection in time") as caught:
            await getattr(http, way)(Request("GET", URL(f"http://{host}:{port}/"), timeout=0.3))
    assert not caught.value.unanswered


@pytest.mark.parametrize("way", ["fetch", "send"])
async def test_user_and_password_in_an_address_are_sent(http, way):
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response()

    async with serving(answer) as base:
        await getattr(http, way)(Request("GET", URL(base).with_user("me").with_password("pw")))
    assert seen == ["Basic bWU6cHc="]


async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(head + b"Content-Length: 2\r\n\r\nok")
    writer.close()


@pytest.mark.parametrize("way", ["fetch", "send"])
@pytest.mark.parametrize("status", [200, 503])
async def test_a_status_counts_in_whatever_encoding_its_phrase_is(http, way, status):
    head = f"HTTP/1.1 {status} Tr\xe8s indispon\xedvel\r\n".encode("latin-1")
    async with await asyncio.start_server(functools.partial(raw, head=head), "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        request = Request("GET", URL(f"http://{host}:{port}/"))
        if (way, status) == ("send", 503):
            with pytest.raises(Refused, match="answered 503 Service Unavailable") as caught:
                await http.send(request)
            assert not caught.value.permanent
        else:
            assert (await getattr(http, way)(request)).status == status


@pytest.mark.parametrize("way", ["fetch", "send"])
async def test_a_cookie_is_not_taken_along(http, way):
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=\udcff\udce9; Path=/"})

    async with serving(answer) as base:
        for _ in range(2):
            await getattr(http, way)(Request("GET", URL(base.replace("127.0.0.1", "localhost"))))
    assert seen == [None, None]


async def test_who_asks_the_session_for_a_whole_answer_gets_no_endless_one(http):
    packed = gzip.compress(b" " * 50_000_000)
    async with serving(body(packed, Content_Encoding="gzip")) as base, http.session.get(base) as answer:
        with pytest.raises(ValueError, match="more than 4,000,000 bytes"):
            await answer.json()


async def test_a_name_stands_for_a_secret_address(http):
    async with serving(status(403)) as base:
        with pytest.raises(Refused, match=r"^Slack answered 403 Forbidden") as caught:
            await http.send(Request("POST", URL(f"{base}/services/T0/B0/xyz"), name="Slack"))
    assert "T0" not in str(caught.value).partition("denied")[0]


async def test_one_session_serves_everything_and_closes(http):
    session = http.session
    assert http.client() is http.client()
    assert http.session is session
    async with serving(body(b"{}")) as base:
        await http.fetch(Request("GET", URL(base)))
        await http.send(Request("GET", URL(base)))
    await http.close()
    assert session.closed
    await http.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("later", None),
        ("", None),
        ("²", None),
    ],
)
def test_retry_after(text, seconds):
    assert retry_after({"Retry-After": text}, NOW) == seconds


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_any_retry_after_is_a_time_or_nothing(text):
    asked = retry_after({"Retry-After": text}, NOW)
    assert asked is None or asked >= 0


@given(st.binary(max_size=2000))
def test_an_excerpt_is_one_clean_line(content):
    text = excerpt(content)
    assert len(text) <= 120
    assert text.isprintable()


def test_an_excerpt_hides_secrets_and_markup():
    said = excerpt(b"<html><style>p{}</style><p>no\x1b[31m t0p at /a?key=t0p</p>", ("t0p",))
    assert said == "no [31m *** at /a?***"


def test_an_address_is_shown_without_its_secrets():
    assert shown(URL("https://u:p@h:8443/a/b?c=d#e")) == "https://h:8443/a/b"
