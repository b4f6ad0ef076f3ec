"""Matchers over the labels of alerts, in every spelling Alertmanager knows.

Source: https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from rules.model import Matcher
from rules.patterns import MOST_TEXT
from rules.selectors import make_matcher

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NAME = re.compile(rf"\s*({_QUOTED}|[^\s{{}}!=~,\\\"'`]+)\s*(=~|!~|!=|=)\s*")
_VALUE = re.compile(rf"({_QUOTED}|'(?:[^'\\]|\\.)*'|[^\s=~,\"'`][^,\"'`]*|)\s*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"', "'": "'"}
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")  # to Python and to Go alike; `re.escape` writes what Go refuses


def parse_alert_matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers of `severity="critical", team=~"a|b"`; braces around them and quotes may be left out.

    Raises ValueError with what is no matcher.
    """
    stripped = text.strip()
    if stripped.startswith("{") and stripped.endswith("}"):
        stripped = stripped[1:-1].strip()
    found: list[Matcher] = []
    at = 0
    while at < len(stripped):
        name = _NAME.match(stripped, at)
        value = _VALUE.match(stripped, name.end()) if name else None
        if name is None or value is None:
            raise _no_matcher(stripped[at:])
        at = value.end()
        if at < len(stripped) and stripped[at] != ",":
            raise _no_matcher(stripped[name.start() :])
        at += 1
        found.append(make_matcher(_unquoted(name[1]), name[2], _unquoted(value[1].rstrip())))
    return tuple(found)


def _no_matcher(text: str) -> ValueError:
    return ValueError(f'{text.strip()!r} is not a matcher; write label="value", or with != =~ !~')


def _unquoted(text: str) -> str:
    if text[:1] not in {'"', "'"}:
        return text
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text[1:-1])


def matchers_text(matchers: Iterable[Matcher]) -> str:
    """`{severity="critical",team=~"a|b"}` as Alertmanager writes them, sorted."""
    ordered = sorted(matchers, key=lambda matcher: (matcher.name, matcher.value, matcher.op))
    return "{" + ",".join(f"{_name(matcher.name)}{matcher.op}{quoted(matcher.value)}" for matcher in ordered) + "}"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", name) else quoted(name)


def quoted(text: str) -> str:
    """The text in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def just(every: Iterable[Mapping[str, str]]) -> list[tuple[Matcher, ...]]:
    """Sets of matchers, as few as easily found, that together match what has just one of these sets of labels.

    In each set at most one label may have one of several values: two that may would match what was not meant.
    """
    alike: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for labels in every:
        alike.setdefault(tuple(sorted(labels)), []).append(labels)
    return [made for names, found in alike.items() for made in _just(names, found)]


def _just(names: Sequence[str], every: Sequence[Mapping[str, str]]) -> Iterator[tuple[Matcher, ...]]:
    several = max(names, key=lambda name: len({labels[name] for labels in every}))
    others = [name for name in names if name != several]
    rows = sorted({(tuple(labels[name] for name in others), labels[several]) for labels in every})
    for fixed, found in groupby(rows, key=lambda row: row[0]):
        same = [Matcher(name, "=", value) for name, value in zip(others, fixed, strict=True)]
        for values in _pieces([value for _, value in found]):
            pattern = "|".join(map(_literal, values))
            one = Matcher(several, "=", values[0]) if len(values) == 1 else Matcher(several, "=~", pattern)
            yield tuple(sorted((*same, one), key=lambda matcher: matcher.name))


def _pieces(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in pieces that a regular expression may be as long as."""
    piece: list[str] = []
    for value in values:
        if piece and sum(len(_literal(one)) + 1 for one in (*piece, value)) > MOST_TEXT:
            yield piece
            piece = []
        piece.append(value)
    if piece:
        yield piece


def _literal(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)
