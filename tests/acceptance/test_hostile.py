"""A hostile world on every side at once: what is sane goes on being read, decided and told, and memory stays bounded."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable

from aiohttp import web

from tests.acceptance.configs import HOOK, house, source
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import Api, Receiver

GROWTH = 200_000_000  # bytes that all of it may take beside what a quiet daemon has; the bomb alone would be 300 MB
BOMB = gzip.compress(bytes(300_000_000), 9)
DEEP = b'{"rows": ' + b"[" * 100_000
MANY = b'{"rows": [' + b"{}," * 3_000_000 + b"{}]}"
LABELS = json.dumps({"rows": [{"room": f"r{number}", "value": 21} for number in range(30_000)]}).encode()
SOURCES = ("bomb", "deep", "many", "labels", "endless", "drip", "around", "inside", "lies", "garbage")


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(1_000_000))


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


def says(body: bytes, **headers: str) -> object:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": "application/json", **headers})

    return answer


def leads(to: str) -> object:
    async def answer(_request: web.Request) -> web.Response:
        raise web.HTTPFound(to)

    return answer


def hostile(api: Api) -> None:
    api.answers |= {
        "bomb": says(BOMB, **{"Content-Encoding": "gzip"}),
        "deep": says(DEEP),
        "many": says(MANY),
        "labels": says(LABELS),
        "endless": endless,
        "drip": drip,
        "around": leads("/around"),
        "inside": leads(f"http://localhost:{api.port}/secret"),
        "lies": says(b"{}", **{"Content-Encoding": "gzip"}),
        "garbage": says(b"\x00\xff\xfe" * 1_000, **{"Content-Type": "text/csv; charset=utf-7"}),
    }  # type: ignore[assignment]


async def raw(daemon: Daemon, parts: Iterable[bytes], within: float = 20.0) -> bytes:
    """What is answered to some bytes; nothing is known of HTTP."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read(200)
        except ConnectionError:
            return b"dropped"
        finally:
            writer.close()


def post(path: str, *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def test_a_hostile_world_stops_nothing_that_is_sane(daemon: Daemon, api: Api, sink: Receiver):
    config = house(api, sink)
    config["sources"] |= {
        name: source(api, name, timeout="2s", readings=[{"series": "other", "select": "rows", "value": "value", "labels": {"room": "room"}}])
        for name in SOURCES
    }  # fmt: skip
    config["sources"]["push"] = {
        "type": "webhook",
        "secret": HOOK,
        "readings": [{"series": "sales", "value": "amount"}],
    }
    daemon.configure(config)
    api.values["house"] = {"attic": 21}
    await daemon.start()
    await api.asked_again("house")
    quiet = daemon.memory("VmHWM")

    hostile(api)
    for name in SOURCES:
        await daemon.happenings.until(lambda name=name: daemon.said("source.failing", source=name) or daemon.said("series.too_many", source=name), f"{name} is said", 30)  # fmt: skip
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    attacks = [
        raw(daemon, [post(path, "Transfer-Encoding: chunked"), *[chunk] * 100])
        for path in ("/in/push", "/api/v1/readings")
    ]
    attacks += [
        raw(daemon, [post(path, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}"), BOMB])
        for path in ("/in/push", "/ping/nobody", "/api/v1/silences")
    ]
    attacks += [raw(daemon, [post("/in/push", f"Content-Length: {len(DEEP)}"), DEEP])]
    for answer in await asyncio.gather(*attacks):
        assert answer == b"dropped" or answer.split(b" ")[1] in {b"400", b"401", b"404", b"413", b"415"}, answer
    slow = [await asyncio.open_connection("127.0.0.1", daemon.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"POST /in/push HTTP/1.1\r\nHost: local")

    api.values["house"] = {"attic": 12}
    await daemon.happenings.until(
        lambda: ("firing", "attic") in [message.what for message in sink.taken()], "it is told", 20
    )
    assert api.times_asked("secret") == 0
    assert daemon.memory("VmHWM") - quiet < GROWTH
    for _, writer in slow:
        writer.close()
    assert not [line for line in daemon.log if line.get("exception")]
