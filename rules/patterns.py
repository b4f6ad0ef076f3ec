"""Regular expressions that end in time on whatever they are matched with.

Python's `re` tries one way after another, and some expressions have ever so many: `(a+)+$` takes years for thirty
letters. Whoever names a label chooses what is matched, and would stop all decisions. So an expression that may have too
many ways is a mistake. Those that are left take less than 0.1 s for the longest label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_parser: Any = re._parser  # type: ignore[attr-defined] # the tree of an expression is not to be had otherwise
MOST_TEXT = 1_000
_MOST_REPEATS = 3  # each tries as many ways as the label has characters, beside those of the others
_MOST_CHOICES = 12  # each tries two ways or more beside those of the others
_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "CATEGORY"})
_NOT_KNOWN = frozenset({"ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS", "ATOMIC_GROUP", "POSSESSIVE_REPEAT"})


def check_pattern(text: str) -> None:
    """Raises ValueError for what is no regular expression, or may take too long."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"a regular expression has at most {MOST_TEXT:,} characters")
    try:
        re.compile(text)
        parts = list(_parts(_parser.parse(text)))
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError("the regular expression is too large") from None
    kinds = [kind for kind, _ in parts]
    if not _NOT_KNOWN.isdisjoint(kinds):
        raise ValueError(f"{text!r} looks around or back; that could take very long, and Alertmanager does not know it")
    if kinds.count("nested"):
        raise ValueError(f"{text!r} repeats what holds a choice or a repeat, which could take very long on some labels")
    if kinds.count("repeat") > _MOST_REPEATS or kinds.count("choice") > _MOST_CHOICES:
        raise ValueError(f"{text!r} has too many repeats or choices, which could take very long on some labels")


def _parts(tree: Any, *, repeated: bool = False) -> Iterator[tuple[str, Any]]:
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
                yield ("nested" if repeated else kind), argument
            within = within or most > 1
        elif name == "BRANCH":
            inner = argument[1]
            yield ("nested" if repeated else "choice"), argument
        elif name == "SUBPATTERN":
            inner = [argument[-1]]
        elif name not in _SINGLE:
            yield name, argument
        for body in inner:
            yield from _parts(body, repeated=within)
