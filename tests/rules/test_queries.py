"""Every function of a condition against what it means, computed over the plain readings."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import FUNCTIONS, WINDOWED, Query, compile_condition
from rules.history import Track
from rules.model import LARGEST, SECOND, Assessment, Combine, Goal, Reading, Selector, Standing, Target
from rules.queries import ask
from tests.rules.world import World, series

WINDOW = 10 * SECOND
NOW = 100 * SECOND
values = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0])
readings = st.dictionaries(st.integers(0, 105).map(lambda n: n * SECOND), values, max_size=40)


def query(function: str, window: int = WINDOW) -> Query:
    return Query(function, Selector("x"), window if function in WINDOWED else 0, f"{function}(x)")


def track_of(stored: dict[int, float | None]) -> Track:
    track = Track(WINDOW + 10 * SECOND)
    for time in sorted(stored):
        track.add(time, stored[time])
    return track


def naive(function: str, stored: dict[int, float | None], now: int) -> float | None:
    newest = max(stored, default=None)
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
        "changes": float(sum(a != b for a, b in pairwise(inside))),
    }[function]


@pytest.mark.parametrize("function", FUNCTIONS)
@given(stored=readings)
def test_it_is_what_it_means(function, stored):
    found = ask(query(function), track_of(stored), NOW)
    wanted = naive(function, stored, NOW)
    assert found == (None if wanted is None else pytest.approx(wanted, rel=1e-6, abs=1e-6))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_of_nothing(function):
    wanted = {"absent": 1.0, "count": 0.0}.get(function)
    assert ask(query(function), Track(WINDOW), NOW) == wanted
    nothing = track_of({NOW: None, NOW - SECOND: None})
    assert ask(query(function), nothing, NOW) == {"age": 0.0, "absent": 1.0, "count": 0.0}.get(function)


def test_a_window_begins_after_its_start_and_ends_with_now():
    track = track_of({NOW - WINDOW: 1.0, NOW - WINDOW + 1: 2.0, NOW: 4.0, NOW + 1: 8.0})
    assert ask(query("sum"), track, NOW) == 6.0
    assert ask(query("increase"), track, NOW) == 3.0  # it counts from the reading at the start


def test_absent_over_a_window():
    asked = Query("absent", Selector("x"), WINDOW, "absent(x, '10s')")
    assert ask(asked, track_of({NOW - WINDOW: 1.0}), NOW) == 1.0
    assert ask(asked, track_of({NOW - WINDOW + 1: 1.0}), NOW) == 0.0
    assert ask(asked, track_of({NOW: None}), NOW) == 1.0


def test_a_counter_that_starts_anew():
    track = track_of({NOW - 5 * SECOND: 90.0, NOW - 3 * SECOND: 100.0, NOW - SECOND: 7.0, NOW: 9.0})
    assert ask(query("increase"), track, NOW) == 10 + 7 + 2
    assert ask(query("rate"), track, NOW) == 1.9


@pytest.mark.parametrize("function", FUNCTIONS)
@given(
    stored=st.dictionaries(
        st.integers(0, 100).map(lambda n: n * SECOND), st.sampled_from([LARGEST, -LARGEST, 0.0, 1e-300, None])
    )
)
def test_the_largest_values_overflow_nothing(function, stored):
    found = ask(query(function), track_of(stored), NOW)
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
