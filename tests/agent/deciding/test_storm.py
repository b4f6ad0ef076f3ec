"""A simulated day of storm: nothing lost, order kept, fewer than one message an alert and hour, and all of it true."""

from __future__ import annotations

import logging
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.deciding import spool
from agent.demo.slack import SlackServer
from agent.demo.slack_parts import Failure
from agent.sending.envelopes import read_notice
from agent.store.records import DeliveryState
from rules.model import HOUR, MINUTE, SECOND
from rules.routing import Route
from tests.agent.deciding.storm import HIGH, LOW, Storm
from tests.agent.test_dispatcher import START, VirtualClock

log = logging.getLogger(__name__)


class Day:
    """What happens when: `at[minute]` are the values that change then."""

    def __init__(self, rng: random.Random, alerts: int, hours: int) -> None:
        self.at: dict[int, dict[tuple[str, int], float]] = defaultdict(dict)
        self.minutes = hours * 60
        names = ("east", "west", "mail", "routed")
        every = [(names[n % 4], n) for n in range(alerts)]
        burst = rng.randrange(20, 60)
        for key in every[: alerts // 2]:  # half of them at once
            self._spell(key, burst, burst + rng.randrange(5, 300))
        for key in every[alerts // 2 :]:
            begin = rng.randrange(self.minutes - 10)
            self._spell(key, begin, begin + rng.randrange(1, 240))
        for key in rng.sample(every, alerts // 20):  # these come and go
            period, minute = rng.choice((2, 5, 13, 40)), rng.randrange(60)
            while minute < rng.choice((self.minutes // 2, self.minutes)):
                self.at[minute][key] = rng.choice((HIGH, LOW))
                minute += rng.randrange(1, 2 * period)

    def _spell(self, key: tuple[str, int], begin: int, end: int) -> None:
        self.at[begin][key] = HIGH
        if end < self.minutes:
            self.at[end][key] = LOW


async def play(storm: Storm, day: Day) -> None:
    rng, slack = storm.rng, storm.slack
    outage = rng.randrange(day.minutes // 3, day.minutes // 2)
    restarts = set(rng.sample(range(day.minutes), 4))
    slow = {rng.randrange(day.minutes): rng.choice(("chat.update", "chat.postMessage")) for _ in range(8)}
    await storm.start()
    for minute in range(day.minutes):
        if minute in {outage, outage + 60}:
            storm.mailbox.is_up = minute != outage
            slack.failures.pop("*", None)
            if minute == outage:
                slack.failures["*"] = Failure(503)
        for method in ("chat.update", "chat.postMessage"):
            slack.failures.pop(method, None)
        if minute in slow:
            slack.failures[slow[minute]] = Failure(429, retry_after=90)
        if minute in restarts:
            await storm.stop()
            await storm.start()
        if minute in day.at:
            await storm.poll(day.at[minute])
        await storm.go_to(START + (minute + 1) * MINUTE)
    slack.failures.clear()
    await storm.drained(within=4 * HOUR)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(spool, "APART_SECONDS", 0.0)
    monkeypatch.setattr(spool, "JOIN_SECONDS", 0.0)
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def marks(slack: SlackServer) -> dict[str, bool]:
    """By fingerprint or group: whether its last message says that it is over."""
    posts = [message for message in slack.messages if not message.thread_ts]
    return {one.metadata["event_payload"]["about"]: one.text.startswith("✅") for one in posts}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("seed", "alerts", "hours"), [(1, 1_000, 24), (2, 160, 6), (3, 160, 6), (4, 160, 6)])
async def test_a_day_of_storm(tmp_path: Path, seed: int, alerts: int, hours: int) -> None:
    clock = VirtualClock()
    day = Day(random.Random(seed), alerts, hours)
    async with SlackServer(["east", "west"], clock.now) as slack:
        storm = Storm(tmp_path, slack, clock, seed)
        await play(storm, day)
        states = Counter(one.state for one in await storm.store.deliveries(100_000))
        await storm.stop()
    calls = Counter(method for method, _ in slack.calls)
    mails = [one for one in storm.sent if one.delivery.receiver == "mail"]
    log.info("%d alerts, %d h: %s, %d mails", alerts, hours, dict(calls), len(mails))  # --log-cli-level=info shows it

    assert set(states) == {DeliveryState.SENT, DeliveryState.SUPERSEDED}  # none queued, none failed
    told = storm.told()
    assert {alert for alert, status in told.items() if status == "firing"} == storm.firing()
    fired = {(name, str(n)) for changes in day.at.values() for (name, n), value in changes.items() if value == HIGH}
    assert {alert for alert in fired - told.keys() if alert[0] != "routed"} == set()
    lanes = defaultdict[str, list[int]](list)
    for one in storm.sent:
        lanes[one.delivery.lane].append(one.delivery.id)
    assert all(ids == sorted(ids) for ids in lanes.values())
    over = {one.notice.fingerprint: one.notice.status == "resolved" for one in storm.sent if not one.notice.group}
    shown = marks(slack)
    alone = {one.notice.fingerprint for one in storm.sent if not one.notice.group and one not in mails}
    assert {about: shown[about] for about in alone} == {about: over[about] for about in alone}

    assert calls["chat.postMessage"] < (alerts - len({a for a in fired if a[0] == "mail"})) * hours
    assert len(mails) < len({a for a in fired if a[0] == "mail"}) * hours
    assert storm.too_fast <= 8  # Slack had to say so only after a restart, which forgets what was called before


@pytest.mark.usefixtures("quiet")
async def test_what_slack_asks_for_holds_all_of_one_method_and_nobody_else(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with SlackServer(["east", "west"], clock.now) as slack:
        storm = Storm(tmp_path, slack, clock, 1)
        await storm.start()
        await storm.poll({("east", 1): HIGH})
        await storm.go_to(clock.time + MINUTE)
        slack.failures["chat.postMessage"] = Failure(429, retry_after=300)
        storm.sent.clear()
        await storm.poll(
            {("east", 1): LOW, **{(name, n): HIGH for name in ("east", "west", "mail") for n in (2, 3, 4)}}
        )
        await storm.go_to(clock.time + 4 * MINUTE)
        assert sorted(one.delivery.receiver for one in storm.sent) == ["east", "mail", "mail", "mail"]  # an edit, too
        assert {one.at for one in storm.sent} == {clock.time - 4 * MINUTE}
        assert storm.asked["chat.postMessage"] <= 1 + 2  # both channels may have been on their way
        slack.failures.clear()
        await storm.go_to(clock.time + 3 * MINUTE)
        assert len(storm.sent) == 10
        await storm.stop()


@pytest.mark.usefixtures("quiet")
async def test_after_an_outage_each_message_is_edited_once_to_the_truth(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with SlackServer(["east", "west"], clock.now) as slack:
        storm = Storm(tmp_path, slack, clock, 1)
        await storm.start()
        await storm.poll({("east", 1): HIGH})
        await storm.go_to(clock.time + MINUTE)
        slack.failures["*"] = Failure(503)
        for minute in range(41):
            await storm.poll({("east", 1): LOW if minute % 2 == 0 else HIGH})
            await storm.go_to(clock.time + MINUTE)
        slack.failures.clear()
        await storm.drained(HOUR)
        calls = Counter(method for method, _ in slack.calls)
        (message,) = slack.messages
        assert calls == {"chat.postMessage": 1, "chat.update": 1}
        assert message.text.startswith("✅ Resolved")
        assert "Fired again: 21st time" in str(message.blocks)
        await storm.stop()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("receiver", "calls"), [("west", {"chat.update": 1, "chat.postMessage": 1}), ("mail", {})])
async def test_after_an_outage_a_group_is_one_message_that_names_each(
    tmp_path: Path, receiver: str, calls: Any
) -> None:
    clock, rng = VirtualClock(), random.Random(7)
    async with SlackServer(["east", "west"], clock.now) as slack:
        storm = Storm(tmp_path, slack, clock, 1)
        route = Route(receiver, group_by=("target",), group_wait=0, group_interval=5 * SECOND)
        storm.config = replace(storm.config, route=route)
        await storm.start()
        await storm.poll({("routed", n): HIGH for n in range(40)})
        await storm.go_to(clock.time + MINUTE)
        storm.mailbox.is_up, slack.failures["*"] = False, Failure(503)
        storm.sent.clear()
        slack.calls.clear()
        for step in range(19):
            ended = rng.sample(range(40 + step), 3)
            await storm.poll({("routed", n): LOW for n in ended} | {("routed", 40 + step): HIGH})
            await storm.go_to(clock.time + 5 * SECOND)
        storm.mailbox.is_up = True
        slack.failures.clear()
        await storm.drained(HOUR)
        rest = [one for one in await storm.store.deliveries(100) if one.state is DeliveryState.SUPERSEDED]
        await storm.stop()
    (sent,) = storm.sent
    assert len(rest) >= 15
    named = {one.labels["n"] for one in sent.notice.alerts}
    begun = {one.labels["n"] for each in rest for one in read_notice(each.payload).alerts if one.fresh}
    assert {str(40 + step) for step in range(19)} <= begun | named
    assert begun <= named
    told = storm.told()
    assert {alert for alert, status in told.items() if status == "firing"} == storm.firing()
    assert Counter(method for method, _ in slack.calls) == calls
    if calls:
        (answer,) = [message for message in slack.messages if message.thread_ts]
        assert "alerts fire now" in str(answer.blocks)
        assert "Fired and ended before it could be said" in str(answer.blocks)


@pytest.mark.usefixtures("quiet")
async def test_mails_about_what_comes_and_goes_all_day(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with SlackServer(["east", "west"], clock.now) as slack:
        storm = Storm(tmp_path, slack, clock, 1)
        await storm.start()
        for minute in range(0, 24 * 60, 5):
            if minute == 600:
                await storm.stop()
                await storm.start()
            await storm.poll({("mail", 1): HIGH if minute % 10 == 0 else LOW})
            await storm.go_to(START + (minute + 5) * MINUTE)
        await storm.poll({("mail", 1): HIGH})
        await storm.drained(2 * HOUR)
        assert storm.told() == {("mail", "1"): "firing"}
        assert len(storm.sent) < 24
        assert [one.notice.status for one in storm.sent[:2]] == ["firing", "resolved"]
        assert any(one.notice.unsaid == 8 for one in storm.sent)  # of nine in 90 minutes
        await storm.stop()
