"""Sums of what came and went are those of what is left, to the last bit."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

from hypothesis import given
from hypothesis import strategies as st

from rules.exact import Exact, ExactSpread

VALUES = st.lists(st.floats(-1e100, 1e100) | st.sampled_from([0.1, 0.2, 1e16, -1e16, 5e-324]), min_size=1, max_size=12)


@given(VALUES, VALUES)
def test_what_left_leaves_no_trace(gone: list[float], left: list[float]) -> None:
    total, spread = Exact(), ExactSpread()
    for value in (*gone, *left):
        total.add(value)
        spread.add(value)
    for value in gone:
        total.add(value, -1)
        spread.add(value, -1)
    exact = [Fraction(value) for value in left]
    mean = sum(exact) / len(left)
    assert float(total) == float(sum(exact))
    assert spread.deviation(len(left)) == sqrt(sum((value - mean) ** 2 for value in exact) / len(left))
