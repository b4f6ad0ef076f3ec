"""Conditions: expressions over series, and over one value, compiled once.

`last(dau) > 1000 and avg(session_seconds, '1d') > 300` becomes a list of queries (`last` of `dau`, …) and a function
of their values. Which functions there are stands in `rules.functions`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from rules import expressions
from rules.comparisons import Comparison, comparisons
from rules.expressions import NUMBER, TRUTH, Checker, ConditionError, Position, Truth, Value, one_line
from rules.functions import FUNCTIONS, Function, Need, Query
from rules.model import Selector, parse_duration
from rules.selectors import NAME, parse_selector

_BRACES = r"\{(?:[^{}\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')*\}"
_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_TOKEN = re.compile(
    rf"(?P<text>{_TEXT})|(?P<selector>{NAME.pattern}\s*{_BRACES})|(?P<comment>\#)"
    rf"|(?<![\w.])(?P<lead>[a-z]+\s*\(\s*)(?P<bare>{NAME.pattern})(?=\s*[,)])"
)
_LONGEST = parse_duration("100y")  # sums of times and spans have to fit into 64 bits
_NEEDS = {"window": "a window", "fraction": "a number from 0 to 1", "offset": "how long ago"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition; `decide` takes one value for each query, in order.

    `look_again` is after how long it may say something else though nothing was read; None: never. `comparisons` are all
    that it is made of; None if it is made of more.
    """

    text: str
    queries: tuple[Query, ...]
    look_again: int | None
    comparisons: Sequence[Comparison] | None
    _plain: Callable[[Sequence[Value]], bool]
    _careful: Callable[[Sequence[Value]], Truth]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The selectors it reads, in order."""
        return tuple(query.selector for query in self.queries)

    def decide(self, values: Sequence[Value]) -> Truth:
        """True or False, or None where a missing value leaves it open."""
        if None in values:
            return self._careful(values)
        try:
            return bool(self._plain(values))
        except (ZeroDivisionError, OverflowError):
            return self._careful(values)

    def trace(self, values: Sequence[Value]) -> tuple[tuple[str, Value | Truth], ...]:
        """Every part of it as written, with its value: a number, True, False, or None where that is unknown.

        In the order it is read, a whole before its parts; constants are left out.
        """
        checker = _Queries(self.text)
        return tuple(expressions.trace(checker, expressions.truth(checker), values))


@dataclass(frozen=True, slots=True)
class Where:
    """A compiled condition on one value."""

    text: str
    _plain: Callable[[Sequence[Value]], bool]

    def holds(self, value: float) -> bool:
        """Whether the value satisfies it; where it can't be computed it does not."""
        try:
            return bool(self._plain((value,)))
        except (ZeroDivisionError, OverflowError):
            return False


@lru_cache(maxsize=1024)
def compile_condition(text: str) -> Condition:
    """Compiles, checking everything that can be checked without data. Raises ConditionError."""
    checker = _Queries(text)
    tree = expressions.truth(checker)
    if not checker.queries:
        raise checker.fail("reads no series; call a function such as last(visitors)", tree)
    careful = expressions.careful(checker, tree)
    spans = (query.look_again for query in checker.queries)
    soonest = min((span for span in spans if span is not None), default=None)
    compared = comparisons(checker, tree)
    return Condition(text, tuple(checker.queries), soonest, compared, expressions.plain(checker, tree), careful)


@lru_cache(maxsize=1024)
def compile_where(text: str) -> Where:
    """Compiles a condition on `value`. Raises ConditionError."""
    checker = _OneValue(text, one_line(text))
    tree = expressions.truth(checker)
    if not checker.leaves:
        raise checker.fail("says nothing of the value; write for example value == 1", tree)
    return Where(text, expressions.plain(checker, tree))


class _OneValue(Checker):
    """The only thing known is `value`."""

    def _name(self, node: ast.Name, depth: int) -> str:
        if node.id != "value":
            raise self.fail(f"{node.id} is not known here; the reading's number is called value", node)
        self.leaves[self.position(node)] = 0
        return NUMBER

    def _call(self, node: ast.Call, depth: int) -> str:
        raise self.fail(f"{self.show(node)} is not allowed here; only value can be compared", node)


