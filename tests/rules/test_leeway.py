"""A condition says the same, look by look, as long as its margins hold."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.conditions import compile_condition
from rules.engine import States, scene_of
from rules.history import History
from rules.leeway import of_condition
from rules.margins import Margins
from rules.model import LARGEST, MINUTE, SECOND, Goal, InstanceKey, Reading, SourceRule, Target
from rules.questions import questions
from rules.specs import Specs
from rules.tracks import Track
from tests.rules.world import NOON, at, series

X = series("x")
KEY = InstanceKey("t", ())
CONDITIONS = [
    "avg(x, '1h') < {}",
    "{} < avg(x, '1h') and avg(x, '50m') < 3",
    "sum(x, '1h') < 60 * {}",
    "min(x, '30m') > {} - 2",
    "max(x, '30m') < {} + 2",
    "quantile(x, 0.8, '1h') < {} + 0.5",
    "stddev(x, '1h') < {} / 3",
    "count(x, '1h') > 45 and last(x) < 2 * {}",
    "avg(x, '40m') - 0.5 * avg(x, '1h', at('90m')) > {} / 2",
    "avg(x, '40m', at('1h')) < {}",
    "sum(x, '30m', at('1h')) < 30 * {}",
    "max(x, '30m', at('45m')) < {} + 2",
    "quantile(x, 0.1, '1h', at('1h')) > {} - 1",
    "stddev(x, '1h', at('2h')) < {} / 3",
]


def said(condition: str, track: Track, now: int, zone: str = "UTC") -> bool | None:
    """What a condition says at a time, asked anew."""
    compiled, target = compile_condition(condition), Target("t", "T", Goal(condition=condition), zone=zone)
    return compiled.decide([one.answer(now) for one in questions(compiled, target, [X], [track])])


def held(condition: str, numbers: Sequence[tuple[int, float | None]], begin: int = NOON, zone: str = "UTC") -> int:
    """How many readings, each so many seconds after another, its margins hold at; it says the same meanwhile."""
    history, now, count = history_of(condition, zone), begin, 0
    margins: Margins | None = None
    before: bool | None = None
    for gap, number in numbers:
        now += gap * SECOND
        history.add(Reading(X, now, number))
        track = history.track(X)
        if margins is not None and now < margins.until and number is not None and margins.hold(now, now, number):
            count += 1
            last = min(now + margins.silent, margins.until) - 1
            assert {said(condition, track, later, zone) for later in {now, last}} == {before}
        else:
            scene = scene_of(history.specs, States(), KEY, now, history)
            before = said(condition, track, now, zone)
            margins = None if before is None else of_condition(scene, compile_condition(condition), now)
    return count


def history_of(condition: str, zone: str = "UTC") -> History:
    target = Target("t", "T", Goal(condition=condition), zone=zone)
    return History(Specs([target], [SourceRule("a", ("x",), None)]))


@pytest.mark.parametrize("condition", CONDITIONS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), bound=st.sampled_from([1.9, 2.0, 2.1, 2.3]), wild=st.booleans())
def test_what_holds_is_so(condition: str, seed: int, bound: float, *, wild: bool) -> None:
    rng, value, numbers = random.Random(seed), 2.0, list[tuple[int, float | None]]()
    for number in range(240):
        value += rng.gauss(0.0, 0.1) - 0.05 * (value - 2.0)
        odd = wild and rng.random() < 0.03
        known = rng.choice([None, 9.0, -3.0, 1e12]) if odd else value + rng.gauss(0.0, 0.4)
        numbers.append((rng.choice([60, 60, 60, 60, 50, 75, 130]) if number > 20 else 60, known))
    held(condition.format(bound), numbers)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_it_holds_for_long_where_the_bound_is_far(condition: str) -> None:
    rng = random.Random(condition)
    numbers = [(60, rng.gauss(2.0, 0.2)) for _ in range(300)]
    assert held(condition.format(1.0 if "> {}" in condition or "{} <" in condition else 3.0), numbers) > 150


@pytest.mark.parametrize(
    "condition",
    [
        "rate(x, '1h', at('2h')) < 5",
        "changes(x, '1h') > 0",
        "last(x) + 1 > at(x, '1h')",
        "avg(x, '10m') < 5",  # a look may come before the next reading
        "avg(x, '1h') < 5 and age(x) < 60",
        "avg(x, '1h') < 5 or avg(y, '1h') < 5",
        "avg(x, '1h') * last(x) < 50",
        "avg(x, '1h') < 2",
    ],
)
def test_nothing_is_known_in_advance(condition: str) -> None:
    assert held(condition, [(60, 2.0)] * 100) == 0


def test_days_that_are_local_are_not_counted_ahead() -> None:
    condition, begin = "avg(x, '1h', at('1d')) < 5", at("2026-03-28T20:00", "Europe/Amsterdam")
    numbers = [(60, 2.0 + 6.0 * (i % 60 < 2)) for i in range(1, 1_800)]
    assert held(condition, numbers, begin, "Europe/Amsterdam") == 0
    assert held(condition, numbers, begin) > 300


def test_numbers_larger_than_its_sums_are_not_added() -> None:
    margins = margins_of("avg(x, '1h') < 5", [2.0] * 90)
    assert margins is not None
    assert margins.most < 1e3 < LARGEST
    assert not margins.hold(NOON + 90 * MINUTE, NOON + 90 * MINUTE, -1e6)


def test_a_look_comes_before_a_reading_that_is_late() -> None:
    margins = margins_of("avg(x, '30m') < 5", [2.0] * 90)
    assert margins is not None
    assert margins.silent < 90 * SECOND


def margins_of(condition: str, values: Sequence[float]) -> Margins | None:
    history, now = history_of(condition), NOON + (len(values) - 1) * MINUTE
    for i, value in enumerate(values):
        history.add(Reading(X, NOON + i * MINUTE, value))
    return of_condition(scene_of(history.specs, States(), KEY, now, history), compile_condition(condition), now)
