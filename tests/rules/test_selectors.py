"""Selectors as they are written."""

from __future__ import annotations

import pytest

from rules.model import Matcher, Selector, Series
from rules.selectors import parse_selector, selects


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\"b\\c\nd\te", 'a"b\\c\nd\te'),
        (r"\u0002\x41\101\U0001F600\'", "\x02AA😀'"),
        (r"\q", "q"),
        ("a'b", "a'b"),
    ],
)
def test_escapes_are_those_of_go_as_in_promtool(written: str, meant: str):
    assert parse_selector(f'up{{job="{written}"}}') == Selector("up", (Matcher("job", "=", meant),))


@pytest.mark.parametrize(
    ("written", "matched", "others"),
    [
        (r"io\\.web", ["io.web"], ["io-web", r"io\-web"]),  # as Prometheus wants it
        (r"io\.web", ["io.web"], ["io-web", r"io\-web"]),
        (r"\\d+", ["12"], ["dd", r"\d"]),
        (r"c:\\\\x", [r"c:\x"], ["c:x", r"c:\\x"]),
        (r"say \"x\"", ['say "x"'], [r"say \"x\""]),
        (r"a\nb", ["a\nb"], [r"a\nb", "anb"]),
    ],
)
def test_a_regular_expression_is_quoted_as_in_prometheus(written: str, matched: list[str], others: list[str]):
    selector = parse_selector(f'up{{job=~"{written}"}}')
    found = [job for job in [*matched, *others] if selects(selector, Series("up", (("job", job),)))]
    assert found == matched


def test_what_is_no_character_is_refused():
    with pytest.raises(ValueError, match="no character"):
        parse_selector(r'up{job="\U00110000"}')
