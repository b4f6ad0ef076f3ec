"""Regular expressions as RE2 reads them, which Alertmanager and Prometheus use, written for Python's `re`.

Source: https://github.com/google/re2/wiki/Syntax, with the flags that Go's `regexp` sets. Only whether all of a text
matches is asked. So groups capture nothing, and which of two ways is tried first (`*?`, `(?U)`) does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rules.charsets import CLASSES, OF_ITS_OWN, PERL, Ranges, complement, folded, written

_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_NAMED = re.compile(r"\(\?P?<[A-Za-z0-9_]+>")
_FLAGS = re.compile(r"\(\?([imsU]*(?:-[imsU]+)?)([:)])")
_NAMED_CLASS = re.compile(r"\[:(\^?)([^:]*):\]")
_CONTROL = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_ASSERTED = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?:(?a:\B)|\A\Z)"}  # Python's \B does not match ""
_MOST_TIMES = 1_000  # as RE2
_UNKNOWN_GROUPS = {
    "(?=": "looks ahead (?=", "(?!": "looks ahead (?!", "(?<=": "looks back (?<=", "(?<!": "looks back (?<!",
    "(?P=": "refers back (?P=", "(?(": "refers back (?(", "(?>": "holds on to its first way (?>",
    "(?#": "has a comment (?#",
}  # fmt: skip


def translated(text: str) -> str:
    """The expression for `re`. Raises ValueError that names what RE2, or this, does not know."""
    try:
        return "".join(_Reader(text).parts())
    except _Mistake as mistake:
        raise ValueError(f"{text!r} {mistake}") from None


class _Mistake(ValueError):
    """Its text follows that of the expression."""


class _Reader:
    """Reads from left to right. Of the flags only `i` is handed on, at each character that has a case."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._flags = frozenset[str]()
        self._outer: list[frozenset[str]] = []
        self._repeatable = False
        self._repeated = False

    def parts(self) -> Iterator[str]:
        while self._at < len(self._text):
            sign = self._text[self._at]
            if (repeat := self._repeat(sign)) is not None:
                yield repeat
                continue
            self._repeatable, self._repeated = sign not in "|", False
            if sign == "(":
                yield self._group()
            elif sign == "[":
                yield self._class()
            elif sign == "\\":
                yield from self._escape()
            else:
                self._at += 1
                yield self._sign(sign)
        if self._outer:
            raise _Mistake("is not a regular expression: a bracket ( is not closed")

    def _sign(self, sign: str) -> str:
        if sign == "|":
            return sign
        if sign == ")":
            if not self._outer:
                raise _Mistake("is not a regular expression: there is a ) without its (")
            self._flags = self._outer.pop()
            return sign
        if sign == ".":
            return "(?s:.)" if "s" in self._flags else "."
        if sign in "^$":
            return f"(?m:{sign})" if "m" in self._flags else {"^": r"\A", "$": r"\Z"}[sign]
        return self._literal(sign)

    def _literal(self, sign: str) -> str:
        if "i" not in self._flags or sign in OF_ITS_OWN or (sign.lower(), sign.upper()) == (sign, sign):
            return re.escape(sign)
        return self._set([(ord(sign), ord(sign))]) if sign.isascii() else f"(?i:{re.escape(sign)})"

    def _repeat(self, sign: str) -> str | None:
        """The repetition that begins here, if one does; `{` that begins none is a character."""
        counted = _REPEAT.match(self._text, self._at) if sign == "{" else None
        if sign not in "*+?" and counted is None:
            return None
        if self._repeated:
            raise _Mistake(f"repeats a repeat with {sign}, which Alertmanager does not know and could take very long")
        if not self._repeatable:
            raise _Mistake(f"is not a regular expression: there is nothing to repeat before {sign}")
        if counted is not None:
            least, most = int(counted[1]), int(counted[3] or counted[1])
            if most > _MOST_TIMES or least > most:
                raise _Mistake(f"is not a regular expression: {counted[0]} is no number of times, up to {_MOST_TIMES}")
        self._at = counted.end() if counted else self._at + 1
        if self._text.startswith("?", self._at):
            self._at += 1
        self._repeated = True
        return counted[0] if counted else sign

    def _group(self) -> str:
        rest = self._text[self._at :]
        if not rest.startswith("(?"):
            self._open(1)
            return "(?:"
        for start, what in _UNKNOWN_GROUPS.items():
            if rest.startswith(start):
                raise _Mistake(f"{what}, which Alertmanager does not know and could take very long")
        if named := _NAMED.match(rest):
            self._open(named.end())
            return "(?:"
        flags = _FLAGS.match(rest)
        if flags is None or flags[0] == "(?)":
            raise _Mistake(f"has a group {rest[:3]}, which Alertmanager does not know; its flags are i, m, s and U")
        if flags[2] == ":":
            self._open(flags.end())
        else:
            self._at += flags.end()
            self._repeatable = False
        added, _, removed = flags[1].partition("-")
        self._flags = self._flags.union(added).difference(removed)
        return "(?:" if flags[2] == ":" else ""

    def _open(self, length: int) -> None:
        self._outer.append(self._flags)
        self._at += length
        self._repeatable = False

    def _escape(self) -> Iterable[str]:
        rest = self._text[self._at + 1 :]
        if rest[:1] == "Q":
            quoted, end, _ = rest[1:].partition("\\E")
            self._at += 2 + len(quoted) + len(end)
            return map(self._literal, quoted)
        if rest[:1] in _ASSERTED:
            self._at += 2
            return [_ASSERTED[rest[0]]]
        if rest[:1].lower() in PERL:
            self._at += 2
            return [self._set(PERL[rest[0].lower()], negated=rest[0].isupper())]
        return [self._literal(self._escaped())]

    def _escaped(self) -> str:
        """The one character that the escape here stands for."""
        rest = self._text[self._at + 1 :]
        if not rest:
            raise _Mistake("is not a regular expression: it ends with \\")
        number = _HEX.match(rest) or _OCTAL.match(rest)
        if number is not None:
            self._at += 1 + number.end()
            value = int(number[1] or number[2], 16) if rest[0] == "x" else int(number[0], 8)
            if value > 0x10FFFF:
                raise _Mistake(f"is not a regular expression: \\{number[0]} is no character")
            return chr(value)
        sign = rest[0]
        if sign in "pP":
            raise _Mistake(f"has \\{sign}, and classes of Unicode are not known here; write the characters: [a-zäöü]")
        if sign.isdigit():
            raise _Mistake(f"refers back \\{sign}, which Alertmanager does not know and could take very long")
        if sign not in _CONTROL and (sign.isalpha() or not sign.isascii()):
            hint = "; the end is \\z" if sign == "Z" else ""
            raise _Mistake(f"has \\{sign}, which Alertmanager does not know{hint}")
        self._at += 2
        return _CONTROL.get(sign, sign)

    def _class(self) -> str:
        text = self._text
        began = self._at
        negated = text.startswith("^", began + 1)
        self._at += 2 if negated else 1
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not text.startswith("]", self._at):
            if self._at >= len(text):
                raise _Mistake("is not a regular expression: a bracket [ is not closed")
            ranges += self._item()
            first = False
        self._at += 1
        return self._set(ranges, negated=negated)

    def _set(self, ranges: Ranges, *, negated: bool = False) -> str:
        both = folded(ranges) if "i" in self._flags else ranges
        inside = f"[{'^' * negated}{written(both or ranges)}]"
        return inside if both else f"(?i:{inside})"

    def _item(self) -> Ranges:
        """What stands in a class at this place: a named class, a range or one character."""
        text = self._text
        named = _NAMED_CLASS.match(text, self._at)
        if named is not None:
            self._at = named.end()
            if named[2] not in CLASSES:
                raise _Mistake(f"is not a regular expression: there is no class {named[0]}")
            return self._perhaps_negated(CLASSES[named[2]], negated=bool(named[1]))
        if text[self._at] == "\\" and text[self._at + 1 : self._at + 2].lower() in PERL:
            name = text[self._at + 1]
            self._at += 2
            return self._perhaps_negated(PERL[name.lower()], negated=name.isupper())
        low = self._one()
        high = low
        if text.startswith("-", self._at) and self._at + 1 < len(text) and text[self._at + 1] != "]":
            self._at += 1
            high = self._one()
        if high < low:
            raise _Mistake(f"is not a regular expression: {low}-{high} ends before it begins")
        return [(ord(low), ord(high))]

    def _perhaps_negated(self, ranges: Ranges, *, negated: bool) -> Ranges:
        return complement(ranges, fold="i" in self._flags) if negated else ranges

    def _one(self) -> str:
        sign = self._text[self._at]
        if sign == "\\":
            return self._escaped()
        self._at += 1
        return sign
