"""Periods cut into buckets, on the days the clocks change too."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.buckets import before, cut, grid_of
from rules.model import DAY, HOUR, MINUTE, SECOND, CalendarPeriod, FixedPeriod
from rules.periods import bounds, to_local
from tests.rules.world import at

ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]


@pytest.mark.parametrize(
    ("length", "width", "slots"),
    [
        (366 * DAY, DAY, 7),
        (7 * DAY, DAY, 7),
        (5 * DAY, DAY, 7),
        (5 * DAY - 1, HOUR, 24),
        (23 * HOUR, HOUR, 24),
        (HOUR, 5 * MINUTE, 1),
        (10 * MINUTE, MINUTE, 1),
        (90 * SECOND, 3 * SECOND, 1),
        (36_500 * DAY, 36_500 * DAY // 1_000, 1),
    ],
)
def test_a_period_has_buckets_of_a_natural_width(length: int, width: int, slots: int) -> None:
    assert grid_of(length)[:2] == (width, slots)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
    st.integers(at("2025-01-01"), at("2027-12-31")),
)
def test_buckets_cover_the_period_without_a_gap(zone: str, unit: str, moment: int) -> None:
    start, end = bounds(CalendarPeriod(unit), moment, zone)
    grid = grid_of(end - start)
    edges, slots = cut(start, end, grid, zone)
    assert (edges[0], edges[-1], len(edges)) == (start, end, len(slots) + 1)
    assert all(low < high for low, high in pairwise(edges))
    assert all(0 <= slot < grid.slots for slot in slots)
    if grid.width == DAY:
        assert slots == [to_local(edge, zone).weekday() for edge in edges[:-1]]
        assert len({to_local(edge, zone).date() for edge in edges[:-1]}) == len(slots)


def test_a_day_on_which_the_clocks_change_is_one_bucket() -> None:
    zone = "Europe/Amsterdam"
    spring = cut(at("2026-03-01", zone), at("2026-04-01", zone), grid_of(31 * DAY), zone).edges
    assert [(high - low) // HOUR for low, high in pairwise(spring)] == [24] * 28 + [23] + [24] * 2
    autumn = cut(at("2026-10-25", zone), at("2026-10-26", zone), grid_of(25 * HOUR), zone)
    assert autumn.slots == [0, 1, 2, 2, *range(3, 24)]


def test_a_period_from_the_middle_of_a_day_has_a_short_first_bucket() -> None:
    edges, slots = cut(at("2026-11-02 18:00"), at("2026-11-09 06:00"), grid_of(6 * DAY), "UTC")
    assert edges[:3] == [at("2026-11-02 18:00"), at("2026-11-03"), at("2026-11-04")]
    assert edges[-2:] == [at("2026-11-09"), at("2026-11-09 06:00")]
    assert slots == [0, 1, 2, 3, 4, 5, 6, 0]


def test_the_period_before() -> None:
    month, fixed = CalendarPeriod("month"), FixedPeriod(at("2026-03-10"), at("2026-03-20"))
    assert before(month, at("2026-03-01"), at("2026-04-01"), "UTC") == (at("2026-02-01"), at("2026-03-01"))
    assert before(fixed, fixed.start, fixed.end, "UTC") == (at("2026-02-28"), at("2026-03-10"))
