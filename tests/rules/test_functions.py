"""Every function of a condition against what it means, computed over the plain readings."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import compile_condition
from rules.functions import FUNCTIONS, Need, Query, View, quantile
from rules.model import (
    DAY,
    HOUR,
    LARGEST,
    SECOND,
    AlertRule,
    Assessment,
    Combine,
    Goal,
    Often,
    Reading,
    Selector,
    Standing,
    Target,
)
from rules.tracks import Track
from tests.rules.world import World, at, series

WINDOW = 10 * SECOND
NOW = 100 * SECOND
values = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0])
readings = st.dictionaries(st.integers(0, 105).map(lambda n: n * SECOND), values, max_size=40)


def query(function: str, window: int = WINDOW, offset: int = 0) -> Query:
    takes = FUNCTIONS[function]
    if takes.offset is Need.MUST:
        offset = offset or WINDOW
    window = window if takes.window is Need.MUST else 0
    return Query(function, Selector("x"), window, f"{function}(x)", offset, 0.3)


def track_of(stored: dict[int, float | None]) -> Track:
    track = Track(3 * WINDOW + 10 * SECOND)
    for time in sorted(stored):
        track.add(time, stored[time])
    return track


def naive(function: str, stored: dict[int, float | None], now: int) -> float | None:
    newest = max(stored, default=None)
    if function == "at":
        function, now = "last", now - WINDOW
        newest = max((time for time in stored if time <= now), default=None)
    if function == "last":
        return None if newest is None else stored[newest]
    if function == "age":
        return None if newest is None else (now - newest) / SECOND
    if function == "absent":
        return 1.0 if newest is None or stored[newest] is None else 0.0
    inside = [v for t, v in sorted(stored.items()) if now - WINDOW < t <= now and v is not None]
    if function == "count":
        return float(len(inside))
    if function in {"increase", "rate"}:
        before = [v for t, v in sorted(stored.items()) if t <= now - WINDOW and v is not None][-1:]
        steps = list(pairwise([*before, *inside]))
        risen = sum(b - a if b >= a else b for a, b in steps)
        return (risen / 10 if function == "rate" else risen) if steps else None
    if not inside:
        return None
    mean = sum(inside) / len(inside)
    return {
        "avg": mean,
        "sum": sum(inside),
        "min": min(inside),
        "max": max(inside),
        "stddev": sqrt(sum((v - mean) ** 2 for v in inside) / len(inside)),
        "quantile": naive_quantile(inside, 0.3),
        "changes": float(sum(a != b for a, b in pairwise(inside))),
    }[function]


def naive_quantile(values: list[float], fraction: float) -> float:
    """The point at a fraction of the way along the line through the values in order of size."""
    ordered = sorted(values)
    way = fraction * (len(ordered) - 1)
    below = int(way)
    return ordered[below] + (way - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])


@pytest.mark.parametrize("function", FUNCTIONS)
@given(stored=readings)
def test_it_is_what_it_means(function, stored):
    found = View(query(function), track_of(stored), "UTC").ask(NOW)
    wanted = naive(function, stored, NOW)
    assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-6, abs=1e-6))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_of_nothing(function):
    wanted = {"absent": 1.0, "count": 0.0}.get(function)
    assert View(query(function), Track(WINDOW), "UTC").ask(NOW) == wanted
    nothing = track_of({NOW: None, NOW - SECOND: None})
    assert View(query(function), nothing, "UTC").ask(NOW) == {"age": 0.0, "absent": 1.0, "count": 0.0}.get(function)


def test_a_window_begins_after_its_start_and_ends_with_now():
    track = track_of({NOW - WINDOW: 1.0, NOW - WINDOW + 1: 2.0, NOW: 4.0, NOW + 1: 8.0})
    assert View(query("sum"), track, "UTC").ask(NOW) == 6.0
    assert View(query("increase"), track, "UTC").ask(NOW) == 3.0  # it counts from the reading at the start


def test_absent_over_a_window():
    asked = Query("absent", Selector("x"), WINDOW, "absent(x, '10s')")
    assert View(asked, track_of({NOW - WINDOW: 1.0}), "UTC").ask(NOW) == 1.0
    assert View(asked, track_of({NOW - WINDOW + 1: 1.0}), "UTC").ask(NOW) == 0.0
    assert View(asked, track_of({NOW: None}), "UTC").ask(NOW) == 1.0


def test_a_counter_that_starts_anew():
    track = track_of({NOW - 5 * SECOND: 90.0, NOW - 3 * SECOND: 100.0, NOW - SECOND: 7.0, NOW: 9.0})
    assert View(query("increase"), track, "UTC").ask(NOW) == 10 + 7 + 2
    assert View(query("rate"), track, "UTC").ask(NOW) == 1.9


@pytest.mark.parametrize("function", FUNCTIONS)
@given(
    stored=st.dictionaries(
        st.integers(0, 100).map(lambda n: n * SECOND), st.sampled_from([LARGEST, -LARGEST, 0.0, 1e-300, None])
    )
)
def test_the_largest_values_overflow_nothing(function, stored):
    found = View(query(function), track_of(stored), "UTC").ask(NOW)
    assert found is None or isfinite(found)


@pytest.mark.parametrize("value", [1e308, -1e308, LARGEST, float("inf"), float("nan"), 5e-324])
@pytest.mark.parametrize(
    "condition", ["avg(x, '1m') > 1", "stddev(x, '1m') < 3 and sum(x, '1m') > 0", "increase(x, '1m') > 0"]
)
def test_no_value_ends_a_decision(value, condition):
    """A source that gives nonsense must not end the daemon."""
    compile_condition(condition)
    world = World(Target("t", "T", Goal(condition=condition), Selector("x")))
    for i in range(4):
        world.step(NOW + i * SECOND, Reading(series("x"), NOW + i * SECOND, value if i % 2 else -value))
    found = world.look(NOW + 5 * SECOND).assessment
    assert isinstance(found, Assessment)
    assert found.standing in Standing


@pytest.mark.parametrize("combine", Combine)
def test_two_series_of_which_one_has_no_value_at_the_same_time(combine):
    world = World(Target("t", "T", Goal(at_least=1), Selector("x"), combine=combine))
    readings = [Reading(series("x", of=of), NOW, value) for of, value in (("a", None), ("b", 5.0))]
    world.step(NOW, *readings)
    assert world.look(NOW + SECOND).assessment.standing in {Standing.NO_DATA, Standing.IN_BAND}


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "at"])
@given(stored=readings)
def test_an_offset_is_asking_earlier(function, stored):
    """What was read since then counts for nothing."""
    then = NOW - WINDOW
    earlier = {time: value for time, value in stored.items() if time <= then}
    found = View(query(function, offset=WINDOW), track_of(stored), "UTC").ask(NOW)
    assert found == View(query(function), track_of(earlier), "UTC").ask(then)


def test_a_week_ago_is_the_same_local_time_over_a_change_of_the_clocks():
    zone = "Europe/Amsterdam"
    now, before = at("2026-04-01T09:00", zone), at("2026-03-25T09:00", zone)
    assert now - before == 7 * DAY - HOUR
    condition = compile_condition("at(x, '7d') > 1 and last(x, at('7d1h')) > 0")
    track = Track(condition.queries[0].reach)
    for time, value in (
        (before - HOUR, 1.0),
        (before - SECOND, 2.0),
        (before, 3.0),
        (before + SECOND, 4.0),
        (now, 9.0),
    ):
        track.add(time, value)
    assert [View(one, track, zone).ask(now) for one in condition.queries] == [3.0, 1.0]
    assert View(condition.queries[0], track, "UTC").ask(now) == 1.0  # an hour earlier


def test_how_far_back_a_query_reaches():
    text = "avg(x, '1h') < 0.7 * avg(x, '1h', at('7d')) and last(y) > 1 and at(z, '2h') > 1"
    assert [one.reach for one in compile_condition(text).queries] == [HOUR, HOUR + 7 * DAY + DAY, 0, 2 * HOUR]


def test_a_quantile_lies_between_the_values():
    assert [quantile([1.0, 2.0, 4.0, 8.0], part) for part in (0, 0.5, 0.9, 1)] == [1.0, 3.0, pytest.approx(6.8), 8.0]
    assert quantile([3.0], 0.95) == 3.0


class TestInAWorld:
    def test_less_than_at_the_same_time_last_week(self):
        condition = "avg(x, '1h') >= 0.7 * avg(x, '1h', at('7d'))"
        world = World(Target("t", "T", Goal(condition=condition), zone="Europe/Amsterdam"))
        start = at("2026-03-25T00:00", "Europe/Amsterdam")
        week = 7 * 24 - 1  # the clocks lose an hour
        for hour in range(week):
            world.step(start + hour * HOUR, Reading(series("x"), start + hour * HOUR, 100.0 + hour % 24))
        assert world.look(start + week * HOUR - 1).assessment.standing is Standing.NO_DATA
        world.step(start + week * HOUR, Reading(series("x"), start + week * HOUR, 71.0))
        found = world.look(start + week * HOUR).assessment
        assert (found.standing, found.inputs[1]) == (Standing.IN_BAND, ("avg(x, '1h', at('7d'))", "100"))
        world.step(start + week * HOUR + 1, Reading(series("x"), start + week * HOUR, 69.0))
        assert world.look(start + week * HOUR + 1).assessment.standing is Standing.OUT_OF_BAND

    @pytest.mark.parametrize(
        ("condition", "after"),
        [
            ("age(x) < 60", 10 * SECOND),
            ("avg(x, '10m') < 60", 600 * SECOND),  # when it leaves the window
            ("avg(x, '10m', at('1h')) < 60", 3600 * SECOND),  # when it comes into the window
            ("at(x, '1h') < 60", 3600 * SECOND),
            ("at(x, '1d') < 60", 60 * SECOND),  # by local days, whose hours differ
            ("age(x) < 60 or avg(x, '10m') < 60", 10 * SECOND),
            ("last(x) < 60", None),
        ],
    )
    def test_what_changes_by_time_alone_is_looked_at_again(self, condition, after):
        world = World(Target("t", "T", Goal(condition=condition), zone="Europe/Amsterdam"))
        world.step(NOW, Reading(series("x"), NOW, 1.0))
        wake = world.look(NOW).wake
        assert wake == (None if after is None else NOW + after)

    def test_no_look_is_made_that_finds_the_same(self):
        world = World(Target("t", "T", Goal(condition="avg(x, '10m') < 60")))
        for minute in range(15):
            world.step(NOW + minute * 60 * SECOND, Reading(series("x"), NOW + minute * 60 * SECOND, 1.0))
        now = NOW + 14 * 60 * SECOND
        assert world.look(now).wake == now + 60 * SECOND  # the fifth minute leaves
        assert world.look(now + SECOND).wake == now + 60 * SECOND  # another look moves none
        assert world.look(now + 60 * SECOND).wake == now + 120 * SECOND
        assert world.look(now + 600 * SECOND).wake is None

    def test_silence_is_noticed_by_age(self):
        world = World(Target("t", "T", Goal(condition="age(x) < 60")))
        world.step(NOW, Reading(series("x"), NOW, 1.0))
        now = NOW
        while now < NOW + 2 * 60 * SECOND:
            (state,) = world.states.instances.values()
            now = state.wake
            world.step(now)
        assert world.look(now).assessment.standing is Standing.OUT_OF_BAND


def test_readings_that_are_all_ahead_of_now_judge_nothing_anew():
    often = AlertRule("often", Standing.OUT_OF_BAND, often=Often(1, 3))
    world = World(Target("t", "T", Goal(condition="last(x) < 60"), alerts=(often,)))
    world.step(NOW, Reading(series("x"), NOW, 1.0))
    assert world.step(NOW + SECOND, *(Reading(series("x"), NOW + of * DAY, 99.0) for of in (1, 2))) == []
