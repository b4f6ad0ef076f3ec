"""From readings to what a Slack channel shows: pipeline, store, outbox and notifier together."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.config.configuration import NotifierEntry
from agent.demo.slack import TOKEN, SlackServer
from agent.outgoing import read_notice
from agent.store.records import Attempt, DeliveryKind
from connectors.base import Sending, Services
from connectors.http import HttpClient
from connectors.notifiers.slack import SlackNotifier
from rules.model import HOUR, MINUTE, SECOND, Target
from tests.agent.test_pipeline import CORRECT, TARGET, World

CHANNEL = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#team"})


class Room:
    """A room whose alerts go to a channel."""

    def __init__(self, world: World, slack: SlackServer, http: HttpClient) -> None:
        self.world = world
        self.slack = slack
        given = Services(http, world.clock.now, slack_bot_token=TOKEN, slack_api_url=slack.api_url, slack_clicks=True)
        self.notifier = SlackNotifier(CHANNEL, given)

    async def use(self, target: Target) -> None:
        receivers = {**self.world.config.receivers, "team": (NotifierEntry("slack", CHANNEL),)}
        self.world.config = dataclasses.replace(self.world.config, targets={target.name: target}, receivers=receivers)
        await self.world.pipeline.use(*self.world.compiled())

    async def read(self, value: float, after: int = MINUTE) -> None:
        await self.world.read(value, after=after)
        await self.send()

    async def send(self) -> None:
        """Sends what is queued, as the dispatcher does."""
        store, now = self.world.store, self.world.clock.time
        while found := await store.claim(now, MINUTE, 1, DeliveryKind.NOTICE):
            (one,) = found
            thread = None
            if one.receiver == "team":
                sending = Sending(read_notice(one.payload), one.key, 1, one.thread, earlier=one.earlier)
                thread = await self.notifier.send(sending)
            attempt = Attempt(one.id, 1, now, 1, None)
            assert await store.settle(one, attempt, now=now, sent=True, thread=thread)

    @property
    def posted(self) -> list[str]:
        return [message.text for message in self.slack.messages if not message.thread_ts]

    @property
    def answered(self) -> list[str]:
        return [message.text for message in self.slack.messages if message.thread_ts]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    world = await World(tmp_path).start()
    http = HttpClient(world.clock.now, itertools.count(step=10.0).__next__)
    async with SlackServer(["team"], world.clock.now) as slack:
        yield Room(world, slack, http)
    await http.close()
    await world.stop()


async def test_one_message_an_hour_however_often_it_flaps(room):
    await room.use(TARGET)
    for _ in range(20):
        await room.read(25, after=2 * MINUTE)
        await room.read(22, after=2 * MINUTE)
    assert len(room.posted) == 2  # it went on for 80 minutes
    assert room.answered == []
    assert all(text.startswith("✅ Resolved") for text in room.posted)
    assert "Fired again: 15th time since" in str(room.slack.messages[0].blocks)
    await room.world.restart()
    await room.read(25)
    assert len(room.posted) == 2


async def test_a_correction_is_told_once_in_the_thread_also_when_it_comes_with_the_end(room):
    await room.use(dataclasses.replace(TARGET, correct=(CORRECT,)))
    await room.read(25)
    await room.world.answer()
    await room.read(25, after=20 * SECOND)
    await room.read(22, after=20 * SECOND)
    await room.read(22)
    assert [text.split(":")[0] for text in room.answered] == ["✔️ Correction cool verified"]
    assert len(room.posted) == 1


async def test_one_that_failed_and_the_end_after_an_hour(room):
    await room.use(dataclasses.replace(TARGET, correct=(dataclasses.replace(CORRECT, max_attempts=1),)))
    await room.read(25)
    await room.world.answer()
    for _ in range(3):
        await room.read(25)
    await room.read(22, after=HOUR)
    said = [text.split(":")[0] for text in room.answered]
    assert said == ["⚠️ Correction cool failed and was escalated", "✅ Resolved"]
