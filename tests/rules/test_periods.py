from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.model import CalendarPeriod, FixedPeriod, RollingPeriod
from rules.periods import bounds, to_local, to_micros
from tests.rules.world import at

AMSTERDAM = "Europe/Amsterdam"
SECOND = 1_000_000
HOUR = 3600 * SECOND
UNITS = ["hour", "day", "week", "month", "quarter", "year"]


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


def test_an_hour_begins_when_the_clock_shows_a_full_one() -> None:
    zone = "Australia/Lord_Howe"  # changes its clocks by half an hour
    for day, others in (("2026-04-05", "+11:00 +10:30"), ("2026-10-04", "+10:30 +11:00")):
        now, found = at(f"{day} 00:30", zone), []
        for _ in range(4):
            start, end = bounds(CalendarPeriod("hour"), now, zone)
            found.append((f"{to_local(start, zone):%H:%M}", (end - start) // 60_000_000))
            now = end
        assert [minutes for _, minutes in found] == [60, 90, 60, 60], others
        assert found[2][0] in {"02:00", "03:00"}


STRANGE = {  # zones by years in which their clocks changed as they do nowhere now
    "America/Goose_Bay": (1987, 2012),  # a minute after midnight
    "America/Caracas": (2007, 2017),  # by half an hour, for good
    "America/Guyana": (1975, 1976),  # by three quarters
    "America/Montevideo": (1974, 1975),  # by an hour and a half
    "Pacific/Apia": (2011, 2013),  # over a day that was none
    "Pacific/Kwajalein": (1993, 1994),
}


def changes(zone: str, years: tuple[int, int]) -> set[tuple[int, timedelta | None, timedelta | None]]:
    """When the clocks of a zone change, and from what to what; what lasts less than six days is not seen."""
    now, end = (to_micros(datetime(year, 1, 1, tzinfo=UTC)) for year in years)
    found = set()
    while now < end:
        before, until = to_local(now, zone).utcoffset(), now + 6 * 24 * HOUR
        if to_local(until, zone).utcoffset() != before:
            low, high = now // SECOND, until // SECOND
            while high - low > 1:
                middle = (low + high) // 2
                same = to_local(middle * SECOND, zone).utcoffset() == before
                low, high = (middle, high) if same else (low, middle)
            found.add((high * SECOND, before, to_local(until, zone).utcoffset()))
        now = until
    return found


def test_periods_join_without_gap_wherever_clocks_change() -> None:
    spans = [(zone, (2026, 2028)) for zone in sorted(available_timezones())]
    seen = set()
    around = [sign * (part * HOUR + more) for part in (0, 1, 3) for more in (0, 1, HOUR // 2) for sign in (-1, 1)]
    for zone, years in (*spans, *STRANGE.items()):
        for change in changes(zone, years) - seen:
            seen.add(change)
            for unit, ahead in product(UNITS, around):
                joins(unit, change[0] + ahead, zone)
    assert len(seen) > 100


def joins(unit: str, now: int, zone: str) -> None:
    start, end = bounds(CalendarPeriod(unit), now, zone)
    assert start <= now < end, (unit, now, zone)
    assert bounds(CalendarPeriod(unit), start, zone) == (start, end), (unit, now, zone)
    assert bounds(CalendarPeriod(unit), end, zone)[0] == end, (unit, now, zone)
    assert bounds(CalendarPeriod(unit), start - 1, zone)[1] == start, (unit, now, zone)


@given(
    st.sampled_from(UNITS),
    st.datetimes(datetime(1973, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - before, clocks were off by seconds
    st.sampled_from([AMSTERDAM, "America/New_York", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", *STRANGE]),
)
def test_now_lies_in_its_period_and_periods_join_without_gap(unit: str, moment: datetime, zone: str) -> None:
    joins(unit, to_micros(moment.replace(tzinfo=UTC)), zone)
