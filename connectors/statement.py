"""What kind of statement an SQL text is, as far as can be said without its database."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PART = re.compile(
    r"""--[^\n]*|\#[^\n]*|/\*.*?\*/                              # comments: left out
    |'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|\$(\w*)\$.*?\$\1\$   # texts and quoted names
    |\w+|[^\w\s]""",
    re.DOTALL | re.VERBOSE,
)
_COMMENTS = ("--", "#", "/*")
_QUOTED = "x"
_WRITE = {"insert": "into", "replace": "into", "merge": "into", "delete": "from", "update": r"(?!as\b)\w+"}
"""What writes rows, and what follows it where it is no name."""
_CHANGES = frozenset(
    {
        *_WRITE, "alter", "attach", "begin", "commit", "create", "detach", "drop", "grant", "reindex", "revoke",
        "rollback", "savepoint", "truncate", "vacuum",
    }
)  # fmt: skip

_TRANSACTIONS = frozenset({"abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"})
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


def check_reads(query: str) -> str:
    """The query itself, unless it says nothing or is a statement that changes something, also inside a `with`.

    Only what no database would answer with rows is refused: what is not known here is left to the database. Raises
    ValueError.
    """
    words = _words(query)
    if not words:
        raise ValueError("holds no statement")
    found = words[0] if words[0] in _CHANGES else _written(words) if words[0] == "with" else None
    if found:
        raise ValueError(f"the query of a source has to read rows, and this is {found.upper()}")
    return query


def _words(query: str) -> list[str]:
    """Words in lower case, signs, and `_QUOTED` for what is quoted, of the first statement."""
    found: list[str] = []
    for match in _PART.finditer(query):
        part = match[0]
        if part == ";" and found:
            break
        if part.startswith(_COMMENTS) or (not found and part in {";", "("}):  # a select may stand in brackets
            continue
        found.append(_QUOTED if len(part) > 1 and part[0] in "'\"`[$" else part.lower())
    return found


def _written(words: Sequence[str]) -> str | None:
    """The word that writes in a `with`: as its statement, or as one of its parts."""
    depth = 0
    for before, word, after in zip(words, words[1:], [*words[2:], ""], strict=True):
        depth += (word == "(") - (word == ")")
        starts = depth == 0 or before == "("
        if starts and word in _WRITE and re.fullmatch(_WRITE[word], after):
            return word
        if depth == 0 and word == "select":
            return None
    return None


def check_changes(statement: str) -> str:
    """The statement itself, unless it says nothing, is several, or begins or ends a transaction. Raises ValueError."""
    parts = [match[0] for match in _PART.finditer(statement)]
    parts = [part for part in parts if not part.startswith(_COMMENTS)]
    words = _words(statement)
    if not words:
        raise ValueError("holds no statement")
    after = parts[parts.index(";") :] if ";" in parts else []
    if any(part != ";" for part in after):
        raise ValueError("holds several statements; an action runs one, in a transaction of its own")
    if words[0] in _TRANSACTIONS:
        raise ValueError(f"is {words[0].upper()}, and an action runs its statement in a transaction of its own")
    return statement


def parameters_of(statement: str) -> list[str]:
    """The names of a statement's `:name` parameters, each once, as SQLAlchemy reads them, also within quotes."""
    return list(dict.fromkeys(_PARAMETER.findall(statement)))
