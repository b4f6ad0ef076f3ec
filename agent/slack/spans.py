"""Spans as people say them: `2h`, `2H`, `1.5h`, `30min`, `2 hours`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from agent.slack.asking import Word
from rules.model import DAY, HOUR, MINUTE, SECOND, parse_duration

UNDERSTOOD = "Understood are 30m, 2h, 1h30m, 1.5h, 1d, 2w, 30 min and 2 hours."
_NUMBER = re.compile(r"(\d{1,9}(?:[.,]\d{1,3})?)([a-zA-Z]*)")
_WORDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * DAY),
}


class Span(NamedTuple):
    """A span in microseconds, and how many words say it."""

    micros: int
    used: int


def spoken(words: Sequence[Word], at: int) -> Span | None:
    """The span that the words from `at` begin with, if they do. A capital M may be months: that is none."""
    if at >= len(words) or words[at].text == "0":
        return None
    text = words[at].text
    try:
        return Span(parse_duration(text), 1)
    except ValueError:
        pass
    found = _NUMBER.fullmatch(text)
    if found is None or found[2] == "M":
        return None
    number, unit, used = float(found[1].replace(",", ".")), found[2], 1
    if not unit and at + 1 < len(words):
        unit, used = words[at + 1].text, 2
    micros = _WORDS.get(unit.casefold()) if unit != "M" else None
    return Span(round(number * micros), used) if micros else None
