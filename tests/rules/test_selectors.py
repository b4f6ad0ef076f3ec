"""Selectors as they are written."""

from __future__ import annotations

import pytest

from rules.model import Matcher, Selector
from rules.selectors import parse_selector


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


def test_what_is_no_character_is_refused():
    with pytest.raises(ValueError, match="no character"):
        parse_selector(r'up{job="\U00110000"}')
