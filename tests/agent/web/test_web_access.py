"""Who may do what: with a key, and without one on loopback."""

from __future__ import annotations

import base64

import pytest

from agent.web.routes import TABLE
from tests.agent.web.kit import KEY, Daemon, configuration, error_of, served

PROTECTED = [
    ("GET", "/"),
    ("GET", "/api/v1/"),
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/openapi.json"),
    ("POST", "/api/v1/readings"),
    ("GET", "/metrics"),
    ("POST", "/-/reload"),
    ("GET", "/nothing"),
    ("DELETE", "/in/free"),
]


@pytest.fixture
async def locked(tmp_path, monkeypatch):
    monkeypatch.setenv("SETPOINT_API_KEY", KEY)
    daemon = Daemon(configuration(tmp_path), listen="0.0.0.0:0", external_url="https://setpoint.example.com")
    async with served(daemon) as client:
        yield client


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {KEY}x",
        f"bearer\u00a0{KEY}",
        KEY,
        f"Basic {KEY}",
        "Basic !!!",
        basic(KEY),
        basic(f"{KEY}:"),
        basic("ann:wrong"),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    ],
)
async def test_without_the_key_nothing_is_said(locked, method, path, given):
    response = await locked.request(method, path, headers={"Authorization": given} if given else {})
    status, code, message = await error_of(response)
    assert (status, code) == (401, "unauthorized")
    assert KEY not in message
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("given", [f"Bearer {KEY}", f"bearer  {KEY} ", basic(f"ann:{KEY}"), basic(f":{KEY}")])
async def test_with_the_key(locked, given):
    headers = {"Authorization": given}
    assert (await locked.get("/", headers=headers)).status == 200
    assert (await locked.post("/-/reload", headers=headers)).status == 200
    assert (await locked.get("/nothing", headers=headers)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-/healthy", 200),
        ("HEAD", "/-/ready", 200),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/ping/backup", 200),
        ("POST", "/ping/backup/start", 200),
        ("POST", "/in/nobody", 404),
        ("POST", "/in/signed", 401),  # it is the source that asks, for its own signature
    ],
)
async def test_what_is_open_needs_no_key(locked, method, path, status):
    response = await locked.request(method, path, json={})
    assert response.status == status
    assert "WWW-Authenticate" not in response.headers


SLACK = {"/slack/commands", "/slack/interactive", "/slack/events"}


def test_nothing_is_open_but_what_has_to_be():
    opened = {route.path.partition("{")[0] for route in TABLE if route.open}
    assert opened == {"/-/healthy", "/livez", "/healthz", "/-/ready", "/readyz", "/in/", "/ping/", "/ack/", *SLACK}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("https://setpoint.example.com", 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_a_browsers_credentials_are_no_use_to_other_pages(locked, origin, status):
    headers = {"Authorization": basic(f"ann:{KEY}"), **({} if origin is None else {"Origin": origin})}
    assert (await locked.post("/-/reload", headers=headers)).status == status
    assert (await locked.get("/", headers=headers)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("LOCALHOST.:80", 200),
        ("127.0.0.1:8080", 200),
        ("127.9.9.9", 200),
        ("[::1]:8080", 200),
        ("setpoint.example.com", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("0.0.0.0:8080", 403),
        ("10.0.0.1", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_without_a_key_only_this_machines_names_are_answered(tmp_path, host, status):
    daemon = Daemon(configuration(tmp_path), external_url="https://setpoint.example.com")
    async with served(daemon) as client:
        for path in ("/", "/-/healthy", "/ping/backup"):
            assert (await client.get(path, headers={"Host": host})).status == status, path


async def test_no_external_url_allows_no_empty_name(client):
    assert (await error_of(await client.get("/", headers={"Host": ""})))[:2] == (403, "forbidden")


async def test_without_a_key_pages_from_elsewhere_may_send_nothing(client, daemon):
    own = f"http://{client._base_url.authority}"
    for path in ("/-/reload", "/ping/backup", "/in/free", "/api/v1/readings"):
        foreign = await client.post(path, headers={"Origin": "https://evil.example"})
        assert (await error_of(foreign))[:2] == (403, "forbidden")
        assert (await client.post(path, headers={"Origin": own})).status != 403
    other_port = {"Origin": "http://127.0.0.1:1"}
    assert (await client.post("/-/reload", headers=other_port)).status == 403
    assert [source for source, _, _ in daemon.received] == ["backup"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", "abc-1.2_3"), ("a b\tc<>é", "abc"), ("x" * 500, "x" * 64)],
)
async def test_request_ids_are_taken_over_made_harmless(client, given, kept):
    response = await client.get("/-/healthy", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] == kept


async def test_a_request_without_an_id_gets_one(client):
    ids = {(await client.get("/nothing")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(len(one) == 16 for one in ids)


async def test_answers_say_no_version_and_keep_browsers_careful(client):
    for path in ("/", "/api/v1/status", "/-/healthy", "/nothing"):
        headers = (await client.get(path)).headers
        assert headers["Server"] == "setpoint"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
