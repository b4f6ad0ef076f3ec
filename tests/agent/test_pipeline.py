"""Decide and commit on a real store: what is told, what survives, what a restart and a reload change (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.alerts.notices import Notices
from agent.config.configuration import ActionEntry, Configuration, NotifierEntry, SourceEntry
from agent.pipeline import Pipeline
from agent.store.records import Attempt, Commit, Delivery, DeliveryKind
from agent.store.store import Store
from connectors.base import Refused, Unreachable
from rules.model import (
    DAY,
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    CorrectRule,
    Goal,
    InstanceKey,
    Measure,
    NoData,
    Often,
    Polled,
    Reading,
    RollingPeriod,
    RunState,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from rules.specs import Specs
from tests.agent.people import by_ann
from tests.agent.test_poller import TestClock
from tests.rules.world import series

RULE = SourceRule("a", ("temperature",), 10 * SECOND)
CORRECT = CorrectRule("hot", "cool", 5 * MINUTE, 2, MINUTE, ("oncall",))
TARGET = Target(
    "room",
    "Room",
    Goal(at_most=23),
    Selector("temperature"),
    alerts=(
        AlertRule("hot", Standing.OUT_OF_BAND, annotations=(("summary", "it is {{ value }} °C"),), notify=("team",)),
    ),
)
KEY = InstanceKey("room")


class Silent:
    """Metrics that nobody reads."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def configuration(target: Target = TARGET) -> Configuration:
    webhook = (NotifierEntry("webhook", None),)
    return Configuration(
        sources={"a": SourceEntry("a", "http", None, RULE.every, None, "UTC", SECOND, RULE)},
        targets={target.name: target},
        actions={"cool": ActionEntry("cool", "webhook", None, None)},
        receivers={"team": webhook, "oncall": webhook},
    )


