"""The connectors of a configuration: made once, taken over by a reload where nothing about them changed, closed once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.config.configuration import ActionEntry, Configuration, NotifierEntry, SourceEntry
from agent.polling.connections import Connections
from connectors import registry
from connectors.base import Services
from connectors.gateway import GatewayConfig
from connectors.http import HttpClient
from rules.model import SECOND, SourceRule


def config_of(role: str, kind: str, **keys):
    return registry.load(role, kind).Config.model_validate({"type": kind, **keys})


def source(name: str, kind: str = "http", interval: int | None = SECOND, **keys) -> SourceEntry:
    made = config_of("sources", kind, **keys)
    return SourceEntry(name, kind, made, interval, None, "UTC", SECOND, SourceRule(name, ("x",), interval))


def http(name: str, url: str = "http://127.0.0.1:9/") -> SourceEntry:
    return source(name, url=url, readings=[{"series": "x", "value": "v"}])


def push(name: str) -> SourceEntry:
    return source(name, "webhook", None, secret="s3cret-enough", readings=[{"series": "x", "value": "v"}])


def configuration(*sources: SourceEntry, **more) -> Configuration:
    return Configuration({entry.name: entry for entry in sources}, {}, **more)


@pytest.fixture
async def services():
    client = HttpClient(now=lambda: 0)
    yield Services(http=client, now=lambda: 0)
    await client.close()


class Closing:
    """Counts how often it is closed; fails at it if told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self.error = error

    async def close(self) -> None:
        self.closed += 1
        if self.error:
            raise self.error


async def test_polled_and_waiting_sources(services):
    made = Connections(
        configuration(http("a"), push("p"), source("c", "checkin", None, every="1h", grace="5m")), services
    )
    assert set(made.polled()) == {"a"}
    assert made.inbound("in", "p") is made.sources["p"]
    assert made.inbound("ping", "c") is made.sources["c"]
    for door, name in (("ping", "p"), ("in", "c"), ("in", "a"), ("in", "none"), ("", "a")):
        assert made.inbound(door, name) is None


async def test_notifiers_and_actions_are_made_once_and_by_position(services):
    receivers = {
        "team": tuple(NotifierEntry("webhook", config_of("notifiers", "webhook", url=f"http://h/{i}")) for i in (0, 1))
    }
    action = ActionEntry("cool", "webhook", config_of("actions", "webhook", url="http://h/"), None)
    made = Connections(configuration(receivers=receivers, actions={"cool": action}), services)
    first, second = made.notifier("team", 0), made.notifier("team", 1)
    assert first is not second
    assert made.notifier("team", 0) is first
    assert made.action("cool") is made.action("cool")
    assert (made.notifier("team", 2), made.notifier("none", 0), made.action("none")) == (None, None, None)


async def test_the_console_is_there_unless_it_is_configured_otherwise(services):
    made = Connections(configuration(), services)
    assert type(made.notifier("console", 0)).__name__ == "ConsoleNotifier"
    own = (NotifierEntry("webhook", config_of("notifiers", "webhook", url="http://h/")),)
    made = Connections(configuration(receivers={"console": own}), services)
    assert type(made.notifier("console", 0)).__name__ == "WebhookNotifier"
    assert made.notifier("console", 1) is None


class TestReload:
    async def test_what_stays_the_same_is_taken_over(self, services):
        old = Connections(configuration(http("a"), http("b"), push("p")), services)
        new = Connections(
            configuration(http("a"), http("b", "http://127.0.0.1:9/new"), http("c"), push("p")), services, old
        )
        assert new.sources["a"] is old.sources["a"]
        assert new.sources["p"] is old.sources["p"]
        assert new.sources["b"] is not old.sources["b"]

    @pytest.mark.parametrize(
        "change", [{"timezone": "Europe/Amsterdam"}, {"gateways": {"corp": GatewayConfig(base_url="http://h")}}]
    )
    async def test_but_not_where_what_they_share_changed(self, services, change):
        old = Connections(configuration(http("a")), services)
        new = Connections(replace(configuration(http("a")), **change), services, old)
        assert new.sources["a"] is not old.sources["a"]

    async def test_closing_the_old_leaves_what_was_taken_over(self, services):
        old = Connections(configuration(http("a"), http("b")), services)
        kept, gone = old.sources["a"], old.sources["b"] = Closing(), Closing()
        new = Connections(configuration(http("a")), services, old)
        await old.close(new)
        assert (kept.closed, gone.closed) == (0, 1)
        await new.close()
        assert kept.closed == 1


async def test_one_that_fails_to_close_is_said_and_the_others_are_closed(services):
    made = Connections(configuration(http("a"), http("b")), services)
    first, second = made.sources["a"], made.sources["b"] = Closing(RuntimeError("no")), Closing()
    made._notifiers["x", 0] = notifier = Closing()
    with capture_logs() as said:
        await made.close()
    assert (first.closed, second.closed, notifier.closed) == (1, 1, 1)
    assert [(line["event"], line["connector"]) for line in said] == [("connector.close_failed", "Closing")]


async def test_waiting_sources_need_no_closing(services):
    made = Connections(configuration(push("p")), services)
    async with asyncio.timeout(5):
        await made.close()
