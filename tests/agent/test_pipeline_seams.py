"""Where one thing an alert can do meets another: each by itself is tested elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from agent.alerts.notices import Notices
from agent.explaining.past import explained_at
from agent.explaining.present import Known, Told
from agent.store.records import DeliveryKind
from rules.matchers import parse_alert_matchers
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertState,
    CorrectRule,
    EscalationStep,
    Flapping,
    Often,
    SeverityStep,
    Target,
)
from rules.routing import Route, child_key
from tests.agent.test_pipeline_muting import APP, DB, ROUTE, Plant, notify


def ruled(target: Target, **changes: Any) -> Target:
    return replace(target, alerts=tuple(replace(rule, **changes) for rule in target.alerts))


GRAVER = ruled(APP, worse=(SeverityStep("critical", None, 20.0),))
NEEDS = replace(APP, depends_on=("db",), correct=(CorrectRule("slow", "cool", 0, 3, MINUTE),))


async def polled(plant: Plant, after: int, **values: float) -> None:
    """Time passes with a poll every 10 s."""
    end = plant.clock.time + after
    while plant.clock.time < end:
        await plant.see(**values)


async def severities(plant: Plant) -> list[tuple[str, str]]:
    notices = [orjson.loads(delivery.payload) for delivery in await plant.outbox()]
    return [(notice["reason"], notice["severity"]) for notice in notices]


class TestGroups:
    """What happens to an alert between two looks at its group."""

    async def test_a_flapping_alert_is_said_to_flap(self, plant: Plant) -> None:
        await plant.begin(ruled(APP, flapping=Flapping()), route=ROUTE)
        for value in [11.0, 1.0] * 12:
            await plant.see(x=value)
        assert await plant.told() == ["team: firing: x firing", "team: flapping: x firing"]

    async def test_one_that_fires_again_graver_before_its_end_was_told_is_news(self, plant: Plant) -> None:
        await plant.begin(GRAVER, route=ROUTE)
        await plant.see(x=11)
        await plant.wait(MINUTE)
        await plant.see(x=1)
        await plant.see(x=30)
        await plant.wait(HOUR)
        assert await severities(plant) == [("firing", "warning"), ("firing", "critical")]

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_one_that_becomes_graver_before_it_was_told_goes_where_it_leads_then(
        self, plant: Plant, restarts: bool
    ) -> None:
        grave = Route("oncall", parse_alert_matchers('severity="critical"'), group_by=("target",), group_wait=0)
        await plant.begin(GRAVER, route=replace(ROUTE, routes=(replace(grave, key=child_key("{}", grave.matchers)),)))
        await plant.see(x=11)
        await plant.see(x=30)
        if restarts:
            await plant.restart()
        await plant.wait(HOUR)
        assert await plant.told() == ["oncall: raised: x firing"]

    async def test_one_that_fires_again_milder_is_none(self, plant: Plant) -> None:
        await plant.begin(GRAVER, route=ROUTE)
        await plant.see(x=30)
        await plant.wait(MINUTE)
        await plant.see(x=1)
        await plant.see(x=11)
        await plant.wait(HOUR)
        assert await severities(plant) == [("firing", "critical")]

    async def test_the_end_of_one_that_a_silence_left_out_is_told(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11, y=11)
        await plant.wait(30 * SECOND)
        await plant.silence("site=y", HOUR)
        await plant.see(z=11)
        await plant.wait(10 * MINUTE)
        await plant.restart()
        await plant.see(y=1)
        await plant.wait(10 * MINUTE)
        assert await plant.told() == [
            "team: firing: x,y firing", "team: firing: x,z firing", "team: resolved: x,z firing; y resolved",
        ]  # fmt: skip

    async def test_many_updates_of_a_group_are_one_message_made_once(
        self, plant: Plant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sites = [f"s{n}" for n in range(10)]
        rendered = 0
        notice = Notices.notice

        def counted(self: Notices, *arguments: Any) -> Any:
            nonlocal rendered
            rendered += 1
            return notice(self, *arguments)

        monkeypatch.setattr(Notices, "notice", counted)
        await plant.begin(ruled(APP, keep_firing_for=MINUTE), route=replace(ROUTE, receiver="console"))
        await plant.see(**dict.fromkeys(sites, 11))
        await plant.wait(MINUTE)
        await plant.see(**dict.fromkeys(sites, 1))
        before = rendered
        await plant.see(**dict.fromkeys(sites, 11))
        assert (await plant.told())[1:] == [f"console: updated: {','.join(sites)} firing"]
        assert rendered - before == 1 + len(sites)


class TestEscalation:
    async def test_who_knew_of_the_alert_goes_on_to_be_reminded(self, plant: Plant) -> None:
        step = EscalationStep(10 * MINUTE, ("oncall",))
        await plant.begin(notify(APP, "oncall", repeat=HOUR, escalate=(step,)))
        await polled(plant, 3 * HOUR, x=11)
        assert [line.split(": ")[1] for line in await plant.told()] == ["firing", "escalated", "reminder", "reminder"]

    async def test_whom_a_route_leads_to_after_a_reload_is_told(self, plant: Plant) -> None:
        target = ruled(APP, escalate=(EscalationStep(MINUTE, ("oncall",)),))
        await plant.begin(target, route=replace(ROUTE, group_wait=HOUR))
        await polled(plant, 2 * MINUTE, x=11)
        await plant.begin(target, route=replace(ROUTE, receiver="other", group_wait=HOUR))
        await polled(plant, HOUR, x=11)
        assert await plant.told() == ["oncall: escalated: x firing", "other: firing: x firing"]


class TestCorrections:
    """Of what a dependency held while its group waited."""

    async def test_one_begins_when_the_dependency_is_back_before_the_group_was_looked_at(self, plant: Plant) -> None:
        await plant.begin(NEEDS, notify(DB, "oncall"), route=ROUTE)
        await plant.see(db=11, x=11)
        await plant.restart()
        await plant.see(db=1)
        assert await plant.outbox(DeliveryKind.CALL) == []
        await plant.see(x=11)
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1
        await plant.wait(10 * SECOND)
        assert (await plant.told())[2:] == ["team: firing: x firing"]

    async def test_none_waits_for_the_next_look_at_the_group(self, plant: Plant) -> None:
        await plant.begin(NEEDS, notify(DB, "oncall"), route=ROUTE)
        await plant.see(db=11, x=11, y=11)
        await plant.wait(MINUTE)
        await plant.see(db=1)
        await plant.see(y=1)
        await plant.see(x=11)
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1
        assert len(await plant.told()) == 2
        await plant.wait(5 * MINUTE)
        assert (await plant.told())[2:] == ["team: firing: x firing"]

    @pytest.mark.parametrize("own", [True, False])
    async def test_what_is_proposed_then_is_told_with_it(self, plant: Plant, own: bool) -> None:
        asks = replace(NEEDS, correct=(replace(NEEDS.correct[0], approve_within=HOUR),))
        asks = notify(asks, "team") if own else asks
        await plant.begin(asks, notify(DB, "oncall"), route=replace(ROUTE, group_wait=0))
        await plant.see(db=11, x=11)
        await plant.see(db=1)
        await plant.see(x=11)
        await plant.wait(6 * MINUTE)
        notices = [orjson.loads(delivery.payload) for delivery in await plant.outbox()]
        (said,) = [notice for notice in notices if notice["receiver"] == "team"]
        assert [proposal["action"] for proposal in said["proposals"]] == ["cool"]


class TestReload:
    async def test_an_alert_that_wants_several_breaches_goes_on(self, plant: Plant) -> None:
        target = ruled(APP, often=Often(2, 3))
        await plant.begin(target, route=replace(ROUTE, group_wait=0))
        for value in (11, 11, 1):
            await plant.see(x=value)
        await plant.restart()
        await plant.begin(target, route=replace(ROUTE, group_wait=0))
        (state,) = plant.pipeline.instances().values()
        assert state.alerts["slow"].state is AlertState.FIRING
        await plant.see(x=11)
        await plant.wait(HOUR)
        assert await plant.told() == ["team: firing: x firing"]

    async def test_reminders_that_are_asked_for_later_come(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "oncall"))
        await plant.see(x=11)
        await plant.begin(notify(APP, "oncall", repeat=HOUR))
        await plant.wait(2 * HOUR)
        assert (await plant.told())[1:] == ["oncall: reminder: x firing"] * 2


class TestExplanation:
    def told(self, plant: Plant, target: str) -> Told:
        (found,) = Known(plant.pipeline.decider, ()).explained(target, plant.clock.time)
        return found.told[found.found.alerts[0].rule.name]

    async def test_it_says_who_was_told(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        assert self.told(plant, "app").already == ()
        await plant.wait(MINUTE)
        assert self.told(plant, "app").already == ("team",)
        await plant.see(x=1)
        assert self.told(plant, "app").already == ()

    async def test_it_says_why_nobody_is(self, plant: Plant) -> None:
        await plant.begin(NEEDS, notify(DB, "oncall"), route=ROUTE)
        await plant.see(db=11, x=11)
        assert self.told(plant, "app").muted == "db is off"
        await plant.see(db=1)
        await plant.silence("target=app", HOUR)
        await plant.wait(MINUTE)
        assert self.told(plant, "app").muted.startswith("silence s by ann until ")
        assert self.told(plant, "db").muted == ""

    async def test_what_held_an_alert_in_the_past_is_rehearsed(self, plant: Plant) -> None:
        await plant.begin(NEEDS, notify(DB, "oncall"), route=ROUTE)
        await plant.see(db=11, x=11)
        then = plant.clock.time
        await plant.see(db=1, x=1)
        (found,) = await explained_at(plant.store, plant.config, "app", then)
        assert found.told["slow"].muted == "db is off"
        assert found.corrections == []
