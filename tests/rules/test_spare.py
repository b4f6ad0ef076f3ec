"""While a spare holds, the measure is on the side of the bound that it was on; and it holds for long."""

from __future__ import annotations

import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.measures import MEASURES
from rules.model import MINUTE, SECOND, Goal, Measure
from rules.progress import gone_on
from rules.spare import Leaving, Spare, Summed, Trend, of_spread, side
from rules.tracks import Track
from tests.rules.world import NOON

M = Measure
GROWING = (M.SUM, M.COUNT, M.MEAN, M.SHARE, M.QUANTILE, M.LAST, M.MIN, M.MAX)
VALUES = st.sampled_from([-3.0, 0.0, 1.0, 2.0, 2.0, 2.5, 3.0, 4.0, 60.0])


def goal_of(measure: Measure, part: float = 0.8) -> Goal:
    return Goal(measure, quantile=part, where="value <= 2" if measure is M.SHARE else None)


def tracked(values: list[float], every: int = MINUTE) -> Track:
    track = Track(10**15)
    for i, value in enumerate(values):
        track.add(NOON + i * every, value)
    return track


@pytest.mark.parametrize("measure", GROWING)
@settings(max_examples=40, deadline=None)
@given(first=st.lists(VALUES, min_size=1, max_size=30), more=st.lists(VALUES, max_size=30), bound=VALUES)
def test_a_growing_stretch_stays_on_its_side(
    measure: Measure, first: list[float], more: list[float], bound: float
) -> None:
    goal, track = goal_of(measure), tracked(first)
    end = NOON + 10**6 * MINUTE
    value = track.summary(goal, NOON, end).measure(goal)
    assert value is not None
    found = side(goal, track.summary(goal, NOON, end), value, bound)
    if found is None:
        assert value == bound or measure in {M.MIN, M.MAX}
        return
    spare = Spare(found.spare, found.gain)
    if not spare.is_left():
        return
    for i, number in enumerate(more, len(first)):
        time = NOON + i * MINUTE
        track.add(time, number)
        if abs(number) > found.largest or not spare.holds(time, number):
            return
        now = track.summary(goal, NOON, end).measure(goal)
        assert now is not None
        assert (now > bound) is (value > bound)
        assert now != bound


@pytest.mark.parametrize("measure", [M.SUM, M.COUNT, M.MEAN, M.SHARE, M.QUANTILE])
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from([60, 60, 60, 60, 20, 110]), VALUES), min_size=15, max_size=50),
    bound=VALUES,
    minutes=st.sampled_from([6, 15, 40]),
)
def test_a_window_stays_on_its_side_until_the_next_reading(
    measure: Measure, rows: list[tuple[int, float]], bound: float, minutes: int
) -> None:
    goal, silent, length = goal_of(measure), 2 * MINUTE, minutes * MINUTE
    bound = bound * minutes if measure is M.SUM else float(minutes) - bound if measure is M.COUNT else bound
    track, now = tracked([2.0] * 17), NOON + 16 * MINUTE
    spare: Leaving | None = None
    above = False
    for gap, number in rows:
        now += gap * SECOND
        track.add(now, number)
        window = now + 1 - length, now + 1
        value = track.window(goal, *window).measure(goal)
        assert value is not None
        found = side(goal, track.window(goal, *window), value, bound)
        holds = spare is not None and spare.holds(now, number)
        if not holds:
            above = value > bound
            spare = None if found is None else Leaving(found, track, window, silent)
            holds = spare is not None and spare.is_left()
        for later in range(0, silent, 29 * SECOND) if holds else ():
            said = goal_value(goal, track, now + later + 1 - length, now + later + 1)
            assert said != bound
            assert (said > bound) is above
        spare = spare if holds else None


@pytest.mark.parametrize("measure", [M.SUM, M.INCREASE])
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from([60, 60, 60, 60, 20, 110]), VALUES), min_size=15, max_size=50),
    bound=VALUES,
    minutes=st.sampled_from([6, 15, 40]),
    silent=st.sampled_from([MINUTE - 1, 2 * MINUTE]),
)
def test_what_a_window_adds_up_to_stays_on_its_side_wherever_it_moves_on_to(
    measure: Measure, rows: list[tuple[int, float]], bound: float, minutes: int, silent: int
) -> None:
    goal, length, bound = Goal(measure), minutes * MINUTE, bound * minutes
    track, now = tracked([2.0, 1.0] * 30), NOON + 59 * MINUTE
    for gap, number in rows:
        now += gap * SECOND
        track.add(now, number)
        for above in (False, True):
            spare = Summed(measure, bound, track, length, silent, above=above)
            assert spare.holds(now, number) is spare.is_left()
            looks = [now, *(time + length for time in track.times if now < time + length <= now + silent)]
            said = [track.window(goal, at + 1 - length, at + 1).measure(goal) for at in looks]
            assert spare.is_left() is all((value > bound) if above else (value < bound) for value in said)


