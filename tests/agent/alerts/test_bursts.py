"""Many alerts by themselves at once: a few messages, none lost, each closed where it was opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.alerts.groups import Groups
from agent.config.configuration import NotifierEntry
from agent.sending.envelopes import read_notice
from agent.store.records import Delivery, DeliveryKind
from rules.grouping import BURST, begun, burst_group, own_group
from rules.matchers import parse_alert_matchers
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    EscalationStep,
    Notice,
    Polled,
    Reading,
    SeverityStep,
    Silence,
    Target,
)
from tests.agent.people import by_ann
from tests.agent.test_pipeline import TARGET, World, configuration
from tests.rules.world import series

HOT: AlertRule = TARGET.alerts[0]
MANY = replace(TARGET, by=("room",))
BURST_ID = burst_group("team", 0).id


class Rooms(World):
    """Any number of rooms, each with its alert."""

    kind = "email"

    async def use(self, target: Target | None) -> None:
        receivers = {name: (NotifierEntry(self.kind, None),) for name in ("team", "oncall")}
        self.config = replace(configuration(), targets={target.name: target} if target else {}, receivers=receivers)
        await self.pipeline.use(*self.compiled())

    async def rooms(self, values: Mapping[int, float], after: int = SECOND) -> list[Notice]:
        """What is told when the rooms are read so."""
        before = {one.key for one in await self.store.deliveries(5_000)}
        self.clock.time += after
        now = self.clock.time
        readings = [Reading(series("temperature", room=str(n)), now, value) for n, value in values.items()]
        self.pipeline.tick(now)
        await self.pipeline.handle(readings, Polled("a", now))
        return [read_notice(one.payload) for one in await self.told() if one.key not in before]

    async def told(self) -> list[Delivery]:
        return [one for one in reversed(await self.store.deliveries(5_000)) if one.kind is DeliveryKind.NOTICE]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Rooms]:
    found = Rooms(tmp_path)
    await found.start()
    await found.use(MANY)
    yield found
    await found.stop()


def rooms_of(notices: list[Notice], status: str) -> set[str]:
    return {alert.labels["room"] for notice in notices for alert in notice.every if alert.status == status}


async def test_of_many_in_one_poll_the_first_are_told_alone_and_the_others_in_one_message(world: Rooms) -> None:
    told = await world.rooms(dict.fromkeys(range(500), 25))
    assert [len(one.every) for one in told] == [1] * BURST + [500 - BURST]
    assert rooms_of(told, "firing") == {str(n) for n in range(500)}
    assert [bool(one.group) for one in told] == [False] * BURST + [True]


async def test_of_many_one_after_the_other_also_across_restarts(world: Rooms) -> None:
    told: list[Notice] = []
    for n in range(40):
        told += await world.rooms({n: 25})
        await world.restart()
    assert [len(one.every) for one in told] == [1] * (BURST + 1)
    told += await world.rooms({}, after=MINUTE)
    assert [len(one.every) for one in told[BURST + 1 :]] == [40 - BURST]
    assert rooms_of(told, "firing") == {str(n) for n in range(40)}
    assert await world.rooms({}, after=HOUR) == []


async def test_each_is_closed_where_it_was_opened_and_a_quiet_hour_later_it_is_alone_again(world: Rooms) -> None:
    await world.rooms(dict.fromkeys(range(12), 25))
    told = await world.rooms(dict.fromkeys(range(12), 20), after=2 * MINUTE)
    assert sorted((one.status, len(one.every)) for one in told) == [("resolved", 1)] * BURST + [("resolved", 2)]
    told = await world.rooms(dict.fromkeys(range(9, 12), 25), after=2 * HOUR)
    assert [len(one.every) for one in told] == [1, 1, 1]
    await world.rooms(dict.fromkeys(range(9, 12), 20), after=MINUTE)
    await world.rooms({}, after=2 * HOUR)
    assert not world.pipeline.memory.groups.groups
    assert not world.pipeline.memory.groups.members


async def test_what_fires_again_within_the_hour_goes_on_in_its_message_and_counts_for_no_burst(world: Rooms) -> None:
    await world.rooms(dict.fromkeys(range(BURST), 25))
    for _ in range(5):
        assert len(await world.rooms(dict.fromkeys(range(BURST), 20))) == BURST
        told = await world.rooms(dict.fromkeys(range(BURST), 25))
        assert [one.group for one in told] == [""] * BURST
    told = await world.rooms(dict.fromkeys(range(BURST, 2 * BURST), 25), after=MINUTE)
    assert [one.group for one in told] == [""] * BURST


async def test_those_that_were_muted_are_a_burst_when_they_no_longer_are(world: Rooms) -> None:
    now = world.clock.time
    silence = Silence("s", parse_alert_matchers("target=room"), "ann", "", now, now + HOUR, now, now)
    await world.pipeline.silence(silence, by_ann("silence"))
    assert await world.rooms(dict.fromkeys(range(50), 25)) == []
    told = await world.rooms(dict.fromkeys(range(50), 25), after=HOUR)
    assert [len(one.every) for one in told] == [1] * BURST + [50 - BURST]


async def test_a_graver_alert_does_not_wait_for_its_turn(world: Rooms) -> None:
    graver = replace(HOT, worse=(SeverityStep("critical", at_most=30),))
    await world.use(replace(MANY, alerts=(graver,)))
    await world.rooms(dict.fromkeys(range(20), 25))
    for n in range(20, 60):  # by now the burst is told of every two minutes
        await world.rooms({n: 25}, after=4 * SECOND)
    assert await world.rooms({60: 25}) == []
    (told,) = await world.rooms({61: 40})
    assert (told.severity, told.firing) == ("critical", 52)


async def test_many_that_nobody_takes_are_escalated_as_a_burst(world: Rooms) -> None:
    step = EscalationStep(15 * MINUTE, ("oncall",))
    await world.use(replace(MANY, alerts=(replace(HOT, escalate=(step,)),)))
    await world.rooms(dict.fromkeys(range(50), 25))
    told = await world.rooms(dict.fromkeys(range(50), 25), after=15 * MINUTE)
    assert {one.receiver for one in told} == {"oncall"}
    assert [(one.reason, len(one.every)) for one in told] == [("escalated", 1)] * BURST + [("escalated", 40)]
    told = await world.rooms(dict.fromkeys(range(50), 20), after=5 * MINUTE)
    assert rooms_of([one for one in told if one.receiver == "oncall"], "resolved") == {str(n) for n in range(50)}


async def test_a_reload_leaves_a_burst_as_it_is(world: Rooms) -> None:
    await world.rooms(dict.fromkeys(range(20), 25))
    await world.rooms(dict.fromkeys(range(30), 25))
    await world.use(MANY)
    assert world.pipeline.memory.groups.members[BURST_ID].keys()
    told = await world.rooms({}, after=MINUTE)
    assert [len(one.every) for one in told] == [20]
    told = await world.rooms(dict.fromkeys(range(30), 20), after=5 * MINUTE)
    assert rooms_of(told, "resolved") == {str(n) for n in range(30)}


async def test_a_program_gets_each_by_itself(world: Rooms) -> None:
    world.kind = "webhook"
    await world.use(MANY)
    told = await world.rooms(dict.fromkeys(range(50), 25))
    assert [len(one.every) for one in told] == [1] * 50


def test_a_clock_set_back_counts_what_a_restart_would() -> None:
    group = begun(own_group("team", "hot", "f", 0), MINUTE)
    groups = Groups([group])
    groups.take_due(HOUR)
    assert groups.begun_at("team", HOUR) == {}
    groups.take_due(MINUTE)
    assert groups.begun_at("team", 0) == Groups([group]).begun_at("team", 0) == {group.id: (MINUTE,)}
