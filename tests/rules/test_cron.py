from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.cron import last_run, next_run
from rules.model import DAY, HOUR, MINUTE
from rules.periods import to_micros
from tests.rules.world import at

AMSTERDAM = "Europe/Amsterdam"
CHANGE = at("2026-10-25 01:00")  # UTC; 03:00 becomes 02:00 in Amsterdam


def runs(expression: str, zone: str, start: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        start = next_run(expression, zone, start)
        found.append((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)).strftime("%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "start", "times"),
    [
        ("30 2 * * *", "UTC", "2026-03-28 12:00", ["29 02:30", "30 02:30"]),
        ("*/5 8-18 * * mon-fri", "UTC", "2026-03-27 18:52", ["27 18:55", "30 08:00", "30 08:05"]),
        # the clocks go forward: 02:30 is not there on the 29th, so it runs at 03:00 summer time
        ("30 2 * * *", AMSTERDAM, "2026-03-28 12:00", ["29 01:00", "30 00:30", "31 00:30"]),
        ("0 * * * *", AMSTERDAM, "2026-03-28 23:30", ["29 00:00", "29 01:00", "29 02:00"]),
        ("0 3 * * *", AMSTERDAM, "2026-03-28 12:00", ["29 01:00", "30 01:00"]),
        # the clocks go back: 02:30 is there twice on the 25th, it runs once
        ("30 2 * * *", AMSTERDAM, "2026-10-24 12:00", ["25 00:30", "26 01:30", "27 01:30"]),
        ("0 * * * *", AMSTERDAM, "2026-10-24 23:30", ["25 00:00", "25 01:00", "25 02:00"]),
        ("0 3 * * *", AMSTERDAM, "2026-10-24 12:00", ["25 02:00", "26 02:00"]),
    ],
)
def test_runs(expression: str, zone: str, start: str, times: list[str]) -> None:
    assert runs(expression, zone, at(start), len(times)) == times


@pytest.mark.parametrize("minute", [0, 5, 29, 31, 59])
def test_asked_within_the_repeated_hour_it_answers_with_the_future(minute: int) -> None:
    now = CHANGE + minute * MINUTE
    assert next_run("30 2 * * *", AMSTERDAM, now) == at("2026-10-26 01:30")
    assert now < next_run("*/30 * * * *", AMSTERDAM, now) <= now + 30 * MINUTE


ZONES = [
    "UTC",
    AMSTERDAM,
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
]
EXPRESSIONS = ["30 2 * * *", "*/15 * * * *", "0 0 * * *", "15 1,2,3 * * *", "59 23 31 12 *", "0 2 * 3,4,10,11 sun"]


@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    st.integers(to_micros(datetime(2025, 1, 1, tzinfo=UTC)), to_micros(datetime(2028, 1, 1, tzinfo=UTC))),
)
def test_it_is_always_later_and_nothing_lies_between(expression: str, zone: str, after: int) -> None:
    found = next_run(expression, zone, after)
    assert found > after
    assert next_run(expression, zone, found - 1) == found or found - after < HOUR
    assert found - after <= 366 * DAY


@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    st.integers(to_micros(datetime(2025, 1, 1, tzinfo=UTC)), to_micros(datetime(2028, 1, 1, tzinfo=UTC))),
    st.one_of(st.integers(0, 2 * DAY), st.integers(0, 40 * DAY)),
)
def test_the_last_run_is_the_last_of_all_runs(expression: str, zone: str, after: int, span: int) -> None:
    found, run = None, next_run(expression, zone, after)
    while run <= after + span:
        found, run = run, next_run(expression, zone, run)
    assert last_run(expression, zone, after, after + span) == found


def test_the_last_run_over_years() -> None:
    assert last_run("0 0 29 2 *", "UTC", at("2021-01-01"), at("2027-06-01")) == at("2024-02-29")
    assert last_run("0 0 29 2 *", "UTC", at("2024-02-29"), at("2027-06-01")) is None
    assert last_run("* * * * *", "UTC", at("1990-01-01"), at("2027-06-01") + 1) == at("2027-06-01")
