"""A daemon that is killed at any moment tells what a rehearsal of the same readings tells, whatever alerts can do."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from agent.rehearsal.driver import Rehearsal
from agent.rehearsal.moments import Moment
from agent.store.records import Delivery, DeliveryKind
from rules.inhibition import InhibitRule
from rules.matchers import parse_alert_matchers
from rules.model import (
    MINUTE,
    SECOND,
    AlertState,
    CorrectRule,
    EscalationStep,
    Flapping,
    Often,
    Polled,
    Reading,
    SeverityStep,
)
from rules.routing import Route
from tests.agent.test_pipeline_muting import APP, DB, ROUTE, Plant, notify
from tests.rules.world import series

CRITICAL, WARNING = (parse_alert_matchers(f"severity={name}") for name in ("critical", "warning"))
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "flapping": {"flapping": Flapping()},
    "graver": {"worse": (SeverityStep("critical", None, 20.0, ("other",)),)},
    "escalated": {"escalate": (EscalationStep(2 * MINUTE, ("oncall",)),), "repeat": 3 * MINUTE},
    "slow": {"keep_firing_for": MINUTE, "for_": 30 * SECOND},
    "often": {"often": Often(2, 3)},
}


def said(deliveries: Iterable[Delivery]) -> list[tuple[Any, ...]]:
    """When who was told what; but for updates, since no call is answered here; none fails for good."""
    found = []
    for notice in (orjson.loads(one.payload) for one in deliveries if one.kind is DeliveryKind.NOTICE):
        if notice["reason"] != "updated":
            alerts = sorted((one["status"], one["severity"], one["headline"]) for one in notice["alerts"])
            found.append((notice["at"], notice["receiver"], notice["reason"], alerts))
    return sorted(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("own", [False, True])
async def test_a_daemon_that_is_killed_tells_what_a_rehearsal_tells(plant: Plant, kind: str, own: bool) -> None:
    chance = random.Random(f"{kind} {own}")
    alerts = tuple(replace(rule, **KINDS[kind]) for rule in APP.alerts)
    app = replace(APP, alerts=alerts, correct=(CorrectRule("slow", "cool", 0, 100, MINUTE),))
    app = notify(app, "team") if own else replace(app, depends_on=("db",))
    critical = Route("oncall", CRITICAL, group_wait=0, key="{}/critical")
    route = replace(ROUTE, group_interval=MINUTE, routes=(critical,))
    await plant.begin(app, DB, route=route, inhibit=(InhibitRule(CRITICAL, WARNING),))
    rehearsal = Rehearsal(plant.config, plant.clock.time)
    told = [one for decision in rehearsal.begin() for one in decision.deliveries]
    values = {"x": 1.0, "y": 1.0, "db": 1.0}
    for _ in range(50):
        for name in values:
            if chance.random() < 0.25:
                values[name] = chance.choice([1.0, 1.0, 1.0, 11.0] if name == "db" else [1.0, 11.0, 25.0])
        await plant.wait(10 * SECOND - 1)
        plant.clock.time += 1
        now, memory = plant.clock.time, plant.pipeline.memory
        readings = [
            Reading(series("db") if name == "db" else series("app", site=name), now, value)
            for name, value in values.items()
        ]
        due, looks = memory.take_due(now), memory.groups.take_due(now)
        await plant.pipeline._enqueue(due=due, looks=looks, readings=readings, polled=Polled("a", now)).done
        moment = Moment(now, readings, [Polled("a", now)])
        told += [one for decision in rehearsal.play([moment]) for one in decision.deliveries]
        if chance.random() < 0.3:
            await plant.restart()
    assert said(await plant.store.deliveries(10_000)) == said(told)
    assert len(said(told)) > 2


async def test_a_breach_just_after_the_end_of_recovering_goes_on_firing_as_in_a_replay(plant: Plant) -> None:
    """Between the end and the next tick a reading comes: `test_verdicts` has what a replay makes of it."""
    await plant.begin(replace(APP, alerts=(replace(APP.alerts[0], keep_firing_for=5 * MINUTE),)))
    await plant.see(x=11)
    await plant.see(x=1)
    plant.clock.time += 5 * MINUTE + SECOND // 2
    await plant.pipeline.handle(
        [Reading(series("app", site="x"), plant.clock.time, 11.0)], Polled("a", plant.clock.time)
    )
    (state,) = plant.pipeline.instances().values()
    assert (state.alerts["slow"].state, state.alerts["slow"].episode) == (AlertState.FIRING, 1)
