import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions import compile_condition, compile_where
from rules.expressions import ConditionError
from rules.model import DAY, HOUR, Selector


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
        ("last(a, '5m') > 1", 0, "takes no window; write last(visitors)"),
        ("avg(a, '5m', '6m') > 1", 13, "takes one window"),
        ("avg(a, 5) > 1", 0, "needs a window"),
        ("avg(a, 0.5, '5m') > 1", 0, "takes no fraction"),
        ("count(a, '5m', 7) > 1", 0, "takes no fraction"),
        ("quantile(a, '5m') > 1", 0, "needs a number from 0 to 1, for example quantile(visitors, 0.95, '1h')"),
        ("quantile(a, 95, '5m') > 1", 12, "from 0 to 1"),
        ("at(a) > 1", 0, "needs how long ago, for example at(visitors, '7d')"),
        ("avg(a, '1h', at(7)) > 1", 16, "a duration in quotes"),
        ("avg(a, '1h', at('7d', '8d')) > 1", 13, "written at('7d')"),
        ("avg(a, '1h', at=7) > 1", 16, "a duration in quotes"),
        ("avg(a, '1h', at='0s') > 1", 16, "longer than nothing"),
        ("avg(a, '1h', at='200y') > 1", 16, "at most 100y"),
        ("avg(a, '1h', of='7d') > 1", 0, "no argument of"),
        ("avg(a, '1h', **last(b)) > 1", 0, "no argument None"),
        ("avg(a, last(b)) > 1", 7, "can't be given to avg()"),
        ("at('7d') > 1", 0, "takes a series first"),
        ("last(a) > 1 # and last(b) > 2", 12, "no comments"),
        ('last(a{x="é"}) > 1 and lst(b) > 1', 23, "unknown function lst"),
        ("last(a) > 1 and\n lst(b) > 1", 17, "unknown function lst"),
        ("last(a) > é", 10, "say what you want of é"),
        ("absent(a) > 1", 0, "stands where a number is needed"),
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
    said = [one for one in (refused.value, *refused.value.others) if words in str(one)]
    assert said
    if offset is not None:
        assert said[0].offset == offset


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


def test_a_word_that_is_near_is_offered() -> None:
    with pytest.raises(ConditionError) as refused:
        compile_condition("quantil(a, 0.5, '1h') > 1")
    assert refused.value.hint == "did you mean quantile?"


@pytest.mark.parametrize(
    ("call", "window", "offset", "fraction"),
    [
        ("at(x, '7d')", 0, 7 * DAY, 0.0),
        ("last(x, at('7d'))", 0, 7 * DAY, 0.0),
        ("last(x, at='7d')", 0, 7 * DAY, 0.0),
        ("avg(x, '1h', at('1d12h'))", HOUR, 36 * HOUR, 0.0),
        ("avg(x, at('7d'), '1h')", HOUR, 7 * DAY, 0.0),
        ("quantile(x, 0.95, '1h')", HOUR, 0, 0.95),
        ("quantile(x, '1h', 1, at='1h')", HOUR, HOUR, 1.0),
        ("age(x, at='1h')", 0, HOUR, 0.0),
    ],
)
def test_what_a_call_takes(call: str, window: int, offset: int, fraction: float) -> None:
    (query,) = compile_condition(f"{call} > 1").queries
    assert (query.window, query.offset, query.fraction) == (window, offset, fraction)
    assert query.text == call


@pytest.mark.parametrize("name", ["http.requests", "a-b", "rule:sum", "is", "x"])
def test_a_series_may_have_any_name_that_a_selector_takes(name: str) -> None:
    condition = compile_condition(f"1 < avg( {name} , '5m') and last({name}{{a='b'}}) - 1 > 2")
    assert [selector.name for selector in condition.selectors] == [name, name]
    assert condition.queries[0].position == 9


def test_many_selectors_are_told_apart() -> None:
    text = " or ".join(f"last(a{{x='{i}'}}) > 1" for i in range(40))
    assert [s.matchers[0].value for s in compile_condition(text).selectors] == [str(i) for i in range(40)]


def test_a_condition_over_several_lines() -> None:
    assert compile_condition("last(a{x='é',\n y='1'}) > 1\nand last(b) > 1").decide([2, 2]) is True


class TestTrace:
    def test_every_part_with_its_value_in_the_order_it_is_read(self) -> None:
        text = "last(dau{site='é'}) > 2 * 500 and (absent(b) or -avg(c, '1d') + 1 < 3)"
        assert compile_condition(text).trace([1200.0, 0.0, None]) == (
            (text, None),
            ("last(dau{site='é'}) > 2 * 500", True),
            ("last(dau{site='é'})", 1200.0),
            ("absent(b) or -avg(c, '1d') + 1 < 3", None),
            ("absent(b)", False),
            ("-avg(c, '1d') + 1 < 3", None),
            ("-avg(c, '1d') + 1", None),
            ("-avg(c, '1d')", None),
            ("avg(c, '1d')", None),
        )

    def test_a_choice(self) -> None:
        found = compile_condition("(last(a) if last(b) > 0 else 7) > 5").trace([6.0, 0.0])
        assert dict(found)["last(a) if last(b) > 0 else 7"] == 7
        assert dict(found)["last(b) > 0"] is False

    @given(st.lists(st.none() | st.floats(-10, 10), min_size=4, max_size=4))
    def test_the_whole_is_what_is_decided(self, values: list[float | None]) -> None:
        condition = compile_condition("not last(a) / last(b) > 1 or last(c) % last(b) == 0")
        assert condition.trace(values)[0] == (condition.text, condition.decide(values))


class TestWhere:
    @pytest.mark.parametrize(
        ("text", "value", "holds"),
        [
            ("value == 1", 1.0, True),
            ("0 <= value < 0.3", 0.3, False),
            ("1 / value > 0", 0.0, False),
            ("not value > 1", 1.0, True),
        ],
    )
    def test_it_holds_of_a_value(self, text: str, value: float, holds: bool) -> None:
        assert compile_where(text).holds(value) is holds

    @pytest.mark.parametrize(
        ("text", "offset", "words"),
        [
            ("value", 0, "must say yes or no"),
            ("1 == 1", 0, "says nothing of the value"),
            ("values == 1", 0, "values is not known here"),
            ("1 < last(x)", 4, "not allowed here"),
            ("value == 'ok'", 9, "is a text"),
            ("value ==", 8, "can't be read"),
        ],
    )
    def test_what_is_refused(self, text: str, offset: int, words: str) -> None:
        with pytest.raises(ConditionError) as refused:
            compile_where(text)
        assert words in str(refused.value)
        assert refused.value.offset == offset
