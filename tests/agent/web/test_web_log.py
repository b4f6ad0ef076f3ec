"""One line in the log for each request, under the request's id, without what is secret."""

from __future__ import annotations

import pytest

from tests.agent.web.kit import Broken, logged


@pytest.fixture
def lines():
    with logged() as lines:
        yield lines


def requests(lines):
    return [line for line in lines if line["event"] == "http.request"]


async def test_one_line_for_each_request(client, lines):
    await client.get("/api/v1/targets/none?token=hush", headers={"X-Request-Id": "abc"})
    (line,) = requests(lines)
    assert (line["log_level"], line["request_id"]) == ("info", "abc")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/targets/none", 404)
    assert line["took_ms"] >= 0
    assert "hush" not in str(lines)


@pytest.mark.parametrize("path", ["/-/healthy", "/readyz", "/ping/backup", "/ping/backup/fail"])
async def test_what_is_called_all_the_time_is_said_quietly(client, lines, path):
    await client.get(path)
    await client.head(path)
    assert [line["log_level"] for line in requests(lines)] == ["debug", "debug"]


async def test_an_address_cannot_forge_a_line(client, lines):
    await client.get("/a%0Ainfo%20forged%1b[31m")
    (line,) = requests(lines)
    assert "\n" not in line["path"]
    assert "\x1b" not in line["path"]


async def test_ids_do_not_leak_into_the_next_request(client, lines):
    await client.get("/one", headers={"X-Request-Id": "first"})
    await client.get("/two")
    first, second = requests(lines)
    assert first["request_id"] == "first"
    assert second["request_id"] != "first"


async def test_a_mistake_of_ours_is_logged_with_where_it_happened(client, daemon, lines):
    daemon.connections.sources["free"] = Broken()
    await client.post("/in/free", json={}, headers={"X-Request-Id": "abc"})
    (failed,) = [line for line in lines if line["log_level"] == "error"]
    assert failed["request_id"] == "abc"
    assert isinstance(failed["exc_info"], RuntimeError)
