"""The `time_intervals` section: calendars by name, as Alertmanager writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from agent.config.document import Document
from agent.config.errors import Path, near
from agent.config.validate import validated
from agent.config.values import Text
from connectors.fields import Config, Zone
from rules.intervals import TimeInterval, local_minute

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip


def _minute(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ValueError("has to be a time of day such as 09:30")  # noqa: TRY004 - pydantic's protocol
    return local_minute(value)


def _range(one: Callable[[str], int], example: str, names: Sequence[str] = ()) -> Callable[[object], object]:
    """Reads `x` or `x:y`, both ends included, which may have names."""

    def read(value: object) -> object:
        if isinstance(value, tuple):
            return value
        first, colon, last = str(value).strip().lower().partition(":")
        try:
            return one(first.strip()), one((last if colon else first).strip())
        except ValueError:
            unknown = (part.strip() for part in (first, last) if part.strip() and part.strip() not in names)
            hint = next(filter(None, (near(part, names) for part in unknown)), "")
            raise ValueError(f"has to be written like {example}" + (f" ({hint})" if hint else "")) from None

    return read


def _weekday(text: str) -> int:
    return _WEEKDAYS.index(text)


def _month(text: str) -> int:
    return _MONTHS.index(text) + 1 if text in _MONTHS else _between(int(text), 1, 12)


def _day(text: str) -> int:
    return _between(abs(int(text)), 1, 31) * (-1 if int(text) < 0 else 1)


def _year(text: str) -> int:
    return _between(int(text), 1, 9999)


def _between(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError
    return number


_TEXT = {"type": "string"}
Minute = Annotated[int, BeforeValidator(_minute), WithJsonSchema({**_TEXT, "examples": ["09:30", "24:00"]})]
"""A time of day, in minutes."""


def _example(*examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "integer"], "examples": list(examples)})


_Pair = tuple[int, int]
Weekdays = Annotated[
    _Pair, BeforeValidator(_range(_weekday, "monday:friday or sunday", _WEEKDAYS)), _example("monday:friday")
]
"""Days of the week, from Sunday = 0."""
Days = Annotated[_Pair, BeforeValidator(_range(_day, "1:7 or -1")), _example("1:7", "-1")]
"""Days of the month; negative ones count from its end."""
Months = Annotated[
    _Pair, BeforeValidator(_range(_month, "january:march or 12", _MONTHS)), _example("january:march", "12")
]
"""Months, from January = 1."""
Years = Annotated[_Pair, BeforeValidator(_range(_year, "2026:2028 or 2026")), _example("2026:2028", "2026")]
"""Years."""


class TimesSection(Config):
    """A part of the day, the end not included; one that ends before it starts goes on over midnight."""

    start: Minute
    end: Minute

    @model_validator(mode="before")
    @classmethod
    def _as_alertmanager(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {{"start_time": "start", "end_time": "end"}.get(key, key): value for key, value in data.items()}
        return data


class IntervalSection(Config):
    """One part of a time interval; all that it names must hold."""

    times: list[TimesSection] = Field(default_factory=list)
    weekdays: list[Weekdays] = Field(default_factory=list)
    days_of_month: list[Days] = Field(default_factory=list)
    months: list[Months] = Field(default_factory=list)
    years: list[Years] = Field(default_factory=list)
    location: Zone = "UTC"


class NamedIntervals(Config):
    """A time interval in a list of them, as in a file of Alertmanager."""

    name: Text
    time_intervals: list[Any] = Field(json_schema_extra={"items": {"$ref": "#/$defs/IntervalSection"}})


def build_intervals(document: Document) -> dict[str, tuple[TimeInterval, ...]]:
    """The time intervals by name; mistakes are reported."""
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for name, parts, path in _named(document):
        if name in found:
            document.report(path, f"there are two time intervals {name}", at_key=True)
        if not isinstance(parts, list):
            document.report(path, "has to be a list")
            continue
        built = [_interval(part, (*path, index), document) for index, part in enumerate(parts)]
        found[name] = tuple(interval for interval in built if interval is not None)
    return found


def interval_names(document: Document) -> frozenset[str]:
    """Every name there is, also of those that are wrong."""
    data = document.data.get("time_intervals")
    if isinstance(data, list):
        return frozenset(str(one["name"]) for one in data if isinstance(one, dict) and "name" in one)
    return frozenset(data if isinstance(data, dict) else ())


def _named(document: Document) -> Iterator[tuple[str, Any, Path]]:
    data = document.data.get("time_intervals")
    if isinstance(data, dict):
        for name, parts in data.items():
            yield name, parts, ("time_intervals", name)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            model = validated(NamedIntervals, item, ("time_intervals", index), document)
            if model is not None:
                yield model.name, model.time_intervals, ("time_intervals", index, "time_intervals")
    elif data is not None:
        document.report(("time_intervals",), "has to be a mapping of names")


def _interval(data: Any, path: Path, document: Document) -> TimeInterval | None:
    model = validated(IntervalSection, data, path, document)
    if model is None:
        return None
    for index, times in enumerate(model.times):
        if times.start == times.end:
            document.report((*path, "times", index), "starts and ends at the same minute")
    _check_days(model.days_of_month, (*path, "days_of_month"), document)
    _check_order(model.years, (*path, "years"), document)
    return TimeInterval(
        times=tuple((times.start, times.end) for times in model.times),
        weekdays=tuple(model.weekdays),
        days_of_month=tuple(model.days_of_month),
        months=tuple(model.months),
        years=tuple(model.years),
        zone=model.location,
    )


def _check_days(ranges: Sequence[tuple[int, int]], path: Path, document: Document) -> None:
    """In the longest month at least, the first day comes before the last."""
    for index, (first, last) in enumerate(ranges):
        if first < 0 < last:
            document.report((*path, index), "begins counting from the month's end, so it has to end so too: -3:-1")
        elif (first if first > 0 else 32 + first) > (last if last > 0 else 32 + last):
            document.report((*path, index), "ends before it begins")


def _check_order(ranges: Sequence[tuple[int, int]], path: Path, document: Document) -> None:
    for index, (first, last) in enumerate(ranges):
        if first > last:
            document.report((*path, index), "ends before it begins")
