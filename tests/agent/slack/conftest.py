from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.demo.slack import TOKEN
from agent.slack.desk import Desk
from connectors.http import HttpClient
from rules.model import SECOND
from tests.agent.web.kit import Daemon, configuration, served
from tests.slack_workspace.workspace import APP_TOKEN, SIGNING_SECRET, SlackWorkspace

OPERATED = """
sources:
  csv: {type: file, path: v.csv, every: 5m, readings: [{series: visitors, value: n, labels: {site: site}}]}
  rooms: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}]}
targets:
  monthly:
    title: Unique visitors
    series: visitors
    by: [site]
    unit: visits
    goal: {measure: sum, at_least: 10000, per: month}
    alerts: [{name: behind, when: behind, notify: [growth]}, {name: missed, when: missed, severity: critical}]
  room: {series: temperature, by: [room], goal: {at_least: 20, at_most: 23}}
receivers:
  growth: [{type: slack, channel: "#growth"}]
  oncall: [{type: webhook, url: "https://hooks.example.com/a-secret-path", secret: "a-webhook-secret"}]
route: {receiver: growth, routes: [{matchers: ['severity="critical"'], receiver: oncall}]}
"""


@pytest.fixture
async def slack() -> AsyncIterator[SlackWorkspace]:
    """A workspace whose time is the daemon's."""
    async with SlackWorkspace() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, slack: SlackWorkspace) -> Daemon:
    """A daemon that knows the workspace."""
    tokens = {"slack_bot_token": TOKEN, "slack_signing_secret": SIGNING_SECRET, "slack_app_token": APP_TOKEN}
    one = Daemon(configuration(tmp_path, OPERATED), slack_api_url=slack.api_url, **tokens)
    slack._now = slack.rates._now = one.clock.now
    return one


@pytest.fixture
async def desk(daemon: Daemon) -> AsyncIterator[Desk]:
    """The face before the daemon, without a door. Whoever waits lets the daemon's time pass."""

    async def sleep(seconds: float) -> None:
        daemon.clock.time += round(seconds * SECOND)
        await asyncio.sleep(0)

    # each look at this clock is ten seconds later, so that nothing waits for its turn
    http = HttpClient(daemon.clock.now, monotonic=itertools.count(step=10.0).__next__, sleep=sleep)
    one = Desk(daemon, http)
    yield one
    await one.close()
    await http.close()


@pytest.fixture
async def door(daemon: Daemon, desk: Desk, slack: SlackWorkspace) -> AsyncIterator[SlackWorkspace]:
    """The workspace, with the daemon's HTTP face as its app."""
    async with served(daemon, desk) as client:
        slack.request_url = str(client._base_url).rstrip("/")
        yield slack
