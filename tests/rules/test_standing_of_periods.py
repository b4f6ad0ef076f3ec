"""Periods of numbers that are read, that may fall, or that are missing: nothing is claimed that the readings don't say."""

from __future__ import annotations

import pytest

from rules.model import (
    DAY,
    HOUR,
    AlertRule,
    CalendarPeriod,
    FixedPeriod,
    Goal,
    Measure,
    Period,
    Reading,
    Selector,
    Standing,
    Target,
)
from rules.words import describe
from tests.rules.world import World, at, series

X = series("x")
MONTH = CalendarPeriod("month")
SPAN = FixedPeriod(at("2026-11-15"), at("2026-12-05"))  # twenty days


def target(goal: Goal, *alerts: Standing, zone: str = "UTC", **more) -> Target:
    rules = tuple(AlertRule(str(when), when) for when in alerts)
    return Target("t", "T", goal, Selector("x"), alerts=rules, zone=zone, **more)


def daily(first: str, values: list[float | None], hour: int = 0, zone: str = "UTC") -> list[Reading]:
    start = at(first, zone)
    return [Reading(X, start + i * DAY + hour * HOUR, value) for i, value in enumerate(values)]


class TestNumbersThatAreRead:
    @pytest.mark.parametrize("hour", [0, 8, 23])
    @pytest.mark.parametrize("days", [5, 10, 24, 28])
    @pytest.mark.parametrize("later", [1, 12, 30])
    def test_the_month_to_date_exactly_on_pace_is_projected_onto_the_goal(
        self, days: int, hour: int, later: int
    ) -> None:
        world = World(target(Goal(Measure.LAST, at_least=30, per=MONTH), Standing.BEHIND))
        readings = daily("2026-11-01", [float(i + 1) for i in range(days)], hour)
        assert world.step(readings[-1].time + later * HOUR, *readings) == []
        found = world.look(readings[-1].time + later * HOUR).assessment
        assert found.projection is not None
        assert found.projection.value == pytest.approx(30)
        assert found.standing is Standing.ON_TRACK

    def test_one_that_stopped_is_projected_as_slowing(self) -> None:
        world = World(target(Goal(Measure.LAST, at_least=30, per=MONTH)))
        readings = daily("2026-11-01", [float(i + 1) for i in range(10)])
        world.step(readings[-1].time, *readings)
        late = world.look(at("2026-11-20")).assessment
        assert late.projection is not None
        assert 10 < late.projection.value < 25

    def test_a_weight_that_has_to_come_down_says_by_how_much(self) -> None:
        aim = target(Goal(Measure.LAST, at_most=81, per=SPAN), unit="kg")
        world = World(aim)
        readings = daily("2026-11-15", [100.0 - i for i in range(10)])  # 91 after ten days
        world.step(readings[-1].time + DAY, *readings)
        found = world.look(readings[-1].time + DAY).assessment
        assert found.standing is Standing.ON_TRACK  # one a day less reaches 81
        assert found.required_rate == pytest.approx(-1)
        assert "needs -1 a day" in describe(aim, found, readings[-1].time)

    def test_one_that_falls_through_its_bound_is_behind_in_time(self) -> None:
        world = World(target(Goal(Measure.LAST, at_least=90, per=SPAN)))
        readings = daily("2026-11-15", [100.0 - i for i in range(10)])
        world.step(readings[-1].time, *readings)
        assert world.look(readings[-1].time).assessment.standing is Standing.BEHIND


class TestSumsThatFall:
    def test_a_credit_that_grows_is_not_missed_before_its_end(self) -> None:
        world = World(target(Goal(Measure.SUM, at_most=-300, per=SPAN), Standing.MISSED))
        readings = daily("2026-11-15", [-20.0] * 10)
        assert world.step(readings[-1].time + DAY, *readings) == []
        found = world.look(readings[-1].time + DAY).assessment
        assert found.standing is Standing.ON_TRACK
        assert found.projection is not None
        assert found.projection.value == pytest.approx(-400)