def goal_value(goal: Goal, track: Track, start: int, end: int) -> float:
    """What the measure makes of a window, from scratch."""
    fresh = Track(10**15)
    for time, value in track.between(start, end):
        fresh.add(time, value)
    value = fresh.window(goal, start, end).measure(goal)
    assert value is not None
    return value


def lasts(measure: Measure, bound: float, part: float = 0.95) -> int:
    """For how many readings of a thousand around 2 the first spare holds, of a window of an hour."""
    rng, track, goal = random.Random(str(measure)), Track(10**15), goal_of(measure, part)
    numbers = (rng.gauss(2.0, 0.5) for _ in range(1_100))
    window = NOON + 1 - 60 * MINUTE, NOON + 1
    for i in range(-70, 1):
        track.add(NOON + i * MINUTE, next(numbers))
    summary = track.window(goal, *window)
    value = summary.measure(goal)
    found = side(goal, summary, value or 0.0, bound)
    assert found is not None
    spare = Leaving(found, track, window, 2 * MINUTE)
    return next(i for i in range(1, 1_000) if not holds_on(spare, track, NOON + i * MINUTE, next(numbers)) or i == 999)


def holds_on(spare: Spare, track: Track, time: int, number: float) -> bool:
    track.add(time, number)
    return spare.holds(time, number)


@pytest.mark.parametrize(
    ("measure", "bound"),
    [(M.MEAN, 1.5), (M.MEAN, 2.5), (M.SUM, 80.0), (M.SHARE, 0.1), (M.QUANTILE, 3.6), (M.COUNT, 50)],
)
def test_what_is_far_from_its_bound_is_not_measured_for_long(measure: Measure, bound: float) -> None:
    assert lasts(measure, bound) == 999


@given(values=st.lists(VALUES, min_size=2, max_size=20), gone=st.integers(0, 5), more=VALUES, bound=VALUES)
def test_a_spread_stays_under_its_bound(values: list[float], gone: int, more: float, bound: float) -> None:
    found, leave = of_spread(len(values), fmean(values), pstdev(values), bound), min(gone, len(values) - 1)
    assert (found is None) is (pstdev(values) >= bound)
    if found is not None and found.spare > 0.0:
        left = found.spare - sum(map(found.gain, values[:leave])) + found.gain(more)
        assert left <= 0.0 or pstdev([*values[leave:], more]) < bound


@pytest.mark.parametrize(("least", "most", "holds"), [(9.0, 11.0, True), (10.5, 11.0, False), (-1.0, 9.5, False)])
def test_a_number_that_is_read_goes_on_as_it_did(least: float, most: float, *, holds: bool) -> None:
    track = tracked([0.1 * i for i in range(21)])
    end = NOON + 100 * MINUTE + 1  # it will be at ten
    trend = Trend((NOON, 0.0), end, track, (least, most))
    assert gone_on((NOON, 0.0), (NOON + 21 * MINUTE, 2.1), end, MINUTE) == pytest.approx(10.0)
    assert holds_on(trend, track, NOON + 21 * MINUTE, 2.1) is holds


@pytest.mark.parametrize(("every", "holds"), [(5, True), (30, True), (31, False)])
def test_a_trend_goes_on_by_the_distance_that_readings_have_by_now(every: int, *, holds: bool) -> None:
    track, end = tracked([0.0] * 21), NOON + 1_000 * MINUTE
    trend = Trend((NOON, 0.0), end, track, (9.3, 9.96))  # of a minute it would be at 9.99
    for i in range(1, 13):
        now = NOON + (20 + i * every) * MINUTE
        track.add(now, (now - NOON) / MINUTE / 100)
    value = (now - NOON) / MINUTE / 100
    assert track.gap() == every * MINUTE
    assert trend.holds(now, value) is holds
    assert gone_on((NOON, 0.0), (now, value), end, every * MINUTE) < 9.96 < gone_on((NOON, 0.0), (now, value), end, 60)


def test_every_measure_of_a_bound_is_known() -> None:
    assert {*MEASURES} - {*GROWING} == {M.INCREASE}
