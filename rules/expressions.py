"""Expressions: a small checked subset of Python's, compiled once from its syntax tree by a white list.

What stands at the leaves (a function of a series, the name `value`) is up to who compiles one; see `rules.conditions`.
A value that is missing makes a comparison unknown, never true: the result is True, False or None
(Kleene's three-valued logic, https://en.wikipedia.org/wiki/Three-valued_logic).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MAX_LENGTH = 2_000
MAX_NODES = 300
MAX_DEPTH = 40
MAX_CONSTANT = 1e15
NUMBER, TRUTH = "number", "truth"
_SAID = {NUMBER: "a number", TRUTH: "a yes or no, such as a comparison"}

# A percent sign is one of a percentage where no number to divide by can follow.
_PERCENT = re.compile(r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+) ?%(?=\s*(?:$|[),<>=!])|\s+(?:and|or|if|else)\b)")
_OPEN = re.compile(r"(?:^|[-+*/%(,<>=!]|\b(?:and|or|not|if|else))\s*$")
_NEXT = re.compile(r"\w+|[<>=!]=|\S")
_PROMQL = re.compile(r"(?<=\w)\[(\d+(?:ms|[smhdwy])\w*)\]")  # a window as Prometheus has it
_MEANT = {"=": "==", "&": "and", "|": "or", "!": "not"}

Value = float | None
Truth = bool | None
Position = int
"""Characters from the beginning of an expression."""


class ConditionError(ValueError):
    """An expression that can't be used; `offset` counts characters from its start, `hint` may say what was meant.

    `others` are the further mistakes in it. With `final` nothing else of it was looked at.
    """

    def __init__(self, message: str, offset: Position, hint: str = "", *, final: bool = False) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint
        self.final = final
        self.others: tuple[ConditionError, ...] = ()


def one_line(text: str) -> str:
    """The text on one line, its characters where they were. Raises ConditionError if it is too long."""
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"a condition has at most {MAX_LENGTH} characters", MAX_LENGTH)
    return re.sub(r"[\r\n\f]", " ", text)


class Checker:
    """Walks a tree by the white list and says each node's kind. Subclasses say which names and calls may stand in it.

    `leaves` is the index of the value that stands for a name or a call, by its position; `truths` are those indices
    whose value says yes or no.
    """

    def __init__(self, text: str, source: str) -> None:
        """`source` is what Python parses for `text`: of the same length, on one line."""
        self.text = text
        source, self.percents = _hide_percents(source)
        self.lead = len(source) - len(source.lstrip())
        self.line = source.strip()
        self.leaves: dict[Position, int] = {}
        self.truths: set[int] = set()
        self.nodes = 0
        self.mistakes: list[ConditionError] = []

    def tree(self) -> ast.expr:
        """The syntax tree, not yet checked. Raises ConditionError."""
        try:
            found = ast.parse(self.line, mode="eval")
        except SyntaxError as error:
            at = error.offset - 1 if error.offset else len(self.line)  # 0 means the end
            if window := _PROMQL.search(self.line):
                said = f"a window follows its series after a comma, as in avg(visitors, '{window[1]}')"
                raise ConditionError(f"can't be read: {said}", self.lead + window.start()) from None
            said = self._expected(at) if error.msg == "invalid syntax" else error.msg
            meant = _MEANT.get(self.line[at : at + 1])
            hint = f"did you mean {meant}?" if meant else ""
            raise ConditionError(f"can't be read: {said}", self.lead + at, hint) from None
        except (ValueError, RecursionError, MemoryError):
            raise ConditionError("can't be read: nested too deeply", 0) from None
        _Percents(self).visit(found)
        return found.body

    def _expected(self, at: Position) -> str:
        """What is missing at a place where Python only says that it can't read on."""
        found = _NEXT.match(self.line, at)
        where = f"before {found[0]!r}" if found else "at the end"
        if _OPEN.search(self.line[:at]):
            return f"a number or a call is missing {where}"
        return f"an operator is missing {where}, such as and, or, < or +"

    def position(self, node: ast.AST, *, end: bool = False) -> Position:
        """Where a node begins or ends. Python counts bytes, people count characters."""
        column: int = getattr(node, "end_col_offset" if end else "col_offset", 0)
        if not self.line.isascii():
            column = len(self.line.encode()[:column].decode(errors="replace"))
        return self.lead + column

    def written(self, node: ast.AST) -> str:
        """A node as it was written."""
        return self.text[self.position(node) : self.position(node, end=True)]

    def show(self, node: ast.AST) -> str:
        """A node as it was written, quoted and not too long."""
        text = self.written(node)
        return repr(text if len(text) <= 40 else text[:37] + "…")

    def fail(self, message: str, node: ast.AST, hint: str = "") -> ConditionError:
        """The error for what is wrong with a node."""
        return ConditionError(message, self.position(node), hint)

    def check(self, node: ast.expr, depth: int = 0) -> str:
        """The kind of a node that may stand where it does. Raises ConditionError."""
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            message = "the condition is too large; split it into several targets"
            raise ConditionError(message, self.position(node), final=True)
        visit = getattr(self, f"_{type(node).__name__.lower()}", None)
        if visit is None:
            raise self.fail(f"{self.show(node)} is not allowed in a condition", node)
        kind: str = visit(node, depth + 1)
        return kind

    def want(self, kind: str, node: ast.expr, depth: int) -> None:
        """Notes it as a mistake unless the node is of the kind. Raises ConditionError for one that is final."""
        try:
            if self.check(node, depth) != kind:
                raise self.fail(f"{self.show(node)} stands where {_SAID[kind]} is needed", node)
        except ConditionError as mistake:
            if mistake.final:
                raise
            self.mistakes.append(mistake)

    def _constant(self, node: ast.Constant, depth: int) -> str:
        if isinstance(node.value, bool):
            return TRUTH
        if not isinstance(node.value, int | float):
            raise self.fail(f"{self.show(node)} is a text; only numbers can be compared", node)
        if abs(node.value) > MAX_CONSTANT:
            raise self.fail(f"numbers up to {MAX_CONSTANT:.0e} are allowed", node)
        return NUMBER

    def _name(self, node: ast.Name, depth: int) -> str:
        raise self.fail(f"{self.show(node)} is not known here", node)

    def _call(self, node: ast.Call, depth: int) -> str:
        raise self.fail(f"{self.show(node)} is not allowed here", node)

    def _compare(self, node: ast.Compare, depth: int) -> str:
        for part in (node.left, *node.comparators):
            self.want(NUMBER, part, depth)
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise self.fail("compare with < <= > >= == or !=", node)
        return TRUTH

    def _boolop(self, node: ast.BoolOp, depth: int) -> str:
        for part in node.values:
            self.want(TRUTH, part, depth)
        return TRUTH

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> str:
        kind = TRUTH if isinstance(node.op, ast.Not) else NUMBER
        if isinstance(node.op, ast.Invert):
            raise self.fail("~ is not allowed in a condition", node)
        self.want(kind, node.operand, depth)
        return kind

    def _binop(self, node: ast.BinOp, depth: int) -> str:
        if type(node.op) not in _ARITHMETIC:
            raise self.fail("only + - * / and % are allowed", node)
        self.want(NUMBER, node.left, depth)
        self.want(NUMBER, node.right, depth)
        return NUMBER

    def _ifexp(self, node: ast.IfExp, depth: int) -> str:
        kind = self.check(node.body, depth)
        self.want(TRUTH, node.test, depth)
        self.want(kind, node.orelse, depth)
        return kind


