"""Selectors: `visitors{site="www",region=~"e.*"}` written, parsed and matched, as Prometheus writes them."""

from __future__ import annotations

import re

from rules.model import Labels, Matcher, Selector, Series
from rules.patterns import check_pattern, compiled

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:.-]*")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')\s*')
_ESCAPE = re.compile(r"\\(?:([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")  # as in Go
_QUOTING = re.compile(r"\\([\\\"'])")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse_selector(text: str) -> Selector:
    """The selector a text says. Raises ValueError with the reason and what to write instead."""
    stripped = text.strip()
    name = NAME.match(stripped)
    if name is None:
        raise ValueError(f'{text!r} is not a selector; write a series name, or one with labels: visitors{{site="www"}}')
    rest = stripped[name.end() :].strip()
    if not rest:
        return Selector(name[0])
    if not (rest.startswith("{") and rest.endswith("}")):
        raise ValueError(f'{text!r}: after the name {name[0]!r} only {{label="value"}} may follow')
    return Selector(name[0], parse_matchers(rest[1:-1]))


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """The matchers of a comma separated list (`site="www", region!~"x.*"`). Raises ValueError."""
    found: list[Matcher] = []
    at = 0
    while at < len(text) and text[at:].strip():
        match = _MATCHER.match(text, at)
        if match is None:
            raise ValueError(f'{text[at:].strip()!r} is not a matcher; write label="value", or with != =~ !~')
        found.append(_matcher(match[1], match[2], match[3][1:-1]))
        at = match.end()
        if at < len(text):
            if text[at] != ",":
                raise ValueError(f"a comma is missing before {text[at:].strip()!r}")
            at += 1
    return tuple(found)


def _matcher(name: str, op: str, quoted: str) -> Matcher:
    if op in {"=", "!="}:
        return make_matcher(name, op, _ESCAPE.sub(_escaped, quoted))
    # Other escapes are the expression's: `a\\.b`, as Prometheus wants it, and `a\.b` mean the same.
    return make_matcher(name, op, _QUOTING.sub(r"\1", quoted))


def _escaped(match: re.Match[str]) -> str:
    octal, *hexadecimal, sign = match.groups()
    if sign:
        return _ESCAPES.get(sign, sign)
    code = int(octal, 8) if octal else int(next(filter(None, hexadecimal)), 16)
    if code > 0x10FFFF:
        raise ValueError(f"{match[0]} is no character")
    return chr(code)


def make_matcher(name: str, op: str, value: str) -> Matcher:
    """The matcher. Raises ValueError if its value should be a regular expression and can't be used as one."""
    if op in {"=~", "!~"}:
        check_pattern(value)
    return Matcher(name, op, value)


def holds(matcher: Matcher, value: str) -> bool:
    """Whether a label's value (empty if the label is absent) satisfies the matcher."""
    if matcher.op == "=":
        return value == matcher.value
    if matcher.op == "!=":
        return value != matcher.value
    return (compiled(matcher.value).fullmatch(value) is not None) == (matcher.op == "=~")


def matches(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
    """Whether all matchers hold for the labels."""
    if not matchers:
        return True
    values = dict(labels)
    return all(holds(matcher, values.get(matcher.name, "")) for matcher in matchers)


def selects(selector: Selector, series: Series) -> bool:
    """Whether the selector means the series."""
    return selector.name == series.name and (not selector.matchers or matches(selector.matchers, series.labels))
