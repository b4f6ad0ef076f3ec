"""The filters templates have, and the sizes they keep to. What is too large raises ValueError before it is made."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson

MAX_OUTPUT = 64_000  # characters a template makes in all
MAX_REPEAT = 1_000  # times a text may be repeated, and turns of a loop
_MAX_PART = 8_000  # characters of a text, or in all of a list, inside an expression
_MAX_DIGITS = 15
_MOST_WORK = 500_000  # characters and items that all expressions of one template look at, a tenth of a second's work
EMPTY = "\0"  # stands for an empty value in an address until it is known where it is; encoded, a value can't hold it

BUILT_IN = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length",
        "list", "lower", "map", "max", "min", "reject", "reverse", "select", "sort", "string", "sum", "title", "trim",
        "truncate", "unique", "upper", "urlencode",
    }
)  # fmt: skip
"""Jinja2's own filters that stay small where what they are given is small."""


class Encoded(str):
    """A text that is percent-encoded already."""

    __slots__ = ()


_work: ContextVar[list[int]] = ContextVar("work")


@contextmanager
def working() -> Iterator[None]:
    """Counts anew what expressions look at: each may be small, and be looked at again in every turn of a loop."""
    token = _work.set([0])
    try:
        yield
    finally:
        _work.reset(token)


def _spend(weight: int) -> None:
    work = _work.get(None)
    if work is not None:
        work[0] += weight
        if work[0] > _MOST_WORK:
            raise ValueError("the template looks at too much; make its loops or texts shorter")


def weigh(value: Any, limit: int = _MAX_PART) -> None:
    """Raises ValueError where a text, or all that is in a list or mapping, is too large; counts before it copies."""
    if not isinstance(value, str | list | tuple | dict):
        return
    weight, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        weight += len(one) if isinstance(one, str) else 1
        if weight > limit:
            raise ValueError(f"a text or list in an expression has at most {limit} characters")
        if isinstance(one, dict):
            waiting.extend(one.values())
            waiting.extend(one)
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    _spend(weight)


def weighing(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, given nothing too large."""

    @functools.wraps(filter_)
    def weighed(*args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()):
            weigh(arg)
        return filter_(*args, **kwargs)

    return weighed


def few(values: Iterable[Any]) -> list[Any]:
    """What a loop goes through."""
    found = list(islice(values, MAX_REPEAT + 1))
    if len(found) > MAX_REPEAT:
        raise ValueError(f"a loop has at most {MAX_REPEAT} turns")
    return found


def kept(value: Any) -> Any:
    """What `set` keeps; the filter is there to be weighed, so that nothing grows from one `set` to the next."""
    return value


def _number(value: Any) -> str:
    """1234.5 as `1,234.5`, 0.00321 as `0.00321`."""
    if not isinstance(value, int | float):
        return plain(value)
    text = f"{value:,.2f}" if value == 0 or abs(value) >= 1 else f"{value:.3g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(value: Any, digits: int = 1) -> str:
    """0.621 as `62.1%`."""
    if not 0 <= digits <= _MAX_DIGITS:
        raise ValueError(f"percent has at most {_MAX_DIGITS} digits")
    return f"{value * 100:.{digits}f}%" if isinstance(value, int | float) else plain(value)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if abs(precision) > _MAX_DIGITS:
        raise ValueError(f"round has at most {_MAX_DIGITS} digits")
    if method == "common":
        return round(value, precision)
    whole = {"ceil": math.ceil, "floor": math.floor}[method]
    return whole(value * 10**precision) / 10**precision


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    if len(text) + text.count(old) * len(new) > _MAX_PART:
        raise ValueError(f"replace makes at most {_MAX_PART} characters")
    return text.replace(old, new)


def _join(values: Iterable[Any], between: str = "") -> str:
    texts = [str(value) for value in few(values)]
    if sum(map(len, texts)) + len(texts) * len(between) > _MAX_PART:
        raise ValueError(f"join makes at most {_MAX_PART} characters")
    return between.join(texts)


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def plain(value: Any) -> str:
    """A value as it stands in a text; nothing for None."""
    weigh(value, MAX_OUTPUT)
    return "" if value is None else str(value)


def encode(value: Any) -> Encoded:
    """A value percent-encoded, once."""
    return value if isinstance(value, Encoded) else Encoded(quote(plain(value), safe=""))


def in_url(value: Any) -> str:
    """A value as it stands in an address; `EMPTY` for nothing."""
    return encode(value) or EMPTY


def in_mrkdwn(value: Any) -> str:
    """A value as Slack's mrkdwn shows it literally.

    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return plain(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def check_repeat(left: Any, right: Any) -> None:
    """Raises ValueError unless one is a text, the other how often it is repeated, and the product small."""
    text, times = (left, right) if isinstance(left, str) else (right, left)
    if not isinstance(text, str) or not isinstance(times, int) or len(text) * times > MAX_REPEAT:
        raise ValueError(f"only a text can be repeated, to at most {MAX_REPEAT} characters")


OWN: Mapping[str, Callable[..., Any]] = {
    "join": _join,
    "number": _number,
    "percent": _percent,
    "replace": _replace,
    "round": _round,
    "tojson": _to_json,
}
