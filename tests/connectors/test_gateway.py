from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Misconfigured, Services
from connectors.gateway import GatewayConfig, way
from connectors.http import HttpClient
from connectors.limits import Limits

BASE = "https://gate.example.com/v1"


class FakeTime:
    """A monotonic time that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + seconds
        await asyncio.sleep(0)
        self.at = max(self.at, until)


def gateways(**keys) -> Services:
    config = GatewayConfig.model_validate({"base_url": BASE, **keys})
    return Services(http=HttpClient(now=lambda: 0), now=lambda: 0, gateways={"corp": config})


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("/a", BASE + "/a"),
        ("a/b?x=1", BASE + "/a/b?x=1"),
        ("", BASE),
        ("//evil.example.com/a", BASE + "/evil.example.com/a"),
        ("@evil.example.com", BASE + "/@evil.example.com"),
        ("/to?next=https://x.example.com/", BASE + "/to?next=https://x.example.com/"),
        ("https://gate.example.com/other", "https://gate.example.com/other"),
    ],
)
async def test_addresses_stay_with_the_gateway(url, joined):
    found = way(gateways(auth={"bearer": "tok"}), url, gateway="corp")
    assert str(found.url) == joined
    assert found.headers == {"authorization": "Bearer tok"}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/a",
        "http://gate.example.com/a",
        "https://gate.example.com:8443/a",
        "https://gate.example.com.evil.com/",
        "https://gate.example.com@evil.com/",
        "ftp://gate.example.com/",
    ],
)
async def test_another_host_never_gets_the_gateways_credentials(url):
    with pytest.raises(Misconfigured, match="url: "):
        way(gateways(auth={"bearer": "tok"}), url, gateway="corp")


@given(st.text(max_size=40))
def test_no_text_leads_away_from_the_gateway(text):
    try:
        found = way(gateways(auth={"bearer": "tok"}), text, gateway="corp")
    except Misconfigured:
        return
    assert str(found.url.origin()) == "https://gate.example.com"


async def test_an_unknown_gateway():
    with pytest.raises(Misconfigured, match="there is no gateway 'x'"):
        way(gateways(), "/a", gateway="x")


@pytest.mark.parametrize(
    "keys",
    [{"base_url": "/a"}, {"base_url": BASE + "?a=1"}, {"rate_limit": "0/s"}, {"max_concurrency": 0}, {"cache": "5m"}],
)
def test_what_a_gateway_can_not_be(keys):
    with pytest.raises(ValidationError):
        GatewayConfig.model_validate({"base_url": BASE, **keys})


async def test_limits_are_shared_until_they_change():
    http = HttpClient(now=lambda: 0)
    first = http.limits("corp", (20, 1), 5)
    assert first is not None
    assert http.limits("corp", (20, 1), 5) is first
    assert http.limits("other", (20, 1), 5) is not first
    assert http.limits("corp", (10, 1), 5) is not first
    assert http.limits("corp", None, None) is None


async def test_never_more_than_the_rate_in_any_window():
    time = FakeTime()
    limits = Limits((5, 1), None, time.now, time.sleep)
    begun: list[float] = []

    async def one() -> None:
        async with limits:
            begun.append(time.at)

    for pause in (0.0, 0.9, 3.0):
        time.at += pause
        await asyncio.gather(*(one() for _ in range(12)))
    assert len(begun) == 36
    for first, sixth in zip(begun, begun[5:], strict=False):
        assert sixth - first >= 1.0 - 1e-9


async def test_never_more_at_once_than_allowed_and_a_failure_frees_its_place():
    time = FakeTime()
    limits = Limits(None, 2, time.now, time.sleep)
    inside = most = 0

    async def one(number: int) -> None:
        nonlocal inside, most
        async with limits:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            if number % 2:
                raise LookupError

    results = await asyncio.gather(*(one(number) for number in range(10)), return_exceptions=True)
    assert most == 2
    assert sum(isinstance(result, LookupError) for result in results) == 5


async def test_who_gives_up_waiting_frees_the_place():
    hold = asyncio.Event()

    async def sleep(_: float) -> None:
        await hold.wait()

    limits = Limits((1, 60), 1, lambda: 1.0, sleep)
    async with limits:
        pass
    waiting = asyncio.create_task(limits.__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hold.set()
    async with asyncio.timeout(5), limits:
        pass
