"""Data into models; what pydantic finds wrong is said in plain words at its place."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config.document import Document
from agent.config.errors import Path, choices, near
from agent.config.later import key_comes_later, value_comes_later
from connectors.fields import KeyProblem, secret_keys

Model = TypeVar("Model", bound=BaseModel)

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
    """The model of the data at a path, or None after its mistakes were reported to the document."""
    context = {"folder": document.folder}
    try:
        return model.model_validate(data, context=context)
    except ValidationError as problem:
        errors = problem.errors(include_url=False)
    mended = _with_texts(data, errors, path, document)
    if mended is not None:
        try:
            return model.model_validate(mended, context=context)
        except ValidationError as problem:
            errors = problem.errors(include_url=False)
    said: set[Path] = set()
    for error in errors:
        _report(model, error, path, document, said)
    return None


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


def _put(data: Any, path: Path, text: str) -> Any:
    """A copy with one value replaced."""
    if not path:
        return text
    key: Any = path[0]
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[key] = _put(data[key], path[1:], text)
    return copy


def _key_path(loc: tuple[int | str, ...], path: Path, document: Document) -> Path:
    """The path in the file of pydantic's location, which also names the members of unions it tried."""
    found = path
    for index, part in enumerate(loc):
        if document.node((*found, part)) is not None or index == len(loc) - 1:
            found = (*found, part)
    return found


def _report(model: type[BaseModel], error: ErrorDetails, path: Path, document: Document, said: set[Path]) -> None:
    at = _key_path(error["loc"], path, document)
    kind, context = error["type"], error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, KeyProblem):
        at = (*at, cause.key)
    elif kind not in {"missing", "extra_forbidden"} and at and document.node(at) is None:
        at = at[:-1]  # the name of a union's member
    if at in said:
        return
    said.add(at)
    if kind == "extra_forbidden":
        _report_unknown(model, error["loc"], at, document)
    elif value_comes_later(at, error.get("input")):
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