class _Queries(Checker):
    """What is known are the functions of series; each call is a query."""

    def __init__(self, text: str) -> None:
        source, self.selectors = _hide_selectors(text)
        super().__init__(text, source)
        self.queries: list[Query] = []

    def _name(self, node: ast.Name, depth: int) -> str:
        shown = self.written(node)
        raise self.fail(f"say what you want of {shown}: last({shown}), avg({shown}, '1h'), …", node)

    def _call(self, node: ast.Call, depth: int) -> str:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            name = self.written(node.func)
            near = get_close_matches(name, FUNCTIONS, 1)
            hint = f"did you mean {near[0]}?" if near else ""
            raise self.fail(f"unknown function {name}; known: {', '.join(FUNCTIONS)}", node, hint)
        name = node.func.id
        if not node.args or not isinstance(node.args[0], ast.Name):
            raise self.fail(f"{name}() takes a series first, for example {_example(name)}", node)
        given = _Arguments(self, node, FUNCTIONS[name])
        query = Query(
            name,
            self._selector(node.args[0]),
            given.window,
            self.written(node),
            given.offset,
            given.fraction,
            self.position(node.args[0]),
        )
        self.leaves[self.position(node)] = len(self.queries)
        if FUNCTIONS[name].gives == TRUTH:
            self.truths.add(len(self.queries))
        self.queries.append(query)
        return FUNCTIONS[name].gives

    def _selector(self, node: ast.Name) -> Selector:
        try:
            return parse_selector(self.selectors.get(self.position(node), node.id))
        except ValueError as error:
            raise self.fail(str(error), node) from None


class _Arguments:
    """What a call gives beside its series: a window, a fraction and an offset, in any order that tells them apart."""

    def __init__(self, checker: _Queries, node: ast.Call, function: Function) -> None:
        self.checker = checker
        self.node = node
        self.name = checker.written(node.func)
        self.window = self.offset = 0
        self.fraction = 0.0
        self.given: set[str] = set()
        for argument in node.args[1:]:
            self._take(argument, function)
        for keyword in node.keywords:
            if keyword.arg != "at":
                raise checker.fail(f"{self.name}() has no argument {keyword.arg}; the only one with a name is at", node)
            self._take_offset(keyword.value)
        for what, need in (("window", function.window), ("fraction", function.fraction), ("offset", function.offset)):
            if need is Need.MUST and what not in self.given:
                raise checker.fail(f"{self.name}() needs {_NEEDS[what]}, for example {_example(self.name)}", node)
            if need is Need.NO and what in self.given:
                raise checker.fail(f"{self.name}() takes no {what}; write {_example(self.name)}", node)

    def _take(self, argument: ast.expr, function: Function) -> None:
        if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and argument.func.id == "at":
            if len(argument.args) != 1 or argument.keywords:
                raise self.checker.fail("an offset is written at('7d')", argument)
            self._take_offset(argument.args[0])
        elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            if function.window is Need.NO and function.offset is Need.MUST:
                self._take_offset(argument)
            else:
                self._once("window", argument)
                self.window = self._duration(argument, "a window")
        elif isinstance(argument, ast.Constant) and type(argument.value) in {int, float}:
            self._once("fraction", argument)
            self.fraction = float(argument.value)  # type: ignore[arg-type]
            if function.fraction is not Need.NO and not 0 <= self.fraction <= 1:
                raise self.checker.fail("the part of the values that lie below is from 0 to 1", argument)
        else:
            shown = self.checker.show(argument)
            raise self.checker.fail(f"{shown} can't be given to {self.name}(); write {_example(self.name)}", argument)

    def _take_offset(self, argument: ast.expr) -> None:
        self._once("offset", argument)
        self.offset = self._duration(argument, "an offset")

    def _once(self, what: str, argument: ast.expr) -> None:
        if what in self.given:
            raise self.checker.fail(f"{self.name}() takes one {what}", argument)
        self.given.add(what)

    def _duration(self, argument: ast.expr, what: str) -> int:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise self.checker.fail(f"{what} is a duration in quotes, for example '7d'", argument)
        try:
            length = parse_duration(argument.value)
        except ValueError as error:
            raise self.checker.fail(str(error), argument) from None
        if not 0 < length <= _LONGEST:
            raise self.checker.fail(f"{what} is longer than nothing, and at most 100y", argument)
        return length


def _example(name: str) -> str:
    """How a function is called."""
    function = FUNCTIONS[name]
    more = ["0.95"] if function.fraction is Need.MUST else []
    more += ["'1h'"] if function.window is not Need.NO else []
    more += ["'7d'"] if function.offset is Need.MUST else []
    return f"{name}({', '.join(['visitors', *more])})"


def _hide_selectors(text: str) -> tuple[str, dict[Position, str]]:
    """Puts a plain name of the same length where a selector stands that Python's parser can't read, and says where."""
    hidden: dict[Position, str] = {}
    source = list(one_line(text))
    for match in _TOKEN.finditer(text):
        if match["comment"]:
            raise ConditionError("a condition has no comments", match.start())
        name = "selector" if match["selector"] else "bare"
        if match[name]:
            start, end = match.span(name)
            hidden[start] = match[name]
            source[start:end] = "_" * (end - start)
    return "".join(source), hidden
