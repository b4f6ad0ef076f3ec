"""Regular expressions that end in time on whatever they are matched with.

Python's `re` tries one way after another, and some expressions have ever so many: `(a+)+$` takes years for thirty
letters. Whoever names a label chooses what is matched, and would stop all decisions. So an expression that may have too
many ways is a mistake. Those that are left take less than 0.3 s for the longest label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rules.dialect import translated

_parser: Any = re._parser  # type: ignore[attr-defined] # the tree of an expression is not to be had otherwise
MOST_TEXT = 1_000
_MOST_REPEATS = 3  # each tries as many ways as the label has characters, beside those of the others
_MOST_CHOICES = 12  # each tries two ways or more beside those of the others


def check_pattern(text: str) -> None:
    """Raises ValueError for what is no regular expression, or may take too long."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"a regular expression has at most {MOST_TEXT:,} characters")
    try:
        python = translated(text)
        re.compile(python)
        kinds = list(_parts(_parser.parse(python)))
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError("the regular expression is too large") from None
    if "nested" in kinds:
        raise ValueError(f"{text!r} repeats what holds a choice or a repeat, which could take very long on some labels")
    if kinds.count("repeat") > _MOST_REPEATS or kinds.count("choice") > _MOST_CHOICES:
        raise ValueError(f"{text!r} has too many repeats or choices, which could take very long on some labels")


def _parts(tree: Any, *, repeated: bool = False) -> Iterator[str]:
    """What there is in an expression that tries several ways: `choice`, `repeat`, and `nested` for one in a repeat."""
    for op, argument in tree:
        name = str(op)
        inner: list[Any] = []
        within = repeated
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            least, most, body = argument
            inner = [body]
            if least != most:
                kind = "choice" if most == 1 else "repeat"
                yield "nested" if repeated else kind
            within = within or most > 1
        elif name == "BRANCH":
            inner = argument[1]
            yield "nested" if repeated else "choice"
        elif name == "SUBPATTERN":
            inner = [argument[-1]]
        for body in inner:
            yield from _parts(body, repeated=within)


@lru_cache(maxsize=4096)
def compiled(text: str) -> re.Pattern[str]:
    """What matches as the expression does in RE2.

    One of a silence that was stored before it would have been refused goes on meaning what Python makes of it.
    """
    try:
        return re.compile(translated(text))
    except (ValueError, re.error):
        return re.compile(text)
