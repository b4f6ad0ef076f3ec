"""A track against what is computed from scratch over all readings, in every order of arrival."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules import tracks
from rules.functions import quantile
from rules.held import NEWEST
from rules.measures import MEASURES
from rules.model import Goal, Measure
from rules.tracks import Added, Track, Watch

HORIZON = 40
numbers = st.sampled_from([None, 0.0, 1.0, 2.0, 5.0, -3.0]) | st.floats(-1e6, 1e6)
additions = st.lists(st.tuples(st.integers(0, 200), numbers), max_size=60)
Naive = dict[int, float | None]


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Trims after few readings, so that tests reach it."""
    was, tracks._TRIM_AT = tracks._TRIM_AT, 4
    yield
    tracks._TRIM_AT = was


def filled(readings: list[tuple[int, float | None]], horizon: int = HORIZON) -> tuple[Track, Naive]:
    track, naive = Track(horizon), {}
    for time, value in readings:
        track.add(time, value)
        naive[time] = value
    return track, naive


def inside(naive: Naive, start: int, end: int) -> list[tuple[int, float]]:
    return [(time, naive[time]) for time in sorted(naive) if start <= time < end and naive[time] is not None]


def taken_back(readings: list[tuple[int, float | None]]) -> bool:
    """Whether a value is revised to none after it had gone out of view: what was before it is no longer held."""
    seen: Naive = {}
    for time, value in readings:
        if value is None and seen.get(time) is not None and time < max(seen) - HORIZON:
            return True
        seen[time] = value
    return False


@given(st.lists(st.tuples(st.integers(0, 200), numbers, st.booleans()), max_size=60))
def test_what_it_rose_by_and_its_sums_are_the_same_in_any_order(readings):
    track = Track(HORIZON)
    for time, value, asks in readings:
        track.add(time, value)
        if asks:
            assert (risen(track), sums(track)) == from_scratch(track)
    assert (risen(track), sums(track)) == from_scratch(track)


def risen(track: Track) -> list[float]:
    """By all readings from each one on."""
    return [track.added_up(Measure.INCREASE, first, len(track.values)) for first in range(len(track.values))]


def sums(track: Track) -> list[float]:
    """Of all readings from each one on."""
    return [track.added_up(Measure.SUM, first, len(track.values)) for first in range(len(track.values))]


def from_scratch(track: Track) -> tuple[list[float], list[float]]:
    rises, before = list[float](), None
    for value in track.values:
        if math.isnan(value):
            rises.append(0.0)
            continue
        rises.append(0.0 if before is None else value if value < before else value - before)
        before = value
    known = [0.0 if math.isnan(value) else value for value in track.values]
    return tuple([math.fsum(all_of[first:]) for first in range(len(all_of))] for all_of in (rises, known))


@given(additions, st.integers(0, 100), st.integers(0, 100))
def test_within_the_horizon_it_is_what_is_stored(readings, from_start, length):
    assume(readings)
    track, naive = filled(readings)
    newest = max(naive)
    assert track.newest == (newest, naive[newest])
    start = newest - HORIZON + from_start
    assert list(track.between(start, start + length)) == inside(naive, start, start + length)


@given(additions, st.integers(-1, HORIZON + 5))
def test_the_value_at_a_time_reaches_back_as_far_as_it_has_to(readings, after):
    assume(readings)
    assume(not taken_back(readings))
    track, naive = filled(readings)
    time = max(naive) - HORIZON + after
    known = inside(naive, 0, time + 1)
    assert track.at(time) == (known[-1][1] if known else None)


def goal(measure: Measure) -> Goal:
    return Goal(measure, where="value > 1" if measure is Measure.SHARE else None, quantile=0.3)


@given(additions, st.integers(0, HORIZON), st.integers(1, 60), st.sampled_from(Measure))
def test_a_summary_is_what_is_computed_from_scratch(readings, from_start, length, kind):
    assume(not taken_back(readings))
    track, naive = Track(HORIZON), {}
    for time, value in readings:
        track.add(time, value)
        naive[time] = value
        start = max(naive) - HORIZON + from_start
        summary = track.summary(goal(kind), start, start + length)  # asked after each, so that it folds on
        assert summary.measure(goal(kind)) == pytest.approx(naive_measure(naive, start, start + length, kind))
        values = [value for _, value in inside(naive, start, start + length)]
        assert summary.fell is any(a > b for a, b in pairwise(values))


