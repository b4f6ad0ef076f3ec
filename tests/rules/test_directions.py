"""How each measure stands before and after the end of its period, for a bound below and a bound above."""

from __future__ import annotations

import pytest

from rules.model import (
    DAY,
    CalendarPeriod,
    FixedPeriod,
    Goal,
    Measure,
    Reading,
    RollingPeriod,
    Selector,
    Standing,
    Target,
)
from rules.words import describe
from tests.rules.world import World, at, series

X = series("x")
MONTH = CalendarPeriod("month")
BEHIND, ON_TRACK, MET, MISSED = Standing.BEHIND, Standing.ON_TRACK, Standing.MET, Standing.MISSED


def of(measure: Measure, **more: object) -> Goal:
    return Goal(measure, where="value >= 10" if measure is Measure.SHARE else None, quantile=0.5, **more)


def stood(goal: Goal, *values: float | None, days: int | None = None) -> Standing:
    """The standing after one value a day from the first of a month of thirty days, with `days` of it gone."""
    start = at("2026-11-01")
    target = Target("t", "T", goal, Selector("x"))
    world = World(target)
    now = start + (len(values) if days is None else days) * DAY
    world.step(now, *[Reading(X, start + i * DAY, value) for i, value in enumerate(values)])
    return world.look(now).assessment.standing


@pytest.mark.parametrize(
    ("measure", "bound", "values", "standing"),
    [
        (Measure.SUM, 100, [10] * 9, ON_TRACK),
        (Measure.SUM, 100, [1] * 9, BEHIND),
        (Measure.SUM, 100, [20] * 5, MET),
        (Measure.SUM, 100, [20] * 5 + [0, -1, 20], ON_TRACK),  # what was reached may be taken back
        (Measure.COUNT, 9, [0] * 9, MET),
        (Measure.INCREASE, 100, [0, 50, 0, 60], MET),
        (Measure.LAST, 100, [30, 60, 100], MET),
        (Measure.LAST, 100, [30, 120, 100], ON_TRACK),  # it fell before, so it may fall again
        (Measure.MAX, 100, [0, 100, 0], MET),
        (Measure.MAX, 100, [0, 99, 0], BEHIND),
        (Measure.MIN, 100, [200, 100, 150], ON_TRACK),
        (Measure.MIN, 100, [200, 99, 150], MISSED),
        (Measure.MEAN, 100, [101] * 9, ON_TRACK),
        (Measure.MEAN, 100, [99] * 9, BEHIND),
        (Measure.SHARE, 0.9, [10] * 9 + [0], ON_TRACK),
        (Measure.SHARE, 0.9, [10] * 8 + [0], BEHIND),
        (Measure.SHARE, 0.9, [None] * 3 + [10] * 9 + [0], ON_TRACK),  # what has no value counts neither way
        (Measure.QUANTILE, 100, [0, 100, 200], ON_TRACK),
        (Measure.QUANTILE, 100, [0, 0, 200], BEHIND),
    ],
)
def test_at_least(measure, bound, values, standing):
    assert stood(of(measure, at_least=bound, per=MONTH), *values) is standing


@pytest.mark.parametrize(
    ("measure", "bound", "values", "standing"),
    [
        (Measure.SUM, 300, [9] * 9, ON_TRACK),
        (Measure.SUM, 300, [11] * 9, BEHIND),
        (Measure.SUM, 300, [101] * 3, MISSED),
        (Measure.SUM, 300, [101] * 3 + [-1], BEHIND),
        (Measure.COUNT, 8, [0] * 9, MISSED),
        (Measure.INCREASE, 100, [0, 50, 0, 60], MISSED),
        (Measure.LAST, 100, [30, 60, 101], BEHIND),
        (Measure.MAX, 100, [0, 101, 0], MISSED),
        (Measure.MAX, 100, [0, 100, 0], ON_TRACK),
        (Measure.MIN, 100, [200, 100, 200], MET),
        (Measure.MIN, 100, [200, 101, 200], BEHIND),
        (Measure.MEAN, 100, [100] * 9, ON_TRACK),
        (Measure.MEAN, 100, [101] * 9, BEHIND),
        (Measure.SHARE, 0.1, [0] * 9 + [10], ON_TRACK),
        (Measure.SHARE, 0.1, [0] * 8 + [10], BEHIND),
        (Measure.QUANTILE, 100, [0, 100, 200], ON_TRACK),
        (Measure.QUANTILE, 100, [0, 101, 200], BEHIND),
    ],
)
def test_at_most(measure, bound, values, standing):
    assert stood(of(measure, at_most=bound, per=MONTH), *values) is standing


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize(
    ("low", "high", "standing"), [(0, None, MET), (None, 1e9, MET), (1e9, None, MISSED), (None, -1e9, MISSED)]
)
def test_at_its_end_a_period_is_met_or_missed(measure, low, high, standing):
    november = FixedPeriod(at("2026-11-01"), at("2026-12-01"))
    assert stood(of(measure, at_least=low, at_most=high, per=november), *[10.0] * 30) is standing
    rolling = of(measure, at_least=low, at_most=high, per=RollingPeriod(7 * DAY))
    assert stood(rolling, *[10.0] * 30) is standing


def test_of_two_bounds_both_have_to_be_kept_to_the_end():
    both = of(Measure.MAX, at_least=50, at_most=100, per=MONTH)
    assert stood(both, 60, 70, 80) is ON_TRACK
    assert stood(both, 60, 70, 101) is MISSED


def test_a_share_is_said_in_percent():
    goal = of(Measure.SHARE, at_least=0.999, per=RollingPeriod(30 * DAY))
    target = Target("t", "T", goal, Selector("x"), unit="probes")
    world = World(target)
    start = at("2026-11-01")
    world.step(start, *[Reading(X, start - i * 60_000_000, 0.0 if i == 7 else 10.0) for i in range(1, 2001)])
    said = describe(target, world.look(start).assessment, start)
    assert said == "met: 99.95 % of at least 99.9 %"


def test_a_value_that_grows_by_nothing_is_beside_its_bound():
    goal = of(Measure.QUANTILE, at_most=300, per=MONTH)
    target = Target("t", "T", goal, Selector("x"), unit="ms")
    world = World(target)
    now = at("2026-11-16")
    world.step(now, *[Reading(X, at("2026-11-01") + i * DAY, 300.4) for i in range(15)])
    assert describe(target, world.look(now).assessment, now) == "behind: 300.4 of at most 300 ms"
