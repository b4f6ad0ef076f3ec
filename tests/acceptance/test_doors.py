"""What is sent to the daemon: check-ins and signed readings, over HTTP to the last row."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from tests.acceptance.configs import EACH_AT_ONCE, HOOK, hook
from tests.acceptance.daemon import Daemon
from tests.acceptance.servers import SECRET, Receiver

READINGS = [{"series": "sales", "value": "amount", "time": "at", "labels": {"shop": "shop"}}]


def shops(sink: Receiver) -> dict[str, Any]:
    """Readings of shops that are sent, and a nightly job that calls in."""
    return {
        "sources": {
            "push": {"type": "webhook", "secret": HOOK, "readings": READINGS},
            "hub": {"type": "webhook", "secret": HOOK, "scheme": "github", "readings": READINGS},
            "backup": {"type": "checkin", "every": "1d", "grace": "1h"},
            "heart": {"type": "checkin", "every": "2s", "grace": "1s"},
        },
        "targets": {
            "sales": {
                "series": "sales",
                "by": ["shop"],
                "combine": "last",
                "goal": {"at_least": 100},
                "alerts": [{"name": "low", "when": "out_of_band", "notify": ["all"]}],
            },
            "nightly-backup": {"source": "backup", "alerts": [{"name": "late", "when": "missed", "notify": ["all"]}]},
            "heartbeat": {"source": "heart", "alerts": [{"name": "silent", "when": "missed", "notify": ["all"]}]},
        },
        "receivers": {"all": [hook(sink)]},
        "route": {"receiver": "all", **EACH_AT_ONCE},
    }


def row(shop: str, amount: float, at: str = "2026-01-02T03:04:05Z") -> bytes:
    return json.dumps([{"shop": shop, "amount": amount, "at": at}]).encode()


def signed(body: bytes, message: str = "msg_1", at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message, at, body.decode()),
    }


def stored(daemon: Daemon) -> list[tuple[str, float]]:
    found = daemon.rows("SELECT labels, value FROM readings JOIN series ON id = series_id WHERE name = 'sales'")
    return sorted((json.loads(one["labels"])["shop"], one["value"]) for one in found)


async def test_signed_readings_are_decided_and_stored_others_are_not(daemon: Daemon, sink: Receiver):
    daemon.configure(shops(sink))
    await daemon.start()
    body = row("berlin", 40)

    async def post(headers: dict[str, str], body: bytes = body, path: str = "/in/push") -> tuple[int, Any]:
        status, text, _ = await daemon.request(
            "POST", path, data=body, headers={"Content-Type": "application/json", **headers}
        )
        return status, json.loads(text)

    good = signed(body)
    wrong = base64.b64encode(hmac.digest(b"another secret", body, hashlib.sha256)).decode()
    now = datetime.now(UTC)
    for bad in (
        {},
        {**good, "webhook-signature": f"v1,{wrong}"},
        {**good, "webhook-id": "msg_x"},
        {**good, "webhook-timestamp": str(int(time.time()) + 1)},
        signed(body, at=now - timedelta(minutes=6)),
        signed(body, at=now + timedelta(minutes=6)),
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {SECRET}"},
    ):
        status, said = await post(bad)
        assert status == 401, bad
        assert SECRET not in json.dumps(said)
    assert (await post(good, row("berlin", 400)))[0] == 401  # signed for another body
    assert (await post(good, path="/in/nowhere"))[0] == 404
    assert (await post(good, path="/in/backup"))[0] == 404
    assert stored(daemon) == []

    assert await post(good) == (202, {"readings": 1})
    assert stored(daemon) == [("berlin", 40)]  # answered once it is committed
    await daemon.happenings.until(lambda: len(sink.taken()) == 1, "told")
    assert sink.taken()[0].alert["labels"]["shop"] == "berlin"
    assert await post(good) == (202, {"readings": 0, "repeated": True})  # sent once more: nothing new
    assert await post({"Authorization": f"Bearer {SECRET}"}, row("paris", 200)) == (202, {"readings": 1})
    digest = hmac.digest(SECRET.encode(), row("rome", 300), hashlib.sha256).hex()
    assert (await post({"X-Hub-Signature-256": f"sha256={digest}"}, row("rome", 300), "/in/hub"))[0] == 202
    assert (await post({"X-Hub-Signature-256": f"sha256={digest}"}, row("rome", 30), "/in/hub"))[0] == 401
    assert stored(daemon) == [("berlin", 40), ("paris", 200), ("rome", 300)]

    # Revised: the same shop and time, another amount.
    assert (await post(signed(row("berlin", 140), "msg_2"), row("berlin", 140)))[0] == 202
    await daemon.happenings.until(lambda: len(sink.taken()) == 2, "back")
    assert [message.json["status"] for message in sink.arrived.messages] == ["firing", "resolved"]


async def test_what_can_not_be_read_is_refused_whole(daemon: Daemon, sink: Receiver):
    daemon.configure(shops(sink))
    await daemon.start()
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}

    async def post(body: bytes) -> int:
        return await daemon.status("/in/push", "POST", data=body, headers=headers)

    assert await post(b"") == 400
    assert await post(b"{") == 400
    assert await post(b"\xff\xfe") == 400
    assert await post(b'[{"shop": "oslo", "amount": 200, "at": 0}, {"shop": "bonn", "amount": "many", "at": 0}]') == 422
    assert await post(row("berlin", 1) + b" " * 1_000_000) == 413
    assert stored(daemon) == []
    assert await post(row("berlin", 200)) == 202
    assert stored(daemon) == [("berlin", 200)]


async def test_a_job_that_fails_is_told_and_its_next_success_resolves(daemon: Daemon, sink: Receiver):
    daemon.configure(shops(sink))
    await daemon.start()
    for path in ("", "/start", "/log", "/0"):
        assert await daemon.status(f"/ping/backup{path}", "POST", data=b"42 files") == 200
    assert await daemon.status("/ping/backup/fail", "POST", data=b"disk full") == 200
    await daemon.happenings.until(lambda: backups(sink) == ["firing"], "the failure is told")
    assert await daemon.status("/ping/backup") == 200
    await daemon.happenings.until(lambda: backups(sink) == ["firing", "resolved"], "the success too")
    assert await daemon.status("/ping/backup/3") == 200
    await daemon.happenings.until(lambda: backups(sink) == ["firing", "resolved", "firing"], "an exit status too")
    headline = [m for m in sink.taken() if m.alert["labels"]["target"] == "nightly-backup"][-1].json["headline"]
    assert "failed with exit status 3" in headline
    pings = daemon.rows("SELECT kind, exit_status, body FROM pings ORDER BY id")
    assert [(one["kind"], one["exit_status"]) for one in pings] == [
        ("success", None),
        ("start", None),
        ("log", None),
        ("exit", 0),
        ("fail", None),
        ("success", None),
        ("exit", 3),
    ]
    assert pings[4]["body"] == "disk full"
    assert await daemon.status("/ping/nobody") == 404
    assert await daemon.status("/ping/backup/nonsense") == 404
    assert await daemon.status("/ping/backup/256") == 404


async def test_a_job_that_does_not_call_in_is_told_also_over_a_kill(daemon: Daemon, sink: Receiver):
    daemon.configure(shops(sink))
    await daemon.start()
    assert await daemon.status("/ping/heart") == 200
    await daemon.kill()
    await daemon.start()
    await daemon.happenings.until(lambda: hearts(sink) == ["firing"], "late")
    assert await daemon.status("/ping/heart") == 200
    await daemon.happenings.until(lambda: hearts(sink) == ["firing", "resolved"], "back")


def of(sink: Receiver, target: str) -> list[str]:
    return [message.json["status"] for message in sink.once() if message.alert["labels"]["target"] == target]


def backups(sink: Receiver) -> list[str]:
    return of(sink, "nightly-backup")


def hearts(sink: Receiver) -> list[str]:
    return of(sink, "heartbeat")
