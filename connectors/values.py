"""Numbers and times as they are written in the world."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rules.model import LARGEST, SECOND

_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")  # as most numbers are written
_NUMBER = re.compile(r"([+-]?(?:(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]+)?( ?%)?")
_LEAP = re.compile(r"(?<=:59):60")  # RFC 3339, 5.7
_UNIX = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of the clock in any zone
_NO_TIME = timedelta(0)
_SHOWN = 40
_LONGEST = 1_000  # characters of a number
# A Unix time below the bound counts in this unit: seconds reach to the year 5138, milliseconds back to 1973.
_UNITS = ((10**11, SECOND), (10**14, 1_000), (10**17, 1))


def number(value: Any) -> float | None:
    """The number a value is, or None where there is none: null, NaN or an empty text.

    Numbers may be texts: with well-formed thousands commas (`1,582`), with a percent sign (`99.9%` is 0.999, as in a
    goal), with blanks around. Booleans are 1 and 0. Raises ValueError for any other text, for infinity, and for what
    is no single value.
    """
    kind = type(value)
    if kind is float or kind is int:
        return _finite(value)
    if value is None:
        return None
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, (bool, int, float, Decimal)):
        return _finite(value)
    raise ValueError(f"{_shown(value)} is not a number")


def numbers(texts: Sequence[str]) -> list[float | None]:
    """What `number` makes of each text, in a third of the time where all are plain numbers. Raises ValueError."""
    if all(map(_PLAIN.fullmatch, texts)):
        return list(map(float, texts))
    return list(map(number, texts))


def _finite(value: float | Decimal) -> float | None:
    try:
        converted = float(value)
    except (OverflowError, ValueError):
        raise ValueError("the number is too large") from None
    if -LARGEST <= converted <= LARGEST:
        return converted
    if math.isnan(converted):
        return None
    if math.isinf(converted):
        raise ValueError("infinity is not a number a target can have")
    raise ValueError("the number is too large")


def _from_text(text: str) -> float | None:
    if _PLAIN.fullmatch(text):
        return float(text)
    if len(text) > _LONGEST:
        raise ValueError(f"{_shown(text)} is not a number")
    stripped = text.strip()
    if not stripped or stripped.lower() == "nan":
        return None
    match = _NUMBER.fullmatch(stripped)
    if match is None:
        if stripped.lower().lstrip("+-") in {"inf", "infinity"}:
            raise ValueError("infinity is not a number a target can have")
        raise ValueError(f"{_shown(text)} is not a number")
    digits, exponent, percent = match.groups()
    digits = digits.replace(",", "")
    if percent:  # moving the exponent keeps 99.9 % exactly 0.999
        return _finite(float(f"{digits}e{int((exponent or 'e0')[1:]) - 2}"))
    return _finite(float(digits + (exponent or "")))


_EARLIEST = -2_208_988_800_000_000  # 1900-01-01 UTC in microseconds


def moment(value: Any, zone: str, time_format: str | None = None) -> int:
    """The time a value says, in UTC microseconds.

    ISO 8601 dates and times, dates and times of a database, Unix time in seconds, milliseconds, microseconds or
    nanoseconds (told apart by magnitude); with `time_format` a text is read as `strptime` does. What names no offset
    is local time in `zone`. Raises ValueError, also for times before 1900: they are mistakes, and no zone knows them.
    """
    at = _moment(value, zone, time_format)
    if at < _EARLIEST:
        raise ValueError(f"{_shown(value)} is a time before 1900")
    return at


def moments(texts: Sequence[str], zone: str) -> list[int]:
    """What `moment` makes of each text, in half the time where all are ISO 8601 with an offset. Raises ValueError."""
    try:
        found = [(at - _EPOCH) // _MICROSECOND for at in map(datetime.fromisoformat, texts)]
    except (ValueError, TypeError):
        found = []
    return found if found and min(found) >= _EARLIEST else [moment(text, zone) for text in texts]


def _moment(value: Any, zone: str, time_format: str | None) -> int:
    if time_format is None and isinstance(value, str) and value:
        return _written(value.strip(), zone)
    if value is None or value == "":
        raise ValueError("it has no time")
    if isinstance(value, datetime):
        return _microseconds(value, zone)
    if isinstance(value, date):
        return _microseconds(datetime(value.year, value.month, value.day), zone)  # noqa: DTZ001 - local by intention
    if time_format is not None:
        return _microseconds(_formatted(str(value).strip(), time_format), zone)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _unix(value)
    raise ValueError(f"{_shown(value)} is not a time")


def _written(text: str, zone: str) -> int:
    is_unix = text[4:5] != "-" and _UNIX.fullmatch(text)
    if is_unix and len(text) != len("20260131"):  # else 1711121212345 would be read as a date of 1711
        return _unix(Decimal(text) if "." in text else int(text))
    try:
        return _microseconds(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        earlier, is_leap = _LEAP.subn(":59", text, count=1)
        if is_leap:  # a second that Unix time does not know: one later than the one before
            return _written(earlier, zone) + SECOND
        raise ValueError(f"{_shown(text)} is not a time (ISO 8601 or Unix; else give time_format)") from None


def _formatted(text: str, time_format: str) -> datetime:
    try:
        return datetime.strptime(text, time_format)  # noqa: DTZ007 - an offset is read if the format has one
    except ValueError:
        raise ValueError(f"{_shown(text)} is not a time of the form {time_format}") from None


def _unix(value: float | Decimal) -> int:
    if not math.isfinite(value) or not -(10**20) < value < 10**20:
        raise ValueError(f"{_shown(value)} is not a time")
    exact: int | Decimal = value if isinstance(value, int) else Decimal(str(value))
    for bound, unit in _UNITS:
        if -bound < exact < bound:
            return round(exact * unit)
    return round(Decimal(exact) / 1_000)


def _microseconds(at: datetime, zone: str) -> int:
    if at.tzinfo is None:  # half the price of giving it the zone
        return (at - _LOCAL_EPOCH - (_zone(zone).utcoffset(at) or _NO_TIME)) // _MICROSECOND
    return (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):  # which may nest as deep as JSON may, and be as large
        return "a list" if isinstance(value, list) else "an object"
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
