"""What is told when alerts are grouped, silenced, inhibited or held; and that a restart anywhere changes none of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.config.configuration import ActionEntry, Configuration, NotifierEntry, SourceEntry
from agent.store.records import Commit, DeliveryKind
from rules.inhibition import InhibitRule
from rules.intervals import TimeInterval
from rules.matchers import parse_alert_matchers
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CorrectRule,
    Goal,
    InstanceKey,
    Polled,
    Reading,
    Selector,
    SeverityStep,
    Silence,
    SourceRule,
    Standing,
    Target,
)
from rules.routing import Route, child_key
from tests.agent.people import by_ann
from tests.agent.test_pipeline import World
from tests.rules.world import series

RULE = SourceRule("a", ("app", "db"), 10 * SECOND)
APP = Target(
    "app", "App", Goal(at_most=10), Selector("app"), by=("site",), alerts=(AlertRule("slow", Standing.OUT_OF_BAND),)
)
DB = Target(
    "db", "DB", Goal(at_most=10), Selector("db"), alerts=(AlertRule("off", Standing.OUT_OF_BAND, severity="critical"),)
)
ROUTE = Route("team", group_by=("target",))


def notify(target: Target, *receivers: str, **changes: Any) -> Target:
    return replace(target, alerts=tuple(replace(rule, notify=receivers, **changes) for rule in target.alerts))


def configured(*targets: Target, **more: Any) -> Configuration:
    receivers = {name: (NotifierEntry("webhook", None),) for name in ("team", "oncall", "other")}
    return Configuration(
        sources={"a": SourceEntry("a", "http", None, RULE.every, None, "UTC", SECOND, RULE)},
        targets={target.name: target for target in targets},
        actions={"cool": ActionEntry("cool", "webhook", None, None)},
        receivers=receivers,
        **more,
    )


class Plant(World):
    """Two targets, one of which has a value for each site."""

    async def begin(self, *targets: Target, **more: Any) -> None:
        self.config = configured(*targets, **more)
        await self.pipeline.use(*self.compiled())

    async def see(self, after: int = 10 * SECOND, **values: float) -> None:
        """`db=1` is a reading of the database, any other name one of the application on that site."""
        self.clock.time += after
        now = self.clock.time
        self.pipeline.tick(now)
        await self.pipeline.spool.join()
        readings = [
            Reading(series("db") if name == "db" else series("app", site=name), now, value)
            for name, value in values.items()
        ]
        await self.pipeline.handle(readings, Polled("a", now))

    async def wait(self, after: int) -> None:
        """Time passes as the scheduler lets it: with a tick a second while there is something to do."""
        end = self.clock.time + after
        while True:
            due = self.pipeline.memory.next_due()
            self.clock.time = end if due is None else min(max(due, self.clock.time), end)
            self.pipeline.memory.ticked(self.clock.time)
            self.pipeline.tick(self.clock.time)
            await self.pipeline.spool.join()
            if self.clock.time >= end:
                return

    async def silence(self, matchers: str, length: int, name: str = "s", starts: int = 0) -> None:
        now = self.clock.time
        found = Silence(name, parse_alert_matchers(matchers), "ann", "work", now + starts, now + length, now, now)
        await self.pipeline.silence(found, by_ann("silence"))

    async def told(self) -> list[str]:
        found = []
        for delivery in await self.outbox():
            notice = orjson.loads(delivery.payload)
            names = {"firing": [], "resolved": []}
            for alert in notice["alerts"]:
                names[alert["status"]].append(alert["labels"].get("site") or alert["labels"].get("target", "source"))
            said = [f"{','.join(sorted(inside))} {status}" for status, inside in names.items() if inside]
            found.append(f"{notice['receiver']}: {notice['reason']}: {'; '.join(said)}")
        return found


class TestGroups:
    async def test_the_first_message_waits_and_has_all_who_fired_meanwhile(self, plant: Plant) -> None:
        await plant.begin(APP, DB, route=ROUTE)
        await plant.see(x=11)
        await plant.see(y=11)
        assert await plant.told() == []
        await plant.wait(20 * SECOND)
        assert await plant.told() == ["team: firing: x,y firing"]

    async def test_changes_wait_for_the_group_s_interval(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11, y=1)
        await plant.wait(30 * SECOND)
        await plant.see(y=11)
        await plant.see(x=1)
        assert len(await plant.told()) == 1
        await plant.wait(5 * MINUTE)
        assert (await plant.told())[1:] == ["team: firing: y firing; x resolved"]
        await plant.see(y=1)
        await plant.wait(5 * MINUTE)
        assert (await plant.told())[2:] == ["team: resolved: y resolved"]
        assert plant.pipeline.memory.groups.groups == {}

    async def test_a_group_that_was_over_is_another_episode(self, plant: Plant) -> None:
        await plant.begin(APP, route=replace(ROUTE, group_wait=0, group_interval=SECOND))
        for value in (11, 1, 11, 1):
            await plant.see(x=value)
            await plant.wait(SECOND)
        notices = [orjson.loads(delivery.payload) for delivery in await plant.outbox()]
        assert [notice["reason"] for notice in notices] == ["firing", "resolved", "firing", "resolved"]
        assert len({notice["group"] for notice in notices}) == 1
        assert len({notice["group_since"] for notice in notices}) == 2
        assert len({delivery.key for delivery in await plant.outbox()}) == 4

    async def test_what_joins_a_group_is_new_and_first(self, plant: Plant) -> None:
        await plant.begin(APP, route=replace(ROUTE, group_wait=0, group_interval=SECOND))
        await plant.see(x=11)
        await plant.wait(SECOND)
        await plant.see(y=11)
        await plant.wait(SECOND)
        notices = [orjson.loads(delivery.payload) for delivery in await plant.outbox()]
        shown = [[(one["labels"]["site"], one["fresh"]) for one in notice["alerts"]] for notice in notices]
        assert shown == [[("x", True)], [("y", True), ("x", False)]]
        assert notices[1]["headline"] == "App: 2 of 2 alerts firing: y, x"

    async def test_what_came_and_went_between_two_looks_is_not_told(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.see(x=1)
        await plant.wait(HOUR)
        assert await plant.told() == []

    async def test_one_that_fires_again_before_its_end_was_told_is_no_news(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.wait(30 * SECOND)
        await plant.see(x=1)
        await plant.see(x=11)
        await plant.wait(HOUR)
        assert await plant.told() == ["team: firing: x firing"]

    async def test_reminders_come_at_the_first_look_after_the_repeat_interval(self, plant: Plant) -> None:
        await plant.begin(APP, route=replace(ROUTE, repeat_interval=12 * MINUTE))
        await plant.see(x=11)
        await plant.wait(30 * SECOND + 15 * MINUTE - 1)
        assert len(await plant.told()) == 1
        await plant.wait(1)
        assert (await plant.told())[1:] == ["team: reminder: x firing"]
        await plant.wait(15 * MINUTE)
        assert len(await plant.told()) == 3

    async def test_nobody_is_reminded_of_what_a_person_took(self, plant: Plant) -> None:
        await plant.begin(APP, route=replace(ROUTE, repeat_interval=5 * MINUTE))
        await plant.see(x=11)
        await plant.wait(MINUTE)
        (key,) = plant.pipeline.instances()
        await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge", "")])
        await plant.wait(HOUR)
        assert await plant.told() == ["team: firing: x firing"]
        await plant.see(x=1)
        await plant.see(x=11)
        await plant.wait(HOUR)
        assert (await plant.told())[1] == "team: reminder: x firing"

    async def test_an_alert_may_have_its_own_repeat_interval(self, plant: Plant) -> None:
        await plant.begin(notify(APP, repeat=10 * MINUTE), notify(DB, "oncall", repeat=HOUR), route=ROUTE)
        await plant.see(x=11, db=11)
        await plant.wait(21 * MINUTE)
        assert await plant.told() == [
            "oncall: firing: db firing", "team: firing: x firing", "team: reminder: x firing", "team: reminder: x firing",
        ]  # fmt: skip
        await plant.wait(39 * MINUTE)
        assert [line for line in await plant.told() if "oncall" in line][1:] == ["oncall: reminder: db firing"]

    async def test_every_node_that_takes_an_alert_tells_it(self, plant: Plant) -> None:
        critical = parse_alert_matchers("severity=critical")
        key = child_key("{}", critical)
        routes = (Route("oncall", critical, continue_=True, key=key), Route("other", critical, group_wait=0, key=key))
        await plant.begin(APP, DB, route=replace(ROUTE, routes=routes))
        await plant.see(x=11, db=11)
        assert await plant.told() == ["other: firing: db firing"]
        await plant.wait(30 * SECOND)
        assert sorted((await plant.told())[1:]) == ["oncall: firing: db firing", "team: firing: x firing"]
        payload = orjson.loads((await plant.outbox())[0].payload)
        assert payload["group_key"] == '{}/{severity="critical"}:{}'

    async def test_a_message_is_found_by_each_alert_it_names(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11, y=11)
        await plant.wait(MINUTE)
        for state in plant.pipeline.instances().values():
            fingerprint = state.alerts["slow"].fingerprint
            assert len(await plant.store.deliveries(10, fingerprint)) == 1


class TestSilences:
    async def test_nothing_is_told_of_a_silenced_alert_until_the_silence_ends(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"))
        await plant.silence("target=app", HOUR)
        await plant.see(x=11)
        await plant.wait(HOUR - 10 * SECOND - 1)
        assert await plant.told() == []
        await plant.wait(1)
        assert await plant.told() == ["team: firing: x firing"]

    async def test_one_that_ended_meanwhile_is_never_told(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"), DB, route=ROUTE)
        await plant.silence('severity=~".+"', HOUR)
        await plant.see(x=11, db=11)
        await plant.see(x=1, db=1)
        await plant.wait(2 * HOUR)
        assert await plant.told() == []

    @pytest.mark.parametrize("restarts", [False, True])
    async def test_a_clock_that_is_set_back_ends_no_silence_and_makes_none_longer(
        self, plant: Plant, restarts: bool
    ) -> None:
        await plant.begin(notify(APP, "team"))
        await plant.silence("target=app", 10 * MINUTE)
        await plant.see(a=11)
        if restarts:
            await plant.restart(after=-HOUR)
        await plant.see(0 if restarts else -HOUR, a=11)
        await plant.see(8 * MINUTE, a=11)
        assert await plant.told() == []
        assert [silence.ends - plant.clock.time for silence in await plant.store.silences()] == [2 * MINUTE]
        await plant.see(3 * MINUTE, a=11)
        assert await plant.told() == ["team: firing: a firing"]

    async def test_what_was_told_before_is_closed_even_while_it_is_silenced(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"), DB, route=ROUTE)
        await plant.see(x=11, db=11)
        await plant.wait(MINUTE)
        await plant.silence('severity=~".+"', HOUR)
        await plant.see(x=1, db=1)
        await plant.wait(5 * MINUTE)
        assert (await plant.told())[2:] == ["team: resolved: x resolved", "team: resolved: db resolved"]

    async def test_no_reminder_comes_from_a_silenced_alert(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team", repeat=10 * MINUTE))
        await plant.see(x=11)
        await plant.silence("target=app", HOUR)
        await plant.wait(HOUR - 1)
        assert await plant.told() == ["team: firing: x firing"]
        await plant.wait(10 * MINUTE)
        assert (await plant.told())[1:] == ["team: reminder: x firing"]

    async def test_it_can_start_later_and_be_ended_early(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"))
        await plant.silence("target=app", 2 * HOUR, starts=HOUR)
        await plant.see(x=11)
        await plant.see(x=1)
        assert len(await plant.told()) == 2
        await plant.wait(HOUR)
        await plant.see(x=11)
        assert len(await plant.told()) == 2
        silence = plant.pipeline.memory.silences["s"]
        await plant.restart()
        await plant.pipeline.silence(replace(silence, ends=plant.clock.time), by_ann("expire"))
        assert (await plant.told())[2:] == ["team: firing: x firing"]

    async def test_one_left_out_of_a_group_s_message_is_told_later_as_what_is_known(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11, y=11)
        await plant.wait(30 * SECOND)
        await plant.silence("site=y", HOUR)
        await plant.see(z=11)
        await plant.wait(2 * HOUR)
        assert await plant.told() == [
            "team: firing: x,y firing", "team: firing: x,z firing", "team: firing: x,y,z firing",
        ]  # fmt: skip
        alerts = orjson.loads((await plant.outbox())[-1].payload)["alerts"]
        shown = {one["labels"]["site"]: (one["fresh"], one["again"]) for one in alerts}
        assert shown == {"x": (False, False), "y": (False, True), "z": (False, False)}


class TestInhibition:
    RULE = InhibitRule(parse_alert_matchers("severity=critical"), parse_alert_matchers("severity=warning"))

    async def test_an_alert_is_not_told_while_another_fires(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"), notify(DB, "oncall"), inhibit=(self.RULE,))
        await plant.see(x=11, db=11)
        assert await plant.told() == ["oncall: firing: db firing"]
        await plant.wait(HOUR)
        await plant.see(db=1)
        assert (await plant.told())[1:] == ["oncall: resolved: db resolved", "team: firing: x firing"]

    async def test_one_that_ends_with_its_inhibitor_is_never_told(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"), notify(DB, "oncall"), inhibit=(self.RULE,))
        await plant.see(x=11, db=11)
        await plant.see(x=1, db=1)
        assert await plant.told() == ["oncall: firing: db firing", "oncall: resolved: db resolved"]

    async def test_removing_the_rule_tells_what_it_muted(self, plant: Plant) -> None:
        targets = notify(APP, "team"), notify(DB, "oncall")
        await plant.begin(*targets, inhibit=(self.RULE,))
        await plant.see(x=11, db=11)
        await plant.begin(*targets)
        assert (await plant.told())[1:] == ["team: firing: x firing"]


class TestCalendar:
    NIGHT = {"night": (TimeInterval(times=((22 * 60, 7 * 60),)),)}  # noqa: RUF012

    async def at(self, plant: Plant, hour: int) -> None:
        day = plant.clock.time - plant.clock.time % (24 * HOUR) + 24 * HOUR
        await plant.wait(day + hour * HOUR - plant.clock.time)

    async def test_a_route_is_quiet_at_night(self, plant: Plant) -> None:
        child = Route("oncall", parse_alert_matchers("severity=critical"), mute=("night",), key="{}/x")
        await plant.begin(DB, route=replace(ROUTE, routes=(child,)), intervals=self.NIGHT)
        await self.at(plant, 23)
        await plant.see(db=11)
        await plant.wait(8 * HOUR - 11 * SECOND)
        assert await plant.told() == []
        await plant.wait(5 * MINUTE + SECOND)
        assert await plant.told() == ["oncall: firing: db firing"]

    async def test_a_target_has_maintenance_windows(self, plant: Plant) -> None:
        await plant.begin(replace(notify(DB, "oncall"), mute=("night",)), intervals=self.NIGHT)
        await self.at(plant, 23)
        await plant.see(db=11)
        await plant.wait(8 * HOUR - 10 * SECOND - 1)
        assert await plant.told() == []
        await plant.wait(1)
        assert await plant.told() == ["oncall: firing: db firing"]

    async def test_a_route_can_be_active_in_an_interval_only(self, plant: Plant) -> None:
        child = Route("oncall", parse_alert_matchers("severity=critical"), active=("night",), key="{}/x")
        await plant.begin(DB, route=replace(ROUTE, routes=(child,)), intervals=self.NIGHT)
        await self.at(plant, 12)
        await plant.see(db=11)
        await plant.wait(10 * HOUR - 11 * SECOND)
        assert await plant.told() == []
        await plant.wait(5 * MINUTE + SECOND)
        assert await plant.told() == ["oncall: firing: db firing"]


class TestDependencies:
    NEEDS = replace(notify(APP, "team"), depends_on=("db",), correct=(CorrectRule("slow", "cool", 0, 3, MINUTE),))

    async def test_dependents_are_held_and_neither_told_nor_corrected(self, plant: Plant) -> None:
        await plant.begin(self.NEEDS, notify(DB, "oncall"))
        await plant.see(db=11)
        await plant.see(x=11)
        await plant.wait(MINUTE)
        assert await plant.told() == ["oncall: firing: db firing"]
        assert await plant.outbox(DeliveryKind.CALL) == []

    async def test_they_are_told_and_corrected_after_a_fresh_reading(self, plant: Plant) -> None:
        await plant.begin(self.NEEDS, notify(DB, "oncall"))
        await plant.see(db=11, x=11)
        await plant.see(db=1)
        assert (await plant.told())[1:] == ["oncall: resolved: db resolved"]
        assert await plant.outbox(DeliveryKind.CALL) == []
        await plant.restart()
        await plant.see(x=12)
        assert (await plant.told())[2:] == ["team: firing: x firing"]
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1

    async def test_those_that_came_back_too_are_never_told(self, plant: Plant) -> None:
        await plant.begin(self.NEEDS, notify(DB, "oncall"))
        await plant.see(db=11, x=11)
        await plant.see(db=1)
        await plant.see(x=1)
        await plant.wait(HOUR)
        assert (await plant.told())[1:] == ["oncall: resolved: db resolved"]

    async def test_without_a_fresh_reading_it_is_told_when_there_should_be_one(self, plant: Plant) -> None:
        await plant.begin(self.NEEDS, notify(DB, "oncall"))
        await plant.see(db=11, x=11)
        await plant.see(db=1)
        await plant.wait(30 * SECOND)
        assert (await plant.told())[2:] == ["team: firing: x firing"]

    async def test_a_call_that_is_due_waits_too(self, plant: Plant) -> None:
        await plant.begin(self.NEEDS, notify(DB, "oncall"))
        await plant.see(x=11)
        await plant.answer()
        await plant.see(db=11)
        await plant.wait(10 * MINUTE)
        assert len(await plant.outbox(DeliveryKind.CALL)) == 1
        await plant.see(db=1, x=11)
        await plant.wait(2 * MINUTE)
        assert len(await plant.outbox(DeliveryKind.CALL)) == 2

    async def test_only_the_same_labels_depend_on_each_other(self, plant: Plant) -> None:
        app, db = replace(notify(APP, "team"), depends_on=("db",)), replace(notify(DB, "oncall"), by=("site",))
        await plant.begin(app, db)
        readings = [("db", "x", 11.0), ("db", "y", 1.0), ("app", "x", 11.0), ("app", "y", 11.0)]
        now = plant.clock.time
        await plant.pipeline.handle([Reading(series(n, site=s), now, v) for n, s, v in readings], Polled("a", now))
        assert sorted(await plant.told()) == ["oncall: firing: x firing", "team: firing: y firing"]
        held = plant.pipeline.decider.situation.held
        assert [held(InstanceKey("app", (("site", site),))) for site in "xy"] == ["db", None]

    async def test_a_source_that_is_down_holds_what_depends_on_it(self, plant: Plant) -> None:
        await plant.begin(replace(notify(APP, "team"), depends_on=("b",)))
        now = plant.clock.time
        for _ in range(2):
            await plant.pipeline.handle([], Polled("b", now, "answered 500"))
        await plant.see(x=11)
        assert [line for line in await plant.told() if line.startswith("team")] == []
        await plant.pipeline.handle([], Polled("b", plant.clock.time))
        await plant.see(x=12)
        assert [line for line in await plant.told() if line.startswith("team")] == ["team: firing: x firing"]


STEPS: list[Callable[[Plant], Any]] = [
    lambda plant: plant.see(x=11, db=1),
    lambda plant: plant.see(y=11),
    lambda plant: plant.wait(30 * SECOND),
    lambda plant: plant.silence("site=y", 20 * MINUTE),
    lambda plant: plant.see(z=11, db=11),
    lambda plant: plant.wait(5 * MINUTE),
    lambda plant: plant.see(x=1),
    lambda plant: plant.wait(7 * MINUTE),
    lambda plant: plant.see(db=1),
    lambda plant: plant.see(y=12, z=12),
    lambda plant: plant.wait(30 * MINUTE),
    lambda plant: plant.see(y=1, z=1, db=1),
    lambda plant: plant.wait(10 * MINUTE),
]
SCENE = {
    "route": replace(ROUTE, repeat_interval=20 * MINUTE),
    "inhibit": (InhibitRule(parse_alert_matchers("target=db"), parse_alert_matchers("site=z")),),
}


async def played(folder: Path, restarts: set[int], **scene: Any) -> list[str]:
    folder.mkdir()
    plant = Plant(folder)
    plant.config = configured()
    await plant.start()
    await plant.begin(APP, notify(DB, "oncall", repeat=HOUR), replace(notify(APP, "other"), name="again"), **scene)
    for number, step in enumerate(STEPS):
        await step(plant)
        if number in restarts:
            await plant.restart()
    found = await plant.told()
    transitions = [(t.event, t.key, t.at) for t in await plant.store.transitions(1000)]
    await plant.stop()
    return [*found, *map(str, transitions)]


async def test_a_restart_anywhere_changes_nothing_of_what_is_told(tmp_path: Path) -> None:
    whole = await played(tmp_path / "whole", set(), **SCENE)
    assert len(whole) > 20
    for number in range(len(STEPS)):
        assert await played(tmp_path / str(number), {number}, **SCENE) == whole
    assert await played(tmp_path / "all", set(range(len(STEPS))), **SCENE) == whole


class TestOtherConfigurations:
    async def test_who_was_told_is_told_of_the_end_wherever_the_route_leads_now(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.wait(MINUTE)
        await plant.begin(APP, route=replace(ROUTE, receiver="other"))
        await plant.see(y=11)
        await plant.see(x=1)
        await plant.wait(10 * MINUTE)
        assert sorted((await plant.told())[1:]) == ["other: firing: y firing", "team: resolved: x resolved"]

    async def test_what_nobody_was_told_of_goes_where_it_goes_now(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.begin(APP, route=replace(ROUTE, receiver="other"))
        await plant.wait(10 * MINUTE)
        assert await plant.told() == ["other: firing: x firing"]
        await plant.silence("site=y", HOUR)
        await plant.see(y=11)
        await plant.begin(notify(APP, "team"))
        await plant.wait(2 * HOUR)
        assert (await plant.told())[1:] == ["team: firing: y firing"]

    async def test_where_the_receiver_is_gone_the_alert_goes_elsewhere(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"))
        await plant.see(x=11)
        plant.config = configured(notify(APP, "other"))
        plant.config = replace(plant.config, receivers={"other": plant.config.receivers["other"]})
        await plant.pipeline.use(*plant.compiled())
        await plant.see(x=1)
        assert await plant.told() == [
            "team: firing: x firing",
            "other: firing: x firing",
            "other: resolved: x resolved",
        ]

    async def test_other_times_of_a_route_hold_for_groups_that_are_open(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.wait(MINUTE)
        await plant.begin(APP, route=replace(ROUTE, repeat_interval=10 * MINUTE))
        await plant.wait(11 * MINUTE)
        assert (await plant.told())[1:] == ["team: reminder: x firing"]

    async def test_what_an_earlier_version_told_is_not_told_again(self, plant: Plant) -> None:
        """It remembered the receivers beside the alert, and knew no groups."""
        await plant.begin(notify(APP, "team"))
        await plant.see(x=11)
        (key,) = plant.pipeline.instances()
        state = plant.pipeline.instances()[key]
        told = replace(state, alerts={"slow": replace(state.alerts["slow"], told=("team", "oncall"))})
        groups = plant.pipeline.memory.groups
        await plant.store.commit(
            Commit(
                plant.clock.time,
                instances=[told],
                groups=dict.fromkeys(groups.groups),
                members={name: dict.fromkeys(inside) for name, inside in groups.members.items()},
            )
        )
        await plant.restart()
        await plant.see(x=12)
        await plant.see(x=1)
        assert sorted((await plant.told())[1:]) == ["oncall: resolved: x resolved", "team: resolved: x resolved"]

    async def test_a_removed_target_s_group_says_so(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.wait(MINUTE)
        await plant.begin(DB, route=ROUTE)
        await plant.wait(5 * MINUTE)
        payload = orjson.loads((await plant.outbox())[1].payload)
        assert (payload["reason"], payload["headline"]) == ("resolved", "app: slow is no longer configured")

    async def test_a_removed_alert_is_named(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team"), route=ROUTE)
        await plant.see(x=11)
        await plant.begin(replace(APP, alerts=()), route=ROUTE)
        payload = orjson.loads((await plant.outbox())[1].payload)
        assert (payload["reason"], payload["headline"]) == ("resolved", "App (x): slow is no longer configured")

    async def test_a_decision_that_was_not_committed_left_nothing_behind(self, plant: Plant) -> None:
        await plant.begin(replace(notify(DB, "oncall"), correct=(CorrectRule("off", "cool", 0, 3, MINUTE, ("team",)),)))
        await plant.see(db=11)

        async def lost(_commit: Commit | None) -> bool:
            return False

        (call,) = await plant.store.claim(plant.clock.time, MINUTE, 1, DeliveryKind.CALL)
        before = plant.pipeline.memory.groups.groups
        await plant.pipeline.called(call, "answered 200", None, lost)  # type: ignore[arg-type]
        assert plant.pipeline.memory.groups.groups == before
        await plant.see(db=1)
        assert await plant.told() == ["oncall: firing: db firing", "oncall: resolved: db resolved"]


class TestGraver:
    WORSE = replace(APP, alerts=(replace(APP.alerts[0], worse=(SeverityStep("critical", None, 20),)),))

    async def test_who_knows_of_it_hears_of_it_between_two_looks(self, plant: Plant) -> None:
        await plant.begin(self.WORSE, route=ROUTE)
        await plant.see(x=11, y=11)
        await plant.wait(MINUTE)
        await plant.see(x=21, z=11)
        assert (await plant.told())[1:] == ["team: raised: x,y,z firing"]
        await plant.wait(HOUR)
        assert len(await plant.told()) == 2

    async def test_by_itself_it_stays_one_message(self, plant: Plant) -> None:
        await plant.begin(self.WORSE, route=replace(ROUTE, group_by=("...",), group_wait=0))
        await plant.see(x=11)
        await plant.see(x=21)
        await plant.see(x=1)
        await plant.wait(5 * MINUTE)
        await plant.see(x=21)  # at once as grave
        said = ["team: firing: x firing", "team: raised: x firing", "team: resolved: x resolved"]
        assert await plant.told() == [*said, "team: firing: x firing"]
        told = [orjson.loads(delivery.payload) for delivery in await plant.outbox()]
        assert len({one["group"] for one in told}) == 1
        assert [one["severity"] for one in told] == ["warning", "critical", "critical", "critical"]
        assert "severity" not in told[0]["group_labels"]

    async def test_while_it_is_silenced_nobody_hears_but_afterwards(self, plant: Plant) -> None:
        await plant.begin(notify(self.WORSE, "team"))
        await plant.see(x=11)
        await plant.silence("target=app", HOUR)
        await plant.see(x=21)
        assert len(await plant.told()) == 1
        await plant.wait(HOUR)
        assert (await plant.told())[1:] == ["team: firing: x firing"]

    @pytest.mark.parametrize("between", [(), (1,)])  # it becomes graver, or is back as a graver one
    async def test_a_silenced_one_makes_no_others_be_told_out_of_turn(self, plant: Plant, between: tuple) -> None:
        await plant.begin(self.WORSE, route=ROUTE)
        await plant.see(x=11, y=11)
        await plant.wait(MINUTE)
        await plant.silence('site="x"', HOUR)
        for value in (*between, 21):
            await plant.see(x=value, y=1)
        assert len(await plant.told()) == 1
        await plant.wait(5 * MINUTE)
        assert (await plant.told())[1:] == ["team: resolved: y resolved"]

    async def test_a_silence_of_the_milder_one_holds_no_more(self, plant: Plant) -> None:
        await plant.begin(notify(self.WORSE, "team"))
        await plant.silence("severity=warning", HOUR)
        await plant.see(x=11)
        assert await plant.told() == []
        await plant.see(x=21)
        assert await plant.told() == ["team: raised: x firing"]

    async def test_it_mutes_others_only_while_it_is_as_grave(self, plant: Plant) -> None:
        rule = InhibitRule(parse_alert_matchers("severity=critical"), parse_alert_matchers("target=db"))
        await plant.begin(self.WORSE, notify(replace(DB, alerts=(replace(DB.alerts[0], severity="info"),)), "oncall"),
                          route=ROUTE, inhibit=(rule,))  # fmt: skip
        await plant.see(x=21, db=11)
        assert await plant.told() == []
        await plant.see(x=11)
        assert await plant.told() == ["oncall: firing: db firing"]

    async def test_a_clock_that_was_set_back_stops_no_reminder(self, plant: Plant) -> None:
        await plant.begin(notify(APP, "team", repeat=HOUR))
        await plant.see(x=11)
        plant.clock.time -= 30 * 24 * HOUR
        plant.pipeline.tick(plant.clock.time)
        await plant.pipeline.spool.join()
        await plant.wait(HOUR + SECOND)
        assert (await plant.told())[1:] == ["team: reminder: x firing"]
