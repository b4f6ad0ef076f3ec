"""What is expected of the buckets to come."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.forecast import Forecast

WEEK = [10.0, 12.0, 11.0, 13.0, 9.0, 4.0, 1.0]
values = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 50.0]), min_size=30, max_size=120)


def told(series: list[float], length: int, *, slots: int = 7, season: int = 0, period: int = 28) -> Forecast:
    """A forecast that was told whole periods, and of the last as much as is there; `length` is that period's."""
    forecast = Forecast(slots, season)
    at = 0
    while True:
        here = length if len(series) - at < period else period
        forecast.begin([(at + i) % slots for i in range(here)])
        forecast.fold(series[at : at + here])
        if len(series) - at < period:
            return forecast
        at += here


def test_nothing_is_said_before_two_cycles() -> None:
    assert not told([1.0] * 13, 28).ready
    assert told([1.0] * 14, 28).ready


def test_a_pattern_is_gone_on_with() -> None:
    forecast = told(WEEK * 20 + WEEK[:3], 28)
    ahead = forecast.ahead(0.0)
    assert ahead.mean == pytest.approx(sum(WEEK) * 4 - sum(WEEK[:3]), rel=0.02)
    assert forecast.total == sum(WEEK[:3])
    assert ahead.half < 0.1 * ahead.mean


def test_without_noise_there_is_no_doubt() -> None:
    assert told([3.0] * 50, 28).ahead(0.0) == (pytest.approx(6 * 3.0), pytest.approx(0.0))


def test_a_trend_is_followed_but_not_drawn_on() -> None:
    rising = [100.0 + i for i in range(150)]
    left = 28 - 150 % 28
    mean = told(rising, 28).ahead(0.0).mean
    assert 240 * left < mean < sum(250.0 + i for i in range(left))


def test_an_odd_day_is_not_drawn_on() -> None:
    calm = [100.0 + i % 3 for i in range(145)]
    plain, odd = (told([*calm, last], 28).ahead(0.0).mean for last in (100.0, 5_000.0))
    assert odd < 1.1 * plain


def test_a_new_level_is_followed() -> None:
    shifted = [100.0 + i % 3 for i in range(140)] + [200.0 + i % 3 for i in range(35)]
    assert told(shifted, 28).ahead(0.0).mean == pytest.approx(201 * 21, rel=0.15)


def test_the_course_of_a_season_ago_counts() -> None:
    flat, falling = ([100.0] * 84 + [high] * 28 + [100.0] * 238 for high in (100.0, 50.0))
    without, with_ = (told([*old, *[100.0] * 98], 28, season=364).ahead(0.0).mean for old in (flat, falling))
    assert with_ == pytest.approx(without * (1 - 0.25 / 2), rel=0.02)


def test_interval_is_as_wide_as_the_misses_were() -> None:
    rng = random.Random(7)
    calm, wild = ([100 + rng.gauss(0, noise) for _ in range(28 * 13 + 7)] for noise in (2, 20))
    assert 5 < told(wild, 28).ahead(0.0).half / told(calm, 28).ahead(0.0).half < 20


def test_interval_narrows_as_the_period_goes_on() -> None:
    rng = random.Random(8)
    series = [100 + rng.gauss(0, 10) for _ in range(28 * 14)]
    halves = [told(series[: 28 * 13 + day], 28).ahead(0.0).half for day in range(0, 28, 3)]
    assert halves[-1] < 0.3 * halves[0]
    assert sum(later < earlier for earlier, later in pairwise(halves)) >= 6


def test_a_period_that_is_over_adds_nothing() -> None:
    assert told([5.0] * 31 + [5.0] * 24, 27).ahead(0.0) == (0.0, 0.0)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_rest_of_a_bucket_comes_as_time_goes(one: float, other: float) -> None:
    forecast = told(WEEK * 20 + WEEK[:3], 28)
    early, late = sorted((one, other))
    assert forecast.ahead(early).mean >= forecast.ahead(late).mean
    assert forecast.ahead(early).half >= forecast.ahead(late).half
    assert forecast.ahead(1.0).mean == pytest.approx(sum(WEEK) * 4 - sum(WEEK[:4]), rel=0.02)


