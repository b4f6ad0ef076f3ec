"""Conditions: a small checked subset of Python's expressions over series, compiled once.

`last(dau) > 1000 and avg(session_seconds, '1d') > 300` becomes a list of queries (`last` of `dau`, …) and a function
of their values. A value that is missing makes a comparison unknown, never true: the result is True, False or None
(Kleene's three-valued logic, https://en.wikipedia.org/wiki/Three-valued_logic).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rules.model import Selector, parse_duration
from rules.selectors import NAME, parse_selector

MAX_LENGTH = 2_000
MAX_NODES = 300
MAX_DEPTH = 40
MAX_CONSTANT = 1e15

WINDOWED = ("avg", "sum", "min", "max", "count", "rate", "increase", "changes", "stddev")
INSTANT = ("last", "absent", "age")
FUNCTIONS = INSTANT + WINDOWED

Value = float | None
Truth = bool | None


class ConditionError(ValueError):
    """A condition that can't be used; `offset` counts characters from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Query:
    """One call in a condition: a function of one selector over the last `window` microseconds (0: its newest value)."""

    function: str
    selector: Selector
    window: int
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition; `decide` takes one value for each query, in order."""

    text: str
    queries: tuple[Query, ...]
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


def compile_condition(text: str) -> Condition:
    """Compiles, checking everything that can be checked without data. Raises ConditionError."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH} characters", MAX_LENGTH)
    source, selectors = _hide_selectors(text)
    lead = len(source) - len(source.lstrip())
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        at = error.offset - 1 if error.offset else len(source.strip())  # 0 means the end
        raise ConditionError(f"can't be read: {error.msg}", lead + at) from None
    except (ValueError, RecursionError, MemoryError):
        raise ConditionError("can't be read: nested too deeply", 0) from None
    checker = _Checker(source.strip(), selectors, lead)
    kind = checker.check(tree, 0)
    if kind != "truth":
        raise ConditionError("must say yes or no: compare the number with something, for example > 100", lead)
    if not checker.queries:
        raise ConditionError("reads no series; call a function such as last(visitors)", lead)
    plain = _function(_Rewriter(checker.calls, careful=False).visit(tree))
    careful = _function(_Rewriter(checker.calls, careful=True).visit(ast.parse(source.strip(), mode="eval").body))
    return Condition(text, tuple(checker.queries), plain, careful)


def _hide_selectors(text: str) -> tuple[str, dict[str, str]]:
    """Puts a plain name of the same length where a selector with labels stands, so that Python's parser reads it."""
    hidden: dict[str, str] = {}
    out: list[str] = []
    at = 0
    for match in re.finditer(NAME.pattern + r"\s*\{(?:[^{}\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')*\}", text):
        if "'" in text[at : match.start()] and text[: match.start()].count("'") % 2:
            continue
        name = f"_s{len(hidden)}".ljust(len(match[0]), "_")[: max(len(match[0]), 3)]
        hidden[name] = match[0]
        out += [text[at : match.start()], name]
        at = match.end()
    return "".join(out) + text[at:], hidden


_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod"}


