"""An alert that becomes graver, where its route tells graver ones apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from rules.intervals import TimeInterval
from rules.model import HOUR, MINUTE
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
