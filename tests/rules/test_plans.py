"""The expected course of a period: straight, as a plan says, or by the usual weekdays."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.model import (
    DAY,
    HOUR,
    CalendarPeriod,
    FixedPeriod,
    Goal,
    Measure,
    Reading,
    Selector,
    Standing,
    Target,
)
from rules.plans import Way, course, value_at
from rules.projection import Projector
from rules.tracks import Track
from tests.rules.world import World, at, series

X, PLAN, OTHER = series("x"), series("plan"), series("plan", site="other")
MONTH = CalendarPeriod("month")
START, END = at("2026-06-01"), at("2026-07-01")  # a Monday, thirty days
PLANNED = Goal(Measure.SUM, 300.0, per=MONTH, plan=Selector("plan"))


def track(*values: float | None, start: int = START, every: int = DAY) -> Track:
    made = Track(1000 * DAY)
    for i, value in enumerate(values):
        made.add(start + i * every, value)
    return made


def way(goal: Goal, *planned: Track, tracks: tuple[Track, ...] = (), covered: int = END, zone: str = "UTC") -> Way:
    return Way(goal, (START, END), tracks, planned, zone, covered, Projector())


def daily(first: str, *values: float | None, of: object = X) -> list[Reading]:
    return [Reading(of, at(first) + i * DAY, value) for i, value in enumerate(values)]


class TestALine:
    LINE = ((0, 0.0), (10, 5.0), (20, 5.0), (40, 9.0))

    @pytest.mark.parametrize(
        ("time", "value"), [(-5, 0), (0, 0), (5, 2.5), (10, 5), (15, 5), (30, 7), (40, 9), (50, 9)]
    )
    def test_its_value(self, time, value):
        assert value_at(self.LINE, time) == value

    def test_straight_to_the_goal(self):
        assert course(way(Goal(Measure.SUM, per=MONTH)), 60.0) == ((START, 0.0), (END, 60.0))

    @pytest.mark.parametrize("measure", [Measure.MEAN, Measure.LAST, Measure.MAX])
    def test_none_for_what_has_no_steady_pace(self, measure):
        assert course(way(Goal(measure, per=MONTH)), 60.0) == ()


class TestAPlan:
    def test_it_is_scaled_to_the_goal(self):
        line = course(way(PLANNED, track(*[2.0] * 15, *[4.0] * 15)), 300.0)
        assert line[0] == (START, 0.0)
        assert line[-1] == (END, pytest.approx(300))
        assert value_at(line, START + 15 * DAY) == pytest.approx(100)
        assert value_at(line, START + 15 * DAY + DAY // 2) == pytest.approx(100 + 20 / 3)

    def test_one_not_known_to_the_end_is_taken_as_it_is(self):
        line = course(way(PLANNED, track(*[2.0] * 10)), 300.0)
        assert (value_at(line, START + 5 * DAY), value_at(line, END)) == (10, 20)

    def test_one_reading_is_for_the_whole_period(self):
        assert course(way(PLANNED, track(7.0)), 300.0) == ((START, 0.0), (END, 300.0))

    def test_weekly_readings_begin_where_they_begin(self):
        line = course(way(PLANNED, track(1.0, 1.0, 2.0, start=START + 9 * DAY, every=7 * DAY)), 300.0)
        assert value_at(line, START + 9 * DAY) == 0
        assert value_at(line, START + 16 * DAY) == 75

    def test_several_add_up(self):
        line = course(way(PLANNED, track(*[1.0] * 30), track(4.0, 2.0, every=15 * DAY)), 72.0)
        assert value_at(line, START + 15 * DAY) == pytest.approx(15 * 2 + 8)

    def test_without_readings_there_is_no_course(self):
        assert course(way(PLANNED), 300.0) == ()
        assert course(way(PLANNED, track(1.0, start=START - DAY)), 300.0) == ()
        assert course(way(PLANNED, track(None, None)), 300.0) == ()

    def test_of_a_number_that_is_read(self):
        goal = Goal(Measure.LAST, 300.0, per=MONTH, plan=Selector("plan"))
        line = course(way(goal, track(*[float(10 * i) for i in range(31)])), 600.0)
        assert (value_at(line, START + 10 * DAY), value_at(line, END)) == (200, 600)

    @given(st.lists(st.none() | st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 40 * 24))
    def test_it_never_falls_nor_ends_elsewhere_than_at_the_goal(self, values, every):
        line = course(way(PLANNED, track(*values, every=every * HOUR)), 300.0)
        assert [time for time, _ in line] == sorted({time for time, _ in line})
        steps = [value for _, value in line]
        assert all(a <= b + 1e-6 for a, b in pairwise(steps))
        if line:
            assert (line[0], line[-1][0]) == ((START, 0.0), END)


class TestWeekdays:
    GOAL = Goal(Measure.SUM, 300.0, per=MONTH, weekdays=True)

    def values(self, days: int) -> list[float]:
        return [0.0 if i % 7 > 4 else 10.0 for i in range(days)]

    def test_quiet_week_ends(self):
        past = track(*self.values(56), start=START - 56 * DAY)
        line = course(way(self.GOAL, tracks=(past,), covered=START + DAY), 220.0)
        assert value_at(line, START + 5 * DAY) == pytest.approx(50, abs=2)
        assert value_at(line, START + 7 * DAY) - value_at(line, START + 5 * DAY) < 2
        assert value_at(line, END) == pytest.approx(220)  # 22 working days

    def test_straight_while_two_weeks_are_not_known(self):
        past = track(*self.values(13), start=START - 13 * DAY)
        assert course(way(self.GOAL, tracks=(past,), covered=START), 300.0) == ((START, 0.0), (END, 300.0))

    def test_the_period_itself_teaches_where_nothing_was_before(self):
        own = track(*self.values(15))
        line = course(way(self.GOAL, tracks=(own,), covered=START + 15 * DAY), 220.0)
        assert value_at(line, START + 7 * DAY) == pytest.approx(50, abs=4)

    def test_local_days_over_a_change_of_the_clocks(self):
        zone = "Europe/Amsterdam"
        start, end = at("2026-03-23", zone), at("2026-04-06", zone)
        past = Track(1000 * DAY)
        for day in range(56):
            local = at("2026-01-26", zone) + day * DAY
            past.add(local + 23 * HOUR, 0.0 if day % 7 > 4 else 10.0)
        goal = Goal(Measure.SUM, per=FixedPeriod(start, end), weekdays=True)
        line = course(Way(goal, (start, end), (past,), (), zone, start, Projector()), 100.0)
        assert [value_at(line, at(day, zone)) for day in ("2026-03-28", "2026-03-30", "2026-04-04")] == [
            pytest.approx(n, abs=2) for n in (50, 50, 100)
        ]


class TestStanding:
    def world(self, goal: Goal) -> World:
        return World(Target("t", "T", goal, Selector("x")))

    def test_on_its_plan_nothing_is_behind(self):
        """Most of it is planned for the end: a straight line would call it far behind."""
        world = self.world(PLANNED)
        plan = daily("2026-06-01", *[1.0] * 20, *[28.0] * 10, of=PLAN)
        world.step(at("2026-06-11"), *plan, *daily("2026-06-01", *[1.0] * 10))
        found = world.look(at("2026-06-11")).assessment
        assert (found.standing, found.pace, found.expected) == (Standing.TOO_EARLY, None, None)
        world.step(at("2026-06-22"), *daily("2026-06-11", *[1.0] * 10, 28.0))
        found = world.look(at("2026-06-22")).assessment
        assert (found.standing, found.pace) == (Standing.ON_TRACK, pytest.approx(1))
        assert (found.expected, found.projection.value) == (pytest.approx(48), pytest.approx(300))

    def test_a_budget_that_runs_ahead_of_its_plan(self):
        world = self.world(Goal(Measure.SUM, at_most=300.0, per=MONTH, plan=Selector("plan")))
        plan = daily("2026-06-01", *[10.0] * 30, of=PLAN)
        world.step(at("2026-06-16"), *plan, *daily("2026-06-01", *[12.0] * 15))
        found = world.look(at("2026-06-16")).assessment
        assert (found.standing, found.pace) == (Standing.BEHIND, pytest.approx(1.2))

    def test_a_number_that_is_read_is_held_against_the_plan_of_its_time(self):
        world = self.world(Goal(Measure.LAST, 290.0, per=MONTH, plan=Selector("plan")))
        plan = daily("2026-06-01", *[float(10 * i) for i in range(30)], of=PLAN)
        world.step(at("2026-06-16 12:00"), *plan, *daily("2026-06-01", *[8.0 * i for i in range(16)]))
        found = world.look(at("2026-06-16 12:00")).assessment
        assert (found.value, found.expected, found.pace) == (120, pytest.approx(150), pytest.approx(0.8))
        assert (found.standing, found.projection.value) == (Standing.BEHIND, pytest.approx(232))

    def test_by_the_weekdays_of_the_weeks_before(self):
        world = self.world(Goal(Measure.SUM, 220.0, per=MONTH, weekdays=True))
        rows = daily("2026-04-06", *[0.0 if i % 7 > 4 else 10.0 for i in range(56 + 7)])
        world.step(at("2026-06-08"), *rows)
        found = world.look(at("2026-06-08")).assessment
        assert (found.value, found.expected, found.pace) == (50, pytest.approx(50, abs=2), pytest.approx(1, abs=0.05))

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(0, 80), st.none() | st.integers(0, 40).map(float)), max_size=60),
        st.data(),
        st.sampled_from([PLANNED, TestWeekdays.GOAL]),
    )
    def test_any_order_of_arrival_gives_the_result_computed_from_scratch(self, rows, data, goal):
        first, now = at("2026-04-15"), at("2026-06-20")
        final = {(plan, day): Reading(PLAN if plan else X, first + day * DAY, value) for plan, day, value in rows}
        arrived, scratch = self.world(goal), self.world(goal)
        for i, reading in enumerate(data.draw(st.permutations(list(final.values())))):
            arrived.step(now - 100 + i, reading)
        scratch.step(now, *[final[one] for one in sorted(final)])
        assert arrived.look(now).assessment == scratch.look(now).assessment

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from([PLAN, OTHER]), st.integers(0, 30), st.none() | st.integers(1, 40).map(float)),
            max_size=40,
        ),
        st.sampled_from([PLANNED, replace(PLANNED, measure=Measure.LAST)]),
    )
    def test_a_reading_of_the_plan_that_is_revised_to_have_no_value_was_never_there(self, rows, goal):
        now, first = at("2026-06-20"), at("2026-06-01")
        read = daily("2026-06-01", *[7.0 + i % 3 for i in range(19)])
        planned = [Reading(one, first + day * DAY, 12.0) for one, day, _ in rows]
        final = {(one, day): Reading(one, first + day * DAY, value) for one, day, value in rows}
        revised, scratch = self.world(goal), self.world(goal)
        revised.step(now - 2, *read, *dict.fromkeys(planned))
        revised.step(now - 1, *final.values())
        scratch.step(now - 2, *read)
        scratch.step(now - 1, *[reading for reading in final.values() if reading.value is not None])
        assert revised.look(now).assessment == scratch.look(now).assessment
