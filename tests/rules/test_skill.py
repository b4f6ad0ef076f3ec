"""Which way of forecasting is trusted, and how wide the interval is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.skill import Levels, Made, Skill

EVEN = (0.5, 0.5, 0.0, 0.0, 0.0, 0.0)  # two levels are told apart; neither the third nor any that is moved counts
MOVED = (0.5, 0.0, 0.0, 0.5, 0.0, 0.0)  # the first level as it is and moved


def three(levels: Sequence[float]) -> Levels:
    first, second = levels
    return first, second, 0.0


def mix(skill: Skill, *levels: float) -> float:
    return skill.mix(three(levels), 1.0)


def period(
    skill: Skill, levels: Sequence[float], value: float, *, rose: float = 1.0, settled: int | None = None
) -> None:
    """Ten buckets of one value, forecast before every second of them."""
    for left in range(9, 0, -2):
        if settled == left:
            skill.settle()
        skill.note(Made(left, (10 - left) * value, float(left), three(levels), rose, 2.0 * left))


def after(*periods: tuple[list[float], float]) -> Skill:
    skill = Skill(EVEN)
    for levels, value in periods:
        period(skill, levels, value)
        skill.end(10 * value)
    return skill


def test_before_anything_is_known_the_prior_counts() -> None:
    prior = 0.4, 0.2, 0.1, 0.1, 0.15, 0.05
    assert Skill(prior).mix((1.0, 2.0, 3.0), 2.0) == pytest.approx(1.1 + 2.0 * 0.55)


def test_the_way_that_was_better_takes_over() -> None:
    skill = after(*[([100.0, 110.0], 100.0)] * 3)
    assert mix(skill, 0.0, 1.0) < 0.01


def test_ways_that_differ_by_little_stay_alike() -> None:
    skill = after(*[([100.0, 100.02], 100.0)] * 3)
    assert 0.35 < mix(skill, 0.0, 1.0) < 0.5


def test_a_way_that_is_right_lately_is_heard_at_once() -> None:
    skill = after(*[([100.0, 100.3], 100.0)] * 4)
    before = mix(skill, 0.0, 1.0)
    period(skill, [100.0, 130.0], 130.0)
    assert mix(skill, 0.0, 1.0) > 0.9 > 0.5 > before


def test_a_level_moved_as_a_season_ago_takes_over_where_it_was_better() -> None:
    moved, still = Skill(MOVED), Skill(MOVED)
    for _ in range(12):
        for skill, level in ((moved, 80.0), (still, 120.0)):
            period(skill, (level, 0.0), 120.0, rose=1.5)
            skill.end(1_200.0)
    assert moved.mix((1.0, 0.0, 0.0), 2.0) == pytest.approx(2.0, abs=0.01)
    assert moved.multiple(5, 10) < 1.0
    assert still.mix((1.0, 0.0, 0.0), 2.0) == pytest.approx(1.0, abs=0.01)


def test_a_course_that_is_not_known_moves_nothing() -> None:
    skill = Skill(MOVED)
    period(skill, (90.0, 0.0), 100.0)
    skill.end(1_000.0)
    assert skill.mix((3.0, 0.0, 0.0), 1.0) == pytest.approx(3.0)
    assert skill.mix((3.0, 0.0, 0.0), 2.0) == pytest.approx(4.5)


def test_the_interval_is_as_wide_as_most_misses_were() -> None:
    narrow, wide = (after(*[([100.0 + off] * 2, 100.0)] * 12) for off in (1.0, 8.0))
    assert wide.multiple(5, 10) > 4 * narrow.multiple(5, 10)


def test_a_period_that_is_not_over_teaches_nothing() -> None:
    skill = Skill(EVEN)
    period(skill, [100.0, 150.0], 100.0)
    skill.drop()
    assert mix(skill, 0.0, 1.0) == 0.5


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=15), st.integers(0, 4))
def test_what_is_let_go_is_not_missed(periods, half) -> None:
    told = [([one, other], value) for one, other, value in periods]
    kept, settled = after(*told), after(*told)
    period(kept, [50.0, 60.0], 55.0)
    period(settled, [50.0, 60.0], 55.0, settled=9 - 2 * half)
    assert mix(kept, 1.0, 2.0) == mix(settled, 1.0, 2.0)
    assert kept.multiple(3, 10) == settled.multiple(3, 10)
    assert 0.0 < kept.multiple(3, 10) < 1e7
