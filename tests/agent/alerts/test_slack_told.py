"""From readings to what a Slack channel shows: pipeline, store, outbox and notifier together."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.config.configuration import NotifierEntry
from agent.demo.slack import TOKEN, SlackServer
from agent.sending.envelopes import read_notice
from agent.store.records import Attempt, DeliveryKind
from connectors.base import Refused, Sending, Services
from connectors.http import HttpClient
from connectors.notifiers.slack import SlackNotifier
from rules.matchers import parse_alert_matchers
from rules.model import HOUR, MINUTE, SECOND, Silence, Target
from rules.routing import Route
from rules.words import clock_time
from tests.agent.people import by_ann
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

    async def wait(self, span: int) -> None:
        for _ in range(span // MINUTE):
            await self.world.wait(MINUTE)
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


class TestSilenced:
    """The living message says at once that it is silenced or taken, without a sound."""

    async def silence(self, room: Room, length: int = HOUR, matchers: str = "target=room") -> str:
        now = room.world.clock.time
        made = Silence("s1", parse_alert_matchers(matchers), "Ann", "windows are open", now, now + length, now, now)
        await room.world.pipeline.silence(made, by_ann("silence"))
        await room.send()
        return f"Silenced by Ann until {clock_time(made.ends, 'UTC', now)} (windows are open)"

    async def expire(self, room: Room) -> None:
        now, known = room.world.clock.time, room.world.pipeline.memory.silences["s1"]
        ended = dataclasses.replace(known, ends=now)
        await room.world.pipeline.silence(ended, by_ann("expire"))
        await room.send()

    async def take(self, room: Room) -> None:
        (state,) = room.world.pipeline.instances().values()
        await room.world.pipeline.acknowledge([(state.key, "hot")], [], [by_ann("acknowledge", "")])
        await room.send()

    def shown(self, room: Room) -> str:
        (message,) = (one for one in room.slack.messages if not one.thread_ts)
        return str(message.blocks)

    @pytest.mark.parametrize("grouped", [False, True])
    async def test_from_when_it_is_made_until_it_is_ended(self, room: Room, grouped: bool) -> None:
        await room.use(routed(room, grouped=grouped))
        await room.read(25)
        await room.wait(MINUTE)
        said = await self.silence(room)
        assert said in self.shown(room)
        await self.take(room)
        assert "Taken by ann" in self.shown(room)
        assert said in self.shown(room)
        await room.world.restart()
        await self.expire(room)
        assert "Silenced" not in self.shown(room)
        assert room.answered == []

    @pytest.mark.parametrize("grouped", [False, True])
    async def test_one_that_ends_by_itself_is_shown_no_more(self, room: Room, grouped: bool) -> None:
        await room.use(routed(room, grouped=grouped))
        await room.read(25)
        await room.wait(MINUTE)
        assert await self.silence(room, 10 * MINUTE) in self.shown(room)
        await room.wait(9 * MINUTE)
        assert "Silenced" in self.shown(room)
        edits = len(room.slack.messages[0].history)
        await room.wait(6 * MINUTE)
        assert "Silenced" not in self.shown(room)
        assert len(room.slack.messages[0].history) == edits + 1
        assert room.answered == []

    async def test_of_a_silenced_group_one_end_does_not_end_the_message(self, room: Room) -> None:
        target = routed(room, grouped=True)
        long = dataclasses.replace(target.alerts[0], name="long", keep_firing_for=HOUR)
        await room.use(dataclasses.replace(target, alerts=(*target.alerts, long)))
        await room.read(25)
        await room.wait(MINUTE)
        await self.silence(room)
        await room.read(22)
        await room.wait(6 * MINUTE)
        (message,) = (one for one in room.slack.messages if not one.thread_ts)
        assert "Resolved" not in message.text
        assert "Silenced by Ann" in self.shown(room)

    async def test_one_that_matches_something_else_edits_nothing(self, room: Room) -> None:
        await room.use(TARGET)
        await room.read(25)
        edits = len(room.slack.messages[0].history)
        await self.silence(room, matchers="target=other")
        await self.take(room)
        assert len(room.slack.messages[0].history) == edits + 1

    @pytest.mark.parametrize("to", [(), ("oncall",)])
    @pytest.mark.parametrize("grouped", [False, True])
    async def test_what_becomes_of_a_correction_is_seen_meanwhile_and_heard_afterwards(
        self, room: Room, grouped: bool, to: tuple[str, ...]
    ) -> None:
        correct = dataclasses.replace(CORRECT, max_attempts=1, escalate_to=to)
        await room.use(dataclasses.replace(routed(room, grouped=grouped), correct=(correct,)))
        await room.read(25)
        await room.wait(MINUTE)
        await self.silence(room)
        await room.world.answer(Refused("no", permanent=True))
        await room.send()
        assert "Correction cool failed" in self.shown(room)
        await self.take(room)
        assert "Taken by ann" in self.shown(room)
        assert room.answered == []
        await self.expire(room)
        await room.wait(6 * MINUTE)
        escalated = " and was escalated" if to else ""
        again = ["🟠 Room out of band"] if grouped and not to else []  # what the group's next look finds new
        assert [text.split(":")[0] for text in room.answered] == [f"⚠️ Correction cool failed{escalated}", *again]
        assert len(room.posted) == 1


def routed(room: Room, *, grouped: bool) -> Target:
    """The target, told by its own receivers or in the group of a route."""
    if not grouped:
        return TARGET
    room.world.config = dataclasses.replace(room.world.config, route=Route("team", group_by=("target",)))
    alerts = tuple(dataclasses.replace(rule, notify=()) for rule in TARGET.alerts)
    return dataclasses.replace(TARGET, alerts=alerts)
