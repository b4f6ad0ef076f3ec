"""Series that a target names, held against what the sources give."""

from __future__ import annotations

from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.sources import Given
from rules.conditions import compile_condition
from rules.expressions import ConditionError
from rules.model import Selector
from rules.selectors import parse_selector


def read_selector(text: str, path: Path, document: Document, known: Given) -> Selector | None:
    """The selector a text says, checked; None after a mistake was reported."""
    try:
        selector = parse_selector(text)
    except ValueError as error:
        document.report(path, str(error))
        return None
    check_selector(selector, path, document, known)
    return selector


def of_condition(text: str, path: Path, document: Document, known: Given) -> list[Selector]:
    """The selectors of a condition, checked; none after a mistake in it was reported."""
    try:
        condition = compile_condition(text)
    except ConditionError as error:
        report_mistakes(error, path, document)
        return []
    for query in condition.queries:
        check_selector(query.selector, path, document, known, query.position)
    return list(condition.selectors)


def report_mistakes(error: ConditionError, path: Path, document: Document) -> None:
    """Reports everything that is wrong with an expression, each at its place."""
    for mistake in (error, *error.others):
        document.report(path, str(mistake), mistake.hint, offset=mistake.offset)


def check_selector(selector: Selector, path: Path, document: Document, known: Given, offset: int = 0) -> None:
    """Reports a series that no source gives, and labels that it does not have."""
    if selector.name not in known.labels:
        if known.complete:
            hint = near(selector.name, known.labels) or (f"there are {choices(known.labels)}" if known.labels else "")
            document.report(path, f"no source gives the series {selector.name}", hint, offset=offset)
        return
    labels = known.labels[selector.name]
    for matcher in selector.matchers:
        wants_it = matcher.op == "=" and matcher.value
        if labels is not None and wants_it and matcher.name not in labels and known.complete:
            message = f"no source gives {selector.name} with a label {matcher.name}"
            hint = near(matcher.name, labels) or f"there are {choices(labels)}"
            document.report(path, message, hint, offset=offset)
