"""CPU of a poll through `HttpSource.read`, beside a bare aiohttp loop that polls, parses and compares.

    python bench/polls.py --endpoints 5000 --interval 10 --rounds 3

Both poll the same endpoints (a small server in its own process, many ports) at the same pace in turns, so the ratio
holds even where the machine is busy; the figures are this process's CPU time for each poll.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import aiohttp
import orjson
from record import record

from connectors.base import Services
from connectors.http import HttpClient
from connectors.sources.http import HttpSource, HttpSourceConfig

BODY = b'{"status": "ok", "data": {"site": "www", "visitors": 1234, "bounce": 0.31}, "at": "2026-01-05T10:00:00Z"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
TICK = 0.01

Poll = Callable[[int], Awaitable[bool]]


class Answering(asyncio.Protocol):
    """Answers every request alike."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


def serve(ports: int, pipe: Connection) -> None:
    """Listens on so many ports, tells which, and answers until it is stopped."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Answering, "127.0.0.1", 0) for _ in range(ports)]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(run())


async def paced(poll: Poll, endpoints: int, interval: float) -> tuple[float, float, int]:
    """Polls every endpoint once, evenly over the interval: (CPU µs a poll, worst lag in s, polls that failed)."""
    loop = asyncio.get_running_loop()
    start, cpu = loop.time(), time.process_time()
    running: list[asyncio.Task[bool]] = []
    lag = 0.0
    while len(running) < endpoints:
        due = min(endpoints, int((loop.time() - start) / interval * endpoints) + 1)
        lag = max(lag, loop.time() - start - len(running) * interval / endpoints)
        running += [asyncio.create_task(poll(number)) for number in range(len(running), due)]
        await asyncio.sleep(TICK)
    done = await asyncio.gather(*running)
    return (time.process_time() - cpu) / endpoints * 1e6, lag, done.count(False)


def bare(session: aiohttp.ClientSession, urls: list[str]) -> Poll:
    """The loop anybody would write."""

    async def poll(number: int) -> bool:
        async with session.get(urls[number]) as answer:
            return bool(orjson.loads(await answer.read())["data"]["visitors"] > 1000)

    return poll


def ours(http: HttpClient, urls: list[str]) -> Poll:
    """The same through sources."""
    services = Services(http, lambda: time.time_ns() // 1_000)
    reading = {"series": "visitors", "select": "data", "value": "visitors", "labels": {"site": "site"}}
    configs = [HttpSourceConfig.model_validate({"type": "http", "url": url, "readings": [reading]}) for url in urls]
    sources = [HttpSource(f"s{number}", config, services) for number, config in enumerate(configs)]

    async def poll(number: int) -> bool:
        value = (await sources[number].read(services.now()))[0].value
        return value is not None and value > 1000

    return poll


async def measure(urls: list[str], interval: float, rounds: int) -> None:
    """Runs both in turns and prints the figures."""
    http = HttpClient(lambda: time.time_ns() // 1_000)
    connector = aiohttp.TCPConnector(limit=10_000, keepalive_timeout=75)
    async with aiohttp.ClientSession(connector=connector) as session:
        variants = {"bare": bare(session, urls), "source": ours(http, urls)}
        for poll in variants.values():  # connections are made, code is warm
            await paced(poll, len(urls), min(interval, 5.0))
        cost: dict[str, list[float]] = {name: [] for name in variants}
        for number in range(rounds):
            for name, poll in variants.items():
                used, lag, failed = await paced(poll, len(urls), interval)
                cost[name].append(used)
                print(
                    f"round {number + 1}  {name:6}  {used:7.1f} µs CPU a poll  worst lag {lag:.3f} s  failed {failed}"
                )
        ratios = [mine / other for mine, other in zip(cost["source"], cost["bare"], strict=True)]
        for name, values in cost.items():
            print(f"median   {name:6}  {statistics.median(values):7.1f} µs CPU a poll")
        print(f"median ratio source / bare: {statistics.median(ratios):.2f}")
        medians = {f"{name}_us": round(statistics.median(values), 1) for name, values in cost.items()}
        record("polls", {"endpoints": len(urls), **medians, "ratio": round(statistics.median(ratios), 2)})
    await http.close()


def main() -> None:
    """Starts the server and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=2_000)
    parser.add_argument("--ports", type=int, default=0, help="default: as many as endpoints, at most 2,000")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    server = context.Process(target=serve, args=(chosen.ports or min(chosen.endpoints, 2_000), far), daemon=True)
    server.start()
    ports = near.recv()
    urls = [f"http://127.0.0.1:{ports[number % len(ports)]}/{number}" for number in range(chosen.endpoints)]
    try:
        asyncio.run(measure(urls, chosen.interval, chosen.rounds))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
