"""An alert that flapped and settled while what its target depends on was off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.store.records import DeliveryKind
from rules.model import MINUTE, CorrectRule, Flapping
from tests.agent.test_pipeline_muting import APP, DB, Plant, notify

RULE = replace(APP.alerts[0], flapping=Flapping(0.25, 0.5, 5))
NEEDS = replace(
    notify(replace(APP, alerts=(RULE,)), "team"),
    depends_on=("db",),
    correct=(CorrectRule("slow", "cool", 0, 3, MINUTE),),
)


async def calls(plant: Plant) -> int:
    return len(await plant.outbox(DeliveryKind.CALL))


@pytest.mark.parametrize("settles", [True, False])
async def test_it_is_corrected_then(plant: Plant, settles: bool) -> None:
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
