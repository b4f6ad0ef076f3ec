"""Listening: who may be reached by whom, and addresses that can't be had."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import aiohttp
import pytest

from agent.metrics import Metrics
from agent.settings import read_settings
from agent.web.exposure import CannotListen, Exposed, ServeError, check_exposure
from agent.web.server import serve
from tests.agent.web.kit import KEY, Daemon, configuration, served


@pytest.mark.parametrize(
    ("listen", "exposed"),
    [
        ("127.0.0.1:8080", False),
        ("127.8.8.8:8080", False),
        ("localhost:8080", False),
        ("[::1]:8080", False),
        ("0.0.0.0:8080", True),
        (":8080", True),
        ("[::]:8080", True),
        ("10.0.0.5:8080", True),
        ("setpoint.internal:8080", True),
    ],
)
def test_without_a_key_only_this_machine_may_reach_it(monkeypatch, listen, exposed):
    problem = check_exposure(read_settings(listen=listen))
    assert (problem is not None) == exposed
    monkeypatch.setenv("SETPOINT_API_KEY", KEY)
    assert check_exposure(read_settings(listen=listen)) is None


def test_what_to_set_is_said():
    problem = check_exposure(read_settings(listen="0.0.0.0:8080")) or ""
    assert problem.startswith(
        "SETPOINT_LISTEN=0.0.0.0:8080 is reachable from outside, and SETPOINT_API_KEY is not set: "
    )
    assert "\n" not in problem


async def test_an_exposed_daemon_binds_nothing(tmp_path):
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port = probe.getsockname()[1]
    daemon = Daemon(configuration(tmp_path), listen=f"0.0.0.0:{port}")
    async with AsyncExitStack() as stack:
        with pytest.raises(Exposed, match="SETPOINT_API_KEY is not set"):
            await serve(daemon, Metrics(daemon), stack)
        with socket.socket() as free:
            free.bind(("0.0.0.0", port))


async def test_a_port_in_use_is_a_plain_error(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        daemon = Daemon(configuration(tmp_path), listen=f"127.0.0.1:{port}")
        async with AsyncExitStack() as stack:
            with pytest.raises(CannotListen) as raised:
                await serve(daemon, Metrics(daemon), stack)
    assert isinstance(raised.value, ServeError)
    assert str(raised.value) == (
        f"can't listen on 127.0.0.1:{port}: another program listens there; "
        "stop it or set SETPOINT_LISTEN to another port"
    )


async def test_an_address_of_another_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("SETPOINT_API_KEY", KEY)
    daemon = Daemon(configuration(tmp_path), listen="192.0.2.1:0")  # RFC 5737: nobody's
    async with AsyncExitStack() as stack:
        with pytest.raises(CannotListen, match=r"can't listen on 192\.0\.2\.1:0: this machine has no such address"):
            await serve(daemon, Metrics(daemon), stack)


async def test_after_the_stack_is_closed_nobody_answers(daemon):
    async with AsyncExitStack() as stack:
        address = await serve(daemon, Metrics(daemon), stack)
        async with aiohttp.ClientSession() as client:
            assert (await client.get(f"http://{address}/livez")).status == 200
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"http://{address}/livez")


async def test_ipv6(tmp_path):
    daemon = Daemon(configuration(tmp_path), listen="[::1]:0")
    async with AsyncExitStack() as stack:
        try:
            address = await serve(daemon, Metrics(daemon), stack)
        except CannotListen:
            pytest.skip("this machine has no IPv6")
        async with aiohttp.ClientSession() as client:
            assert (await client.get(f"http://{address}/api/v1/sources")).status == 200


async def test_answers_are_compressed_for_who_takes_that(daemon):
    for number in range(40):
        daemon.alert(f"alert-{number}")
    async with served(daemon) as client:
        packed = await client.get("/api/v1/alerts", headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/api/v1/alerts", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert await packed.json() == await plain.json()
