"""Expressions as they are written: percentages, and what is said of those that can't be read."""

from __future__ import annotations

import pytest

from rules.conditions import compile_condition, compile_where
from rules.expressions import ConditionError


@pytest.mark.parametrize(
    ("text", "true", "false"),
    [
        ("last(m) > 99%", 0.995, 0.985),
        ("last(m) >= 99.9% and last(m) < 200 %", 0.999, 2.0),
        ("(last(m) > .5%)", 0.006, 0.004),
        ("5% < last(m)", 0.06, 0.04),
        ("last(m) > (50% if last(m) < 60% else 100%)", 0.55, 0.7),
        ("last(m) % 7 == 3", 10.0, 7.0),
        ("10% last(m) == 1", 3.0, 2.0),
        ("10 % (last(m)) == 1", 3.0, 2.0),
        ('last(m{a="5%"}) > 1%', 0.02, 0.001),
        ("last(m) > -5%", 0.0, -0.06),
    ],
)
def test_a_percentage_is_a_number_and_a_remainder_stays_one(text: str, true: float, false: float):
    condition = compile_condition(text)
    count = len(condition.queries)
    assert condition.decide([true] * count) is True
    assert condition.decide([false] * count) is False
    assert condition.decide([None] * count) is None


def test_a_percentage_is_shown_as_it_is_written():
    condition = compile_condition("quantile(m, 95%, '1h') > 99.9%")
    assert condition.queries[0].fraction == 0.95
    assert condition.trace([1.0])[0] == ("quantile(m, 95%, '1h') > 99.9%", True)
    assert compile_where("value >= 50%").holds(0.5)


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("last(m) > > 5", 10, "a number or a call is missing before '>'"),
        ("last(m) > 5 and", 15, "a number or a call is missing at the end"),
        ("last(m) > 5 or and last(m) < 1", 15, "a number or a call is missing before 'and'"),
        ("last(m) >", 9, "a number or a call is missing at the end"),
        ("last(m) > 1; last(m)", 11, "an operator is missing before ';'"),
        ("last(m) > 5 5", 12, "an operator is missing before '5'"),
    ],
)
def test_what_is_missing_is_said_where_it_is_missing(text: str, offset: int, words: str):
    with pytest.raises(ConditionError, match="can't be read: ") as refused:
        compile_condition(text)
    assert words in str(refused.value)
    assert refused.value.offset == offset


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [("last(m) = 5", 8, "=="), ("last(m) > 5 && last(m) < 9", 13, "and"), ("!absent(m)", 0, "not")],
)
def test_how_other_languages_write_it_is_known(text: str, offset: int, hint: str):
    with pytest.raises(ConditionError, match="can't be read: ") as refused:
        compile_condition(text)
    assert (refused.value.offset, refused.value.hint) == (offset, f"did you mean {hint}?")


@pytest.mark.parametrize(("text", "offset"), [("rate(m[1h30m]) > 1", 6), ('1 < rate(m{a="[5m]"}[1h30m])', 20)])
def test_a_window_as_prometheus_has_it(text: str, offset: int):
    with pytest.raises(ConditionError, match=r"a window follows .* as in avg\(visitors, '1h30m'\)") as refused:
        compile_condition(text)
    assert refused.value.offset == offset
