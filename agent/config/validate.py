"""Data into models; what pydantic finds wrong is said in plain words at its place."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.later import key_comes_later, value_comes_later
from connectors.fields import KeyProblem, TwinProblem, given_as, not_both, one_of, secret_keys

Model = TypeVar("Model", bound=BaseModel)

_ROUNDS = 6  # leaving a value out may make what holds it wrong, and so on outwards
_STAND_INS = {
    ("alerts", "name"): "?",
    ("alerts", "when"): "no_data",
    ("correct", "on"): "?",
    ("correct", "action"): "?",
}
"""What takes the place of a key that has to be, so that the rest of its item can be checked."""

_WORDS = {
    "missing": "is missing",
    "string_type": "has to be a text",
    "string_sub_type": "has to be a text",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "finite_number": "has to be a finite number",
    "list_type": "has to be a list",
    "tuple_type": "has to be a list",
    "set_type": "has to be a list",
    "dict_type": "has to be a mapping (key: value)",
    "model_type": "has to be a mapping (key: value)",
    "model_attributes_type": "has to be a mapping (key: value)",
    "too_short": "needs at least {min_length}",
    "too_long": "may have at most {max_length}",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "string_pattern_mismatch": "is not written as it has to be: {pattern}",
    "url_parsing": "has to be a URL such as https://example.com/path",
    "url_scheme": "has to be a URL that begins with {expected_schemes}",
    "recursion_loop": "contains itself",
}


def validated(model: type[Model], data: Any, path: Path, document: Document) -> Model | None:
    """The model of the data at a path.

    After mistakes, which are reported, what remains when they are left out, so that the rest can be checked too; None
    if nothing remains.
    """
    _report_by_keys(model, data, path, document)
    found, errors = _tried(model, data, document)
    if errors:
        mended = _with_texts(data, errors, path, document)
        if mended is not None:
            data = mended
            found, errors = _tried(model, data, document)
    said: set[Path] = set()
    for error in errors:
        _report(model, error, path, document, said)
    left_out: set[Path] = set()
    unknown: set[Path] = set()
    for _ in range(_ROUNDS):
        if not errors or not isinstance(data, dict):
            break
        for error in errors:
            if error["type"] == "extra_forbidden":
                unknown.add(_place_of(error, path, document))
            elif left_out and _is_news(error, path, document, left_out - unknown):
                _report(model, error, path, document, said)
            at, stand_in = _broken_at(error, path, document, left_out)
            document.broken.add(at)
            left_out.add(at)
            if len(at) <= len(path):
                return None
            rest = at[len(path) :]
            data = _without(data, rest) if stand_in is None else _put(data, rest, stand_in)
        found, errors = _tried(model, data, document)
    return found


def _report_by_keys(model: type[BaseModel], data: Any, path: Path, document: Document) -> None:
    """Says which keys exclude each other, or are all missing. A mistake in a value does not hide that."""
    for inside, rules in _rules_on_keys(model):
        held = data
        for key in inside:
            held = held.get(key) if isinstance(held, dict) else None
        if not isinstance(held, dict):
            continue
        for one, other in rules.NOT_BOTH:
            written = given_as(held, other)
            if written and given_as(held, one):
                document.report((*path, *inside, written), not_both(one, other))
        known = set(keys_of(rules))  # a mistyped key may be the one that is missing
        if rules.ONE_OF and known.issuperset(held) and not any(given_as(held, key) for key in rules.ONE_OF):
            document.report((*path, *inside), one_of(rules.ONE_OF))


@cache
def _rules_on_keys(model: type[BaseModel]) -> tuple[tuple[Path, Any], ...]:
    """(where, model) for a model and those in it that say which keys may or have to be given."""
    found: list[tuple[Path, Any]] = []
    if getattr(model, "NOT_BOTH", ()) or getattr(model, "ONE_OF", ()):
        found.append(((), model))
    for name, info in model.model_fields.items():
        for inner in models_in(info.annotation):
            if inner is not model:
                found += [((info.alias or name, *at), rules) for at, rules in _rules_on_keys(inner)]
    return tuple(found)


def _tried(model: type[Model], data: Any, document: Document) -> tuple[Model | None, list[ErrorDetails]]:
    try:
        return model.model_validate(data, context={"folder": document.folder}), []
    except ValidationError as problem:
        return None, problem.errors(include_url=False)


def _is_news(error: ErrorDetails, path: Path, document: Document, left_out: set[Path]) -> bool:
    """Whether a mistake that shows only after others were left out is one by itself: keys that contradict each other.

    With another key of the same mapping left out it may be what that left behind.
    """
    at = _place_of(error, path, document)
    known = isinstance(error.get("ctx", {}).get("error"), KeyProblem) and document.node(at) is not None
    return known and all(other[:-1] != at[:-1] for other in left_out)


def _broken_at(error: ErrorDetails, path: Path, document: Document, left_out: set[Path]) -> tuple[Path, str | None]:
    """What to leave out for a mistake, and what to put there for a key that has to be.

    That is the value itself, or what should hold a key that is missing or was left out.
    """
    at = _place_of(error, path, document)
    if error["type"] != "missing" and document.node(at) is not None and at not in left_out:
        return at, None
    stand_in = _STAND_INS.get((str(at[-3]), str(at[-1]))) if len(at) > 2 and isinstance(at[-2], int) else None
    return (at, stand_in) if error["type"] == "missing" and stand_in else (at[:-1], None)


def _without(data: Any, path: Path) -> Any:
    """A copy without one value; with an item of a list the rest of it goes, so that no other changes its position."""
    key: Any = path[0]
    if isinstance(data, list) and len(path) == 1:
        return data[:key]
    if isinstance(data, dict) and len(path) == 1:
        return {name: value for name, value in data.items() if name != key}
    if isinstance(data, list) and key < len(data):
        return [*data[:key], _without(data[key], path[1:]), *data[key + 1 :]]
    if isinstance(data, dict) and key in data:
        return {**data, key: _without(data[key], path[1:])}
    return data


def _put(data: Any, path: Path, text: str) -> Any:
    """A copy with one value replaced or added."""
    if not path:
        return text
    key: Any = path[0]
    if isinstance(data, list) and key < len(data):
        return [*data[:key], _put(data[key], path[1:], text), *data[key + 1 :]]
    return {**data, key: _put(data.get(key), path[1:], text)} if isinstance(data, dict) else data


def _with_texts(data: Any, errors: Iterable[ErrorDetails], path: Path, document: Document) -> Any:
    """The data with numbers and truth values written where a text belongs as that text; None if there are none."""
    changed = False
    for error in errors:
        at = _key_path(error["loc"], path, document)
        if error["type"] in {"string_type", "string_sub_type"} and len(at) > len(path):
            text = document.text(at)
            if text is not None:
                data = _put(data, at[len(path) :], text)
                changed = True
    return data if changed else None


def _key_path(loc: tuple[int | str, ...], path: Path, document: Document) -> Path:
    """The path in the file of pydantic's location, which also names the members of unions it tried."""
    found = path
    for index, part in enumerate(loc):
        if document.node((*found, part)) is not None or index == len(loc) - 1:
            found = (*found, part)
    return found


