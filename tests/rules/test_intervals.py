"""When a time interval holds, and when to look at it again."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.intervals import TimeInterval, active, contains, local_minute, look_again
from rules.model import DAY, HOUR, MINUTE
from rules.periods import to_micros

AMSTERDAM = "Europe/Amsterdam"
NIGHT = ((22 * 60, 7 * 60),)


def at(text: str, zone: str = "UTC") -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (TimeInterval(times=((540, 1020),)), ["2026-03-03T09:00", "2026-03-03T16:59:59"], ["2026-03-03T17:00"]),
        (TimeInterval(times=((0, 1440),)), ["2026-03-03T00:00", "2026-03-03T23:59"], []),
        (TimeInterval(times=NIGHT), ["2026-03-03T22:00", "2026-03-03T06:59"], ["2026-03-03T07:00", "2026-03-03T21:59"]),
        # a night belongs to the day it began on
        (
            TimeInterval(times=NIGHT, weekdays=((5, 5),)),
            ["2026-03-06T23:00", "2026-03-07T03:00"],
            ["2026-03-06T03:00", "2026-03-07T23:00"],
        ),
        (TimeInterval(weekdays=((1, 5),)), ["2026-03-06T00:00"], ["2026-03-07T00:00", "2026-03-08T23:59"]),
        (TimeInterval(weekdays=((6, 0),)), ["2026-03-07T00:00", "2026-03-08T12:00"], ["2026-03-09T00:00"]),
        (TimeInterval(days_of_month=((-3, -1),)), ["2026-02-26T00:00", "2026-02-28T00:00"], ["2026-02-25T00:00"]),
        (TimeInterval(days_of_month=((30, 31),)), ["2026-03-30T00:00"], ["2026-02-28T00:00"]),
        (
            TimeInterval(days_of_month=((1, 5), (-1, -1))),
            ["2026-03-05T00:00", "2026-03-31T00:00"],
            ["2026-03-06T00:00"],
        ),
        (TimeInterval(months=((12, 12),), years=((2025, 2026),)), ["2026-12-01T00:00"], ["2027-12-01T00:00"]),
        # what amtool refuses
        (
            TimeInterval(months=((11, 2),)),
            ["2026-11-01T00:00", "2026-02-28T00:00"],
            ["2026-03-01T00:00", "2026-10-31T00:00"],
        ),
        (TimeInterval(days_of_month=((30, -1),)), ["2026-03-31T00:00", "2026-04-30T00:00"], ["2026-02-28T00:00"]),
        (TimeInterval(days_of_month=((28, -2),)), ["2026-03-30T00:00"], ["2026-03-31T00:00", "2026-02-28T00:00"]),
        (TimeInterval(), ["2026-03-03T00:00"], []),
    ],
)
def test_what_lies_inside(interval: TimeInterval, inside: list[str], outside: list[str]) -> None:
    assert [text for text in inside if not contains(interval, at(text))] == []
    assert [text for text in outside if contains(interval, at(text))] == []


def test_it_is_as_late_as_the_zone_says() -> None:
    summer_night = TimeInterval(times=NIGHT, zone=AMSTERDAM)
    assert contains(summer_night, at("2026-07-01T20:00"))  # 22:00 there
    assert not contains(summer_night, at("2026-01-01T20:00"))


intervals = st.builds(
    TimeInterval,
    times=st.lists(
        st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda r: r[0] != r[1]), max_size=2
    ).map(tuple),
    weekdays=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=1).map(tuple),
    zone=st.sampled_from(["UTC", AMSTERDAM, "Asia/Kolkata", "America/New_York"]),
)


@given(st.lists(intervals, min_size=1, max_size=2).map(tuple), st.integers(0, 400 * 24 * 60))
def test_nothing_changes_before_it_is_looked_at_again(found: tuple[TimeInterval, ...], minute: int) -> None:
    now = at("2026-01-01T00:00") + minute * MINUTE
    now_active, then = active(found, now), look_again(found, now)
    assert now < then <= now + DAY + HOUR
    moment = now
    while moment < then:
        assert active(found, moment) is now_active
        moment += 11 * MINUTE


@pytest.mark.parametrize(
    ("interval", "now", "then"),
    [
        # the midnight after the next one, in a zone whose days begin at half past
        (TimeInterval(weekdays=((0, 3),), zone="Asia/Kolkata"), "2026-04-03T18:09", "2026-04-04T18:30"),
        # the clocks go from 2:00 to 3:00, at half past five
        (TimeInterval(times=((165, 735),), zone="America/St_Johns"), "2026-03-07T17:00", "2026-03-08T05:30"),
        # and here from 2:00 to 2:30, at half past three in the afternoon
        (TimeInterval(times=((135, 435),), zone="Australia/Lord_Howe"), "2026-10-03T10:00", "2026-10-03T15:30"),
        (TimeInterval(times=((375, 525),), zone="Australia/Lord_Howe"), "2026-10-03T15:07", "2026-10-03T19:15"),
        # and here from 1:00 to 3:00
        (TimeInterval(times=((550, 600),), zone="Antarctica/Troll"), "2026-03-29T00:30", "2026-03-29T07:10"),
    ],
)
def test_it_is_looked_at_again_when_the_clock_of_the_zone_says(interval: TimeInterval, now: str, then: str) -> None:
    assert look_again((interval,), at(now)) == at(then)


@pytest.mark.parametrize("text", ["24:01", "9:30", "0930", "12:60", "", "aa:bb", "-1:00"])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time of day"):
        local_minute(text)
    assert (local_minute("00:00"), local_minute("24:00"), local_minute("09:30")) == (0, 1440, 570)
