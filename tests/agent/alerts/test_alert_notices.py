"""The life of an alert as its receivers hear of it, on a real store and over restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.alerts.muted import Mutes
from agent.alerts.open_alerts import open_alerts
from agent.config.configuration import NotifierEntry
from agent.runtime import OpenAlert
from connectors.notifiers.slack import SlackNotifier
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    BurnRate,
    EscalationStep,
    Flapping,
    Goal,
    Matcher,
    Measure,
    RollingPeriod,
    SeverityStep,
    Sign,
    Silence,
    Target,
)
from rules.routing import Route
from tests.agent.people import by_ann
from tests.agent.test_pipeline import KEY, TARGET, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).start()
    yield made
    await made.stop()


def hot(**changes: Any) -> Target:
    return replace(TARGET, alerts=(replace(TARGET.alerts[0], **changes),))


async def payloads(world: World) -> list[dict[str, Any]]:
    return [orjson.loads(delivery.payload) for delivery in await world.outbox()]


def shown_alerts(world: World) -> list[OpenAlert]:
    mutes = Mutes(world.pipeline.decider.situation, world.pipeline.memory.groups, world.clock.time)
    return open_alerts(world.compiled()[0], world.pipeline.instances(), {}, mutes)


class TestEscalation:
    target = hot(escalate=(EscalationStep(30 * MINUTE, ("oncall",)), EscalationStep(2 * HOUR, ("team",))))

    async def test_it_is_told_to_others_and_they_hear_the_end(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.restart(after=31 * MINUTE)
        assert await world.told() == ["team firing hot"]  # a poll comes first
        await world.read(25)
        await world.restart()
        await world.read(25)
        assert await world.told() == ["team firing hot", "oncall escalated hot"]
        await world.read(22)
        assert (await world.told())[2:] == ["team resolved hot", "oncall resolved hot"]
        escalated = (await payloads(world))[1]
        assert escalated["details"] == ["Not acknowledged for 31m 10s"]
        assert escalated["status"] == "firing"

    async def test_who_was_told_before_sees_it_too_where_that_can_be_shown(self, world: World) -> None:
        channel = SlackNotifier.Config.model_validate({"type": "slack", "channel": "#team"})
        world.config = replace(
            world.config,
            targets={"room": self.target},
            receivers={**world.config.receivers, "team": (NotifierEntry("slack", channel),)},
        )
        await world.pipeline.use(*world.compiled())
        await world.read(25)
        for _ in range(2):
            await world.read(25, after=20 * MINUTE)
        assert await world.told() == ["team firing hot", "oncall escalated hot", "team updated hot"]
        news = [one["news"] for one in await payloads(world)]
        said = {"words": "Escalated to oncall: Not acknowledged for 40m", "failed": True}
        assert news == [[], [said], [said]]
        await world.read(22)
        assert (await world.told())[3:] == ["team resolved hot", "oncall resolved hot"]

    async def test_a_source_that_is_down_does_not_hold_it_back(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        world.clock.time += 30 * MINUTE - 10 * SECOND
        await world.read(None, error="answered 500")
        await world.read(None, error="answered 500")
        assert await world.told() == ["team firing hot", "team firing source-down", "oncall escalated hot"]

    async def test_nobody_else_hears_what_someone_has(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.pipeline.acknowledge([(KEY, "hot")], [], [by_ann("acknowledge", "")])
        await world.read(25, after=3 * HOUR)
        assert [said for said in await world.told() if "escalated" in said] == []


class TestSeverity:
    steps = (SeverityStep("critical", None, 26, ("oncall",)),)

    async def test_a_graver_one_is_told_anew_and_a_milder_one_only_shown(self, world: World) -> None:
        await world.use(hot(worse=self.steps))
        for value in (24, 27, 28):
            await world.read(value)
        await world.restart()
        for value in (24, 27, 22):
            await world.read(value)
        assert await world.told() == [
            "team firing hot",
            "team raised hot",
            "oncall raised hot",
            "team raised hot",
            "oncall raised hot",
            "team resolved hot",
            "oncall resolved hot",
        ]
        said = await payloads(world)
        assert [one["severity"] for one in said] == ["warning", *["critical"] * 6]
        assert {(one["fingerprint"], one["starts_at"]) for one in said} == {
            (said[0]["fingerprint"], said[0]["starts_at"])
        }
        assert said[1]["details"] == ["Now critical, was warning"]
        assert [dict(t.labels)["severity"] for t in await world.store.transitions(10) if t.event == "lowered"] == [
            "warning"
        ]

    async def test_the_route_is_asked_for_the_severity_it_has(self, world: World) -> None:
        critical = Route("oncall", (Matcher("severity", "=", "critical"),), group_wait=0, group_interval=SECOND)
        await world.use(hot(worse=(SeverityStep("critical", None, 26),), notify=()))
        world.config = replace(world.config, route=replace(critical, receiver="team", matchers=(), routes=(critical,)))
        await world.pipeline.use(*world.compiled())
        for value in (24, 27, 22, 27):
            await world.read(value)
            await world.wait(SECOND)
        said = await world.told()
        assert said[:3] == ["team firing hot", "team raised hot", "oncall raised hot"]
        assert sorted(said[3:5]) == ["oncall resolved hot", "team resolved hot"]
        assert said[5:] == ["oncall firing hot"]

    async def test_the_faces_show_it(self, world: World) -> None:
        await world.use(hot(worse=self.steps))
        await world.read(24)
        await world.read(27)
        (shown,) = shown_alerts(world)
        assert shown.labels["severity"] == "critical"


class TestFlapping:
    target = hot(flapping=Flapping(low=0.2, high=0.4, of=11), notify=("team",))

    async def flap(self, world: World, values: str) -> None:
        for sign in values:
            await world.read(25 if sign == "+" else 22)

    async def test_one_notice_that_it_flaps_and_one_how_it_settled(self, world: World) -> None:
        await world.use(self.target)
        await self.flap(world, "+-+-+-+")
        await world.restart()
        await self.flap(world, "-+++++++++++")
        assert await world.told() == [
            "team firing hot", "team resolved hot", "team firing hot", "team flapping hot", "team settled hot",
        ]  # fmt: skip
        said = await payloads(world)
        assert [one["status"] for one in said] == ["firing", "resolved", "firing", "firing", "firing"]
        assert said[3]["details"] == ["Changed 4 times in the last 11 readings"]
        assert said[4]["details"] == ["Settled after flapping for 2m 10s"]
        assert len({one["starts_at"] for one in said[2:]}) == 1
        await self.flap(world, "-")
        assert (await world.told())[5:] == ["team resolved hot"]

    async def test_who_was_told_that_it_flaps_hears_the_end_whatever_is_configured_then(self, world: World) -> None:
        await world.use(self.target)
        await self.flap(world, "+-+-+")
        await world.use(hot(flapping=self.target.alerts[0].flapping, notify=("oncall",)))
        await self.flap(world, "-" * 12)
        assert (await world.told())[3:] == ["team flapping hot", "team resolved hot"]

    async def test_a_firing_that_begins_it_is_told_as_flapping_to_whom_it_concerns_now(self, world: World) -> None:
        await world.use(hot(flapping=Flapping(low=0.2, high=0.3, of=11)))
        await self.flap(world, "+-")
        await world.use(hot(flapping=Flapping(low=0.2, high=0.3, of=11), notify=("oncall",)))
        await self.flap(world, "+")
        assert (await world.told())[2:] == ["oncall flapping hot"]
        (shown,) = shown_alerts(world)
        assert shown.headline == "Flapping: Room out of band: 25, wanted at most 23"

    async def test_removing_it_resolves_it(self, world: World) -> None:
        await world.use(self.target)
        await self.flap(world, "+-+-")
        await world.use(None)
        assert (await world.told())[3:] == ["team flapping hot", "team resolved hot"]


class TestMuted:
    """An alert that is silenced goes its way; who would have been told is told when the silence ends."""

    async def silence(self, world: World, length: int) -> None:
        now = world.clock.time
        await world.pipeline.silence(
            Silence("s", (Matcher("target", "=", "room"),), "ann", "work", now, now + length, now, now),
            by_ann("silence"),
        )

    async def test_an_escalation_is_told_afterwards_over_restarts(self, world: World) -> None:
        await world.use(hot(escalate=(EscalationStep(30 * MINUTE, ("oncall",)),)))
        await world.read(25)
        await self.silence(world, 2 * HOUR)
        await world.read(25, after=31 * MINUTE)
        await world.restart()
        assert await world.told() == ["team firing hot"]
        await world.wait(2 * HOUR)
        assert await world.told() == ["team firing hot", "oncall firing hot"]
        await world.read(22)
        assert sorted((await world.told())[2:]) == ["oncall resolved hot", "team resolved hot"]

    async def test_who_hears_of_a_graver_one_only_is_not_told_of_one_that_is_milder_again(self, world: World) -> None:
        steps = (SeverityStep("critical", None, 26, ("oncall",)),)
        await world.use(hot(worse=steps))
        await self.silence(world, HOUR)
        for value in (24, 27, 24):
            await world.read(value)
        await world.restart()
        await world.wait(HOUR)
        assert await world.told() == ["team firing hot"]


class TestBurning:
    goal = Goal(Measure.SHARE, at_least=0.9, per=RollingPeriod(HOUR), where="value <= 23")
    target = replace(hot(when=Sign.BURNING, burn=(BurnRate(2, 4 * MINUTE, MINUTE),)), goal=goal)

    async def test_it_says_so_as_long_as_it_burns(self, world: World) -> None:
        await world.use(self.target)
        for value in (22, 22, 22, 22, 25):
            await world.read(value, after=MINUTE)
        await world.restart()
        await world.pipeline.acknowledge([(KEY, "hot")], [], [by_ann("acknowledge", "")])
        (shown,) = shown_alerts(world)
        assert shown.headline.startswith("Room burning 2.5 times the allowed errors over the last 4m, ")
        for _ in range(2):
            await world.read(22, after=MINUTE)
        firing, resolved = await payloads(world)
        assert firing["headline"] == (
            "Room burning 2.5 times the allowed errors over the last 4m, the budget is used up"
        )
        assert (resolved["reason"], resolved["standing"]) == ("resolved", "missed")
