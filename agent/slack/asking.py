"""What a person typed after `/setpoint`, as words: Slack's escapes undone, quotes taken off.

Source of the escapes: https://docs.slack.dev/interactivity/implementing-slash-commands#creating_commands
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

PUBLIC = "public"
_LONGEST = 4_000  # characters; what Slack lets people type is shorter
_MENTION = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_SIGNS = {"@": "@", "#": "#", "!": "@", "": ""}
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"})
_OPENS = frozenset("\"'`")
_BEFORE_A_QUOTE = frozenset("=~!{,(")
_AFTER_A_QUOTE = frozenset(",})")


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes, `written` with them; it begins at `start` of the text."""

    text: str
    written: str
    start: int

    @property
    def quoted(self) -> bool:
        """Whether quotes were around or in it."""
        return self.text != self.written


@dataclass(frozen=True, slots=True)
class Asked:
    """A command's text: its verb in small letters, the words after it, and whether all may see the answer."""

    text: str
    verb: str
    words: tuple[Word, ...]
    public: bool = False

    def rest(self, index: int = 0) -> str:
        """Everything from a word on, as it was typed; without its quotes if it is one quoted word."""
        if index >= len(self.words):
            return ""
        if index == len(self.words) - 1:
            return self.words[index].text
        return self.text[self.words[index].start :].strip()

    def shared(self) -> Asked:
        """The same with a last word `public` taken for the wish to share, where no free text can end so."""
        if not self.words or not _is_public(self.words[-1]):
            return self
        last = self.words[-1]
        return replace(self, text=self.text[: last.start].rstrip(), words=self.words[:-1], public=True)


def parse(typed: str) -> Asked:
    """The words of what was typed. Anything can be parsed: a quote that is never closed is a sign like others."""
    text = cleaned(typed)
    words = list(_words(text))
    public = len(words) > 1 and _is_public(words[0])
    words = words[1:] if public else words
    verb = words[0].text.casefold() if words else ""
    return Asked(text, verb, tuple(words[1:]), public)


def cleaned(typed: str) -> str:
    """The text with Slack's mentions, links and entities as people see them, and straight quotes."""
    text = _MENTION.sub(_mentioned, typed[:_LONGEST])
    for entity, sign in _ENTITIES:
        text = text.replace(entity, sign)
    return text.translate(_QUOTES).strip()


def _mentioned(match: re.Match[str]) -> str:
    kind, inside, label = match.groups()
    said = label or inside.removeprefix("subteam^")
    return _SIGNS[kind] + said.removeprefix(_SIGNS[kind]) if kind else said


def _is_public(word: Word) -> bool:
    return not word.quoted and word.text.casefold() == PUBLIC


def _words(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, kept = at, ""
        while at < len(text) and not text[at].isspace():
            end = _closing(text, at, start)
            if end is None:
                kept += text[at]
                at += 1
            else:
                kept += _unescaped(text[at + 1 : end], text[at])
                at = end + 1
        yield Word(kept, text[start:at], start)


def _closing(text: str, at: int, start: int) -> int | None:
    """Where a quote that opens here closes; None if none does: an apostrophe inside a word, or a lone sign."""
    sign = text[at]
    if sign not in _OPENS or not (at == start or text[at - 1] in _BEFORE_A_QUOTE):
        return None
    end = at + 1
    while end < len(text):
        if text[end] == "\\" and sign == '"':
            end += 2
            continue
        after = text[end + 1 : end + 2]
        if text[end] == sign and (not after or after.isspace() or after in _AFTER_A_QUOTE):
            return end
        end += 1
    return None


def _unescaped(inside: str, sign: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", inside) if sign == '"' else inside
