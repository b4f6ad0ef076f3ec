"""Goals whose number is looked up: in a table by period, or in another series."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    AlertRule,
    CalendarPeriod,
    Combine,
    FixedPeriod,
    Goal,
    InstanceKey,
    Matcher,
    Measure,
    Often,
    PeriodTable,
    Polled,
    Reading,
    RollingPeriod,
    Selector,
    Series,
    SourceRule,
    Standing,
    Target,
)
from rules.periods import bounds, is_period_name, period_name
from rules.words import describe
from tests.rules.world import World, at, series

X, PLAN = series("x"), series("plan")
MONTH = CalendarPeriod("month")
ALERTS = (AlertRule("behind", Standing.BEHIND), AlertRule("missed", Standing.MISSED), AlertRule("met", Standing.MET))


def target(goal: Goal, **more: object) -> Target:
    return Target("t", "T", goal, **{"selector": Selector("x"), "alerts": ALERTS, **more})


def planned(measure: Measure = Measure.SUM, **more: object) -> Goal:
    return Goal(measure, per=MONTH, at_least_from=Selector("plan"), **more)


def daily(first: str, *values: float, of: object = X) -> list[Reading]:
    return [Reading(of, at(first) + i * DAY, value) for i, value in enumerate(values)]


class TestATable:
    goal = Goal(Measure.SUM, per=MONTH, at_least_from=PeriodTable({"2026-01": 100.0, "2026-02": 400.0}))

    def test_each_period_has_its_number(self):
        world = World(target(self.goal))
        assert world.step(at("2026-01-20"), *daily("2026-01-01", *[10] * 19)) == ["met firing"]
        assert world.look(at("2026-01-20")).assessment.at_least == 100
        # January was met; in February four times as much is wanted.
        world.step(at("2026-02-15"), *daily("2026-01-20", *[10] * 26))
        found = world.look(at("2026-02-15")).assessment
        assert (found.standing, found.at_least, found.value) == (Standing.BEHIND, 400, 14 * 10)

    def test_the_period_before_is_missed_by_its_own_number(self):
        world = World(target(self.goal))
        world.step(at("2026-01-31"), *daily("2026-01-01", *[3] * 30))
        told = world.step(at("2026-02-01 12:00"), *daily("2026-01-31", 3, 3))
        assert told == ["behind resolved", "missed firing"]
        assert world.transitions[-1].assessment.at_least == 100

    def test_a_period_without_a_number_has_no_verdict(self):
        world = World(target(self.goal))
        world.step(at("2026-02-15"), *daily("2026-02-01", *[1] * 14))
        world.step(at("2026-03-20"), *daily("2026-03-01", *[9] * 19))
        found = world.look(at("2026-03-20")).assessment
        assert (found.standing, found.hold, found.reason) == (Standing.NO_DATA, True, "no goal for 2026-03")
        assert (found.value, found.at_least, found.progress) == (171, None, None)
        assert describe(world.specs.targets["t"], found, 0) == "no data: no goal for 2026-03, last value 171"

    def test_a_period_before_the_table_begins_is_passed_over(self):
        world = World(target(self.goal))
        world.step(at("2025-12-20"), *daily("2025-12-01", *[1] * 19))
        world.step(at("2026-01-02"), *daily("2025-12-20", *[1] * 13))
        found = world.look(at("2026-01-02")).assessment
        assert (found.standing, found.at_least, found.start) == (Standing.BEHIND, 100, at("2026-01-01"))

    def test_a_number_for_all_others(self):
        goal = replace(self.goal, at_least_from=PeriodTable({"2026-01": 100.0}, default=7.0))
        world = World(target(goal))
        world.step(at("2026-07-20"), *daily("2026-07-01", *[1] * 19))
        assert world.look(at("2026-07-20")).assessment.at_least == 7

    @pytest.mark.parametrize(
        ("unit", "moment", "name"),
        [
            ("day", "2028-02-29 23:00", "2028-02-29"),
            ("week", "2027-01-03 12:00", "2026-W53"),
            ("week", "2024-12-30", "2025-W01"),
            ("month", "2026-10-25 02:30", "2026-10"),
            ("quarter", "2026-12-31 23:59", "2026-Q4"),
            ("year", "2026-01-01", "2026"),
        ],
    )
    def test_what_a_period_is_called(self, unit, moment, name):
        zone = "Europe/Amsterdam"
        start, _ = bounds(CalendarPeriod(unit), at(moment, zone), zone)
        assert period_name(unit, start, zone) == name
        assert is_period_name(unit, name)

    @pytest.mark.parametrize(
        ("unit", "text"),
        [
            ("day", "2026-02-29"), ("day", "2026-1-1"), ("week", "2025-W53"), ("week", "2026-W00"), ("month", "2026-13"),
            ("month", "2026"), ("quarter", "2026-Q5"), ("year", "26"), ("hour", "2026-01-01"), ("month", "２０２６-01"),
        ],
    )  # fmt: skip
    def test_what_none_is_called(self, unit, text):
        assert not is_period_name(unit, text)


class TestASeries:
    def test_its_newest_value_in_the_period_counts(self):
        world = World(target(planned()))
        world.step(at("2026-03-20"), Reading(PLAN, at("2026-03-01"), 100.0), *daily("2026-03-01", *[9] * 19))
        found = world.look(at("2026-03-20")).assessment
        assert (found.standing, found.at_least, found.progress) == (Standing.MET, 100, 1.71)

    def test_a_later_plan_changes_the_verdict_at_once(self):
        world = World(target(planned()))
        world.step(at("2026-03-20"), Reading(PLAN, at("2026-03-01"), 100.0), *daily("2026-03-01", *[9] * 19))
        told = world.step(at("2026-03-20") + 1, Reading(PLAN, at("2026-03-01"), 1000.0), due=[])
        assert told == ["behind firing", "met resolved"]

    def test_without_one_in_the_period_the_last_before_it(self):
        world = World(target(planned()))
        world.step(at("2026-03-20"), Reading(PLAN, at("2026-01-01"), 100.0), *daily("2026-03-01", *[9] * 19))
        assert world.look(at("2026-03-20")).assessment.at_least == 100

    def test_a_plan_for_a_year_ahead(self):
        plan = [Reading(PLAN, at(f"2026-{month:02}-01"), float(month)) for month in range(1, 13)]
        world = World(target(planned()))
        world.step(at("2026-01-01"), *plan)
        world.step(at("2026-03-20"), *daily("2026-03-01", *[9] * 19))
        assert world.look(at("2026-03-20")).assessment.at_least == 3

    def test_missing_there_is_no_verdict_and_it_is_said(self):
        world = World(target(planned()))
        assert world.step(at("2026-03-20"), *daily("2026-03-01", *[1] * 19)) == []
        found = world.look(at("2026-03-20")).assessment
        assert (found.standing, found.hold, found.reason) == (Standing.NO_DATA, True, "plan has no value yet")
        assert found.value == 19

    @pytest.mark.parametrize("value", [None, float("nan")])
    def test_one_without_a_value_is_passed_over(self, value):
        world = World(target(planned()))
        plan = [Reading(PLAN, at("2026-03-01"), 100.0), Reading(PLAN, at("2026-03-02"), value)]
        world.step(at("2026-03-20"), *plan, *daily("2026-03-01", *[9] * 19))
        assert world.look(at("2026-03-20")).assessment.at_least == 100

    def test_the_plan_is_not_measured(self):
        goal = Goal(Measure.SUM, per=MONTH, at_least_from=Selector("x", (Matcher("kind", "=", "plan"),)))
        world = World(target(goal))
        plan = Reading(series("x", kind="plan"), at("2026-03-01"), 100.0)
        world.step(at("2026-03-20"), plan, *daily("2026-03-01", *[2] * 19))
        found = world.look(at("2026-03-20")).assessment
        assert (found.value, found.at_least) == (38, 100)

    def test_a_plan_is_no_sign_of_life(self):
        world = World(target(planned()))
        world.step(at("2026-03-20"), *daily("2026-03-01", *[2] * 19))
        seen = world.look(at("2026-03-20")).seen
        world.step(at("2026-03-21"), Reading(PLAN, at("2026-03-21"), 1.0))
        assert world.look(at("2026-03-21")).seen == seen

    def test_a_plan_that_can_not_be_read_is_the_last_one_known(self):
        rules = [SourceRule("a", ("x",), MINUTE), SourceRule("b", ("plan",), MINUTE)]
        world = World(target(planned()), sources=rules)
        now = at("2026-03-20")
        plan = Reading(Series("plan", (("source", "b"),)), at("2026-03-01"), 100.0)
        world.step(now, plan, *daily("2026-03-01", *[9] * 19), polls=[Polled("a", now)])
        for second in (1, 2):
            world.step(now + second, polls=[Polled("b", now + second, "status 500")])
        assert world.look(now + 3).assessment.standing is Standing.MET
        assert (world.specs.targets_of("b"), world.specs.sources_of("t")) == (("t",), ("a",))

    @pytest.mark.parametrize("per", [RollingPeriod(7 * DAY), FixedPeriod(at("2026-03-01"), at("2026-04-01"))])
    def test_other_periods(self, per):
        world = World(target(replace(planned(), per=per)))
        world.step(at("2026-03-20"), Reading(PLAN, at("2026-03-01"), 100.0), *daily("2026-03-01", *[20] * 19))
        found = world.look(at("2026-03-20")).assessment
        assert (found.standing, found.at_least) == (Standing.MET, 100)

    def test_an_upper_bound(self):
        world = World(target(Goal(Measure.SUM, per=MONTH, at_most_from=Selector("plan"))))
        told = world.step(at("2026-03-20"), Reading(PLAN, at("2026-03-01"), 200.0), *daily("2026-03-01", *[9] * 19))
        assert told == ["behind firing"]
        found = world.look(at("2026-03-20")).assessment
        assert found.required_rate == pytest.approx((200 - 171) / 12)


class TestSeveralSeries:
    """`by` joins a plan to the instances that have its labels."""

    def world(self, goal: Goal | None = None, **more: object) -> World:
        return World(target(goal or planned(), by=("site",), **more))

    def at_least(self, world: World, site: str) -> float | None:
        return world.look(at("2026-03-20"), site=site).assessment.at_least

    def fed(self, world: World, *plans: Reading) -> World:
        rows = [row for site in ("a", "b") for row in daily("2026-03-01", *[9] * 19, of=series("x", site=site))]
        world.step(at("2026-03-20"), *plans, *rows)
        return world

    def test_each_instance_has_its_own(self):
        plans = [Reading(series("plan", site=site, kind="k"), at("2026-03-01"), n) for site, n in (("a", 5), ("b", 7))]
        world = self.fed(self.world(), *plans)
        assert [self.at_least(world, site) for site in ("a", "b")] == [5, 7]
        assert set(world.states.instances) == {InstanceKey("t", (("site", site),)) for site in ("a", "b")}

    def test_one_without_the_label_serves_all_but_those_with_their_own(self):
        plans = [Reading(PLAN, at("2026-03-01"), 3), Reading(series("plan", site="b"), at("2026-03-01"), 7)]
        world = self.fed(self.world(), *plans)
        assert [self.at_least(world, site) for site in ("a", "b")] == [3, 7]

    def test_a_plan_that_comes_first_makes_no_instance_and_waits(self):
        world = self.world()
        world.step(at("2026-03-02"), Reading(PLAN, at("2026-03-01"), 3))
        assert world.states.instances == {}
        assert self.at_least(self.fed(world), "a") == 3

    def test_several_add_up_where_the_numbers_do(self):
        plans = [Reading(series("plan", site="a", shop=shop), at("2026-03-01"), 4) for shop in "xyz"]
        assert self.at_least(self.fed(self.world(), *plans), "a") == 12
        mean = self.fed(self.world(planned(Measure.MEAN)), *plans)
        found = mean.look(at("2026-03-20"), site="a").assessment
        assert found.reason == "plan means 3 series; say which with labels, or how with `combine`"
        best = self.fed(self.world(planned(Measure.MEAN), combine=Combine.MAX), *plans)
        assert self.at_least(best, "a") == 4


class TestALevel:
    goal = Goal(at_least_from=Selector("plan"))
    alerts = (AlertRule("out", Standing.OUT_OF_BAND),)

    def test_the_newest_value_against_the_newest_plan(self):
        world = World(target(self.goal, alerts=self.alerts))
        now = at("2026-03-01")
        assert world.step(now, Reading(X, now, 15.0)) == []
        assert world.look(now).assessment.reason == "plan has no value yet"
        assert world.step(now + 1, Reading(PLAN, now, 20.0)) == ["out firing"]
        assert world.step(now + 2, Reading(PLAN, now + 2, 10.0)) == ["out resolved"]

    def test_a_plan_known_ahead_counts_from_its_time(self):
        world = World(target(self.goal, alerts=self.alerts))
        now = at("2026-03-01")
        plan = [Reading(PLAN, now + i * HOUR, 10.0 + i) for i in range(100)]
        world.step(now, *plan, Reading(X, now, 15.0))
        state = world.look(now + MINUTE)
        assert (state.assessment.standing, state.assessment.at_least) == (Standing.IN_BAND, 10)
        assert state.wake == now + HOUR
        assert world.step(now + 5 * HOUR) == []
        assert world.step(now + 6 * HOUR) == ["out firing"]

    def test_readings_of_one_batch_are_held_against_the_plan_of_their_time(self):
        world = World(target(self.goal, alerts=self.alerts))
        now = at("2026-03-01")
        world.step(now, Reading(PLAN, now, 10.0), Reading(PLAN, now + HOUR, 20.0), Reading(X, now, 15.0))
        batch = [Reading(X, now + MINUTE, 15.0), Reading(X, now + HOUR, 15.0), Reading(X, now + HOUR + 1, 25.0)]
        assert world.step(now + HOUR + 1, *batch) == ["out firing", "out resolved"]

    def test_so_many_of_the_last_readings_are_each_held_against_the_plan_of_their_time(self):
        often = AlertRule("out", Standing.OUT_OF_BAND, often=Often(2, 3))
        world = World(target(self.goal, alerts=(often,)))
        now = at("2026-03-01")
        world.step(now, Reading(PLAN, now, 20.0), Reading(X, now, 15.0))
        assert world.step(now + HOUR, Reading(PLAN, now + HOUR, 10.0), Reading(X, now + HOUR, 15.0)) == []
        assert world.step(now + 2 * HOUR, Reading(X, now + 2 * HOUR, 5.0)) == ["out firing"]

    def test_of_several_series(self):
        world = World(target(self.goal, combine=Combine.SUM))
        now = at("2026-03-01")
        world.step(now, *[Reading(series("x", room=room), now, 8.0) for room in "ab"], Reading(PLAN, now, 15.0))
        assert world.look(now).assessment.standing is Standing.IN_BAND


_rows = st.lists(
    st.tuples(st.sampled_from(["x", "plan"]), st.integers(0, 60), st.none() | st.integers(0, 50).map(float)),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(_rows, st.data(), st.sampled_from([MONTH, None]))
def test_any_order_of_arrival_gives_the_result_computed_from_scratch(rows, data, per):
    now, start = at("2026-03-20"), at("2026-02-01")
    final = {(name, day): Reading(series(name), start + day * DAY, value) for name, day, value in rows}
    goal = Goal(Measure.SUM if per else Measure.LAST, per=per, at_least_from=Selector("plan"))
    arrived, scratch = World(target(goal)), World(target(goal))
    for i, reading in enumerate(data.draw(st.permutations(list(final.values())))):
        arrived.step(now - 60 * MINUTE + i, reading)
    scratch.step(now, *[final[key] for key in sorted(final)])
    assert arrived.look(now).assessment == scratch.look(now).assessment
