from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.model import CalendarPeriod, FixedPeriod, RollingPeriod
from rules.periods import bounds, to_local, to_micros
from tests.rules.world import at

AMSTERDAM = "Europe/Amsterdam"
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("unit", "now", "start", "end"),
    [
        ("day", "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00"),  # 23 hours
        ("day", "2026-10-25 12:00", "2026-10-25 00:00", "2026-10-26 00:00"),  # 25 hours
        ("week", "2026-11-24 09:00", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("week", "2026-03-29 23:59", "2026-03-23 00:00", "2026-03-30 00:00"),
        ("month", "2024-02-29 23:59", "2024-02-01 00:00", "2024-03-01 00:00"),
        ("month", "2026-12-31 23:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("month", "2026-12-01 00:00", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("quarter", "2026-12-31 23:59", "2026-10-01 00:00", "2027-01-01 00:00"),
        ("quarter", "2026-03-31 23:59", "2026-01-01 00:00", "2026-04-01 00:00"),
        ("year", "2024-02-29 00:00", "2024-01-01 00:00", "2025-01-01 00:00"),
    ],
)
def test_calendar_periods_follow_the_local_calendar(unit: str, now: str, start: str, end: str) -> None:
    found = bounds(CalendarPeriod(unit), at(now, AMSTERDAM), AMSTERDAM)
    assert found == (at(start, AMSTERDAM), at(end, AMSTERDAM))


def test_days_when_the_clocks_change_have_23_and_25_hours() -> None:
    lengths = []
    for day in ("2026-03-29 12:00", "2026-10-25 12:00"):
        start, end = bounds(CalendarPeriod("day"), at(day, AMSTERDAM), AMSTERDAM)
        lengths.append((end - start) // HOUR)
    assert lengths == [23, 25]


def test_a_day_whose_midnight_is_skipped_begins_when_the_clocks_change() -> None:
    # Beirut skips 00:00 to 01:00 on 2024-03-31.
    start, end = bounds(CalendarPeriod("day"), at("2024-03-31 12:00", "Asia/Beirut"), "Asia/Beirut")
    assert to_local(start, "Asia/Beirut").strftime("%d %H:%M") == "31 01:00"
    assert (end - start) // HOUR == 23


def test_hours_are_local_hours_also_in_zones_off_by_half_an_hour() -> None:
    start, end = bounds(CalendarPeriod("hour"), at("2026-11-24 10:59", "Asia/Kolkata"), "Asia/Kolkata")
    assert (start, end - start) == (at("2026-11-24 10:00", "Asia/Kolkata"), HOUR)


def test_fixed_and_rolling_periods() -> None:
    assert bounds(FixedPeriod(5, 9), 100, "UTC") == (5, 9)
    assert bounds(RollingPeriod(30), 100, "UTC") == (70, 100)


@given(
    st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001
    st.sampled_from([AMSTERDAM, "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_now_lies_in_its_period_and_periods_join_without_gap(unit: str, moment: datetime, zone: str) -> None:
    now = to_micros(moment.replace(tzinfo=UTC))
    start, end = bounds(CalendarPeriod(unit), now, zone)
    assert start <= now < end
    if unit != "hour":
        assert bounds(CalendarPeriod(unit), end, zone)[0] == end
        assert bounds(CalendarPeriod(unit), start - 1, zone)[1] == start
