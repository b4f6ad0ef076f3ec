"""A condition is taken apart into comparisons of sums of queries with nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.comparisons import Comparison
from rules.conditions import compile_condition

TEXT = "last(a) > 1 and not (last(b) < 2 or 0 < last(c) <= 3) or last(a) - 2 * last(b) / 4 >= -(last(c) - 1)"
NUMBERS = st.tuples(*[st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])] * 6)


def total(comparison: Comparison, values: tuple[float, ...]) -> float:
    return sum(weight * values[index] for index, weight in comparison.weights) + comparison.constant


@given(values=NUMBERS, others=NUMBERS)
def test_a_condition_says_the_same_while_every_sum_stays_on_its_side(
    values: tuple[float, ...], others: tuple[float, ...]
) -> None:
    condition = compile_condition(TEXT)
    assert condition.comparisons is not None
    if all(total(one, values) * total(one, others) > 0.0 for one in condition.comparisons):
        assert condition.decide(values) is condition.decide(others)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("last(a) > 5", [({0: 1.0}, -5.0)]),
        ("3 >= last(a)", [({0: -1.0}, 3.0)]),
        ("1 < last(a) != 3 or not last(b) == 2%", [({0: -1.0}, 1.0), ({0: 1.0}, -3.0), ({1: 1.0}, -0.02)]),
        ("avg(a, '1h') > avg(a, '1h', at('7d')) - 0.4", [({0: 1.0, 1: -1.0}, 0.4)]),
        ("-(last(a) * 2 - +last(b) / 4) < 50%", [({0: -2.0, 1: 0.25}, -0.5)]),
        ("last(a) + last(b) * 2 > 3 * 2 - 2 + 1 * last(b)", [({0: 1.0, 1: 2.0, 2: -1.0}, -4.0)]),
        ("0 * last(a) < 1 and last(a) < 1", [({}, -1.0), ({1: 1.0}, -1.0)]),
        ("last(a) * last(b) > 1", None),
        ("1 / last(a) > 1", None),
        ("last(a) / 0 > 1", None),
        ("last(a) % 2 > 1", None),
        ("(last(a) if last(b) > 0 else last(c)) > 5", None),
        ("last(a) > 5 if last(b) > 0 else last(c) > 5", None),
        ("last(a) > 5 or absent(a, '5m')", None),
    ],
)
def test_what_is_compared(text: str, wanted: list[tuple[dict[int, float], float]] | None) -> None:
    found = compile_condition(text).comparisons
    assert (None if found is None else [(dict(weights), constant) for weights, constant in found]) == wanted
