"""Addresses that data chose reach nothing inside: redirects, hosts made of labels, names that lead here."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from connectors.actions.webhook import WebhookAction, WebhookActionConfig
from connectors.base import Call, ConnectorError, Refused, Services, Unreachable
from connectors.http import HttpClient, Request
from connectors.proxies import Proxies
from connectors.public import NotPublic, PublicOnly, is_chosen, is_public
from tests.connectors.conformance import NOW, serving

INSIDE = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:a00:1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "::127.0.0.1",
    "2001:0:7f00:1::", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_anybody_reaches_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    ("template", "chosen"),
    [
        ("http://hvac.local/{{ labels.room }}", False),
        ("http://10.0.0.5:8080/{{ labels.room }}?a={{ value }}", False),
        ("http://10.0.0.5", False),
        ("http://{{ labels.room }}.hvac.local/x", False),
        ("http://{{ labels.room }}.hvac.local:80/x", False),
        ("http://hvac.local:{{ labels.port }}/x", False),
        ("https://{{ labels.room }}", True),
        ("https://{{ labels.room }}/x", True),
        ("https://{{ labels.room }}:8080/x", True),
        ("https://{{ labels.room }}:{{ labels.port }}/x", True),
        ("https://me@{{ labels.room }}/x", True),
        ("http://10.0.0.{{ labels.room }}/x", True),
        ("http://{{ labels.room }}.0.0.1/x", True),
        ("http://{{ labels.room }}1/x", True),
        ("http://{{ labels.room }}.0x1/x", True),
        ("http://{{ labels['a/b'] }}/x", True),
        ("http://{% if value %}a.example{% endif %}/x", True),
        ("http://[::{{ labels.room }}]/x", True),
    ],
)
def test_who_chooses_the_host(template: str, *, chosen: bool):
    assert is_chosen(template) is chosen


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(now=lambda: NOW)
    yield client
    await client.close()


class Metadata:
    """A service that trusts its neighbours."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(text='{"data": {"v": 1}}')


def leads_to(place: str) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        raise web.HTTPFound(place)

    return answer


def port_of(base: str) -> int | None:
    return URL(base).port


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1", "localhost", "0.0.0.0"]
)
async def test_a_redirect_leads_to_nothing_inside(http: HttpClient, host: str):
    inside = Metadata()
    async with serving(inside.answer) as inner, serving(leads_to(f"http://{host}:{port_of(inner)}/latest")) as outer:
        configured = outer if host == "localhost" else outer.replace("127.0.0.1", "localhost")
        with pytest.raises(ConnectorError, match="address"):
            await http.fetch(Request("GET", URL(configured)))
    assert inside.asked == 0


async def test_a_redirect_within_the_named_host_is_followed(http: HttpClient):
    inside = Metadata()
    async with serving(inside.answer) as inner, serving(leads_to(f"{inner}/latest")) as outer:
        assert (await http.fetch(Request("GET", URL(outer)))).status == 200
    assert inside.asked == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_a_label_makes_no_host_inside(http: HttpClient, host: str):
    inside = Metadata()
    services = Services(http=http, now=lambda: NOW)
    async with serving(inside.answer) as inner:
        port = port_of(inner)
        template = (
            f"http://{{{{ labels.host }}}}:{port}/x" if host[0] != "[" else f"http://[{{{{ labels.host }}}}]:{port}/x"
        )
        config = WebhookActionConfig.model_validate({"type": "webhook", "url": template})
        action = WebhookAction("set", config, services)
        with pytest.raises(ConnectorError, match="address"):
            await action.call(Call("k", {"labels": {"host": host.strip("[]")}}))
        literal = WebhookActionConfig.model_validate({"type": "webhook", "url": f"{inner}/x"})
        assert inside.asked == 0
        assert "200" in await WebhookAction("set", literal, services).call(Call("k", {"labels": {}}))
    assert inside.asked == 1


class Names(AbstractResolver):
    """A name server that says another thing each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers.pop(0)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return [ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0) for ip in found]

    async def close(self) -> None:
        """Nothing is open."""


async def test_the_addresses_that_are_connected_to_are_those_that_were_checked():
    """A name that has a public address and one inside: only the public one is tried. With none, nothing is."""
    names = PublicOnly(Names(["10.0.0.1", "1.1.1.1"], ["10.0.0.1"], []))
    assert [one["host"] for one in await names.resolve("x", 80)] == ["1.1.1.1"]
    with pytest.raises(NotPublic):
        await names.resolve("x", 80)
    with pytest.raises(socket.gaierror):
        await names.resolve("x", 80)


@pytest.mark.parametrize("environ", [{}, {"http_proxy": "http://127.0.0.1:1"}])
async def test_a_name_that_leads_inside_is_refused_also_where_a_proxy_would_connect(environ: dict[str, str]):
    http = HttpClient(now=lambda: NOW, proxies=Proxies(environ), resolver=Names(["127.0.0.1"]))
    with pytest.raises(Refused, match="does not name") as caught:
        await http.send(Request("POST", URL("http://rebound.example/"), public=True))
    assert caught.value.permanent
    await http.close()


async def test_a_proxy_is_asked_for_what_is_public_wherever_the_proxy_is():
    http = HttpClient(
        now=lambda: NOW, proxies=Proxies({"http_proxy": "http://127.0.0.1:1"}), resolver=Names([], ["1.1.1.1"])
    )
    for _ in range(2):
        with pytest.raises(Unreachable, match="no way to the proxy"):
            await http.send(Request("POST", URL("http://public.example/"), public=True))
    await http.close()