def naive_measure(naive: Naive, start: int, end: int, measure: Measure) -> float | None:
    values = [value for _, value in inside(naive, start, end)]
    if measure is Measure.INCREASE:
        before = [value for _, value in inside(naive, -1, start)][-1:]
        return sum(b - a if b >= a else b for a, b in pairwise([*before, *values]))
    if measure is Measure.SUM:
        return sum(values)
    if measure is Measure.COUNT:
        return float(len(values))
    if not values:
        return None
    return {
        Measure.LAST: values[-1],
        Measure.MIN: min(values),
        Measure.MAX: max(values),
        Measure.MEAN: sum(values) / len(values),
        Measure.SHARE: sum(value > 1 for value in values) / len(values),
        Measure.QUANTILE: quantile(sorted(values), 0.3),
    }[measure]


ADDING = [measure for measure, means in MEASURES.items() if means.adds_up]


@given(additions, st.integers(0, HORIZON), st.integers(1, 60), st.sampled_from(ADDING), st.integers(0, 20))
def test_what_a_stretch_adds_is_what_is_computed_from_scratch(readings, from_start, length, measure, before):
    assume(readings)
    track, naive = filled(readings)
    start = max(naive) - HORIZON + from_start
    since = max(start - before, max(naive) - HORIZON)
    found = track.added(start, start + length, measure, since)
    known = {time: value for time, value in naive.items() if time >= since}
    assert found == pytest.approx(naive_measure(known, start, start + length, measure))


@given(additions, st.integers(0, 200))
def test_who_watches_hears_of_what_changes_before(readings, until):
    track, naive = Track(HORIZON), {}
    for time, value in readings:
        watch = Watch(until)
        track.watches = [watch]
        added = track.add(time, value)
        assert watch.stale == (added is Added.NEW and time < until)
        naive[time] = value


@given(additions, st.integers(1, 8))
def test_beyond_the_horizon_the_newest_few_are_held(readings, most):
    assume(readings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracks, "PAST_MOST", most)
        track, naive = Track(HORIZON, 3 * HORIZON), {}
        for time, value in readings:
            track.add(time, value)
            naive[time] = value
    newest = max(naive)
    beyond = [time for time in sorted(naive) if newest - 3 * HORIZON <= time < newest - HORIZON]
    needed = {*beyond[-most:], *(time for time in naive if time >= newest - HORIZON)}
    held = dict(zip(track.times, track.values, strict=True))
    assert {time: None if math.isnan(held[time]) else held[time] for time in needed} == {t: naive[t] for t in needed}


@given(additions, st.randoms(use_true_random=False), st.integers(0, HORIZON))
def test_every_order_of_arrival_gives_the_same_view(readings, rng, from_start):
    final = dict(readings)
    assume(final)
    shuffled = list(final.items())
    rng.shuffle(shuffled)
    one, _ = filled(sorted(final.items()))
    other, _ = filled(shuffled)
    start = max(final) - HORIZON + from_start
    assert one.newest == other.newest
    assert list(one.between(start, 300)) == list(other.between(start, 300))
    for measure in Measure:
        of = goal(measure)
        assert one.summary(of, start, 300).measure(of) == pytest.approx(other.summary(of, start, 300).measure(of))
    assert one.at(start) == other.at(start)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, 0, 0, 5, 25, -500, -600]), numbers), max_size=80))
def test_a_clock_that_leaps_ahead_at_the_source_hides_nothing_of_the_present(arrivals):
    track, naive, now = Track(HORIZON), {}, 0
    for gap, late, value in arrivals:
        now += gap
        time = now - late
        track.add(time, value, now)
        naive[time] = value
        held = {t: v for t, v in naive.items() if now - HORIZON <= t <= now and v is not None}
        assert dict(track.between(now - HORIZON, now + 1)) == held


@given(additions)
def test_what_is_known_is_told(readings):
    track, naive = Track(HORIZON), {}
    for time, value in readings:
        added = track.add(time, value)
        if not naive or time >= max(naive) - HORIZON:
            same = time in naive and naive[time] == value
            assert added is (Added.KNOWN if same else Added.NEW)
        naive[time] = value


@given(additions)
def test_without_a_horizon_the_newest_few_are_held(readings):
    assume(readings)
    track, naive = filled(readings, horizon=0)
    newest = sorted(naive)[-16:]
    assert track.newest == (newest[-1], naive[newest[-1]])
    assert set(newest) <= set(track.times) <= set(naive)
    assert len(track.times) <= 32


def test_a_long_life_holds_little():
    track = Track(100)
    for time in range(0, 100_000, 3):
        track.add(time, 1.0)
        assert len(track.times) <= 80


