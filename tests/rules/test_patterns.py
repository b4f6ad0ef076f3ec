"""Which regular expressions are let near what others write, and that those end in time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.extract import MOST_LABEL
from rules.matchers import parse_alert_matchers
from rules.patterns import check_pattern, compiled

USUAL = [
    "a|b|c", "prod-.*", ".*-(east|west)-[0-9]+", "(?i)www.*", ".+", "", "[a-z]{2,8}", "web-\\d{3}", "(foo|bar)-(a|b|)",
    "^db\\d+$", "[^x]*", "ams[1-5]?", ".*a.*b.*", "(web|db)\\.example\\.(com|org)", "(?:a|b).*?", "(ab){3}", "(?:a|b)*d",
]  # fmt: skip
SLOW = [
    "(a+)+$", "(a*)*b", "(a|a)*b", "(a|ab)+c", "(.*a){20}", "(a?){30}a{30}", "(?:a+b?)+", "((a{1,5}){1,5}){1,5}",
    ".*.*.*.*x", "a*a*a*a*b", "(?=(a+)+$)a", "(a+)\\1", "(?>a+)b", "a?" * 13 + "a" * 13, "(x+x+)+y",
    "x" * 1_001, "(" * 500 + ")" * 500,
]  # fmt: skip


@pytest.mark.parametrize("text", USUAL)
def test_usual_expressions_are_taken(text: str):
    check_pattern(text)


@pytest.mark.parametrize("text", SLOW)
def test_those_that_may_take_for_ever_are_mistakes(text: str):
    with pytest.raises(ValueError, match=r"very long|at most|too large"):
        check_pattern(text)
    with pytest.raises(ValueError, match=r"very long|at most|too large"):
        parse_alert_matchers(f'room=~"{text}"'.replace("\\", "\\\\"))


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "(a|b)", "(ab)", "a|b", "^", "$", "\\w", "(?i)", "[[:alpha:]]", "\\B"])
_REPEATS = st.sampled_from(["", "*", "+", "?", "{2,}", "{1,9}", "*?", "{3}"])


@given(st.lists(st.tuples(_ATOMS, _REPEATS), max_size=6).map(lambda parts: "".join(a + r for a, r in parts)))
def test_what_is_taken_ends_in_time(text: str):
    try:
        check_pattern(text)
    except ValueError:
        return
    for label in ("a" * MOST_LABEL, "ab" * (MOST_LABEL // 2), "a" * (MOST_LABEL - 1) + "!"):
        began = time.process_time()
        compiled(text).fullmatch(label)
        assert time.process_time() - began < 2.0  # some 0.1 s by itself
