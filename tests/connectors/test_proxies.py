"""Proxies: which one is for an address, and polls and what is sent going through a real one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connectors.base import Refused, Services, Unreachable
from connectors.gateway import GatewayConfig, way
from connectors.http import HttpClient, Request
from connectors.proxies import Proxies
from connectors.sources.http import HttpSource, HttpSourceConfig
from tests.connectors.conformance import NOW, body, serving

PROXY = {"http_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2"}


class Proxy:
    """A small proxy: answers what is for plain HTTP itself, and makes tunnels to `far` whatever they are asked for."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.far: tuple[str, int] | None = None
        self.status = "200 OK"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                writer.write(f"HTTP/1.1 {self.status}\r\n".encode())
                if head.startswith("CONNECT") and self.far and self.status.startswith("200"):
                    writer.write(b"\r\n")
                    await self._tunnel(reader, writer)
                    return
                writer.write(b"Content-Length: 12\r\nContent-Type: application/json\r\n\r\n" + b'{"v":     1}')
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.far
        far_reader, far_writer = await asyncio.open_connection(*self.far)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)


@asynccontextmanager
async def proxying(proxy: Proxy) -> AsyncIterator[str]:
    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    try:
        yield f"me:pa55word@127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


@asynccontextmanager
async def client(environ: dict[str, str]) -> AsyncIterator[HttpClient]:
    http = HttpClient(now=lambda: NOW, proxies=Proxies(environ))
    try:
        yield http
    finally:
        await http.close()


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        (PROXY, "http://a.example/x", "http://p:1"),
        (PROXY, "https://a.example/x", "http://p:2"),
        (PROXY, "wss://a.example/x", "http://p:2"),
        ({"ALL_PROXY": "p:3"}, "https://a.example", "http://p:3"),
        ({"HTTP_PROXY": "http://p:4", "http_proxy": "http://p:1"}, "http://a.example", "http://p:1"),
        ({"HTTPS_PROXY": "socks5://p:4"}, "https://a.example", None),
        ({"HTTPS_PROXY": "http://:::"}, "https://a.example", None),
        ({}, "https://a.example", None),
        (PROXY, "http://localhost:8080", None),
        (PROXY, "http://api.localhost", None),
        (PROXY, "http://127.9.9.9", None),
        (PROXY, "http://[::1]:80", None),
        (PROXY, "http://[::ffff:127.0.0.1]:80", None),
        (PROXY, "http://0.0.0.0:80", None),
        ({**PROXY, "NO_PROXY": "*"}, "http://a.example", None),
        ({**PROXY, "NO_PROXY": "b.example, .a.example"}, "http://a.example", None),
        ({**PROXY, "NO_PROXY": "a.example"}, "http://x.a.example", None),
        ({**PROXY, "NO_PROXY": "*.a.example"}, "http://x.a.example", None),
        ({**PROXY, "NO_PROXY": "a.example"}, "http://xa.example", "http://p:1"),
        ({**PROXY, "NO_PROXY": "A.example:80"}, "http://a.EXAMPLE/", None),
        ({**PROXY, "NO_PROXY": "a.example:81"}, "http://a.example/", "http://p:1"),
        ({**PROXY, "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3", None),
        ({**PROXY, "NO_PROXY": "10.0.0.0/8"}, "http://11.1.2.3", "http://p:1"),
        ({**PROXY, "NO_PROXY": "10.1.2.3"}, "http://10.1.2.3", None),
        ({**PROXY, "NO_PROXY": "2.3"}, "http://10.1.2.3", "http://p:1"),
        ({**PROXY, "NO_PROXY": "[fd00::1]:80"}, "http://[fd00::1]", None),
        ({**PROXY, "no_proxy": " , "}, "http://a.example", "http://p:1"),
    ],
)
def test_which_proxy_is_for_an_address(environ, url, proxy):
    proxies = Proxies(environ)
    for _ in range(2):
        assert proxies.of(URL(url)) == (URL(proxy) if proxy else None)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_variable_breaks_it(proxy, none):
    Proxies({"http_proxy": proxy, "no_proxy": none}).of(URL("http://10.0.0.1:81/"))


def test_what_can_not_be_used_is_said_and_passwords_are_known():
    proxies = Proxies({"https_proxy": "socks5://p", "http_proxy": "http://me:pa55word@p:1"})
    assert proxies.ignored == ["https_proxy"]
    assert "pa55word" in proxies.secrets


@pytest.mark.parametrize("way_", ["fetch", "send"])
async def test_plain_requests_go_through_it(way_):
    proxy = Proxy()
    async with proxying(proxy) as address, client({"HTTP_PROXY": address}) as http:
        response = await getattr(http, way_)(Request("GET", URL("http://api.example/x?y=1")))
        with pytest.raises(Unreachable):  # this machine itself is asked directly
            await getattr(http, way_)(Request("GET", URL("http://127.0.0.1:1/")))
    assert response.status == 200
    (head,) = proxy.heads
    assert head.startswith("GET http://api.example/x?y=1 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:pa55word').decode()}" in head


@pytest.mark.parametrize("way_", ["fetch", "send"])
async def test_tls_goes_through_a_tunnel(way_):
    proxy = Proxy()
    async with (
        serving(body(b"{}"), tls=True) as base,
        proxying(proxy) as address,
        client({"https_proxy": address}) as http,
    ):
        proxy.far = ("127.0.0.1", URL(base).port or 0)
        request = Request("GET", URL("https://api.example/x"), {"x-key": "k3y"})
        with pytest.raises(Unreachable, match="TLS refused: self-signed certificate"):  # so it came through
            await getattr(http, way_)(request)
    (head,) = proxy.heads
    assert head.startswith("CONNECT api.example:443 HTTP/1.1\r\n")
    assert "k3y" not in head


@pytest.mark.parametrize("way_", ["fetch", "send"])
async def test_a_proxy_that_refuses_or_is_gone(way_, unused_tcp_port):
    proxy = Proxy()
    proxy.status = "407 Proxy Authentication Required"
    async with proxying(proxy) as address, client({"all_proxy": address}) as http:
        with pytest.raises(Unreachable, match=r"^https://api.example/: the proxy lets nothing through") as caught:
            await getattr(http, way_)(Request("GET", URL("https://api.example/")))
        assert not caught.value.unanswered
    async with client({"all_proxy": f"me:pa55word@127.0.0.1:{unused_tcp_port}"}) as http:
        with pytest.raises(Unreachable, match="no way to the proxy: connection refused") as caught:
            await getattr(http, way_)(Request("GET", URL("http://api.example/")))
    assert "pa55word" not in str(caught.value)


async def test_the_proxy_of_a_gateway_goes_before_the_environment():
    proxy = Proxy()
    async with proxying(proxy) as address, client({"http_proxy": "http://127.0.0.1:1"}) as http:
        gateway = GatewayConfig.model_validate({"base_url": "http://corp.example", "proxy": f"http://{address}"})
        services = Services(http, lambda: NOW, {"corp": gateway})
        keys = {"type": "http", "gateway": "corp", "url": "/v", "readings": [{"series": "v", "value": "v"}]}
        (reading,) = await HttpSource("api", HttpSourceConfig.model_validate(keys), services).read(NOW)
        assert reading.value == 1.0
        found = way(services, "/v", gateway="corp")
        assert "pa55word" in found.secrets
        proxy.status = "502 Bad Gateway"
        with pytest.raises(Refused):
            await http.send(Request("POST", found.url, proxy=found.proxy))
    assert [head.split()[:2] for head in proxy.heads] == [
        ["GET", "http://corp.example/v"],
        ["POST", "http://corp.example/v"],
    ]
