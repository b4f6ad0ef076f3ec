"""Frozen dataclasses that are made as fast as others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")
_COPIES: dict[type[Any], Callable[[Any, dict[str, Any]], Any]] = {}


def quick(kind: type[T]) -> type[T]:
    """The same frozen, slotted dataclass with a quicker `__init__`; whatever is made of it is frozen all the same.

    A frozen dataclass calls `object.__setattr__` for each of its fields, which for the twenty of an assessment is 2 µs.
    Here an object belongs to an unfrozen twin of the same layout, as Python allows, until its fields are set.
    """
    made = _compiled(kind, "__init__", "self", ("become(self, '__class__', twin)",), ())
    setattr(kind, "__init__", made)  # noqa: B010 - mypy takes it for a method of T
    _COPIES[kind] = _copier(kind)
    return kind


def replace(record: T, **changes: Any) -> T:
    """As `dataclasses.replace`; of a quick class in a third of the time."""
    copy = _COPIES.get(type(record))
    return dataclasses.replace(record, **changes) if copy is None else copy(record, changes)  # type: ignore[type-var]


def maker(kind: type[T]) -> type[T]:
    """A function that takes what a quick class takes and makes the same, in half the time: for the hottest places."""
    return cast("type[T]", _compiled(kind, "make", "", ("self = twin()",), ("return self",)))


def _copier(kind: type[Any]) -> Callable[[Any, dict[str, Any]], Any]:
    """A function that takes an object and what is other in the next one."""
    sets = [f"self.{one.name} = old.{one.name}" for one in fields(kind)]
    other = "for name, value in changes.items(): become(self, name, value)"
    made = _made(kind, "copy", "old, changes", ("self = twin()", *sets, other, "self.__class__ = kind", "return self"))
    return cast("Callable[[Any, dict[str, Any]], Any]", made)


def _compiled(kind: type[Any], name: str, first: str, begin: Sequence[str], end: Sequence[str]) -> Any:
    """A function with the fields of a dataclass as parameters, which sets them in a twin and makes it the class's."""
    known = fields(kind)
    given = ", ".join([first, *map(_parameter, known)] if first else map(_parameter, known))
    sets = [f"self.{one.name} = {_value(one)}" for one in known]
    return _made(kind, name, given, (*begin, *sets, "self.__class__ = kind", *end))


def _made(kind: type[Any], name: str, given: str, lines: Sequence[str]) -> Any:
    """The function of these lines, in which `kind` is the class and `twin` its unfrozen twin."""
    twin = type(kind.__name__, (), {"__slots__": kind.__slots__})
    names: dict[str, Any] = {"become": object.__setattr__, "twin": twin, "kind": kind, "unset": MISSING}
    for one in fields(kind):
        names[f"default_{one.name}"] = one.default
        names[f"make_{one.name}"] = one.default_factory
    code = "\n".join([f"def {name}({given}):", *(f" {line}" for line in lines)])
    exec(code, names)  # noqa: S102 - of field names alone, as dataclasses do it
    return names[name]


def _parameter(one: Field[Any]) -> str:
    if one.default_factory is not MISSING:
        return f"{one.name}=unset"
    return one.name if one.default is MISSING else f"{one.name}=default_{one.name}"


def _value(one: Field[Any]) -> str:
    if one.default_factory is MISSING:
        return one.name
    return f"make_{one.name}() if {one.name} is unset else {one.name}"