def test_a_reading_late_beyond_the_horizon_is_what_an_increase_counts_from():
    track = Track(10)
    for time, value in ((0, 1.0), (100, 20.0)):
        track.add(time, value)
    assert track.add(85, 15.0) is Added.NEW
    assert track.summary(Goal(Measure.INCREASE), 90, 101).increase == 5.0
    assert track.add(50, 3.0) is Added.NEW  # one of the newest few, and nothing to the increase
    assert track.add(85, 16.0) is Added.NEW
    assert track.add(85, 16.0) is Added.KNOWN
    assert track.summary(Goal(Measure.INCREASE), 90, 101).increase == 4.0


def test_readings_without_a_value_do_not_push_out_what_an_increase_counts_from():
    track = Track(10)
    track.add(0, 7.0)
    for time in range(1, 100):
        track.add(time, None)
    track.add(100, 9.0)
    assert track.summary(Goal(Measure.INCREASE), 90, 101).increase == 2.0


def test_the_usual_distance_is_a_median():
    track = Track(1_000)
    assert track.gap() == 0
    for time in (0, 10, 20, 30, 500, 510):
        track.add(time, 1.0)
    assert track.gap() == 10


def test_a_reading_that_comes_after_a_stretch_was_asked_for_may_be_of_before_it():
    """The last day's number comes when the new month was looked at already."""
    track, of = Track(1_000), Goal(Measure.SUM)
    track.add(0, 1.0)
    assert track.summary(of, 10, 20).measure(of) == 0.0
    track.add(5, 7.0)
    assert track.summary(of, 10, 20).measure(of) == 0.0
    track.add(12, 3.0)
    assert track.summary(of, 10, 20).measure(of) == 3.0


@pytest.mark.parametrize("horizon", [0, HORIZON])
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from([1.0, None])), unique_by=lambda one: one[0], min_size=1))
def test_the_usual_distance_is_the_same_in_any_order_of_arrival(horizon, readings):
    """What came before it was too old is held a while longer than what came after."""
    ordered, reverse = Track(horizon), Track(horizon)
    for time, value in sorted(readings):
        ordered.add(time, value)
    for time, value in sorted(readings, reverse=True):
        reverse.add(time, value)
    assert ordered.gap() == reverse.gap()


@given(st.dictionaries(st.integers(0, 200), numbers, max_size=60), st.integers(0, 60))
def test_filling_is_adding_one_after_the_other(found: Naive, past: int) -> None:
    ordered = sorted(found.items())
    added, filled_ = Track(HORIZON, past), Track(HORIZON, past)
    for time, value in ordered:
        added.add(time, value)
    numbers = [math.nan if value is None else value for _, value in ordered]
    filled_.fill(array("q", [time for time, _ in ordered]), array("d", numbers))
    for track in (added, filled_):
        track.add(201, 4.0)
    inside_ = [one for one in added.backwards() if one[0] >= 201 - HORIZON]
    assert inside_ == [one for one in filled_.backwards() if one[0] >= 201 - HORIZON]
    assert added.newest_at(201 - HORIZON) == filled_.newest_at(201 - HORIZON)
    assert added.gap() == filled_.gap()


@given(additions, st.lists(st.integers(0, 210), min_size=2, max_size=8, unique=True), st.sampled_from(Measure))
def test_what_each_stretch_adds_is_what_each_alone_adds(readings, edges, measure) -> None:
    track, _ = filled(readings)
    edges.sort()
    alone = [track.added(start, end, measure, 0) for start, end in pairwise(edges)]
    assert track.added_each(edges, measure, 0) == alone
    daily, _ = filled([(time, float(time)) for time in edges[:-1]], 1_000)
    assert daily.added_each(edges, Measure.SUM, 0) == [float(time) for time in edges[:-1]]


@given(st.lists(st.sampled_from([None, 1.0, 2.0]), min_size=20, max_size=60), st.randoms(), st.integers(0, 119))
def test_without_a_horizon_what_is_in_view_is_what_a_restart_would_read(values, rng, late):
    stored = {2 * number: value for number, value in enumerate(values)}
    long, times = Track(0), sorted(stored)
    for time in rng.sample(times, len(times)):
        long.add(time, stored[time])
    newest = {*times[-NEWEST:], *[time for time in times if stored[time] is not None][-NEWEST:]}
    restarted = Track(0)
    for time in sorted(newest):
        restarted.add(time, stored[time])
    assert (long.add(late, 3.0) is Added.OUT_OF_VIEW) is (restarted.add(late, 3.0) is Added.OUT_OF_VIEW)
