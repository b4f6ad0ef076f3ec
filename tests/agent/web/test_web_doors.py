"""Calls from outside: webhook sources and check-ins."""

from __future__ import annotations

import asyncio
import gzip
import io
import json

import pytest

from agent.store.records import Ping
from agent.web.doors import commit
from connectors.signing import headers as signed
from rules.model import SECOND, Reading, Series, labels_of
from tests.agent.web.kit import NOW, SECRET, Broken, error_of

JSON = {"Content-Type": "application/json"}


def sales(value, time=NOW, **labels):
    return Reading(Series("sales", labels_of(labels)), time, value)


async def test_readings_are_taken_once_they_are_committed(client, daemon):
    daemon.may_commit.clear()
    rows = [{"shop": "a", "amount": 3, "at": "2025-12-31"}, {"shop": "b", "amount": "4.5", "at": "2025-12-30"}]
    calling = asyncio.create_task(client.post("/in/free", json=rows))
    await daemon.arrived.wait()
    assert not calling.done()
    daemon.may_commit.set()
    response = await calling
    assert (response.status, await response.json()) == (202, {"readings": 2})
    day = 86_400 * SECOND
    expected = [sales(3, NOW - day, shop="a", source="free"), sales(4.5, NOW - 2 * day, shop="b", source="free")]
    assert daemon.received == [("free", expected, ())]


@pytest.mark.parametrize(
    ("path", "sent", "headers", "status", "code"),
    [
        ("/in/nobody", b"{}", JSON, 404, "not_found"),
        ("/in/csv", b"{}", JSON, 404, "not_found"),
        ("/in/backup", b"{}", JSON, 404, "not_found"),
        ("/in/free/below", b"{}", JSON, 404, "not_found"),
        ("/in/free", b"{", JSON, 400, "bad_request"),
        ("/in/free", b"", JSON, 400, "bad_request"),
        ("/in/free", b"\xff\xfe\xfd", JSON, 400, "bad_request"),
        ("/in/signed", b'{"amount": 1}', JSON, 401, "unauthorized"),
        ("/in/signed", b'{"amount": 1}', {**JSON, "Authorization": "Bearer no"}, 401, "unauthorized"),
        ("/in/small", b'{"amount": 1,        "b": 2}', JSON, 413, "too_large"),
        ("/in/free", b"[" + b"1," * 2_600_000 + b"1]", JSON, 413, "too_large"),
        ("/in/free", b"<a/>", {"Content-Type": "application/xml"}, 415, "unsupported_media_type"),
        (
            "/in/free",
            b"payload=x",
            {"Content-Type": "application/x-www-form-urlencoded"},
            415,
            "unsupported_media_type",
        ),
        ("/in/free", b'{"amount": "x", "at": "2025-12-31"}', JSON, 422, "invalid"),
        ("/in/free", b'[{"amount": 1, "at": "2025-12-31"}, {"amount": 2}]', JSON, 422, "invalid"),
    ],
)
async def test_what_is_refused_says_why_and_leaves_nothing(client, daemon, path, sent, headers, status, code):
    response = await client.post(path, data=io.BytesIO(sent), headers=headers)
    assert (await error_of(response))[:2] == (status, code)
    assert daemon.received == []


