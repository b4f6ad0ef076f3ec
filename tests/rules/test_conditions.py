import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import ConditionError, compile_condition
from rules.model import Selector


@pytest.mark.parametrize(
    ("text", "values", "answer"),
    [
        ("last(a) > 1000 and avg(b, '1d') > 300 and last(c) < 0.30", [1001, 301, 0.29], True),
        ("last(a) > 1000 and avg(b, '1d') > 300 and last(c) < 0.30", [1001, 301, 0.30], False),
        ("last(a) > 1000 and last(b) > 1", [None, 0], False),  # false whatever a is
        ("last(a) > 1000 and last(b) > 1", [None, 2], None),
        ("last(a) > 1000 or last(b) > 1", [None, 2], True),
        ("last(a) > 1000 or last(b) > 1", [None, 0], None),
        ("not last(a) > 1000", [None], None),
        ("last(a) == last(b)", [None, None], None),
        ("last(a) / last(b) > 2", [1, 0], None),
        ("last(a) % last(b) > 2", [1, 0], None),
        ("1 < last(a) < 3", [2], True),
        ("1 < last(a) < 3", [3], False),
        ("-last(a) + 2 * 3 >= (4 - 1)", [3], True),
        ("(last(a) if last(b) > 0 else last(c)) > 5", [6, 1, 0], True),
        ("(last(a) if last(b) > 0 else last(c)) > 5", [6, None, 0], None),
        ("absent(a) or last(b) > 1", [1.0, None], True),
        ("not absent(a)", [0.0], True),
    ],
)
def test_decides_with_three_values(text: str, values: list[float | None], answer: bool | None) -> None:
    assert compile_condition(text).decide(values) is answer


def test_selectors_with_labels_and_their_text() -> None:
    condition = compile_condition("""last(visitors{site="w}ww"}) > 1 and rate(errors{code=~'5..'}, '5m') < 2""")
    assert condition.selectors[0].matchers[0].value == "w}ww"
    assert condition.selectors[1].name == "errors"
    assert condition.queries[1].text == "rate(errors{code=~'5..'}, '5m')"
    assert condition.queries[1].window == 300_000_000
    assert compile_condition("last(ab) > 1").selectors == (Selector("ab"),)


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("last(a)", 0, "must say yes or no"),
        ("1 > 2", 0, "reads no series"),
        ("a > 2", 0, "say what you want of a"),
        ("last(a) > 1 and lst(b) > 2", 16, "unknown function lst"),
        ("last(a) > 'x'", 10, "is a text"),
        ("last(a) >", 9, "can't be read"),
        ("avg(a) > 1", 0, "needs a window"),
        ("avg(a, '5x') > 1", 7, "not a duration"),
        ("last(a, '5m') > 1", 0, "takes only a series"),
        ("last(a) > 1 and 3", 16, "yes or no"),
        ("(last(a) > 1) + 1 > 1", 1, "where a number is needed"),
        ("last(a) > 9**9", 10, "only + - * / and %"),
        ("last(a).real > 1", 0, "not allowed"),
        ("[x for x in last(a)] > 1", 0, "not allowed"),
        ("__import__('os').system('x') > 1", 0, "unknown function"),
        ("last(a) > 1e300", 10, "numbers up to"),
        ("last(a) in (1, 2)", 11, "not allowed"),
        ("last(a) is 1", 0, "compare with"),
        ("f'{last(a)}' > 1", 0, "not allowed"),
        ("last(a) > 1 " + "or last(a) > 1 " * 120, None, "too large"),
        ("last(a) > " + "(" * 300 + "1" + ")" * 300, None, ""),
        ("x" * 3000, None, "at most 2000"),
    ],
)
def test_what_is_refused_and_where(text: str, offset: int | None, words: str) -> None:
    with pytest.raises(ConditionError) as refused:
        compile_condition(text)
    assert words in str(refused.value)
    if offset is not None:
        assert refused.value.offset == offset


@given(st.text(alphabet="last(ab){}'\"=~<>+-*/% 0159.,andortif_[]:lmbd\\\n", max_size=60))
def test_any_text_compiles_or_says_why(text: str) -> None:
    try:
        condition = compile_condition(text)
    except ConditionError:
        return
    assert condition.decide([None] * len(condition.queries)) in {True, False, None}


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=3, max_size=3))
def test_a_comparison_with_a_missing_value_is_never_true_nor_false(values: list[float | None]) -> None:
    for op in ("<", "<=", ">", ">=", "==", "!="):
        answer = compile_condition(f"last(a) {op} last(b)").decide(values[:2])
        assert (answer is None) == (None in values[:2])
