"""From the rows of an answer to readings; shared by every source whose answers have rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import jmespath

from connectors.base import BadAnswer, PartialAnswer
from connectors.rows import ReadingConfig, ReadingEntry
from connectors.values import moment, number
from rules.model import Labels, Reading, Series, labels_of

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_REMEMBERED = 10_000
_NO_SERIES: dict[tuple[str | None, ...], Series] = {}  # never changed: most have no labels
MOST_LABEL = 500
"""Characters of a label's value: it stands in every message, and matchers look at it."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """Stands in for a row that could not be read at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """A parsed answer. `columns` are the names of a table's columns, None where rows have no common shape."""

    answer: Any
    columns: tuple[str, ...] | None = None


class Path:
    """Where in a row something is. This one is that of the whole row."""

    __slots__ = ()

    def find(self, row: Any) -> Any:
        """What is there, None where there is nothing. Raises ValueError."""
        return row

    def has(self, _row: Any) -> bool:
        """Whether the row has the key that a plain name or dotted path names, whatever its value.

        Of any other path it says yes: what finds nothing there need not be missing.
        """
        return True


class _Key(Path):
    """A plain name."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def find(self, row: Any) -> Any:
        return row.get(self._key) if isinstance(row, dict) else None

    def has(self, row: Any) -> bool:
        return isinstance(row, dict) and self._key in row


class _Dotted(Path):
    """Keys in keys, with JMESPath's meaning; where they find nothing, a key that is written exactly so."""

    __slots__ = ("_keys", "_text")

    def __init__(self, text: str) -> None:
        self._text, self._keys = text, text.split(".")

    def find(self, row: Any) -> Any:
        at = row
        for key in self._keys:
            at = at.get(key) if isinstance(at, dict) else None
        return row.get(self._text) if at is None and isinstance(row, dict) else at

    def has(self, row: Any) -> bool:
        at = row
        for key in self._keys:
            if not isinstance(at, dict) or key not in at:
                return (at is None and at is not row) or (isinstance(row, dict) and self._text in row)
            at = at[key]
        return True


class _Searched(Path):
    """Any other JMESPath expression."""

    __slots__ = ("_search", "_text")

    def __init__(self, text: str, search: Callable[[Any], Any]) -> None:
        self._text, self._search = text, search

    def find(self, row: Any) -> Any:
        try:
            return self._search(row)
        except jmespath.exceptions.JMESPathError as error:  # a function was given what it can't take
            raise ValueError(f"{self._text}: {str(error).splitlines()[0]}") from None
        except RecursionError:
            raise ValueError(f"{self._text}: what it finds nests too deeply") from None


@lru_cache(maxsize=1024)
def compile_path(text: str) -> Path:
    """The path that a JMESPath expression is; a text that is none is a name as it stands in a header: Unique Visits.

    Plain dotted paths are walked directly.
    """
    if text == "@":
        return Path()
    if _DOTTED.fullmatch(text):
        return _Dotted(text) if "." in text else _Key(text)
    try:
        return _Searched(text, jmespath.compile(text).search)
    except jmespath.exceptions.JMESPathError:
        return _Key(text)


class _Rule:
    """One entry of `readings`, compiled."""

    __slots__ = (
        "_labels",
        "_plain",
        "_select",
        "_series",
        "_time",
        "_zone",
        "config",
        "value",
    )

    def __init__(self, config: ReadingEntry | ReadingConfig, plain: Labels, zone: str) -> None:
        """`plain` are the labels of what has no others: those of its source."""
        self.config = config
        self._zone = zone
        self._select = compile_path(config.select) if config.select is not None else None
        self._time = compile_path(config.time) if config.time is not None else None
        self.value = compile_path(config.value)
        self._labels = tuple((name, compile_path(path)) for name, path in config.labels.items())
        self._plain = Series(config.series, plain)
        self._series: dict[tuple[str | None, ...], Series] = {} if self._labels else _NO_SERIES

    def rows(self, answer: Any) -> Sequence[Any]:
        """The rows; ValueError if `select` finds nothing."""
        found = answer
        if self._select is not None:
            found = self._select.find(answer)
            if found is None:
                raise ValueError(f"select {self.config.select!r} finds nothing in the answer")
        return found if isinstance(found, list) else [found]

    def reading(self, row: Any, now: int) -> Reading:
        """The reading of a row. Raises ValueError with what is wrong."""
        if isinstance(row, BadRow):
            raise ValueError(row.reason)  # noqa: TRY004 - every fault of a row is a ValueError
        time = now
        if self._time is not None:
            time = moment(self._time.find(row), self._zone, self.config.time_format)
            if time > now + self.config.ahead:
                raise ValueError(f"its time is in the future: {str(self._time.find(row))[:40]}")
        return Reading(self._series_of(row) if self._labels else self._plain, time, number(self.value.find(row)))

    def _series_of(self, row: Any) -> Series:
        values = tuple([_label(name, path.find(row)) for name, path in self._labels])
        series = self._series.get(values)
        if series is None:
            pairs = {name: text for (name, _), text in zip(self._labels, values, strict=True) if text is not None}
            if len(self._series) >= _REMEMBERED:
                self._series.clear()
            series = Series(self.config.series, labels_of({**pairs, **dict(self._plain.labels)}))
            self._series[values] = series
        return series

    def names(self) -> Iterator[str]:
        """The plain names a table has to have as columns."""
        paths = [self.config.value, self.config.time, *self.config.labels.values()]
        return (path for path in paths if path is not None and _is_name(path))


