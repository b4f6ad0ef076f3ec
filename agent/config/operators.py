"""The `operators` section: who may act from Slack."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.config.document import Document

FORM = r"(?:[UW][A-Z0-9]{2,}|S[A-Z0-9]{2,}|@[a-z0-9][a-z0-9._-]*)"
"""A user's id, the id of a user group, or the handle of a user group."""

_FORM = re.compile(FORM)
_HELP = 'write the id of a user (U…), of a user group (S…), or a user group\'s handle in quotes ("@oncall")'


def build_operators(document: Document) -> tuple[str, ...]:
    """The operators as they are written, each once; none where everybody may act."""
    if "operators" not in document.data:
        return ()
    data = document.data["operators"] or []  # null is not the same as leaving it out: that lets everybody in
    if not isinstance(data, list):
        document.report(("operators",), "has to be a list", 'for example [U024BE7LH, "@oncall"]')
        return ()
    if not data:
        document.report(("operators",), "is empty", "name somebody, or leave it out: then everybody may act")
    return tuple(dict.fromkeys(_entries(data, document)))


def _entries(data: list[object], document: Document) -> Iterator[str]:
    for index, value in enumerate(data):
        if isinstance(value, str) and _FORM.fullmatch(value):
            yield value
            continue
        said = str(value)
        hint = _HELP
        if isinstance(value, str) and _FORM.fullmatch(value.upper()):
            hint = f"did you mean {value.upper()}?"
        elif isinstance(value, str) and _FORM.fullmatch(f"@{value.lower()}") and not value.startswith("@"):
            hint = f'did you mean "@{value.lower()}", the handle of a user group?'
        what = "is the handle of nobody: it is written in small letters" if said.startswith("@") else "is no operator"
        document.report(("operators", index), what, hint)
