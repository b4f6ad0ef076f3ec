"""Which series a history holds, and into which instances they fall."""

from __future__ import annotations

import pytest

from rules.history import History
from rules.model import (
    DAY,
    HOUR,
    LARGEST,
    CalendarPeriod,
    Combine,
    Goal,
    InstanceKey,
    Measure,
    Reading,
    RollingPeriod,
    Selector,
    Series,
    SourceRule,
    Target,
)
from rules.specs import Specs
from rules.tracks import Added
from tests.rules.world import World, series


def history(**changes) -> History:
    target = Target("t", "T", Goal(Measure.SUM, 1, per=CalendarPeriod("day")), Selector("x"), **changes)
    return History(Specs([target], [SourceRule("a", ("x",), None)]))


class TestHistory:
    def test_series_fall_into_instances_in_the_order_they_appeared(self):
        of = history(by=("room",))
        for room in ("b", "a"):
            assert of.add(Reading(series("x", room=room), 0, 1.0)) is Added.NEW
        assert list(of.instances_of_target("t")) == [InstanceKey("t", (("room", room),)) for room in ("b", "a")]
        assert of.series(InstanceKey("t", (("room", "a"),))) == [series("x", room="a")]
        assert len(of.tracks(InstanceKey("t", (("room", "b"),)))) == 1

    def test_a_target_that_is_not_split_is_there_without_readings(self):
        assert list(history().instances_of_target("t")) == [InstanceKey("t")]
        assert history().series(InstanceKey("t")) == []

    def test_a_series_nobody_reads_is_out_of_view(self):
        of = history()
        assert of.add(Reading(Series("y"), 0, 1.0)) is Added.OUT_OF_VIEW
        with pytest.raises(KeyError):
            of.track(Series("y"))

    @pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf"), 1e308, -2 * LARGEST])
    def test_what_is_no_number_is_no_value(self, value):
        of = history()
        of.add(Reading(series("x"), 0, value))
        assert of.track(series("x")).newest == (0, None)

    def test_the_horizon_is_the_longest_anybody_needs(self):
        targets = [
            Target(f"t{i}", "T", Goal(Measure.SUM, 1, per=RollingPeriod(length)), Selector("x"))
            for i, length in enumerate((HOUR, 5 * HOUR, 2 * HOUR))
        ]
        of = History(Specs(targets, [SourceRule("a", ("x",), None)]))
        of.add(Reading(series("x"), 0, 1.0))
        assert of.track(series("x")).horizon == 5 * HOUR * 9 // 8

    def test_a_month_is_projected_by_a_year(self):
        target = Target("m", "M", Goal(Measure.SUM, 1, per=CalendarPeriod("month")), Selector("x"))
        of = History(Specs([target], [SourceRule("a", ("x",), None)]))
        of.add(Reading(series("x"), 0, 1.0))
        assert of.track(series("x")).past >= (366 + 31 + 31) * 24 * HOUR

    def test_a_rolling_period_reaches_back_over_its_window_wherever_that_ends(self):
        """It may end two usual distances before now, and a restart reads as far back from now as the reach is."""
        target = Target("r", "R", Goal(Measure.SUM, 60, per=RollingPeriod(30 * DAY)), Selector("x"))
        world, again = World(target), World(target)
        readings = [Reading(series("x"), day * DAY, 2.0) for day in range(61)]
        now = readings[-1].time + 3 * DAY - HOUR
        world.step(now, *readings)
        reach = world.specs.reach("x").horizon
        again.step(now, *[reading for reading in readings if reading.time >= now - reach])
        found = world.look(now, "r").assessment
        assert found.value == 60
        assert again.look(now, "r").assessment == found

    def test_which_of_equal_series_counts_does_not_hang_on_which_came_first(self):
        goal = Goal(Measure.MAX, 5, per=CalendarPeriod("day"))
        target = Target("t", "T", goal, Selector("x"), combine=Combine.LAST)
        readings = [Reading(series("x", room=room), 0, value) for room, value in (("a", 1.0), ("b", 9.0))]
        readings += [Reading(series("x", room=room), HOUR, 2.0) for room in "ab"]
        found = []
        for order in (readings, readings[::-1]):
            world = World(target)
            world.step(2 * HOUR, *order)
            found.append(world.look(2 * HOUR).assessment.value)
        assert found[0] == found[1]
