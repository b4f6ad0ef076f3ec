"""What a condition is made of: comparisons of sums, each of which says the same while its sums stay apart."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rules.expressions import Checker

_Sum = dict[int | None, float]
"""By the index of a query, what it is multiplied with; by None a number."""


class Comparison(NamedTuple):
    """Compares a sum with nothing: of queries, by their index and what each is multiplied with, and of a number."""

    weights: Sequence[tuple[int, float]]
    constant: float


def comparisons(checker: Checker, tree: ast.expr) -> Sequence[Comparison] | None:
    """All comparisons of a checked expression; None where it is made of anything else."""
    if isinstance(tree, ast.Compare):
        sums = [_sum(checker, one) for one in (tree.left, *tree.comparators)]
        known = [one for one in sums if one is not None]
        return [_compared(one, other) for one, other in pairwise(known)] if len(known) == len(sums) else None
    parts = tree.values if isinstance(tree, ast.BoolOp) else [tree.operand] if isinstance(tree, ast.UnaryOp) else []
    found = [comparisons(checker, part) for part in parts]
    together = [one for some in found for one in some or ()]
    return together if found and None not in found else None


def _compared(one: _Sum, other: _Sum) -> Comparison:
    found = _added(one, other, -1.0)
    constant = found.pop(None, 0.0)
    return Comparison([(index, weight) for index, weight in found.items() if index is not None and weight], constant)


def _sum(checker: Checker, node: ast.expr) -> _Sum | None:
    """What a number is the sum of; None where it is more than a sum."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return {None: float(node.value)}
    if isinstance(node, ast.Call):
        return {checker.leaves[checker.position(node)]: 1.0}
    if isinstance(node, ast.UnaryOp):
        one = _sum(checker, node.operand)
        return one if one is None or isinstance(node.op, ast.UAdd) else _added({}, one, -1.0)
    if isinstance(node, ast.BinOp):
        left, right = _sum(checker, node.left), _sum(checker, node.right)
        return None if left is None or right is None else _operated(node.op, left, right)
    return None


def _operated(op: ast.operator, left: _Sum, right: _Sum) -> _Sum | None:
    if isinstance(op, ast.Add | ast.Sub):
        return _added(left, right, 1.0 if isinstance(op, ast.Add) else -1.0)
    if isinstance(op, ast.Mult) and [*left] == [None]:
        return _added({}, right, left[None])
    if isinstance(op, ast.Mult) and [*right] == [None]:
        return _added({}, left, right[None])
    if isinstance(op, ast.Div) and [*right] == [None] and right[None]:
        return _added({}, left, 1.0 / right[None])
    return None


def _added(one: _Sum, other: _Sum, times: float) -> _Sum:
    return {index: one.get(index, 0.0) + times * other.get(index, 0.0) for index in {**one, **other}}
