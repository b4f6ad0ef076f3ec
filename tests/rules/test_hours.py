"""The hours of a week, by the clock of a zone."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from itertools import accumulate
from math import floor
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.hours import Hours
from rules.model import DAY, HOUR, MINUTE, SECOND

# Their clocks change on the hour, by half an hour, within a minute of midnight, and by some seconds.
CHANGES = {
    "Europe/Amsterdam": ["2026-03-29T01:00", "2026-10-25T01:00", "1937-06-30T23:40"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/St_Johns": ["2010-11-07T02:31", "2010-03-14T03:31"],
    "Pacific/Apia": ["2011-12-30T10:00"],
    "UTC": ["2026-01-01T00:00"],
}
NEAR = [(zone, int(datetime.fromisoformat(f"{at}Z").timestamp())) for zone, ats in CHANGES.items() for at in ats]


EACH = array("f", [*range(24), *range(168)]).tobytes()  # of each hour of the week another number is known
STEPS = st.sampled_from([1, SECOND, MINUTE, 7 * MINUTE, HOUR, DAY]) | st.integers(1, DAY)


def expected(time: int, zone: str) -> float:
    local = datetime.fromtimestamp(time // SECOND, UTC).astimezone(ZoneInfo(zone))
    at = local.weekday() * 24 + local.hour + (local.minute * 60 + local.second) / 3600 - 0.5
    hour = floor(at)
    return (1 - at + hour) * (hour % 168) + (at - hour) * ((hour + 1) % 168)


@pytest.mark.parametrize(("zone", "near"), NEAR)
@given(before=st.integers(0, 3 * 3600), steps=st.lists(STEPS, max_size=20))
def test_a_time_is_within_its_hour_of_the_week_also_when_the_clocks_change(
    zone: str, near: int, before: int, steps: list[int]
) -> None:
    hours = Hours(EACH, zone)
    for time in accumulate([(near - before) * SECOND, *steps]):
        hours.turn_to(time, 0.0)
        assert hours.expected == expected(time, zone)
