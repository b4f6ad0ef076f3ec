"""Servers on the loopback: endpoints that are polled, sinks that are called, and when each of it happened.

They have processes of their own, so that their work is not counted with that of what is measured. Every endpoint
answers to `/<who>/<number>`: JSON, or to `prometheus` its text; a sink takes POST at `/ok`, `/slow` (after two seconds)
and `/silent` (never answers). Times are those of `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

BODY = b'{"status": "ok", "data": {"site": "www", "visitors": %d, "bounce": 0.31}, "at": "2026-01-05T10:00:00Z"}'
TEXT = b'# TYPE visitors gauge\nvisitors{site="www"} %d\n# TYPE bounce gauge\nbounce{site="www"} 0.31\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
NORMAL = 1_234
HIGH = 9_999
LIMIT = 2_000
SLOW = 2.0
WHO = ("setpoint", "bare", "prometheus")


class Poll(NamedTuple):
    """An endpoint was asked for, and answered this value."""

    at: float
    who: str
    number: int
    value: int


class Call(NamedTuple):
    """A sink was called."""

    at: float
    path: str
    body: bytes


class Happened(NamedTuple):
    """All since it was asked for before."""

    polls: list[Poll]
    calls: list[Call]


class _Answering(asyncio.Protocol):
    """One connection; as small as it can be, since it shares the machine with what is measured."""

    def __init__(self, values: dict[int, int], happened: Happened) -> None:
        self._values = values
        self._happened = happened
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        head, ended, rest = data.partition(b"\r\n\r\n")
        self._rest = b""
        if not ended:
            self._rest = data
        elif head.startswith(b"GET"):
            self._answer(head)
        else:
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                self._rest = data
            else:
                self._take(head, rest)

    def _answer(self, head: bytes) -> None:
        _, who, number = head.split(b" ", 2)[1].decode().split("/")
        value = self._values.get(int(number), NORMAL)
        kind, body = (b"text/plain; version=0.0.4", TEXT) if who == "prometheus" else (b"application/json", BODY)
        body = body % value
        self._transport.write(HEAD % (kind, len(body), body))
        self._happened.polls.append(Poll(time.monotonic(), who, int(number), value))

    def _take(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        self._happened.calls.append(Call(time.monotonic(), path, body))
        answer = HEAD % (b"text/plain", 0, b"")
        if path.startswith("/slow"):
            asyncio.get_running_loop().call_later(SLOW, self._transport.write, answer)
        elif not path.startswith("/silent"):
            self._transport.write(answer)


def _serve(count: int, pipe: Connection) -> None:
    """Listens on so many ports, tells which, and does what it is asked through the pipe until that is closed."""
    values: dict[int, int] = {}
    happened = Happened([], [])

    def asked(ended: asyncio.Event) -> None:
        try:
            what = pipe.recv()
        except EOFError:
            ended.set()
            return
        if what is None:
            pipe.send(Happened(list(happened.polls), list(happened.calls)))
            happened.polls.clear()
            happened.calls.clear()
        else:
            number, value = what
            values[number] = value
            pipe.send(None)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        servers = [
            await loop.create_server(lambda: _Answering(values, happened), "127.0.0.1", 0, backlog=1_000)
            for _ in range(count)
        ]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        loop.add_reader(pipe.fileno(), asked, ended)
        await ended.wait()

    asyncio.run(run())


class Servers:
    """The near end: one process for all who ask, or one for each, since open files are limited for each process."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes
        self._ports: list[list[int]] = [pipe.recv() for pipe in pipes]

    def host(self, who: str, number: int) -> str:
        """Host and port of an endpoint, as `who` asks for it."""
        ports = self._ports[WHO.index(who) % len(self._ports)]
        return f"127.0.0.1:{ports[number % len(ports)]}"

    def url(self, who: str, number: int) -> str:
        """The address of an endpoint, as `who` asks for it."""
        return f"http://{self.host(who, number)}/{who}/{number}"

    def sink(self, path: str) -> str:
        """The address of a sink."""
        return f"http://{self.host(WHO[0], 0)}{path}"

    def set(self, number: int, value: int) -> None:
        """Changes the value of an endpoint."""
        for pipe in self._pipes:
            pipe.send((number, value))
            pipe.recv()

    def take(self) -> Happened:
        """What happened since the last time this was called."""
        found = Happened([], [])
        for pipe in self._pipes:
            pipe.send(None)
            polls, calls = pipe.recv()
            found.polls.extend(polls)
            found.calls.extend(calls)
        return found


@contextmanager
def servers(ports: int, processes: int = 1) -> Iterator[Servers]:
    """Servers on so many ports each, which end with the block."""
    allow_open_files()
    context = multiprocessing.get_context("spawn")
    pipes = []
    started = []
    for _ in range(processes):
        near, far = context.Pipe()
        process = context.Process(target=_serve, args=(ports, far), daemon=True)
        process.start()
        far.close()
        pipes.append(near)
        started.append(process)
    try:
        yield Servers(pipes)
    finally:
        for pipe, process in zip(pipes, started, strict=True):
            pipe.close()
            process.join()


def allow_open_files() -> None:
    """As many as the system allows, for this process and those it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