def test_of_a_bucket_whose_value_comes_at_once_only_what_it_lacks_is_to_come() -> None:
    forecast = told(WEEK * 20 + WEEK[:3], 28)
    whole, part, over = (forecast.ahead(0.5, today).mean for today in (0.0, 5.0, 50.0))
    assert whole - part == pytest.approx(5.0)
    assert whole - over == pytest.approx(WEEK[3], rel=0.1)


@given(values, st.floats(1e-3, 1e3))
def test_it_scales(series: list[float], factor: float) -> None:
    one, other = told(series, 28).ahead(0.25), told([value * factor for value in series], 28).ahead(0.25)
    size = factor * max(map(abs, series), default=0.0)
    assert other.mean == pytest.approx(one.mean * factor, rel=1e-6, abs=1e-6 * size)
    assert other.half == pytest.approx(one.half * factor, rel=1e-6, abs=1e-6 * size)


@given(values, st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_it_does_not_matter_in_how_many_steps_it_is_told(series: list[float], steps: list[int]) -> None:
    forecast = Forecast(7)
    at = step = 0
    for start in range(0, len(series) + 1, 28):
        forecast.begin([i % 7 for i in range(28)])
        whole = series[start : start + 28]
        while whole:
            size = steps[step % len(steps)]
            forecast.fold(whole[:size])
            whole, step, at = whole[size:], step + 1, at + size
    assert forecast.ahead(0.0) == told(series, 28).ahead(0.0)


@given(values)
def test_what_never_fell_is_not_expected_to_fall(series: list[float]) -> None:
    ahead = told([abs(value) for value in series], 28).ahead(0.0)
    assert ahead.mean >= 0.0
    assert ahead.half >= 0.0


@given(values, st.integers(0, 28), st.sampled_from([0, 21, 28, 35]))
def test_what_no_further_period_needs_is_not_missed(series: list[float], more: int, season: int) -> None:
    series = series[: len(series) // 28 * 28]
    kept, settled = told(series, 28, season=season), told(series, 28, season=season)
    settled.settle()
    for forecast in (kept, settled):
        forecast.fold([float(day % 5) for day in range(more)])
    assert kept.ahead(0.0) == settled.ahead(0.0)


@given(
    before=st.lists(st.floats(0.0, 1e6) | st.sampled_from([0.0, 100.0, 101.0]), min_size=36, max_size=72),
    more=st.lists(st.floats(0.0, 1e6) | st.sampled_from([0.0, 100.0, 101.0]), max_size=11),
)
@example(before=[100.0] * 48, more=[900.0] * 3)  # it never missed until then
def test_of_buckets_that_are_alike_it_is_known_between_what_their_levels_will_be(
    before: list[float], more: list[float]
) -> None:
    forecast = told(before[: len(before) // 12 * 12], 12, slots=1, period=12)
    alike = forecast.alike()
    for left, value in zip(range(12, 0, -1), [*more, 0.0], strict=False):
        assert alike is not None
        found, rounded = forecast.ahead(0.0), 1e-6 * (alike.most + 1.0)
        assert alike.least - rounded <= forecast.bucket()[0] <= alike.most + rounded
        assert forecast.bucket()[1:] == (forecast.ahead(1.0).mean, forecast.ahead(0.0).half)
        assert found.half <= alike.half(left) + rounded
        forecast.fold([value])
        alike = alike.after(value)
    assert told(before, 24, slots=24, period=24).alike() is None


def test_one_odd_bucket_moves_no_level_of_those_that_are_alike_by_more_than_its_part() -> None:
    alike = told([100.0] * 48, 12, slots=1, period=12).alike()
    assert alike is not None
    after = alike.after(40.0)
    assert 100.0 - 0.3 * 60.0 < after.least < after.most == alike.most
    assert after.miss == pytest.approx(60.0)
