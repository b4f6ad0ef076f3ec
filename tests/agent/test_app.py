"""The daemon as a whole, in this process: what ends it, and what does not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from agent.app import Setpoint, prune_seconds
from agent.cli.snapshot import take
from agent.cli.status import _failing
from agent.demo.slack import TOKEN, SlackServer
from agent.metrics import Metrics
from agent.process import run
from agent.settings import Settings, read_settings
from agent.store.records import Commit
from agent.store.store import Store, StoreError
from rules.model import DAY, SECOND, Reading, Series

CONFIG = """
sources: {push: {type: webhook, readings: [{series: visitors, value: v}]}}
targets: {visitors: {series: visitors, goal: {at_least: 1, per: year}, alerts: [{name: low, when: missed}]}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "setpoint.yaml").write_text(CONFIG, encoding="utf-8")
    return read_settings(
        config=tmp_path / "setpoint.yaml", database_url=f"sqlite:///{tmp_path / 's.db'}", listen="127.0.0.1:0"
    )


async def test_a_daemon_that_can_send_nothing_any_more_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise StoreError("is damaged")

    monkeypatch.setattr(Store, "claim", broken)
    running = asyncio.create_task(run(settings, {}))
    ended, _ = await asyncio.wait({running}, timeout=10)
    running.cancel()
    with pytest.raises(StoreError, match="is damaged"):
        await running
    assert ended


async def test_readings_of_the_year_before_outlive_the_retention_while_they_count(settings: Settings) -> None:
    daemon = Setpoint(settings, {})
    await daemon.start()
    try:
        now = daemon.clock.now()
        days = [Reading(Series("visitors", (("source", "push"),)), now - day * DAY, 1.0) for day in (1200, 401, 1)]
        days = [one._replace(time=one.time + n) for one in days for n in range(9)]
        await daemon.store.commit(Commit(now, readings=days))
        await daemon._prune()
        # And the value that held when what counts began.
        assert await daemon.store.window(["visitors"], 0, now) == days[8:]
        assert await daemon.store.points(days[0].series, 0, now, 99) == [days[0], *days[8:]]
    finally:
        await daemon.stop()


GROUPED = """
sources: {push: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}]}}
targets:
  room:
    series: temperature
    by: [room]
    goal: {at_most: 23}
    alerts: [{name: hot, when: out_of_band}]
route: {receiver: console, group_by: [target], group_wait: 0s, group_interval: 1s}
"""


async def test_a_message_about_a_group_is_about_its_open_alerts(settings: Settings) -> None:
    settings.config.write_text(GROUPED, encoding="utf-8")
    daemon = Setpoint(settings, {})
    await daemon.start()
    try:
        now = daemon.clock.now()

        def at(room: str, value: float, time: int) -> Reading:
            return Reading(Series("temperature", (("room", room), ("source", "push"))), time, value)

        await daemon.receive("push", [at("attic", 30, now), at("hall", 30, now), at("cellar", 12, now)])
        hot = {alert.fingerprint for alert in daemon.alerts()}
        (group,) = daemon.pipeline.memory.groups.groups
        assert {alert.fingerprint for alert in daemon.about(group)} == hot
        assert len(hot) == 2
        one = hot.pop()
        assert [alert.fingerprint for alert in daemon.about(one)] == [one]
        assert daemon.about("nothing") == []
    finally:
        await daemon.stop()


MUTE = """
sources: {push: {type: webhook, readings: [{series: temperature, value: v, labels: {room: room}}]}}
targets:
  room:
    series: temperature
    by: [room]
    goal: {at_most: 23}
    alerts: [{name: hot, when: out_of_band, notify: [growth]}]
receivers:
  growth: [{type: slack, channel: "#growth"}]
  other: [{type: console}]
route: {receiver: other}
"""


async def test_a_receiver_that_a_reload_adds_is_known_before_it_is_told(settings: Settings) -> None:
    config = MUTE.replace(", notify: [growth]", "").replace("{receiver: other}", "{receiver: other, group_wait: 0s}")
    settings.config.write_text(config, encoding="utf-8")
    daemon = Setpoint(settings, {})
    await daemon.start()
    try:
        room = Series("temperature", (("room", "attic"), ("source", "push")))
        await daemon.receive("push", [Reading(room, daemon.clock.now(), 30.0)])
        known: list[bool] = []
        daemon.pipeline.wake_dispatcher = lambda: known.append("another" in daemon.config.receivers)
        settings.config.write_text(config.replace("other", "another"), encoding="utf-8")
        await daemon.reload()
        assert known == [True]
    finally:
        await daemon.stop()


async def test_a_revoked_token_loses_nothing_is_told_of_each_alert_and_is_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.config.write_text(MUTE, encoding="utf-8")
    outcomes: list[tuple[str, str]] = []
    changed = asyncio.Event()

    def settled(_metrics: Metrics, *outcome: str) -> None:
        outcomes.append(outcome)  # type: ignore[arg-type]
        changed.set()

    monkeypatch.setattr(Metrics, "delivery", settled)
    async with SlackServer(channels=["growth"]) as slack, asyncio.timeout(20):
        slack.tokens[TOKEN] = "token_revoked"
        tokens = {"slack_bot_token": TOKEN, "slack_api_url": slack.api_url}
        daemon = Setpoint(settings.model_copy(update=tokens), {})
        await daemon.start()
        try:
            now = daemon.clock.now()
            rooms = [Series("temperature", (("room", room), ("source", "push"))) for room in ("attic", "hall")]
            await daemon.receive("push", [Reading(room, now, 30.0) for room in rooms])
            while outcomes.count(("growth", "retry")) < 2 or outcomes.count(("other", "sent")) < 2:
                changed.clear()
                await changed.wait()
            (stands,) = [one for one in daemon.receivers() if one.error is not None]
            assert (stands.receiver, stands.position) == ("growth", 0)
            assert "token_revoked" in str(stands.error)
            found = await daemon.store.deliveries(10)
            assert sorted((one.receiver, one.state.value) for one in found) == [
                ("growth", "queued"),
                ("growth", "queued"),
                ("other", "sent"),
                ("other", "sent"),
            ]
            assert "What it misses waits for up to three days" in str(found[0].payload)
        finally:
            await daemon.stop()
    (left,) = (await asyncio.to_thread(take, settings, None, None))["failing_receivers"]
    assert (left["name"], left["type"]) == ("growth", "slack")
    assert "token_revoked" in left["error"]
    shown = "\n".join(_failing({"failing_receivers": [left], "time": left["since"]}))
    assert re.search(r"growth\[0\] +slack +0s +Slack refused: token_revoked", shown)


@pytest.mark.parametrize(
    ("retention", "seconds"), [(400 * DAY, 6 * 3600), (DAY, 6 * 3600), (3600 * SECOND, 900), (SECOND, 60)]
)
def test_what_is_kept_a_short_while_is_removed_the_more_often(retention: int, seconds: int) -> None:
    assert prune_seconds(retention) == seconds