class World:
    """One pipeline on one database; `restart` lets go of it as a killed process would, and opens it anew."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path / 'test.db'}"
        self.clock = TestClock()
        self.config = configuration()

    async def start(self) -> World:
        self.store = await Store.open(self.url, self.clock.now())
        shards = await self.store.take_shards("test", self.clock.now())
        metrics: Any = Silent()
        self.pipeline = Pipeline(self.clock, self.store, metrics, lambda: None, shards)
        await self.pipeline.start(*self.compiled())
        return self

    def compiled(self) -> tuple[Specs, Notices]:
        specs = Specs(self.config.targets.values(), [entry.rule for entry in self.config.sources.values()])
        return specs, Notices(self.config, specs)

    async def use(self, target: Target | None) -> None:
        self.config = replace(configuration(), targets={} if target is None else {target.name: target})
        await self.pipeline.use(*self.compiled())

    async def restart(self, after: int = 0) -> None:
        await self.stop()
        self.clock.time += after
        await self.start()

    async def stop(self) -> None:
        await self.pipeline.stop()
        await self.store.close()

    async def read(self, value: float | None, after: int = 10 * SECOND, error: str | None = None) -> None:
        self.clock.time += after
        now = self.clock.time
        readings = [] if error else [Reading(series("temperature"), now, value)]
        await self.pipeline.handle(readings, Polled("a", now, error))

    async def wait(self, after: int) -> None:
        """Time passes, and nobody was away."""
        self.clock.time += after
        self.pipeline.memory.ticked(self.clock.time)
        self.pipeline.tick(self.clock.time)
        await self.pipeline.spool.join()

    async def outbox(self, kind: DeliveryKind = DeliveryKind.NOTICE) -> list[Delivery]:
        return [d for d in reversed(await self.store.deliveries(100)) if d.kind is kind]

    async def told(self) -> list[str]:
        found = [orjson.loads(d.payload) for d in await self.outbox()]
        return [f"{n['receiver']} {n['reason']} {n['alert']}" for n in found]

    async def answer(self, error: Exception | None = None) -> None:
        """Ends the call that is queued, as the dispatcher would."""
        found = await self.store.claim(self.clock.time, MINUTE, 1, DeliveryKind.CALL)
        delivery = found[0]
        attempt = Attempt(delivery.id, 1, self.clock.time, 1000, str(error) if error else None)

        async def settle(commit: Commit | None) -> bool:
            return await self.store.settle(delivery, attempt, now=self.clock.time, sent=error is None, commit=commit)

        await self.pipeline.called(delivery, None if error else "answered 200", error, settle)  # type: ignore[arg-type]

    def run(self) -> Any:
        return next(iter(self.pipeline.memory.runs.values()))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).start()
    yield made
    await made.stop()


async def test_a_breach_is_told_once_and_its_resolve_follows(world: World) -> None:
    for value in (21, 25, 26, 25, 22):
        await world.read(value)
    assert await world.told() == ["team firing hot", "team resolved hot"]
    firing, resolved = [orjson.loads(d.payload) for d in await world.outbox()]
    assert firing["annotations"] == {"summary": "it is 25 °C"}
    assert firing["why"] == [
        'Read temperature{source="a"} = 25, 0s old',
        "Found value 25 <= 23 does not hold",
        "hot fires since 12:00, resolves when the standing is no longer out of band",
    ]
    assert resolved["why"][1] == "Found value 22 <= 23 holds"
    assert firing["headline"] == "Room out of band: 25, wanted at most 23"
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["starts_at"] == resolved["starts_at"]
    assert firing["ends_at"] is None
    assert resolved["ends_at"] == world.clock.time


async def test_a_message_counts_once_also_after_a_restart(world: World) -> None:
    def sent(value: float) -> list[Reading]:
        return [Reading(series("temperature"), world.clock.time, value)]

    async def stored() -> int:
        return len(await world.store.points(series("temperature"), 0, 2**62, 100))

    at_once = [world.pipeline.receive("a", sent(21), message="m1") for _ in range(3)]
    assert sorted(await asyncio.gather(*at_once)) == [False, False, True]
    world.clock.time += MINUTE
    assert await world.pipeline.receive("a", sent(25), message="m1") is False
    assert await world.pipeline.receive("b", [], message="m1") is True  # another source's
    await world.restart(after=DAY)
    assert await world.pipeline.receive("a", sent(25), message="m1") is False
    assert await stored() == 1
    assert await world.pipeline.receive("a", sent(26), message="m2") is True
    world.clock.time += MINUTE
    assert await world.pipeline.receive("a", sent(27)) is True
    assert await world.pipeline.receive("a", sent(27)) is True
    assert await stored() == 3


async def test_a_message_is_forgotten_after_its_sender_has_given_up(world: World) -> None:
    assert await world.pipeline.receive("a", [], message="m1")
    world.clock.time += 8 * DAY
    assert await world.pipeline.receive("a", [], message="m2")
    assert await world.store.received([("a", "m1"), ("a", "m2")]) == {("a", "m2")}


@pytest.mark.parametrize("after", [MINUTE + 5 * SECOND, MINUTE + 25 * SECOND, 2 * MINUTE + 5 * SECOND])
async def test_silence_that_was_told_lasts_over_a_restart(world: World, after: int) -> None:
    """When a source was last read is stored once a minute, so a restart knows of an earlier poll than the one that told."""
    await world.use(replace(TARGET, no_data=NoData(after)))
    await world.read(21)
    while not await world.told():
        world.clock.time += 10 * SECOND
        world.pipeline.tick(world.clock.time)
        await world.pipeline.handle([], Polled("a", world.clock.time))
        await world.pipeline.spool.join()
    await world.restart(after=SECOND)
    await world.wait(SECOND)
    await world.use(replace(TARGET, no_data=NoData(after)))  # a reload looks at everything
    assert await world.told() == ["team firing no-data"]
    await world.read(21)
    assert await world.told() == ["team firing no-data", "team resolved no-data"]


async def test_a_restart_neither_repeats_nor_resolves_nor_loses(world: World) -> None:
    await world.read(25)
    before = world.pipeline.instances()[KEY].alerts["hot"]
    await world.restart(after=10 * MINUTE)
    assert world.pipeline.instances()[KEY].alerts["hot"] == before
    await world.read(25)
    assert await world.told() == ["team firing hot"]
    await world.restart()
    await world.read(22)
    assert await world.told() == ["team firing hot", "team resolved hot"]


async def test_for_goes_on_over_a_restart(world: World) -> None:
    await world.use(replace(TARGET, alerts=(replace(TARGET.alerts[0], for_=2 * MINUTE),)))
    await world.read(25)
    await world.restart(after=3 * MINUTE)
    assert await world.told() == []
    await world.read(25)
    assert await world.told() == ["team firing hot"]


async def test_a_value_that_changes_nothing_is_found_among_the_readings_after_a_restart(world: World) -> None:
    for value in (21, 21.5, 22):
        await world.read(value)
    before, stored = world.pipeline.instances()[KEY], (await world.store.load()).instances[KEY]
    assert (before.assessment.value, stored.assessment.value) == (22, 21.5)
    await world.restart()
    after = world.pipeline.instances()[KEY]
    assert replace(after, seen=before.seen) == before
    assert await world.told() == []


async def test_silence_is_counted_from_the_newest_value_over_a_restart(world: World) -> None:
    await world.use(replace(TARGET, no_data=NoData(MINUTE)))
    for value in (21, 21.5, 22):
        await world.read(value)
    await world.restart()
    for after in (MINUTE - SECOND, SECOND):
        assert not world.pipeline.instances()[KEY].assessment.silent
        world.clock.time += after
        await world.pipeline.handle((), Polled("a", world.clock.time))
        await world.wait(0)
    assert world.pipeline.instances()[KEY].assessment.silent


async def test_polls_that_come_together_share_a_transaction(world: World) -> None:
    before = world.store.transactions
    names = [f"s{i}" for i in range(50)]
    now = world.clock.time
    polls = [world.pipeline.handle([Reading(series(n), now, 1.0)], Polled(n, now)) for n in names]
    await asyncio.gather(*polls)
    assert world.store.transactions - before <= 2
    assert len(await world.store.latest(names)) == 50


async def test_a_failing_source_is_told_to_those_who_are_blind_without_it(world: World) -> None:
    await world.read(21)
    for _ in range(3):
        await world.read(None, error="answered 500")
    await world.read(21)
    assert await world.told() == ["team firing source-down", "team resolved source-down"]


async def test_readings_that_stop_are_told_when_time_passes(world: World) -> None:
    await world.use(replace(TARGET, no_data=NoData(MINUTE)))
    await world.read(21)
    await world.wait(MINUTE - 1)
    assert await world.told() == []
    await world.wait(1)
    # The source has not been polled for a minute, so nothing is said before a poll says that it is up.
    await world.pipeline.handle([], Polled("a", world.clock.time))
    await world.wait(2 * SECOND)
    assert await world.told() == ["team firing no-data"]


async def test_an_acknowledgement_is_kept_and_clears_itself(world: World) -> None:
    await world.read(25)
    await world.pipeline.acknowledge([(KEY, "hot")], [], [by_ann("acknowledge", "on it")])
    await world.restart()
    taken = world.pipeline.instances()[KEY].alerts["hot"].acknowledged
    assert (taken and taken.by, taken and taken.note) == ("ann", "on it")
    assert await world.store.acts(10) == [by_ann("acknowledge", "on it")]
    await world.read(22)
    assert world.pipeline.instances()[KEY].alerts["hot"].acknowledged is None
    events = [t.event for t in await world.store.transitions(10)]
    assert events == ["resolved", "acknowledged", "firing"]


async def test_two_who_take_it_in_the_same_instant_are_both_remembered(world: World) -> None:
    await world.read(25)
    for _ in range(3):
        await world.read(None, error="answered 500")
    for _ in range(2):
        await world.pipeline.acknowledge([(KEY, "hot")], ["a"], [by_ann("acknowledge", "on it")])
    assert [t.event for t in await world.store.transitions(10)].count("acknowledged") == 4


async def test_a_removed_target_resolves_what_it_had_open(world: World) -> None:
    await world.read(25)
    await world.use(None)
    assert await world.told() == ["team firing hot", "team resolved hot"]
    assert orjson.loads((await world.outbox())[1].payload)["headline"] == "Room: hot is no longer configured"
    assert world.pipeline.instances() == {}
    await world.restart()
    assert world.pipeline.instances() == {}


async def test_the_alert_of_a_source_can_be_taken_too(world: World) -> None:
    for _ in range(3):
        await world.read(None, error="answered 500")
    await world.pipeline.acknowledge([], ["a"], [by_ann("acknowledge", "")])
    await world.restart()
    taken = world.pipeline.sources()["a"].alert.acknowledged
    assert taken
    assert taken.by == "ann"
    assert [t.event for t in await world.store.transitions(10)] == ["acknowledged", "firing"]


async def test_a_source_that_is_removed_while_it_fails_is_resolved(world: World) -> None:
    for _ in range(3):
        await world.read(None, error="answered 500")
    world.config = replace(world.config, sources={})
    await world.pipeline.use(*world.compiled())
    assert await world.told() == ["team firing source-down", "team resolved source-down"]
    said = orjson.loads((await world.outbox())[1].payload)
    assert said["headline"] == "Source a is no longer configured"


async def test_old_readings_are_stored_but_are_no_sign_of_life(world: World) -> None:
    await world.use(replace(TARGET, no_data=NoData(MINUTE)))
    await world.read(21)
    for _ in range(7):
        world.clock.time += 10 * SECOND
        old = [Reading(series("temperature"), world.clock.time - 3600 * SECOND, 30.0)]
        await world.pipeline.handle(old, Polled("a", world.clock.time))
    await world.wait(SECOND)
    assert await world.told() == ["team firing no-data"]
    assert len(await world.store.window(["temperature"], 0, world.clock.time + 1)) == 8


async def test_a_resolve_goes_to_those_who_were_told_whatever_is_configured_then(world: World) -> None:
    await world.read(25)
    await world.use(replace(TARGET, alerts=(replace(TARGET.alerts[0], severity="critical", notify=("oncall",)),)))
    await world.read(22)
    assert await world.told() == ["team firing hot", "team resolved hot"]
    firing, resolved = [orjson.loads(d.payload)["fingerprint"] for d in await world.outbox()]
    assert firing == resolved


class TestCorrections:
    target = replace(TARGET, correct=(CORRECT,))

    async def test_a_call_is_verified_by_a_reading_taken_after_it(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        call = (await world.outbox(DeliveryKind.CALL))[0]
        context = orjson.loads(call.payload)["context"]
        assert (context["value"], context["headline"]) == (25, "Room out of band: 25, wanted at most 23")
        await world.answer()
        assert world.run().state is RunState.VERIFYING
        await world.restart()
        await world.read(22)
        assert world.run().state is RunState.VERIFIED
        assert await world.told() == ["team firing hot", "team resolved hot"]

    async def test_a_call_that_does_nothing_is_made_again_after_the_cooldown_then_escalated(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.answer()
        await world.wait(MINUTE)
        assert (world.run().state, world.run().attempt) == (RunState.APPROVED, 1)
        await world.restart(after=4 * MINUTE)
        await world.wait(SECOND)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2
        await world.answer()
        await world.wait(MINUTE)
        assert world.run().state is RunState.ESCALATED
        assert await world.told() == ["team firing hot", "oncall escalated hot"]
        await world.read(22)
        assert (await world.told())[2:] == ["team resolved hot", "oncall resolved hot"]

    async def test_a_refused_call_is_not_repeated(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.answer(Refused("answered 404", status=404, permanent=True))
        assert world.run().state is RunState.ESCALATED

    async def test_a_call_that_did_not_get_through_is_repeated(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.answer(Unreachable("refused"))
        await world.wait(10 * SECOND)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2

    async def test_the_cooldown_of_an_ended_run_holds_over_a_restart(self, world: World) -> None:
        await world.use(self.target)
        await world.read(25)
        await world.answer()
        await world.read(22)
        await world.restart()
        await world.read(25)
        assert len(await world.outbox(DeliveryKind.CALL)) == 1
        await world.wait(5 * MINUTE)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2

    async def test_the_budget_of_the_action_is_kept(self, world: World) -> None:
        quick = replace(self.target, correct=(replace(CORRECT, cooldown=0),))
        await world.use(quick)
        world.config = replace(world.config, actions={"cool": ActionEntry("cool", "webhook", None, (1, 600))})
        await world.pipeline.use(*world.compiled())
        await world.read(25)
        await world.answer()
        await world.read(22)
        await world.read(25)
        assert len(await world.outbox(DeliveryKind.CALL)) == 1
        await world.wait(10 * MINUTE)
        assert len(await world.outbox(DeliveryKind.CALL)) == 2


async def test_an_alert_that_fires_again_is_another_episode_with_other_keys(world: World) -> None:
    for value in (25, 22, 25):
        await world.read(value)
    deliveries = await world.outbox()
    assert len({d.key for d in deliveries}) == 3
    assert world.pipeline.instances()[KEY].alerts["hot"].episode == 2
    assert world.pipeline.instances()[KEY].alerts["hot"].state is AlertState.FIRING


async def test_n_of_m_counts_readings_from_before_a_restart_that_another_target_would_not_need(world: World):
    often = AlertRule("hot", Standing.OUT_OF_BAND, often=Often(2, 4), notify=("team",))
    mean = Goal(Measure.MEAN, at_most=50, per=RollingPeriod(MINUTE))
    target = replace(TARGET, alerts=(often,))
    world.config = replace(
        configuration(target), targets={"room": target, "mean": replace(target, name="mean", goal=mean)}
    )
    await world.pipeline.use(*world.compiled())
    for value in (20, 30, 30, 20):
        await world.read(value)
    await world.restart(after=20 * MINUTE)
    await world.read(20)
    assert [one for one in await world.told() if "resolved" in one] == []
    await world.read(20)
    assert (await world.told())[-1] == "team resolved hot"
