"""Heartbeats against a real server on this machine, and the loop's lag."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from agent.health.heartbeat import Heartbeat, LoopLag
from connectors.http import HttpClient
from rules.model import HOUR, SECOND
from tests.connectors.notifiers import kit

PATH = "/ping/4b825dc6-42cb-6eb9-secret?key=QuerySecret99"
QUICK = SECOND // 100


class Life:
    """Says whether the daemon is alive, and lets tests wait for the next time it is asked."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.raises: Exception | None = None
        self.asked: asyncio.Queue[None] = asyncio.Queue()

    def __call__(self) -> str | None:
        self.asked.put_nowait(None)
        if self.raises is not None:
            raise self.raises
        return self.problem

    async def wait(self, times: int = 1) -> None:
        """Until it was asked so often from now on; a ping is over when it is asked for the next."""
        while not self.asked.empty():
            self.asked.get_nowait()
        async with asyncio.timeout(8):
            for _ in range(times):
                await self.asked.get()


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture
async def heartbeat(life):
    http = HttpClient(now=lambda: kit.NOW)
    made = Heartbeat(http, life)
    yield made
    await made.stop()
    await http.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not done():
            await asyncio.sleep(0)


def no_secret_in(said: list, caplog) -> None:
    text = f"{said} {[record.getMessage() for record in caplog.records]}"
    for secret in ("4b825dc6", "QuerySecret99", "127.0.0.1"):
        assert secret not in text


async def test_it_pings_at_once_and_again(heartbeat):
    async with kit.sink() as sink:
        heartbeat.use(sink.url + PATH, QUICK)
        await until(lambda: len(sink.requests) >= 3)
    request, _ = sink.requests[0]
    assert (request.method, request.path_qs) == ("GET", PATH)


async def test_only_while_the_daemon_is_alive(heartbeat, life):
    life.problem = "the database can't be written"
    async with kit.sink() as sink:
        heartbeat.use(sink.url + PATH, QUICK)
        await life.wait(3)
        assert sink.requests == []
        life.problem = None
        await until(lambda: len(sink.requests) >= 1)
        life.problem = "stuck"
        await life.wait(2)
        count = len(sink.requests)
        await life.wait(3)
        assert len(sink.requests) == count


async def test_failing_is_said_once_and_once_when_it_is_over(heartbeat, life, caplog):
    caplog.set_level(logging.DEBUG)
    async with kit.sink(status=503, echo=True) as sink:
        with capture_logs() as said:
            heartbeat.use(sink.url + PATH, QUICK)
            await life.wait(4)
            sink.status = 200
            await until(lambda: bool(said) and said[-1]["event"] == "heartbeat.back")
            await life.wait(3)
    assert [line["event"] for line in said] == ["heartbeat.failing", "heartbeat.back"]
    assert said[0]["error"] == "the heartbeat's address answered 503"
    no_secret_in(said, caplog)


@pytest.mark.parametrize("url", [
    "http://[half" + PATH, "http://a..b" + PATH, "ftp://example.com" + PATH, "http://127.0.0.1:99999" + PATH, "http://" + "x" * 300 + PATH,
    "http:///nohost" + PATH, "http://127.0.0.1:{closed}" + PATH,
])  # fmt: skip
async def test_an_address_that_is_none_is_said_and_ends_nothing(heartbeat, life, caplog, url):
    caplog.set_level(logging.DEBUG)
    with capture_logs() as said:
        heartbeat.use(url.replace("{closed}", str(kit.closed_port())), QUICK)
        await life.wait(3)
    assert [line["event"] for line in said] == ["heartbeat.failing"]
    no_secret_in(said, caplog)
    async with kit.sink() as sink:
        heartbeat.use(sink.url, QUICK)
        await until(lambda: len(sink.requests) >= 1)


async def test_the_unexpected_is_said_without_its_words_and_ends_nothing(heartbeat, life, caplog):
    async with kit.sink() as sink:
        with capture_logs() as said:
            life.raises = RuntimeError("QuerySecret99")
            heartbeat.use(sink.url + PATH, QUICK)
            await life.wait(2)
            life.raises = None
            await until(lambda: len(sink.requests) >= 1)
    assert said[0]["event"] == "heartbeat.failed"
    assert said[0]["error"] == "RuntimeError"
    no_secret_in(said, caplog)


async def test_a_reload_that_changes_nothing_pings_no_more_than_before(heartbeat):
    async with kit.sink() as sink:
        heartbeat.use(sink.url, HOUR)
        await until(lambda: len(sink.requests) == 1)
        heartbeat.use(sink.url, HOUR)
        other = sink.url + "/other"
        heartbeat.use(other, HOUR)
        await until(lambda: len(sink.requests) == 2)
        assert [request.path for request, _ in sink.requests] == ["/", "/other"]


async def test_none_pings_no_more(heartbeat, life):
    async with kit.sink() as sink:
        heartbeat.use(sink.url, QUICK)
        await until(lambda: len(sink.requests) >= 1)
        heartbeat.use(None, QUICK)
        task = [one for one in asyncio.all_tasks() if one.get_name() == "heartbeat"]
        await asyncio.gather(*task, return_exceptions=True)
        assert all(one.cancelled() for one in task)


async def test_stop_ends_a_ping_that_hangs(heartbeat, life):
    async with kit.silent() as port:
        heartbeat.use(f"http://127.0.0.1:{port}{PATH}", QUICK)
        await life.wait()
        async with asyncio.timeout(5):
            await heartbeat.stop()


async def test_stop_before_any_use(heartbeat):
    await heartbeat.stop()


class TestLoopLag:
    async def test_it_is_measured_again_and_again(self):
        lags: asyncio.Queue[float] = asyncio.Queue()
        lag = LoopLag(lags.put_nowait, every=0.01)
        lag.start()
        async with asyncio.timeout(8):
            found = [await lags.get() for _ in range(3)]
        lag.stop()
        assert all(0 <= one < 5 for one in found)

    async def test_a_loop_held_up_is_seen(self):
        lags: asyncio.Queue[float] = asyncio.Queue()
        lag = LoopLag(lags.put_nowait, every=0.01)
        lag.start()
        loop = asyncio.get_running_loop()
        until_ = loop.time() + 0.2
        while loop.time() < until_:
            pass
        async with asyncio.timeout(8):
            assert await lags.get() > 0.15
        lag.stop()

    async def test_whoever_fails_to_take_it_does_not_end_it(self):
        """The loop says what was raised; here that is all that is to be heard."""
        heard = asyncio.Queue()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: heard.put_nowait(context["exception"]))

        def refuse(_: float) -> None:
            raise ValueError("no")

        lag = LoopLag(refuse, every=0.001)
        lag.start()
        async with asyncio.timeout(8):
            assert [type(await heard.get()), type(await heard.get())] == [ValueError, ValueError]
        lag.stop()

    async def test_stopped_it_measures_no_more(self):
        lags: list[float] = []
        lag = LoopLag(lags.append, every=0.0)
        lag.stop()
        lag.start()
        lag.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        assert lags == []