def _place_of(error: ErrorDetails, path: Path, document: Document) -> Path:
    at = _key_path(error["loc"], path, document)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, TwinProblem):
        return (*at[:-1], cause.key)
    if isinstance(cause, KeyProblem):
        return (*at, cause.key)
    if error["type"] not in {"missing", "extra_forbidden"} and at and document.node(at) is None:
        return at[:-1]  # the name of a union's member
    return at


def _report(model: type[BaseModel], error: ErrorDetails, path: Path, document: Document, said: set[Path]) -> None:
    at, kind = _place_of(error, path, document), error["type"]
    if at in said:
        return
    said.add(at)
    if kind == "extra_forbidden":
        _report_unknown(model, error["loc"], at, document)
    elif not isinstance(error.get("ctx", {}).get("error"), KeyProblem) and value_comes_later(at, error.get("input")):
        document.report(at, f"{document.written(at) or 'a series or table'} is not built yet")
    elif error.get("input", ...) is None and kind != "missing":
        document.report(at, "is empty")
    else:
        message, hint = _words(kind, error, document.written(at))
        document.report(at, message, hint)


def _report_unknown(model: type[BaseModel], loc: tuple[int | str, ...], at: Path, document: Document) -> None:
    key = str(at[-1])
    if key_comes_later(at):
        document.report(at, "is not built yet; remove it", at_key=True)
        return
    known = sorted({name for inner in _models_at(model, loc[:-1]) for name in keys_of(inner)})
    hint = near(key, known) or f"known here: {choices(known)}"
    document.report(at, "unknown key", hint, at_key=True)


def _words(kind: str, error: ErrorDetails, written: str | None) -> tuple[str, str]:
    """Message and hint; the value is shown only as the file has it, and only where it can't be a secret."""
    context = error.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        known = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        hint = near(written, known) if written else ""
        return f"has to be one of {', '.join(known)}" if len(known) > 1 else f"has to be {known[0]}", hint
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or error["msg"].removeprefix("Value error, ")), ""
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return f"has to be one of {context.get('expected_tags', 'the known kinds')}", ""
    if kind in _WORDS:
        return _WORDS[kind].format_map(context), ""
    return error["msg"].replace("Input should", "has to").replace("has to be a valid", "has to be a"), ""


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a model knows, the `_file` twins of secrets included."""
    keys = [info.alias or name for name, info in model.model_fields.items()]
    return (*keys, *(f"{key}_file" for key in secret_keys(model)))


def _models_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> Iterator[type[BaseModel]]:
    """The models that may stand at a location inside a model."""
    if not loc:
        yield model
        return
    for name, info in model.model_fields.items():
        if (info.alias or name) == loc[0]:
            for inner in models_in(info.annotation):
                rest = loc[1:]
                while rest and not _has_key(inner, rest[0]):
                    rest = rest[1:]
                yield from _models_at(inner, rest)


def _has_key(model: type[BaseModel], part: int | str) -> bool:
    return any((info.alias or name) == part for name, info in model.model_fields.items())


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation speaks of, inside lists, mappings, unions and Annotated too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from models_in(inner)


def section(document: Document, name: str) -> Mapping[str, Any]:
    """A section that maps names to entries; anything else is reported and counts as empty."""
    data = document.data.get(name)
    if data is None:
        return {}
    if isinstance(data, dict):
        return data
    document.report((name,), "has to be a mapping of names")
    return {}
