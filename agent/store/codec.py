"""Records of the vocabulary as JSON and back, exactly.

Keys are field names. A field that is None by default and None is left out. Reading tolerates keys it does not know and
takes the default of those that are missing, so that fields may come (with a default) and go.
"""

from __future__ import annotations

import base64
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from agent.store.errors import StoreError

T = TypeVar("T")
Convert = Callable[[Any], Any]


def encode(record: Any) -> bytes:
    """The JSON of a dataclass or named tuple of `rules.model`."""
    kind: Any = type(record)
    return orjson.dumps(_plan(kind)[0](record))


def decode(kind: type[T], data: bytes | str) -> T:
    """The record back. Raises StoreError if it can't be one of that kind."""
    plain: Any = kind
    try:
        record: T = _plan(plain)[1](orjson.loads(data))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"a stored {kind.__name__} can't be read ({type(error).__name__}: {error})") from error
    return record


def _same(value: Any) -> Any:
    return value


def _write_float(value: float) -> float | str:
    return value if math.isfinite(value) else repr(float(value))  # JSON has no inf and no nan


def _write_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _read_float(value: float | str) -> float:
    return float(value) if isinstance(value, str) else value


@cache
def _plan(kind: Any) -> tuple[Convert, Convert]:
    """How values of a type are written and read."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is None:
        return _single(kind)
    if origin in (Union, types.UnionType):
        return _optional(inner)
    if origin is tuple:
        return _sequence(inner)
    if issubclass(origin, Mapping):
        return _mapping(inner)
    raise TypeError(f"{kind} can't be stored")


def _single(kind: Any) -> tuple[Convert, Convert]:
    if kind is float:
        return _write_float, _read_float
    if kind is bytes:
        return _write_bytes, base64.b64decode
    if isinstance(kind, type) and issubclass(kind, Enum):
        return (lambda value: value.value), kind
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        return _record(kind)
    if kind in (str, int, bool, type(None), Any):
        return _same, _same
    raise TypeError(f"{kind} can't be stored")


def _optional(inner: tuple[Any, ...]) -> tuple[Convert, Convert]:
    kinds = [kind for kind in inner if kind is not type(None)]
    if len(kinds) != 1:
        raise TypeError(f"a choice of {inner} can't be stored")
    write, read = _plan(kinds[0])
    if write is _same and read is _same:
        return _same, _same
    return (
        lambda value: None if value is None else write(value),
        lambda value: None if value is None else read(value),
    )


def _sequence(inner: tuple[Any, ...]) -> tuple[Convert, Convert]:
    if len(inner) == 2 and inner[1] is Ellipsis:
        write, read = _plan(inner[0])
        if write is _same:
            return _same, (tuple if read is _same else lambda values: tuple([read(value) for value in values]))
        return (lambda values: [write(v) for v in values]), (lambda values: tuple([read(v) for v in values]))
    plans = [_plan(kind) for kind in inner]
    if all(plan == (_same, _same) for plan in plans):
        return _same, tuple
    return (
        lambda values: [plan[0](value) for plan, value in zip(plans, values, strict=True)],
        lambda values: tuple(plan[1](value) for plan, value in zip(plans, values, strict=True)),
    )


def _mapping(inner: tuple[Any, ...]) -> tuple[Convert, Convert]:
    write, read = _plan(inner[1])
    return (
        lambda values: {key: write(value) for key, value in values.items()},
        lambda values: {key: read(value) for key, value in values.items()},
    )


def _record(kind: Any) -> tuple[Convert, Convert]:
    hints = get_type_hints(kind)
    if is_dataclass(kind):
        optional = {f.name for f in fields(kind) if f.default is None}
        needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
        names = [f.name for f in fields(kind)]
    else:
        optional = {name for name, default in kind._field_defaults.items() if default is None}
        needed = set(kind._fields) - set(kind._field_defaults)
        names = list(kind._fields)
    plans = [(name, *_plan(hints[name]), name in optional) for name in names]
    readers = {name: read for name, _, read, _ in plans}

    def write_record(record: Any) -> dict[str, Any]:
        out = {}
        for name, write, _, may_miss in plans:
            value = getattr(record, name)
            if value is None and may_miss:
                continue
            out[name] = value if write is _same else write(value)
        return out

    def read_record(data: Mapping[str, Any]) -> Any:
        missing = needed - data.keys()
        if missing:
            raise KeyError(f"{kind.__name__} without {', '.join(sorted(missing))}")
        return kind(**{name: readers[name](value) for name, value in data.items() if name in readers})

    return write_record, read_record
