"""An alert that becomes graver, where its route tells graver ones apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from rules.intervals import TimeInterval
from rules.model import HOUR, MINUTE, EscalationStep
from rules.routing import Route, child_key
from tests.agent.alerts.test_lowered import GRAVE, WORSE
from tests.agent.test_pipeline_muting import ROUTE, Plant

WITHOUT = {"later": (TimeInterval(years=((1970, 1970),)),)}
ALWAYS = {"later": (TimeInterval(),)}


def tree(receiver: str, **changes: Any) -> Route:
    child = Route(receiver, key=child_key(ROUTE.key, GRAVE), matchers=GRAVE, group_by=("target",), **changes)
    return replace(ROUTE, routes=(child,))


async def test_a_receiver_that_knows_it_has_no_second_message(plant: Plant) -> None:
    await plant.begin(WORSE, route=tree("team"))
    await plant.see(x=11)
    await plant.wait(MINUTE)
    await plant.see(x=21)
    await plant.wait(30 * MINUTE)
    await plant.begin(WORSE, route=tree("team"))
    await plant.see(x=1)
    await plant.wait(HOUR)
    assert await plant.told() == ["team: firing: x firing", "team: raised: x firing", "team: resolved: x resolved"]
    assert len({orjson.loads(one.payload)["group"] for one in await plant.outbox()}) == 1


async def test_another_receiver_hears_of_it(plant: Plant) -> None:
    await plant.begin(WORSE, route=tree("oncall"))
    await plant.see(x=11)
    await plant.wait(MINUTE)
    await plant.see(x=21)
    await plant.wait(MINUTE)
    assert (await plant.told())[1:] == ["team: raised: x firing", "oncall: raised: x firing"]


async def test_where_it_is_muted_for_it_now_it_does(plant: Plant) -> None:
    await plant.begin(WORSE, route=replace(tree("team"), mute=("later",)), intervals=WITHOUT)
    await plant.see(x=11)
    await plant.wait(MINUTE)
    await plant.begin(WORSE, route=replace(tree("team"), mute=("later",)), intervals=ALWAYS)
    await plant.see(x=21)
    await plant.wait(MINUTE)
    assert await plant.told() == ["team: firing: x firing", "team: raised: x firing"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_who_it_was_escalated_to_hears_of_it_once_though_it_leads_there_now(plant: Plant, restarts: bool) -> None:
    step = EscalationStep(MINUTE, ("oncall",))
    worse = replace(WORSE, alerts=tuple(replace(rule, escalate=(step,)) for rule in WORSE.alerts))
    await plant.begin(worse, route=replace(tree("oncall", group_wait=0), group_wait=HOUR))
    for value in (11, 11, 11, 11, 11, 11, 11, 21):
        await plant.see(x=value)
    if restarts:
        await plant.restart()
    await plant.wait(MINUTE)
    await plant.see(x=1)
    await plant.wait(HOUR)
    assert await plant.told() == [
        "oncall: escalated: x firing", "oncall: raised: x firing", "oncall: resolved: x resolved",
    ]  # fmt: skip
