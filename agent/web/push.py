"""Readings sent to the API: rows of series, labels, time and value, taken all or none."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from agent.config.values import LABEL_NAME
from agent.web.body import check_keys, time_of
from agent.web.errors import Failure
from connectors.extract import MOST_LABEL
from connectors.values import number
from rules.model import Reading, Series, labels_of
from rules.specs import PUSHED

SOURCE = PUSHED
MOST_READINGS = 10_000
_KEYS = ("series", "labels", "time", "value")
_SAID = 50  # errors in one answer
_MOST_LABELS = 50
_HINTS = 5  # names that near ones are looked for


class Push:
    """Reads the rows of one request."""

    def __init__(self, known: Mapping[str, int], now: int) -> None:
        """`known` are the names of series that some source gives, and so all that targets read.

        With them stands how far ahead of now their times may lie. `now` is the time of a reading that names none.
        """
        self._known = known
        self._now = now
        self._unknown: dict[str, str] = {}

    def readings(self, data: Any) -> list[Reading]:
        """The readings of one row or a list of rows. Raises Failure with what is wrong with each."""
        rows = data if isinstance(data, list) else [data]
        if len(rows) > MOST_READINGS:
            raise Failure(413, f"at most {MOST_READINGS:,} readings can be sent at once")
        found, wrong = [], []
        for place, row in enumerate(rows, 1):
            try:
                found.append(self._reading(row))
            except ValueError as error:
                wrong.append(f"row {place}: {error}")
        if wrong:
            more = [f"and {len(wrong) - _SAID} more"] if len(wrong) > _SAID else []
            message = f"{len(wrong)} of {len(rows)} readings can't be taken, so none was: {wrong[0]}"
            raise Failure(422, message, [*wrong[:_SAID], *more])
        return found

    def _reading(self, row: Any) -> Reading:
        if not isinstance(row, dict):
            raise ValueError('a reading is an object such as {"series": "sales", "value": 12}')  # noqa: TRY004
        check_keys(row, _KEYS, "key")
        if "value" not in row:
            raise ValueError("it has no value")
        series = self._series(row)
        return Reading(series, self._time(row.get("time"), self._known[series.name]), number(row["value"]))

    def _series(self, row: Mapping[str, Any]) -> Series:
        name = row.get("series")
        if not isinstance(name, str) or not name:
            raise ValueError("it has no series")
        if name not in self._known:
            raise ValueError(self._say_unknown(name))
        labels = row.get("labels")
        if labels is not None and not isinstance(labels, dict):
            raise ValueError('labels are an object such as {"shop": "berlin"}')
        if "source" in (labels or {}):
            raise ValueError(f"the label source is not for senders: what is pushed has source={SOURCE!r}")
        return Series(name, labels_of({**_labels(labels or {}), "source": SOURCE}))

    def _say_unknown(self, name: str) -> str:
        if name not in self._unknown:
            near = get_close_matches(name, self._known, 3) if len(self._unknown) < _HINTS else []
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            self._unknown[name] = f"no source gives a series {name[:100]!r}{hint}"
        return self._unknown[name]

    def _time(self, given: Any, ahead: int) -> int:
        if given is None:
            return self._now
        time = time_of(given)
        if time > self._now + ahead:
            raise ValueError(f"its time is in the future: {str(given)[:40]}")
        return time


def _labels(given: Mapping[str, Any]) -> dict[str, str]:
    if len(given) > _MOST_LABELS:
        raise ValueError(f"it has {len(given):,} labels; at most {_MOST_LABELS} can be sent")
    labels = {}
    for name, value in given.items():
        if not LABEL_NAME.fullmatch(name):
            raise ValueError(f"{name[:60]!r} is not the name of a label: letters, digits and _")
        if isinstance(value, (dict, list)):
            raise ValueError(f"label {name!r} is not a single value")  # noqa: TRY004
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        if len(name) > MOST_LABEL or len(text) > MOST_LABEL:
            raise ValueError(f"label {name[:60]!r} or its value has more than {MOST_LABEL} characters")
        if text:
            labels[name] = text
    return labels