def truth(checker: Checker) -> ast.expr:
    """The checked tree of an expression that says yes or no. Raises ConditionError with all its mistakes."""
    tree = checker.tree()
    try:
        if checker.check(tree) != TRUTH:
            raise checker.fail("must say yes or no: compare the number with something, for example > 100", tree)
    except ConditionError as mistake:
        checker.mistakes.append(mistake)
    if checker.mistakes:
        first, *others = sorted(checker.mistakes, key=lambda mistake: mistake.offset)
        first.others = tuple(others)
        raise first
    return tree


def plain(checker: Checker, tree: ast.expr) -> Callable[[Sequence[Value]], Any]:
    """A function of the values, for when none is missing. It may raise ZeroDivisionError and OverflowError.

    The tree is used up.
    """
    return _compiled(_Plain(checker).visit(tree))


def careful(checker: Checker, tree: ast.expr) -> Callable[[Sequence[Value]], Any]:
    """A function of the values, some of which may be missing. The tree stays as it is."""
    return _compiled(_Careful(checker).visit(tree))


def trace(checker: Checker, tree: ast.expr, values: Sequence[Value]) -> Iterator[tuple[str, Value | Truth]]:
    """Every part of an expression that depends on values, as written, with what it comes to: wholes before parts."""
    for node in _parts(tree, checker):
        value = careful(checker, node)(values)
        yes = value is not None and checker.leaves.get(checker.position(node)) in checker.truths and _is_leaf(node)
        yield checker.written(node), bool(value) if yes else value


