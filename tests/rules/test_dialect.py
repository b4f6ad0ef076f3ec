"""Regular expressions mean what RE2 makes of them, or are refused with words."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.charsets import CLASSES, complement
from rules.dialect import translated
from rules.patterns import check_pattern, compiled
from rules.selectors import holds, make_matcher

# The expression, a text that it matches and one that it does not; by amtool 0.25.
MEANT = [
    ("[[:alpha:]]+", "web", "l]"),
    ("[[:digit:]]", "5", ":]"),
    ("[^[:space:]]+", "web", "a b"),
    ("[[:^digit:]x]+", "axb", "a5"),
    ("[[:word:].-]+", "a_b.c-d", "a b"),
    (r"\w+", "web_5", "ü"),
    (r"\W", "ü", "u"),
    (r"\d+", "5", "٣"),
    (r"\s", "\t", "\u00a0"),
    (r"\s", " ", "\v"),
    (r"[\s\S]*", "a\nü", None),
    (r"[\D]+", "a٣", "5"),
    (r"\bweb\b", "web", "xweb"),
    (r".*\bü.*", "aü", " ü"),
    ("(?i)[\\W]", "ü", "\u212a"),  # the sign of Kelvin is a k
    ("(?i)k", "\u212a", "x"),
    ("(?i)[j-l]", "\u212a", "x"),
    ("(?i)[^j-l]", "x", "\u212a"),
    ("(?i)ü", "Ü", "u"),
    ("(?i)i", "I", "\u0131"),  # in Turkish an i without a dot, of its own
    ("(?i)[a-z]", "I", "\u0130"),
    ("(?i)[^i]", "\u0131", "I"),
    ("(?i)\u0130", "\u0130", "i"),
    ("a{,3}", "a{,3}", "aa"),
    ("a{2,3}", "aaa", "a"),
    ("a{02}", "a{02}", "aa"),
    ("{", "{", ""),
    ("a{,2}{2}", "a{,2}}", "aa"),
    ("[]a]", "]", "b"),
    ("[^]a]", "b", "]"),
    ("[a-]", "-", "b"),
    ("[--/]", ".", "a"),
    ("[a&&b||c~~d]+", "a&|~", "e"),
    ("web|(?i)shop|x", "X", "WEB"),
    ("(?:(?i)a)b", "Ab", "AB"),
    ("(?i:web)-x", "WEB-x", "WEB-X"),
    ("(?i)a(?-i)b", "Ab", "AB"),
    (r"web\z", "web", "web\n"),
    ("web$", "web", "web\n"),
    (".*", "ab", "a\nb"),
    ("(?s).*", "a\nb", None),
    ("(?m)a$\n^b", "a\nb", "ab"),
    (r"\Qa.b\E", "a.b", "axb"),
    (r"\Q[a", "[a", "a"),
    ("(?U)a+", "aaa", ""),
    ("(?P<n>a)(?P<m>b)", "ab", "a"),
    (r"\x{41}\x42\103\07", "ABC\a", "ABC"),
    (r"\_\-\.\/\"", '_-./"', "a"),
    ("", "", "a"),
    ("straße", "straße", "strasse"),
]
REFUSED = [
    ("(?=a)a", "looks ahead"), ("(?!a)b", "looks ahead"), ("(?<=a)b", "looks back"), ("(?<!a)b", "looks back"),
    (r"(a)\1", "refers back"), ("(?P<n>a)(?P=n)", "refers back"), ("(?>a)", "first way"), ("a++", "repeats a repeat"),
    ("a*+", "repeats a repeat"), ("a{2}{3}", "repeats a repeat"), (r"a\Z", r"the end is \\z"), ("(?x) a", "flags are"),
    ("(?#c)a", "comment"), (r"\pL", "classes of Unicode"), (r"\P{Greek}", "classes of Unicode"), (r"\C", "not know"),
    (r"\N", "not know"), (r"\e", "not know"), (r"\u0041", "not know"), ("[[:foo:]]", "no class"), ("(", "not closed"),
    ("[a", "not closed"), (")", "without its"), ("*a", "nothing to repeat"), ("a|*", "nothing to repeat"),
    ("a{3,2}", "no number of times"), ("a{1001}", "no number of times"), ("[z-a]", "ends before"), ("a\\", "ends with"),
    (r"\x{110000}", "no character"), ("(?)a", "flags are"), ("^*", "not a regular"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "like", "unlike"), MEANT)
def test_an_expression_means_what_it_means_to_re2(text: str, like: str, unlike: str | None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matcher = make_matcher("x", "=~", text)
        assert holds(matcher, like)
        assert unlike is None or not holds(matcher, unlike)


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_re2_or_this_does_not_know_is_refused_with_words(text: str, words: str):
    with pytest.raises(ValueError, match=words):
        check_pattern(text)


@given(st.text(alphabet="ab[](){}|*+?^$.\\:-,0123inxQEpzd&~#=<>P", max_size=14))
def test_whatever_is_taken_compiles_without_a_warning(text: str):
    try:
        check_pattern(text)
    except ValueError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        re.compile(translated(text)).fullmatch("ab")


@given(st.text())
def test_a_quoted_text_matches_itself(text: str):
    if "\\E" not in text and len(text) < 400:
        assert compiled(f"\\Q{text}\\E").fullmatch(text)
        assert compiled(f"(?i)\\Q{text}\\E").fullmatch(text)


@pytest.mark.parametrize("name", CLASSES)
def test_a_set_and_its_complement_are_all_characters(name: str):
    inside, outside = CLASSES[name], complement(CLASSES[name])
    assert sum(high - low + 1 for low, high in [*inside, *outside]) == 0x110000
    assert complement(outside) == sorted(inside)


def test_a_silence_of_before_goes_on_matching():
    """It was stored when its expression was taken as Python's, and no decision may fail because of it."""
    assert compiled(r"web\Z").fullmatch("web")
