"""Running counts of readings that satisfy a condition agree with counting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import compile_where
from rules.tracks import Track

GOOD = compile_where("value < 0.5")
VALUES = st.sampled_from([0.0, 1.0, None])


@given(st.lists(st.tuples(st.integers(0, 60), VALUES, st.integers(0, 70), st.integers(0, 70)), max_size=60))
def test_any_window_at_any_time_in_any_order_of_arrival(script: list[tuple[int, float | None, int, int]]) -> None:
    track, known = Track(1_000), dict[int, float | None]()
    for time, value, start, end in script:
        track.add(time, value)
        known[time] = value
        valued = [one for at, one in known.items() if start <= at < end and one is not None]
        expected = (len(valued), sum(one < 0.5 for one in valued)) if start < end else (0, 0)
        assert track.tally(GOOD, start, max(start, end)) == expected


def test_what_is_let_go_of_counts_no_more() -> None:
    track, values = Track(100), [float(time * 7919 % 1009 < 500) for time in range(1_000)]
    for time, value in enumerate(values):
        track.add(time, value)
        first = max(0, time - 99)
        good = values[first : time + 1].count(0.0)
        assert track.tally(GOOD, first, time + 1) == (time + 1 - first, good)
    assert len(track.times) < 300