def _is_leaf(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.Name)


def _parts(node: ast.expr, checker: Checker) -> Iterator[ast.expr]:
    if _is_leaf(node):
        yield node
        return
    inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    parts = [part for child in sorted(inner, key=checker.position) for part in _parts(child, checker)]
    if parts:
        yield node
        yield from parts


def _hide_percents(source: str) -> tuple[str, dict[Position, float]]:
    """Puts a plain name of the same length where a percentage stands, such as `99.9%`, and says where."""
    found = {match.start(): float(f"{match[1]}e-2") for match in _PERCENT.finditer(source)}  # 99.9% is exactly 0.999
    return _PERCENT.sub(lambda match: "_" * len(match[0]), source), found


class _Percents(ast.NodeTransformer):
    """Puts the numbers back."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.checker.percents.get(self.checker.position(node))
        return node if value is None else ast.copy_location(ast.Constant(value), node)


_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod"}


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


_HELPERS: Mapping[str, Any] = {
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


class _Plain(ast.NodeTransformer):
    """Puts `v[i]` for the i-th value."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker

    def _leaf(self, node: ast.expr) -> ast.expr:
        index = self.checker.leaves[self.checker.position(node)]
        return ast.Subscript(ast.Name("v", ast.Load()), ast.Constant(index), ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return self._leaf(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._leaf(node)


class _Careful(_Plain):
    """Also calls helpers that let a missing value through, instead of operators. It makes new nodes only."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        parts = [self.visit(part) for part in (node.left, *node.comparators)]
        pairs = [_named(_COMPARE[type(op)], a, b) for op, a, b in zip(node.ops, parts, parts[1:], strict=False)]
        return pairs[0] if len(pairs) == 1 else _named("all_of", *pairs)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return _named("all_of" if isinstance(node.op, ast.And) else "any_of", *map(self.visit, node.values))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return _named(_ARITHMETIC[type(node.op)], self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        operand: ast.expr = self.visit(node.operand)
        if isinstance(node.op, ast.UAdd):
            return operand
        return _named("negate" if isinstance(node.op, ast.Not) else "minus", operand)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return _named("pick", self.visit(node.test), self.visit(node.body), self.visit(node.orelse))


def _compiled(body: ast.expr) -> Callable[[Sequence[Value]], Any]:
    arguments = ast.arguments(posonlyargs=[], args=[ast.arg("v")], kwonlyargs=[], kw_defaults=[], defaults=[])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    # The tree holds only what a Checker let through, and no builtin is in reach.
    made: Callable[[Sequence[Value]], Any] = eval(compile(tree, "<condition>", "eval"), dict(_HELPERS))  # noqa: S307
    return made
