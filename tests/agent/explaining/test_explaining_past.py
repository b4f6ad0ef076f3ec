"""What muted an alert in the past, and who took it then, out of what is stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.explaining.past import explained_at
from agent.explaining.present import Explained
from rules.inhibition import InhibitRule
from rules.matchers import parse_alert_matchers
from rules.model import HOUR, MINUTE, SECOND, AlertState, EscalationStep, Event, Polled, Reading, Standing
from tests.agent.people import by_ann
from tests.agent.test_pipeline_muting import APP, DB, ROUTE, Plant, configured, notify
from tests.agent.test_pipeline_seams import ruled
from tests.rules.world import series

RULE = InhibitRule(tuple(parse_alert_matchers("target=db")), tuple(parse_alert_matchers("target=app")))


async def then(plant: Plant, at: int, target: str = "app") -> Explained:
    (found,) = await explained_at(plant.store, plant.config, target, at)
    return found


async def muted(plant: Plant, at: int) -> str:
    return (await then(plant, at)).told["slow"].muted


class TestSilences:
    async def test_one_that_held_then(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        before = plant.clock.time
        await plant.see(x=12)
        await plant.silence("target=app", 10 * MINUTE)
        await plant.see(x=13)
        during = plant.clock.time
        await plant.wait(20 * MINUTE)
        assert (await muted(plant, during)).startswith("silence s by ann until ")
        assert [await muted(plant, at) for at in (before, plant.clock.time)] == ["", ""]
        assert (await then(plant, during)).told["slow"].already == ()
        assert (await then(plant, plant.clock.time)).told["slow"].already == ("team",)

    async def test_one_that_was_ended_early_held_until_its_end(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        await plant.silence("target=app", HOUR)
        await plant.see(x=12)
        during = plant.clock.time
        (silence,) = plant.pipeline.memory.silences.values()
        await plant.pipeline.silence(replace(silence, ends=during + SECOND), by_ann("expire"))
        await plant.see(x=13)
        assert (await muted(plant, during)).startswith("silence s")
        assert await muted(plant, plant.clock.time) == ""


class TestInhibition:
    async def test_by_an_alert_of_another_target_that_fired_then(self, plant: Plant) -> None:
        await plant.begin(APP, DB, route=ROUTE, inhibit=(RULE,))
        await plant.see(x=11)
        before = plant.clock.time
        await plant.see(db=11, x=12)
        await plant.see(x=12)
        during = plant.clock.time
        await plant.see(db=1)
        await plant.see(x=12)
        assert [await muted(plant, at) for at in (before, during, plant.clock.time)] == ["", "off of db fires", ""]

    async def test_by_one_that_had_fired_long_before(self, plant: Plant) -> None:
        await plant.begin(APP, DB, route=ROUTE, inhibit=(RULE,))
        await plant.see(db=11, x=1)
        await plant.see(30 * 24 * HOUR, x=1)
        await plant.see(x=11)
        during = plant.clock.time
        await plant.see(db=1)
        assert await muted(plant, during) == "off of db fires"

    @pytest.mark.parametrize("own", [True, False])
    async def test_who_was_told_after_it(self, plant: Plant, own: bool) -> None:
        app = notify(APP, "team") if own else APP
        await plant.begin(app, notify(DB, "oncall"), route=replace(ROUTE, group_wait=0), inhibit=(RULE,))
        await plant.see(db=11)
        await plant.see(x=11)
        during = plant.clock.time
        await plant.see(db=1)
        await plant.wait(10 * MINUTE)
        assert (await then(plant, during)).told["slow"].already == ()
        assert (await then(plant, plant.clock.time)).told["slow"].already == ("team",)


class TestAcknowledgements:
    async def test_who_took_it_by_then(self, plant: Plant) -> None:
        escalating = ruled(APP, escalate=(EscalationStep(HOUR, ("oncall",)),))
        await plant.begin(escalating, DB, route=ROUTE)
        await plant.see(x=11, db=11)
        before = plant.clock.time
        await plant.wait(10 * MINUTE)
        (key,) = (key for key in plant.pipeline.instances() if key.target == "app")
        await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge", "on it")])
        at = plant.clock.time
        await plant.wait(2 * HOUR)
        end = plant.clock.time
        await plant.see(x=1)
        await plant.see(x=11)
        found = [await then(plant, one) for one in (before, end, plant.clock.time)]
        taken = [one.found.alerts[0].after.acknowledged for one in found]
        assert [one and (one.by, one.at, one.note) for one in taken] == [None, ("ann", at, "on it"), None]
        assert found[1].found.alerts[0].after.escalated == 0
        assert (await then(plant, end, "db")).found.alerts[0].after.acknowledged is None

    async def test_one_that_was_taken_long_before_is(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        (key,) = plant.pipeline.instances()
        await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge")])
        for _ in range(30):
            await plant.see(24 * HOUR, x=11)
        (part,) = (await then(plant, plant.clock.time)).found.alerts
        assert part.after.state is AlertState.FIRING
        assert part.after.acknowledged is not None
        assert part.after.acknowledged.by == "ann"


class TestSources:
    async def fail(self, plant: Plant, source: str, *, error: str | None = "refused") -> None:
        plant.clock.time += 10 * SECOND
        await plant.pipeline.handle([], Polled(source, plant.clock.time, error))

    @pytest.mark.parametrize("days", [0, 30])
    async def test_what_depends_on_one_that_was_down_was_held_then(self, plant: Plant, days: int) -> None:
        await plant.begin(replace(APP, depends_on=("b",)), route=replace(ROUTE, group_wait=0))
        await plant.see(x=1)
        await self.fail(plant, "b")
        before = plant.clock.time
        await self.fail(plant, "b")
        await plant.see(days * 24 * HOUR + 10 * SECOND, x=11)
        await plant.see(x=12)
        during = plant.clock.time
        await self.fail(plant, "b", error=None)
        await plant.see(x=12)
        await plant.wait(10 * MINUTE)
        found = [await then(plant, at) for at in (before, during, plant.clock.time)]
        assert [one.told["slow"].muted for one in found] == ["", "b is off", ""]
        assert [one.told["slow"].already for one in found] == [(), (), ("team",)]

    async def test_one_that_was_down_told_nothing(self, plant: Plant) -> None:
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        for _ in range(2):
            await self.fail(plant, "a")
        during = plant.clock.time
        await plant.see(x=1)
        found = [await then(plant, at) for at in (during, plant.clock.time)]
        assert [one.found.after.assessment.standing for one in found] == [Standing.NO_DATA, Standing.IN_BAND]
        assert [one.found.alerts[0].after.state for one in found] == [AlertState.FIRING, AlertState.INACTIVE]


class TestWhatTheDaemonNoted:
    """Readings of a time when the daemon was away come when it is back, and it fires then."""

    async def away(self, plant: Plant) -> tuple[int, int]:
        """When the first of them was taken, and when the daemon was back."""
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=1)
        taken = plant.clock.time + 10 * MINUTE
        plant.clock.time += HOUR
        back = plant.clock.time
        late = [Reading(series("app", site="x"), at, 11.0) for at in (taken, back)]
        await plant.pipeline.handle(late, Polled("a", back))
        return taken, back

    async def test_an_alert_fired_when_the_daemon_fired_it(self, plant: Plant) -> None:
        taken, back = await self.away(plant)
        while_away, after = [await then(plant, at) for at in (taken + MINUTE, back + SECOND)]
        assert while_away.missing == ["what the daemon noted of slow by then; it is said by a replay of the readings"]
        (part,) = after.found.alerts
        assert (part.after.state, part.after.since, part.after.fired_at) == (AlertState.FIRING, back, back)
        assert [(change.event, change.at) for change in after.changes] == [(Event.FIRING, back)]
        assert after.missing == []

    async def test_at_that_moment_it_was_another_before(self, plant: Plant) -> None:
        _, back = await self.away(plant)
        (part,) = (await then(plant, back)).found.alerts
        assert (part.before.state, part.after.state) == (AlertState.INACTIVE, AlertState.FIRING)

    async def test_a_replay_is_said_to_be_one_where_nothing_is_noted(self, plant: Plant) -> None:
        _, back = await self.away(plant)
        renamed = replace(APP, alerts=(replace(APP.alerts[0], name="renamed"),))
        plant.config = configured(renamed, route=ROUTE)
        found = await then(plant, back)
        (part,) = found.found.alerts
        assert part.after.state is AlertState.FIRING
        assert found.missing == ["what the daemon noted of renamed by then; it is said by a replay of the readings"]

    async def test_who_took_it_is_known_of_a_firing_that_a_replay_has_otherwise(self, plant: Plant) -> None:
        await self.away(plant)
        (key,) = plant.pipeline.instances()
        await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge")])
        await plant.wait(MINUTE)
        (part,) = (await then(plant, plant.clock.time)).found.alerts
        assert part.after.acknowledged is not None
        assert part.after.acknowledged.by == "ann"

    async def test_an_escalation_was_when_the_daemon_made_it(self, plant: Plant) -> None:
        escalated = replace(APP.alerts[0], escalate=(EscalationStep(20 * MINUTE, ("boss",)),))
        await plant.begin(replace(APP, alerts=(escalated,)), route=ROUTE)
        await plant.see(x=1)
        taken = plant.clock.time + 10 * MINUTE
        plant.clock.time += 30 * MINUTE
        back = plant.clock.time
        late = [Reading(series("app", site="x"), at, 11.0) for at in (taken, back)]
        await plant.pipeline.handle(late, Polled("a", back))
        before = await then(plant, back + MINUTE)
        assert (back + 20 * MINUTE, "slow is escalated") in [(one.at, one.what) for one in before.found.coming]
        await plant.see(20 * MINUTE, x=12)
        changes = (await then(plant, plant.clock.time)).changes
        assert [(one.event, one.at - back) for one in changes] == [(Event.ESCALATED, 20 * MINUTE), (Event.FIRING, 0)]

    async def test_who_took_a_firing_before_has_not_taken_this_one(self, plant: Plant) -> None:
        """Late readings, by which it never ended, are known to the replay alone."""
        await plant.begin(APP, route=ROUTE)
        await plant.see(x=11)
        (key,) = plant.pipeline.instances()
        await plant.pipeline.acknowledge([(key, "slow")], [], [by_ann("acknowledge")])
        await plant.see(x=1)
        ended = plant.clock.time
        await plant.see(x=12)
        late = Reading(series("app", site="x"), ended, 11.0)
        await plant.pipeline.handle([late], Polled("a", plant.clock.time))
        (part,) = (await then(plant, plant.clock.time)).found.alerts
        assert (part.after.state, part.after.acknowledged) == (AlertState.FIRING, None)