class _Checker:
    """Walks the tree by a white list, says each node's kind ("number" or "truth") and collects the queries."""

    def __init__(self, source: str, selectors: dict[str, str], lead: int) -> None:
        self.source = source
        self.selectors = selectors
        self.lead = lead
        self.queries: list[Query] = []
        self.calls: dict[tuple[int, int], int] = {}  # position of a call -> index of its query
        self.nodes = 0

    def fail(self, message: str, node: ast.AST) -> ConditionError:
        return ConditionError(message, self.lead + int(getattr(node, "col_offset", 0)))

    def check(self, node: ast.expr, depth: int) -> str:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self.fail("the condition is too large; split it into several targets", node)
        visit = getattr(self, f"_{type(node).__name__.lower()}", None)
        if visit is None:
            raise self.fail(f"{self.show(node)} is not allowed in a condition", node)
        kind: str = visit(node, depth + 1)
        return kind

    def show(self, node: ast.expr) -> str:
        text = ast.get_source_segment(self.source, node) or type(node).__name__
        return repr(text if len(text) <= 40 else text[:37] + "…")

    def want(self, kind: str, node: ast.expr, depth: int) -> None:
        if self.check(node, depth) != kind:
            wanted = "a number" if kind == "number" else "a yes or no, such as a comparison"
            raise self.fail(f"{self.show(node)} stands where {wanted} is needed", node)

    def _constant(self, node: ast.Constant, depth: int) -> str:
        if isinstance(node.value, bool):
            return "truth"
        if not isinstance(node.value, int | float):
            raise self.fail(f"{self.show(node)} is a text; only numbers can be compared", node)
        if abs(node.value) > MAX_CONSTANT:
            raise self.fail(f"numbers up to {MAX_CONSTANT:.0e} are allowed", node)
        return "number"

    def _name(self, node: ast.Name, depth: int) -> str:
        shown = self.selectors.get(node.id, node.id)
        raise self.fail(f"say what you want of {shown}: last({shown}), avg({shown}, '1h'), …", node)

    def _compare(self, node: ast.Compare, depth: int) -> str:
        for part in (node.left, *node.comparators):
            self.want("number", part, depth)
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise self.fail("compare with < <= > >= == or !=", node)
        return "truth"

    def _boolop(self, node: ast.BoolOp, depth: int) -> str:
        for part in node.values:
            self.want("truth", part, depth)
        return "truth"

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> str:
        kind = "truth" if isinstance(node.op, ast.Not) else "number"
        if isinstance(node.op, ast.Invert):
            raise self.fail("~ is not allowed in a condition", node)
        self.want(kind, node.operand, depth)
        return kind

    def _binop(self, node: ast.BinOp, depth: int) -> str:
        if type(node.op) not in _ARITHMETIC:
            raise self.fail("only + - * / and % are allowed", node)
        self.want("number", node.left, depth)
        self.want("number", node.right, depth)
        return "number"

    def _ifexp(self, node: ast.IfExp, depth: int) -> str:
        kind = self.check(node.body, depth)
        self.want("truth", node.test, depth)
        self.want(kind, node.orelse, depth)
        return kind

    def _call(self, node: ast.Call, depth: int) -> str:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            name = node.func.id if isinstance(node.func, ast.Name) else self.show(node.func)
            raise self.fail(f"unknown function {name}; known: {', '.join(FUNCTIONS)}", node)
        if node.keywords or not node.args or not isinstance(node.args[0], ast.Name):
            raise self.fail(f"{node.func.id}() takes a series first, for example {node.func.id}(visitors)", node)
        query = Query(
            node.func.id,
            self._selector(node.args[0]),
            self._window(node),
            self._text(node),
        )
        self.calls[node.lineno, node.col_offset] = len(self.queries)
        self.queries.append(query)
        return "truth" if query.function == "absent" else "number"

    def _selector(self, node: ast.Name) -> Selector:
        try:
            return parse_selector(self.selectors.get(node.id, node.id))
        except ValueError as error:
            raise self.fail(str(error), node) from None

    def _window(self, node: ast.Call) -> int:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        if len(node.args) == 1 and function in INSTANT:
            return 0
        window = node.args[1] if len(node.args) == 2 else None
        if function in {"last", "age"} or len(node.args) > 2:
            raise self.fail(
                f"{function}() takes only a series" + (" and a window" if function in WINDOWED else ""), node
            )
        if not isinstance(window, ast.Constant) or not isinstance(window.value, str):
            raise self.fail(f"{function}() needs a window as text, for example {function}(visitors, '1h')", node)
        try:
            length = parse_duration(window.value)
        except ValueError as error:
            raise self.fail(str(error), window) from None
        if length <= 0:
            raise self.fail("a window is longer than nothing", window)
        return length

    def _text(self, node: ast.Call) -> str:
        text = ast.get_source_segment(self.source, node) or ""
        for hidden, shown in self.selectors.items():
            text = text.replace(hidden, shown)
        return text


def _lifted(operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def lifted(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return None
        try:
            return operate(a, b)
        except (ZeroDivisionError, OverflowError):
            return None

    return lifted


def _all(*values: Truth) -> Truth:
    return False if False in values else (None if None in values else True)


def _any(*values: Truth) -> Truth:
    return True if True in values else (None if None in values else False)


_CAREFUL: dict[str, Any] = {
    "__builtins__": {},
    "lt": _lifted(lambda a, b: a < b),
    "le": _lifted(lambda a, b: a <= b),
    "gt": _lifted(lambda a, b: a > b),
    "ge": _lifted(lambda a, b: a >= b),
    "eq": _lifted(lambda a, b: a == b),
    "ne": _lifted(lambda a, b: a != b),
    "add": _lifted(lambda a, b: a + b),
    "sub": _lifted(lambda a, b: a - b),
    "mul": _lifted(lambda a, b: a * b),
    "div": _lifted(lambda a, b: a / b),
    "mod": _lifted(lambda a, b: a % b),
    "all_of": _all,
    "any_of": _any,
    "negate": lambda a: None if a is None else not a,
    "minus": lambda a: None if a is None else -a,
    "pick": lambda c, a, b: None if c is None else (a if c else b),
}


def _named(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


class _Rewriter(ast.NodeTransformer):
    """Puts `v[i]` for the i-th query; the careful form calls helpers that let a missing value through."""

    def __init__(self, calls: dict[tuple[int, int], int], *, careful: bool) -> None:
        self.calls = calls
        self.careful = careful

    def visit_Call(self, node: ast.Call) -> ast.expr:
        index = self.calls[node.lineno, node.col_offset]
        return ast.Subscript(ast.Name("v", ast.Load()), ast.Constant(index), ast.Load())

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if not self.careful:
            return self.generic_visit(node)
        parts = [self.visit(part) for part in (node.left, *node.comparators)]
        pairs = [_named(_COMPARE[type(op)], a, b) for op, a, b in zip(node.ops, parts, parts[1:], strict=False)]
        return pairs[0] if len(pairs) == 1 else _named("all_of", *pairs)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        if not self.careful:
            return self.generic_visit(node)
        return _named("all_of" if isinstance(node.op, ast.And) else "any_of", *map(self.visit, node.values))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if not self.careful:
            return self.generic_visit(node)
        return _named(_ARITHMETIC[type(node.op)], self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if not self.careful or isinstance(node.op, ast.UAdd):
            return self.generic_visit(node)
        return _named("negate" if isinstance(node.op, ast.Not) else "minus", self.visit(node.operand))

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if not self.careful:
            return self.generic_visit(node)
        return _named("pick", self.visit(node.test), self.visit(node.body), self.visit(node.orelse))


def _function(body: ast.expr) -> Any:
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("v")], kwonlyargs=[], kw_defaults=[], defaults=[])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    # The tree holds only what _Checker let through, and no builtin is in reach.
    return eval(compile(tree, "<condition>", "eval"), dict(_CAREFUL))  # noqa: S307
