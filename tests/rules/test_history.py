"""Which series a history holds, and into which instances they fall."""

from __future__ import annotations

import pytest

from rules.history import History
from rules.model import (
    HOUR,
    LARGEST,
    CalendarPeriod,
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
from tests.rules.world import series


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
        assert of.track(series("x")).horizon == 5 * HOUR

    def test_a_month_is_projected_by_a_year(self):
        target = Target("m", "M", Goal(Measure.SUM, 1, per=CalendarPeriod("month")), Selector("x"))
        of = History(Specs([target], [SourceRule("a", ("x",), None)]))
        of.add(Reading(series("x"), 0, 1.0))
        assert of.track(series("x")).past >= (366 + 31 + 31) * 24 * HOUR
