"""Methods, headers and bodies of calls as they are configured: templates, all checked when they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from connectors import fields
from connectors.template import TemplateError, check

Method = Annotated[
    Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]
Path = tuple[str | int, ...]


def check_method(value: Any, info: ValidationInfo) -> Any:
    """The body itself, unless the method before it has none. Source: RFC 9110, 9.3.1."""
    if value is not None and info.data.get("method") == "GET":
        raise ValueError("method GET has no body; write another method, or remove this")
    return value


def text_of(names: Collection[str]) -> Callable[[str], str]:
    """A check of a text that is a template of these names."""

    def checked(text: str) -> str:
        check(text, names)
        return text

    return checked


def secret_of(names: Collection[str]) -> Callable[[fields.Secret], fields.Secret]:
    """A check of a secret that is a template of these names."""

    def checked(value: fields.Secret) -> fields.Secret:
        check(value.get_secret_value(), names)
        return value

    return checked


def json_of(names: Collection[str]) -> Callable[[Any], Any]:
    """A check of a JSON value whose texts are templates of these names; says all that is wrong, each at its place."""

    def checked(value: Any) -> Any:
        found = _as_json(value)
        wrong: list[InitErrorDetails] = []
        for at, text in strings(found):
            try:
                check(text, names)
            except TemplateError as error:
                said = PydanticCustomError("value_error", "{error}", {"error": str(error)})
                wrong.append(InitErrorDetails(type=said, loc=at, input=text))
        if wrong:
            raise ValidationError.from_exception_data("json", wrong)
        return found

    return checked


def strings(value: Any, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text of a JSON value with its path, the keys of objects too."""
    if isinstance(value, str):
        yield at, value
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        if isinstance(key, str):
            yield (*at, key), key
        yield from strings(item, (*at, key))


def _as_json(value: Any) -> Any:
    """As JSON has it: keys that YAML reads as numbers are texts."""
    try:
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except orjson.JSONEncodeError as error:
        raise ValueError(f"can't be sent as JSON: {error}") from None
