"""Routes that a reload changes while groups wait: new spans hold at once, nothing is told anew, nothing held is let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.store.records import DeliveryKind
from rules.matchers import parse_alert_matchers
from rules.model import HOUR, MINUTE, SECOND, SeverityStep
from rules.routing import Route, child_key
from tests.agent.test_pipeline_muting import APP, DB, ROUTE, Plant, notify
from tests.agent.test_pipeline_seams import NEEDS

LONG = Route("team", group_by=("target",), group_wait=HOUR, group_interval=4 * HOUR, repeat_interval=8 * HOUR)


async def reload(plant: Plant, *targets: Any, **changes: Any) -> None:
    await plant.begin(*targets, route=replace(LONG, **changes))


async def test_a_shorter_wait_ends_the_wait(plant: Plant) -> None:
    await plant.begin(APP, route=LONG)
    await plant.see(x=11)
    await plant.wait(10 * MINUTE)
    await reload(plant, APP, group_wait=12 * MINUTE)
    await plant.wait(MINUTE)
    assert await plant.told() == []
    await plant.wait(2 * MINUTE)
    assert await plant.told() == ["team: firing: x firing"]


async def test_a_wait_that_is_over_by_the_new_setting_ends_at_the_reload(plant: Plant) -> None:
    await plant.begin(APP, route=LONG)
    await plant.see(x=11)
    await plant.wait(10 * MINUTE)
    await reload(plant, APP, group_wait=MINUTE)
    await plant.wait(SECOND)
    await reload(plant, APP, group_wait=2 * MINUTE)
    await plant.wait(SECOND)
    assert await plant.told() == ["team: firing: x firing"]


@pytest.mark.parametrize("firing", [True, False])
async def test_a_shorter_interval_tells_what_waited_for_it(plant: Plant, firing: bool) -> None:
    await plant.begin(APP, route=LONG)
    await plant.see(x=11)
    await plant.wait(HOUR)
    await plant.see(**({"y": 11} if firing else {"x": 1}))
    await plant.wait(20 * MINUTE)
    await reload(plant, APP, group_interval=30 * MINUTE)
    await plant.wait(5 * MINUTE)
    assert len(await plant.told()) == 1
    await plant.wait(5 * MINUTE)
    assert (await plant.told())[1:] == ["team: firing: x,y firing" if firing else "team: resolved: x resolved"]


async def test_an_interval_that_is_over_says_nothing_where_there_is_nothing_new(plant: Plant) -> None:
    await plant.begin(APP, route=LONG)
    await plant.see(x=11)
    await plant.wait(HOUR)
    await plant.wait(HOUR)
    for interval in (MINUTE, 2 * MINUTE, SECOND):
        await reload(plant, APP, group_interval=interval)
        await plant.wait(10 * SECOND)
    assert await plant.told() == ["team: firing: x firing"]


async def test_a_reminder_counts_from_the_last_message(plant: Plant) -> None:
    await plant.begin(APP, route=replace(LONG, group_interval=MINUTE))
    await plant.see(x=11)
    await plant.wait(HOUR)
    await plant.wait(HOUR)
    await reload(plant, APP, group_interval=MINUTE, repeat_interval=90 * MINUTE)
    await plant.wait(25 * MINUTE)
    assert len(await plant.told()) == 1
    await plant.wait(10 * MINUTE)
    assert (await plant.told())[1:] == ["team: reminder: x firing"]


class TestHeld:
    """An alert whose dependency is back, before a reading that was taken since."""

    @pytest.mark.parametrize("changes", [{"receiver": "other"}, {"key": "{}/x"}, {"group_by": ("site",)}])
    async def test_another_route_tells_nothing_before_a_fresh_reading(self, plant: Plant, changes: Any) -> None:
        waits = replace(ROUTE, group_wait=0)
        await plant.begin(NEEDS, notify(DB, "oncall"), route=waits)
        await plant.see(db=11)
        await plant.see(x=11, y=11)
        await plant.see(db=1)
        assert len(await plant.told()) == 2
        await plant.begin(NEEDS, notify(DB, "oncall"), route=replace(waits, **changes))
        await plant.wait(SECOND)
        assert len(await plant.told()) == 2
        assert await plant.outbox(DeliveryKind.CALL) == []
        await plant.see(x=1, y=11)
        await plant.wait(10 * MINUTE)
        assert [said.partition(": ")[2] for said in (await plant.told())[2:]] == ["firing: y firing"]
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1

    async def test_a_notify_of_its_own_too(self, plant: Plant) -> None:
        await plant.begin(NEEDS, notify(DB, "oncall"), route=replace(ROUTE, group_wait=0))
        await plant.see(db=11, x=11)
        await plant.see(db=1)
        await plant.begin(notify(NEEDS, "other"), notify(DB, "oncall"))
        await plant.wait(SECOND)
        assert len(await plant.told()) == 2
        await plant.see(x=11)
        assert (await plant.told())[2:] == ["other: firing: x firing"]
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_group_that_an_alert_comes_back_to_has_the_new_settings(plant: Plant, restarts: bool) -> None:
    """While it led elsewhere, since it was less grave, no alert said which route the group is of."""

    def pages(wait: int) -> Route:
        page = parse_alert_matchers("severity=page")
        child = Route(
            "oncall", page, group_by=("target",), group_wait=0, group_interval=wait, key=child_key("{}", page)
        )
        return replace(ROUTE, group_wait=HOUR, routes=(child,))

    graver = replace(APP, alerts=(replace(APP.alerts[0], worse=(SeverityStep("page", at_most=20),)),))
    await plant.begin(graver, route=pages(MINUTE))
    await plant.see(x=25)
    await plant.see(x=15)
    await plant.begin(graver, route=pages(10 * MINUTE))
    await plant.see(x=1)
    await plant.see(x=25)
    if restarts:
        await plant.restart()
    await plant.see(x=1)
    await plant.wait(5 * MINUTE)
    assert await plant.told() == ["oncall: firing: x firing"] * 2
    await plant.wait(5 * MINUTE)
    assert (await plant.told())[2:] == ["oncall: resolved: x resolved"]
