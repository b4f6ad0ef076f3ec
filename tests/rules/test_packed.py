"""Readings packed away against the same readings in sight: no answer may differ."""

from __future__ import annotations

import random
from array import array
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import held
from rules.model import DAY, HOUR, Goal, Measure
from rules.packed import packed
from rules.tracks import Added, Track, Watch

HORIZON, PAST = 40, 200
values = st.floats(-1e6, 1e6) | st.integers(-100, 100).map(float)


@given(st.sets(st.integers(0, 300), min_size=2), st.sampled_from([1, 7, HOUR, DAY]), st.randoms(), st.data())
def test_what_is_packed_is_what_was_there(places, unit, rng, data) -> None:
    times = array("q", [-5 + place * unit for place in sorted(places)])
    numbers = array("d", [data.draw(values) for _ in times])
    found = packed(times, numbers)
    assert (found.times(), array("d", found.values)) == (times, numbers)
    for time in (*times, rng.randrange(-10, 300 * unit)):
        assert found.value_at(time) == dict(zip(times, numbers, strict=True)).get(time)


def daily(first: int = 0, last: int = 400) -> array[int]:
    return array("q", range(first * DAY, last * DAY, DAY))


def test_times_of_which_all_are_as_far_apart_take_nothing_each() -> None:
    assert packed(daily(), array("d", daily())).at.steps == range(400)


def test_days_of_a_zone_with_summer_time_take_two_bytes_each() -> None:
    times = daily(0, 200) + array("q", [time + HOUR for time in daily(200, 400)])
    assert packed(times, array("d", times)).at.steps.itemsize == 2


def test_series_read_at_the_same_times_share_them() -> None:
    one, other = (packed(daily(), array("d", [value] * 400)) for value in (0.1, 0.2))
    assert one.at is other.at


def test_values_take_half_where_that_holds_all_of_them_exactly() -> None:
    for last, code in ((250.5, "f"), (0.1, "d")):
        assert packed(daily(0, 9), array("d", [1.0] * 8 + [last])).values.typecode == code


def test_times_of_which_hardly_any_two_are_alike_are_not_packed() -> None:
    assert packed(array("q", [0, 1, 400 * DAY]), array("d", [1.0, 2.0, 3.0])) is None


# a track that packs


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.tracks._TRIM_AT", 4)
    monkeypatch.setattr("rules.held._WORTH_PACKING", 4)


def never_packing(track: Track) -> Track:
    track.whole = False  # as if one had no value
    return track


def answers(track: Track, time: int, measure: Measure) -> list[object]:
    goal, edges = Goal(measure), range(time, time + 40, 7)
    asked = [
        lambda: track.at(time),
        lambda: track.newest_at(time),
        lambda: track.next_after(time),
        lambda: list(track.between(time, time + 30)),
        lambda: list(track.backwards(time)),
        lambda: track.summary(goal, time, time + 30).measure(goal),
        lambda: track.window(goal, time, time + 30).measure(goal),
        lambda: track.added(time, time + 30, measure, time - 50),
        lambda: track.added_each(edges, measure, time - 50),
        lambda: track.unpacked().added_each(edges, measure, time - 50),
        lambda: track.has_only_gaps(time, time + 9),
        lambda: track.ends_in_gap(time, time + 9),
        lambda: track.upto(time).held,
        lambda: (track.held, track.oldest, track.newest, track.gap()),
        lambda: track.count(time),
    ]
    return [one() for one in asked]


@pytest.mark.usefixtures("eager")
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([Measure.SUM, Measure.COUNT, Measure.INCREASE]))
def test_a_track_answers_as_one_that_does_not_pack(seed, measure) -> None:
    rng = random.Random(seed)
    one, other = Track(HORIZON, PAST), never_packing(Track(HORIZON, PAST))
    time = 0

    def add(at: int, value: float | None) -> None:
        assert one.add(at, value, time) is other.add(at, value, time)

    for _ in range(rng.randrange(60, 150)):
        time += rng.randrange(1, 4)
        add(time, rng.choice([rng.gauss(0.0, 10.0), float(rng.randrange(100))]))
    assert one.held > len(one.times), "nothing is packed"
    for _ in range(rng.randrange(8)):
        if rng.random() < 0.5:
            add(rng.randrange(time), rng.choice([None, 7.0, 8.0]))
        asked = rng.randrange(-5, time + 10)
        assert answers(one, asked, measure) == answers(other, asked, measure)
        time += 1
        add(time, 1.0)


def packed_track() -> Track:
    track = Track(66 * DAY, 433 * DAY)
    track.fill(daily(), array("d", [0.1] * 400), 400 * DAY)
    return track


def test_a_start_packs_what_only_projections_ask_for() -> None:
    track = packed_track()
    assert len(track.times) == 68
    assert (track.held, track.oldest) == (400, 0)


def test_a_value_missing_anywhere_leaves_all_in_sight() -> None:
    track = Track(66 * DAY, 433 * DAY)
    track.fill(daily(), array("d", [0.1] * 399 + [nan]), 400 * DAY)
    assert len(track.times) == track.held == 400


def test_what_is_told_again_is_known_and_stays_packed() -> None:
    track = packed_track()
    assert all(track.add(time, 0.1, 400 * DAY) is Added.KNOWN for time in daily())
    assert len(track.times) == 68


def test_what_is_told_otherwise_is_new_and_heard_of() -> None:
    track = packed_track()
    watch = Watch(300 * DAY)
    track.watches = (watch,)
    assert track.add(100 * DAY, 0.2, 400 * DAY) is Added.NEW
    assert (watch.stale, track.at(100 * DAY), track.revised) == (True, 0.2, 1)


def test_it_is_packed_again_with_the_readings_that_follow() -> None:
    track = packed_track()
    track.add(100 * DAY, 0.2, 400 * DAY)
    assert len(track.times) == 400
    for day in range(400, 466):
        track.add(day * DAY, 0.1, (day + 1) * DAY)
    assert len(track.times) < 70
    assert track.unpacked().values[100] == 0.2


def test_whoever_has_much_to_ask_leaves_it_packed() -> None:
    track = packed_track()
    assert len(track.unpacked().times) == 400
    assert len(track.times) == 68


def test_little_is_not_worth_packing() -> None:
    track = Track(66 * DAY, 433 * DAY)
    track.fill(daily(0, 66 + held._WORTH_PACKING), array("d", [0.1] * (66 + held._WORTH_PACKING)), 400 * DAY)
    assert len(track.times) == track.held
