"""What every notifier has to hold, and the servers it is held against."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.base import ConnectorError, Sending
from rules.model import Notice, NoticedAlert, Reason

NOW = 1_778_000_000_000_000  # 2026-05-05 16:53:20 UTC

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636001000000050001"
    "0d0a2db40000000049454e44ae426082"
)

HTTP_STATUSES = [
    # status, permanent
    (300, True),
    (301, True),
    (302, True),
    (307, True),
    (308, True),
    (400, True),
    (401, True),
    (403, True),
    (404, True),
    (405, True),
    (408, False),
    (409, True),
    (410, True),
    (413, True),
    (422, True),
    (425, False),
    (429, False),
    (451, True),
    (500, False),
    (502, False),
    (503, False),
    (504, False),
    (529, False),
]


def notice(**changes: Any) -> Notice:
    """A firing notice of a period goal, with changes."""
    made = Notice(
        reason=Reason.FIRING,
        status="firing",
        title="Unique visitors",
        headline="Unique visitors behind: 6,214 of 10,000, needs 412 a day, projected 8,950",
        target="monthly-visitors",
        alert="behind",
        severity="warning",
        standing="behind",
        fingerprint="0123456789abcdef",
        labels={"alertname": "behind", "target": "monthly-visitors", "severity": "warning", "site": "www"},
        annotations={"summary": "Ask growth", "runbook_url": "https://wiki.example.com/behind?a=1&b=2"},
        values={
            "value": 6214.0,
            "at_least": 10000.0,
            "progress": 0.6214,
            "expected": 7123.456789012,
            "pace": 0.8723,
            "required_rate": 411.98765432,
            "projection": 8950.123456,
            "projection_low": 8101.5,
            "projection_high": 9801.25,
        },
        starts_at=NOW,
        ends_at=None,
        at=NOW,
        receiver="growth",
        details=("Taken by Ann at 18:53",),
        period_start=1_777_586_400_000_000,
        period_end=1_780_264_800_000_000,
        zone="Europe/Amsterdam",
    )
    return dataclasses.replace(made, **changes)


def alert(number: int, status: str = "firing", **changes: object) -> NoticedAlert:
    labels = {"alertname": "hot", "target": "room", "severity": "warning", "room": f"room-{number}"}
    made = NoticedAlert(
        status, "Room", f"Room (room-{number}) is too <hot> & dry", "warning", f"f{number}", labels, {"team": "x"},
        {"value": 30.0}, NOW, NOW + 1 if status == "resolved" else None,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def several(firing: int = 2, resolved: int = 1, **changes: object) -> Notice:
    alerts = (*(alert(n) for n in range(firing)), *(alert(firing + n, "resolved") for n in range(resolved)))
    about = {
        "group": "g",
        "group_since": NOW,
        "group_key": '{}:{target="room"}',
        "group_labels": {"target": "room"},
        "alerts": alerts[:1_000],
        "firing": firing,
        "resolved": resolved,
        "headline": f"{firing} firing, {resolved} resolved: target room",
        "status": "firing" if firing else "resolved",
        "labels": alerts[0].labels,
    }
    return notice(**{**about, **changes})


def resolved(**changes: Any) -> Notice:
    """The resolve of `notice()`, two hours and five minutes later."""
    ends = NOW + 7_500_000_000
    return notice(
        **{
            "reason": Reason.RESOLVED,
            "status": "resolved",
            "headline": "Unique visitors back, on track: 7,400 of 10,000",
            "standing": "on_track",
            "values": {"value": 7400.0, "at_least": 10000.0, "progress": 0.74},
            "ends_at": ends,
            "at": ends,
            **changes,
        }
    )


ALL_REASONS = [
    notice(),
    notice(reason=Reason.UPDATED),
    notice(reason=Reason.ESCALATED),
    notice(reason=Reason.UNDELIVERABLE, headline="growth refused a notice for good: channel_not_found"),
    notice(reason=Reason.TEST, headline="This is a test", values={}, annotations={}, details=(), standing=""),
    resolved(),
]

HOSTILE = "<!channel> <@U012AB3CD> <https://evil.example|click> & \x1b[31m\u202e\r\nBcc: x@evil.example <b>"


def sending(of: Notice | None = None, **changes: Any) -> Sending:
    """A sending of a notice, whose key is another for each notice."""
    what = of or notice()
    key = hashlib.sha256(repr(what).encode()).hexdigest()[:32]
    return dataclasses.replace(Sending(notice=what, key=key), **changes)


async def refusal(notifier: Any, what: Sending, secrets: tuple[str, ...] = ()) -> ConnectorError:
    """The error the notifier raises; it holds no secret, whatever is asked of it."""
    try:
        await notifier.send(what)
    except ConnectorError as error:
        leaks_nothing(error, secrets)
        return error
    raise AssertionError("was sent")


def leaks_nothing(error: BaseException, secrets: tuple[str, ...]) -> None:
    """Neither the message, nor what a traceback would print of it, holds a secret."""
    shown: BaseException | None = error
    while shown is not None:
        for secret in secrets:
            assert secret not in str(shown), f"{type(shown).__name__} leaks"
            assert secret not in repr(shown), f"{type(shown).__name__} leaks"
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


@dataclass
class Sink:
    """An HTTP server that answers as it is told, and keeps what it got. With `echo` it repeats it in its answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    echo: bool = False
    says: str = "said"
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request, body))
        text = f"{request.url} {dict(request.headers)} {body.decode()}" if self.echo else self.says
        return web.Response(status=self.status, headers=self.headers, text=text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def sink(**how: Any):
    """A running Sink."""
    made = Sink(**how)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def silent():
    """The port of a server that takes connections and never says a word."""
    done = asyncio.Event()
    writers = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await done.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        done.set()
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