class Extractor:
    """Makes readings of the answers of one source, as its `readings` say.

    A missing label is left out of the series; a missing value makes a reading without one; a row without its time,
    or with a text where a number is needed, is an error.

    What was `sent` by someone is looked at more closely, since nobody will see that it was not understood: a row that
    has no key of any entry is an error, and an entry whose key it lacks makes no reading. A null is a reading.
    """

    def __init__(
        self, source: str, readings: Sequence[ReadingEntry | ReadingConfig], zone: str, *, sent: bool = False
    ) -> None:
        self._source = source
        self._sent = sent
        plain = (("source", source),)
        self._rules = [_Rule(config, plain, zone) for config in readings]

    def readings(self, table: Table, now: int) -> list[Reading]:
        """The readings of an answer. Raises BadAnswer, or PartialAnswer when only some rows can't be read."""
        if table.columns is not None:
            self._check_columns(table.columns)
        found: list[Reading] = []
        wrong = 0
        first = ""
        rows_read = 0
        rows_of: list[tuple[_Rule, Sequence[Any]]] = []
        for rule in self._rules:
            try:
                rows_of.append((rule, rule.rows(table.answer)))
            except ValueError as error:
                first = first or f"{rule.config.series}: {error}"
        known = {id(row) for rule, rows in rows_of for row in rows if rule.value.has(row)} if self._sent else None
        for rule, rows in rows_of:
            rows_read += len(rows)
            for row_number, row in enumerate(rows, 1):
                try:
                    if known is None or rule.value.has(row):
                        found.append(rule.reading(row, now))
                    elif id(row) not in known:
                        raise ValueError(_not_known(rule, row))  # noqa: TRY301 - every fault of a row is a ValueError
                except ValueError as error:
                    first, wrong = first or f"{rule.config.series}, row {row_number}: {error}", wrong + 1
        if first:
            raise self._error(first, wrong, rows_read, found)
        return found

    def _error(self, first: str, wrong: int, of: int, found: list[Reading]) -> BadAnswer:
        message = f"source {self._source}: {first}" + (
            f" ({wrong} of {of} rows can't be read)" if wrong and of > 1 else ""
        )
        return PartialAnswer(message, found) if found else BadAnswer(message)

    def _check_columns(self, columns: tuple[str, ...]) -> None:
        known = set(columns)
        for rule in self._rules:
            if rule.config.select is not None:
                continue
            for name in rule.names():
                if name not in known:
                    listed = ", ".join(columns)
                    raise BadAnswer(f"source {self._source}: there is no column {name!r}; there are: {listed[:200]}")


def _not_known(rule: _Rule, row: Any) -> str:
    keys = f"it has {', '.join(map(str, row))}"[:200] if isinstance(row, dict) and row else "it has no keys"
    return f"there is no key {rule.config.value!r}; {keys}"


def _is_name(path: str) -> bool:
    if _DOTTED.fullmatch(path):
        return True
    try:
        jmespath.compile(path)
    except jmespath.exceptions.JMESPathError:
        return True
    return False


def _label(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        if value and len(value) > MOST_LABEL:
            raise ValueError(f"label {name!r} has more than {MOST_LABEL:,} characters")
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Mapping, list, bytes)):
        raise ValueError(f"label {name!r} is not a single value")  # noqa: TRY004
    return str(value)