async def test_signed_calls(client, daemon):
    body = json.dumps({"amount": 7}).encode()
    standard = await client.post("/in/signed", data=body, headers={**JSON, **signed(SECRET, "m1", NOW // SECOND, body)})
    assert standard.status == 202
    bearer = await client.post("/in/signed", data=body, headers={**JSON, "Authorization": f"Bearer {SECRET}"})
    assert bearer.status == 202
    old = signed(SECRET, "m2", NOW // SECOND - 3_600, body)
    assert (await client.post("/in/signed", data=body, headers={**JSON, **old})).status == 401
    assert len(daemon.received) == 2


async def test_a_repeated_message_is_answered_well_and_takes_nothing(client, daemon):
    body = json.dumps({"amount": 7}).encode()
    for seconds, said in ((0, {"readings": 1}), (60, {"readings": 0, "repeated": True})):
        headers = signed(SECRET, "m1", NOW // SECOND - seconds, body)  # each try is signed anew
        response = await client.post("/in/signed", data=body, headers={**JSON, **headers})
        assert (response.status, await response.json()) == (202, said)
    assert len(daemon.received) == 1


async def test_an_id_of_any_bytes_can_be_stored(daemon):
    assert await commit(daemon, "free", [], message="m\udcff") == {"readings": 0}
    assert daemon.messages == {"m\\udcff"}


async def test_curl_without_a_content_type_and_gzip_are_understood(client, daemon):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/in/small", data=b' {"amount": 1}', headers=form)).status == 202
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert (await client.post("/in/small", data=gzip.compress(b'{"amount": 2}'), headers=packed)).status == 202
    assert [readings[0].value for _, readings, _ in daemon.received] == [1, 2]
    broken = await client.post("/in/small", data=b"not gzip", headers=packed)
    assert (await error_of(broken))[:2] == (400, "bad_request")
    bomb = gzip.compress(b"[" + b" " * 50_000_000)
    assert (await client.post("/in/free", data=bomb, headers=packed)).status == 413


async def test_a_mistake_in_a_source_is_not_the_callers(client, daemon):
    daemon.connections.sources["free"] = Broken()
    status, code, message = await error_of(await client.post("/in/free", json={}))
    assert (status, code) == (500, "internal")
    assert "mistake" not in message


CHECKIN = labels_of({"source": "backup"})


@pytest.mark.parametrize(
    ("path", "kind", "exit_status", "readings"),
    [
        ("", "success", None, [("checkin", 1)]),
        ("/", "success", None, [("checkin", 1)]),
        ("/start", "start", None, [("checkin_start", 1)]),
        ("/fail", "fail", None, [("checkin", 0)]),
        ("/log", "log", None, []),
        ("/0", "exit", 0, [("checkin", 1), ("checkin_exit_status", 0)]),
        ("/3", "exit", 3, [("checkin", 0), ("checkin_exit_status", 3)]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_check_ins(client, daemon, method, path, kind, exit_status, readings):
    response = await client.request(method, f"/ping/backup{path}")
    assert (response.status, await response.text()) == (200, "" if method == "HEAD" else "OK\n")
    expected = [Reading(Series(name, CHECKIN), NOW, value) for name, value in readings]
    assert daemon.received == [("backup", expected, [Ping("backup", NOW, kind, exit_status, "")])]


async def test_what_a_job_says_is_kept_up_to_10_kb(client, daemon):
    assert (await client.post("/ping/backup/fail", data="disk full é")).status == 200
    assert (await client.post("/ping/backup/log", data=io.BytesIO(b"x" * 9_000_000))).status == 200
    bodies = [pings[0].body for _, _, pings in daemon.received]
    assert bodies == ["disk full é", "x" * 10_000]


@pytest.mark.parametrize(
    "path", ["/ping/nobody", "/ping/free", "/ping/backup/256", "/ping/backup/x", "/ping/backup/0/1"]
)
async def test_unknown_check_ins(client, daemon, path):
    assert (await error_of(await client.get(path)))[:2] == (404, "not_found")
    assert (await client.delete(path)).status == 405
    assert daemon.received == []


@pytest.mark.parametrize("path", ["/in/free", "/ping/backup", "/api/v1/readings"])
async def test_a_commit_that_takes_too_long_is_to_be_tried_again(client, daemon, monkeypatch, path):
    monkeypatch.setattr("agent.web.doors._PATIENCE", 0)
    daemon.may_commit.clear()
    row = {"amount": 1, "at": "2025-12-31"} if path == "/in/free" else {"series": "sales", "value": 1}
    status, code, message = await error_of(await client.post(path, json=row))
    assert (status, code) == (503, "unavailable")
    assert "send it again" in message
    assert daemon.received == []


@pytest.mark.parametrize("path", ["/in/free", "/ping/backup"])
async def test_a_body_that_does_not_come_is_not_waited_for(client, daemon, monkeypatch, path):
    monkeypatch.setattr("agent.web.body._PATIENCE", 0)
    host, port = client._base_url.host, client._base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head
    writer.close()
    await writer.wait_closed()
    assert daemon.received == []
