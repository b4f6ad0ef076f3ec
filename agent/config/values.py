"""Values of the configuration language that many sections have."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PERCENT = re.compile(r"\s*([-+]?[0-9.]+)\s*%\s*")


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str):
        percent = _PERCENT.fullmatch(value)
        try:
            number = float(Decimal(percent[1]) / 100) if percent else float(value)
        except (ValueError, ArithmeticError):
            raise ValueError("has to be a number, or a percentage such as 99.9%") from None
    else:
        raise ValueError("has to be a number, or a percentage such as 99.9%")  # noqa: TRY004 - pydantic's protocol
    if not math.isfinite(number):
        raise ValueError("has to be a finite number")
    return number


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _label_names(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not LABEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a label; use letters, digits and _")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def _somebody(value: list[str]) -> list[str]:
    if not value:
        raise ValueError("names nobody; name a receiver, or remove escalate")
    return value


Number = Annotated[
    float, BeforeValidator(_number), WithJsonSchema({"type": ["number", "string"], "examples": [10000, "99.9%"]})
]
"""A number, or a percentage as its hundredth part."""

Share = Annotated[Number, Field(gt=0, le=1)]
"""A part of the whole, more than nothing."""

Text = Annotated[str, AfterValidator(_said)]
"""A text that says something."""

_NAMES_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SOMEBODY_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Names = Annotated[list[Text], BeforeValidator(_one_or_more), WithJsonSchema(_NAMES_SCHEMA)]
"""One name or a list of them."""

Somebody = Annotated[Names, AfterValidator(_somebody), WithJsonSchema(_SOMEBODY_SCHEMA)]
"""One receiver or several, who are told."""

LabelTexts = Annotated[dict[str, str], AfterValidator(_label_names)]
"""Texts by label name."""
