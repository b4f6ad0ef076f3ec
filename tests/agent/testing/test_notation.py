"""Prometheus' expanding notation: the examples of its own documentation, and properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.testing.notation import MOST, check, expand


def written(text: str) -> list[float | str]:
    """The samples in a row, `_` where one is missing and `stale` where there is no value."""
    found: list[float | str] = []
    for place, value in expand(text):
        found += ["_"] * (place - len(found))
        found.append("stale" if value is None else value)
    return found


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("-2+4x3", [-2, 2, 6, 10]),
        (" 1-2x4", [1, -1, -3, -5, -7]),
        (" 1x4", [1, 1, 1, 1, 1]),
        (" 1 _x3 stale", [1, "_", "_", "_", "stale"]),
        ("1+0x6 0 0", [1, 1, 1, 1, 1, 1, 1, 0, 0]),
        ("10+10x2 30+20x5", [10, 20, 30, 30, 50, 70, 90, 110, 130]),
        ("10+10x7 10+30x4", [10, 20, 30, 40, 50, 60, 70, 80, 10, 40, 70, 100, 130]),
        ("_ 1 _ 2", ["_", 1, "_", 2]),
        ("1e3 .5 2. -1.5e-1", [1000, 0.5, 2, -0.15]),
        ("0x3", [0, 0, 0, 0]),
        ("1 NaN nan 2", [1, "stale", "stale", 2]),
        ("1 Inf -Inf +inf 2", [1, "_", "_", "_", 2]),
        ("", []),
        ("  ", []),
        ("1.5+0.5x2", [1.5, 2, 2.5]),
    ],
)
def test_what_the_notation_means(text, meant):
    assert written(text) == meant
    assert check(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 foo", "'foo'"),
        ("1x", "'1x'"),
        ("1+x3", "1"),
        ("{{schema:1 sum:2}}", "histograms"),
        ("1 {{count:3}}x4", "histograms"),
        (f"1x{MOST}", "more than"),
        ("_x99999999", "more than"),
        ("1e300", "too large"),
        ("Infx3", "'Infx3'"),
        ("stalex3", "'stalex3'"),
    ],
)
def test_what_it_refuses(text, said):
    with pytest.raises(ValueError, match=said):
        check(text)


@given(st.integers(-1000, 1000), st.integers(0, 50), st.integers(0, 30), st.sampled_from("+-"))
def test_a_step_is_taken_so_often(first, step, times, sign):
    by = step if sign == "+" else -step
    assert written(f"{first}{sign}{step}x{times}") == [first + by * index for index in range(times + 1)]


@given(st.lists(st.sampled_from(["1", "_", "stale", "2x3", "_x4", "0+1x2"]), min_size=1, max_size=20))
def test_items_stand_one_after_another(items):
    alone = []
    for item in items:
        alone += ["_"] * int(item.removeprefix("_").removeprefix("x") or 1) if item.startswith("_") else written(item)
    while alone and alone[-1] == "_":
        alone.pop()
    assert written(" ".join(items)) == alone