class TestMissingValues:
    """A comparison with a missing value is never true."""

    @pytest.mark.parametrize("measure", list(Measure))
    @pytest.mark.parametrize("per", [MONTH, CalendarPeriod("day"), SPAN])
    def test_readings_without_a_value_start_no_alert(self, measure: Measure, per: Period) -> None:
        where = "value == 1" if measure is Measure.SHARE else None
        goal = Goal(measure, at_least=100, per=per, where=where)
        world = World(target(goal, Standing.BEHIND, Standing.MISSED))
        readings = daily("2026-11-15", [None] * 12)
        for reading in readings:
            assert world.step(reading.time + HOUR, reading) == []
        assert world.look(readings[-1].time + HOUR).assessment.standing in {Standing.NO_DATA, Standing.TOO_EARLY}
        assert world.look(SPAN.end + 3 * DAY).assessment.standing is Standing.NO_DATA
        assert world.transitions == []

    def test_nothing_sold_since_is_a_number_all_the_same(self) -> None:
        world = World(target(Goal(Measure.SUM, at_least=100, per=MONTH), Standing.MISSED))
        world.step(at("2026-10-31"), *daily("2026-10-01", [5.0] * 31))
        assert world.look(at("2026-12-09")).assessment.value == 0

    def test_the_first_value_speaks_for_its_period(self) -> None:
        world = World(target(Goal(Measure.SUM, at_least=100, per=MONTH)))
        world.step(at("2026-11-10"), *daily("2026-11-01", [None] * 5 + [20.0] * 5))
        assert world.look(at("2026-11-10")).assessment.value == 100

    @pytest.mark.parametrize("measure", [Measure.SUM, Measure.MEAN, Measure.LAST, Measure.COUNT])
    @pytest.mark.parametrize("since", ["2026-11-01", "2026-10-01"])
    def test_one_whose_readings_are_revised_to_have_none_has_no_data(self, measure: Measure, since: str) -> None:
        """What fires goes on firing; but where no reading ever said anything, nothing fires, as from scratch."""
        world = World(target(Goal(measure, at_least=1_000, per=MONTH), Standing.BEHIND))
        known, month = daily(since, [5.0] * 51)[:-20] if since < "2026-11" else [], daily("2026-11-01", [5.0] * 20)
        assert world.step(at("2026-11-21"), *known, *month) == ["behind firing"]
        none = daily("2026-11-01", [None] * 20)
        ended = [] if known else ["behind resolved"]
        assert [said for reading in none for said in world.step(at("2026-11-21T01:00"), reading)] == ended
        found = world.look(at("2026-11-21T02:00"))
        assert (found.assessment.standing, found.assessment.hold) == (Standing.NO_DATA, True)
        assert world.step(at("2026-11-21T03:00"), *month[:1]) == ([] if known else ["behind firing"])


class TestConditions:
    def test_one_that_misses_a_value_has_no_standing_whatever_it_had_before(self) -> None:
        goal = Goal(condition="avg(x, '1h') > 21 and last(x) < 23")
        readings = [Reading(X, at("2026-11-15T10:00") + i * 600_000_000, v) for i, v in enumerate([25.0, 21.0, 22.0])]
        now = at("2026-11-15T11:40")
        found = []
        for order in (readings, readings[::-1]):
            world = World(target(goal))
            for reading in order:
                world.step(now, reading)
            found.append(world.look(now).assessment.standing)
        world = World(target(goal))
        world.step(now, *readings)
        assert {*found, world.look(now).assessment.standing} == {Standing.NO_DATA}


class TestWhatAReadingCovers:
    """A number for each day covers its day, a number for each hour its hour, at whatever minute it is stamped."""

    @pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam"])
    @pytest.mark.parametrize("hour", [0, 1, 8, 12, 22])
    def test_days_on_pace_are_never_behind(self, hour: int, zone: str) -> None:
        world = World(target(Goal(Measure.SUM, at_least=290, per=MONTH), Standing.BEHIND, zone=zone))
        start = at("2026-03-01", zone)
        for i in range(27):  # up to the night that the clocks change in Amsterdam
            world.step(start + (i + 1) * DAY, Reading(X, start + i * DAY + hour * HOUR, 10.0))
            for later in (6, 12, 18):
                world.step(start + (i + 1) * DAY + later * HOUR, due=list(world.states.instances))
        assert world.transitions == []
        found = world.look(start + 27 * DAY).assessment
        assert found.projection is not None
        assert found.projection.value == pytest.approx(310, rel=0.01)

    @pytest.mark.parametrize("minute", [0, 30, 59])
    def test_hours_too(self, minute: int) -> None:
        world = World(target(Goal(Measure.SUM, at_least=235, per=CalendarPeriod("day")), Standing.BEHIND))
        start = at("2026-03-03")
        for i in range(48):
            world.step(start + (i + 1) * HOUR, Reading(X, start + i * HOUR + minute * 60_000_000, 10.0))
            world.step(start + (i + 1) * HOUR + HOUR // 2, due=list(world.states.instances))
        assert world.transitions == []

    def test_what_is_decided_is_said_while_the_last_readings_are_awaited(self) -> None:
        world = World(target(Goal(Measure.SUM, at_least=100, per=SPAN)))
        world.step(at("2026-12-03"), *daily("2026-11-15", [10.0] * 18))
        assert world.look(SPAN.end + HOUR).assessment.standing is Standing.MET
        short = World(target(Goal(Measure.SUM, at_least=1000, per=SPAN)))
        short.step(at("2026-12-03"), *daily("2026-11-15", [10.0] * 18))
        assert short.look(SPAN.end + HOUR).assessment.standing is Standing.NO_DATA
