"""What was held by what its target depends on, and is no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.config.configuration import Restraint
from agent.store.records import DeliveryKind
from rules.model import MINUTE, SECOND, CorrectRule, Flapping, Matcher, Polled, Reading, Selector, Target
from tests.agent.corrections.correcting_kit import action
from tests.agent.test_pipeline_muting import APP, DB, Plant, notify
from tests.rules.world import series

RULE = replace(APP.alerts[0], flapping=Flapping(0.25, 0.5, 5))
NEEDS = replace(
    notify(replace(APP, alerts=(RULE,)), "team"),
    depends_on=("db",),
    correct=(CorrectRule("slow", "cool", 0, 3, MINUTE),),
)


async def calls(plant: Plant) -> int:
    return len(await plant.outbox(DeliveryKind.CALL))


@pytest.mark.parametrize("settles", [True, False])
async def test_one_that_flapped_and_settled_meanwhile_is_corrected_then(plant: Plant, settles: bool) -> None:
    await plant.begin(NEEDS, notify(DB, "oncall"))
    for value in (11, 1, 11, 1, 11, 1):
        before = await calls(plant)
        await plant.see(x=value)
        if await calls(plant) > before:
            await plant.answer()
    before = await calls(plant)
    assert (before, plant.run().state) == (1, "verified")
    await plant.see(db=11)
    for _ in range(6 if settles else 1):
        await plant.see(x=11)
    assert await calls(plant) == before
    await plant.see(db=1)
    await plant.see(x=11)
    assert await calls(plant) == before + settles


def of(site: str, name: str, action: str, **more: Any) -> Target:
    rule = CorrectRule("slow", action, 0, 3, 10 * MINUTE)
    selector = Selector("app", (Matcher("site", "=~", site),))
    return replace(notify(APP, "team"), name=name, selector=selector, correct=(rule,), **more)


async def test_what_is_released_gives_no_other_reason_to_what_waits_already(plant: Plant) -> None:
    """Or a restart, which looks at what waits on its own, would tell another story."""
    calls = {"one": "http://plant.local/one", "each": "http://plant.local/{{ labels.site }}"}
    targets = of("a.*", "cooled", "one"), of("f.*", "fanned", "each"), of("x", "held", "each", depends_on=("db",))
    await plant.begin(*targets, notify(DB, "oncall"), corrections=Restraint((2, 60)))
    plant.config = replace(plant.config, actions={name: action(name, url=url) for name, url in calls.items()})
    await plant.pipeline.use(*plant.compiled())
    await plant.see(db=11, f1=11, f2=11)
    for site in ("a1", "a2", "f3", "x"):
        await plant.see(**{site: 11})
    await plant.see(5 * SECOND, db=1)
    plant.clock.time += 15 * SECOND
    now = plant.clock.time
    await plant.pipeline.handle([Reading(series("app", site="x"), now, 11)], Polled("a", now))
    said = {dict(run.key.labels)["site"]: run for run in plant.pipeline.memory.runs.values()}
    assert [said[site].state for site in ("a1", "a2", "f3", "x")] == ["called", "approved", "called", "approved"]
    assert said["a2"].detail.startswith(f"waits for correction {said['a1'].short}")
    assert said["x"].detail.startswith("waits for the budget of all corrections")
    details = [one.detail for one in await plant.store.transitions(100) if dict(one.key.labels).get("site") == "a2"]
    assert len([detail for detail in details if "waits for" in detail]) == 2
