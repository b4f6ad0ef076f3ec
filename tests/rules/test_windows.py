"""A window that moves on says what its readings say when they are folded anew."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.functions import quantile
from rules.model import Goal, Measure
from rules.tracks import Track

EVER = 1 << 40
VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 0.1, 0.2, 0.3, -0.1, 1.0, 1e16, -1e16, 1e-300, 1e100]),
    st.floats(-1e100, 1e100),
)
AFTER = st.one_of(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(-9, 0))
GOALS = [Goal(measure, where="value > 0.15" if measure is Measure.SHARE else None, quantile=0.9) for measure in Measure]


def expected(goal: Goal, before: list[float], inside: list[float]) -> float | None:
    """What the measure makes of the values inside, those before known too, by its definition alone."""
    risen = [b - a if b >= a else b for a, b in pairwise([*before[-1:], *inside])]
    exact = {Measure.SUM: inside, Measure.MEAN: inside, Measure.INCREASE: risen}.get(goal.measure, [])
    total = float(sum(map(Fraction, exact), Fraction()))
    if goal.measure in {Measure.SUM, Measure.INCREASE}:
        return total
    if goal.measure is Measure.COUNT:
        return float(len(inside))
    if not inside:
        return None
    return {
        Measure.MEAN: lambda: total / len(inside),
        Measure.LAST: lambda: inside[-1],
        Measure.MIN: lambda: min(inside),
        Measure.MAX: lambda: max(inside),
        Measure.SHARE: lambda: sum(value > 0.15 for value in inside) / len(inside),
        Measure.QUANTILE: lambda: quantile(sorted(inside), 0.9),
    }[goal.measure]()


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.measure)
@given(
    steps=st.lists(st.tuples(AFTER, VALUES, st.integers(-1, 3)), min_size=1, max_size=60),
    length=st.integers(1, 12),
)
def test_it_says_what_its_readings_say(goal: Goal, steps: list, length: int) -> None:
    """Most readings come in order, some late, some revise others, and the window is looked at after each."""
    track, known, newest = Track(EVER), dict[int, float]({}), 0
    for after, value, ahead in steps:
        time = max(newest + after, 0)
        newest = max(newest, time)
        track.add(time, value)
        known[time] = nan if value is None else value
        at = newest + ahead
        valued = sorted((time, value) for time, value in known.items() if not isnan(value))
        before = [value for time, value in valued if time < at - length]
        inside = [(time, value) for time, value in valued if at - length <= time < at]
        found = track.window(goal, at - length, at)
        assert found.measure(goal) == expected(goal, before, [value for _, value in inside])
        assert found.last_time == (inside[-1][0] if inside else None)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.measure)
def test_it_moves_over_readings_that_are_no_longer_held(goal: Goal) -> None:
    track = Track(100)
    for time in range(1000):
        track.add(time, float(time % 7))
        found = track.window(goal, time - 49, time + 1).measure(goal)
        inside = [float(one % 7) for one in range(max(time - 49, 0), time + 1)]
        assert found == expected(goal, [float((time - 50) % 7)] if time >= 50 else [], inside)
    assert len(track.times) < 400


def test_windows_of_two_lengths_do_not_disturb_each_other() -> None:
    track, goal = Track(EVER), Goal(Measure.SUM)
    for time in range(50):
        track.add(time, 1.0)
        assert track.window(goal, time - 9, time + 1).total == min(time + 1, 10)
        assert track.window(goal, time - 29, time + 1).total == min(time + 1, 30)
