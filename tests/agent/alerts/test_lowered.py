"""An alert that became less grave before anybody was told of it."""

from __future__ import annotations

from dataclasses import replace

from rules.matchers import parse_alert_matchers
from rules.model import HOUR, MINUTE, SECOND, SeverityStep
from rules.routing import Route, child_key
from tests.agent.test_pipeline_muting import APP, ROUTE, Plant

WORSE = replace(APP, alerts=(replace(APP.alerts[0], worse=(SeverityStep("critical", None, 20),)),))
GRAVE = parse_alert_matchers("severity=critical")
TREE = replace(
    ROUTE, routes=(Route("oncall", key=child_key(ROUTE.key, GRAVE), matchers=GRAVE, group_wait=30 * SECOND),)
)


async def test_it_is_told_where_it_belongs_then(plant: Plant) -> None:
    await plant.begin(WORSE, route=TREE)
    await plant.see(x=21)
    await plant.see(x=11)
    await plant.wait(HOUR)
    assert await plant.told() == ["team: firing: x firing"]


async def test_what_muted_it_still_does(plant: Plant) -> None:
    await plant.begin(WORSE, route=TREE)
    await plant.silence("target=app", HOUR)
    await plant.see(x=21)
    await plant.see(x=11)
    await plant.wait(30 * MINUTE)
    assert await plant.told() == []
    await plant.wait(HOUR)
    assert await plant.told() == ["team: firing: x firing"]


async def test_who_was_told_goes_on_hearing_of_it(plant: Plant) -> None:
    await plant.begin(WORSE, route=TREE)
    await plant.see(x=21)
    await plant.wait(MINUTE)
    await plant.see(x=11)
    await plant.wait(30 * MINUTE)
    await plant.see(x=1)
    await plant.wait(30 * MINUTE)
    assert await plant.told() == ["oncall: firing: x firing", "oncall: resolved: x resolved"]
