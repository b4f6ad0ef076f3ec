"""Conditional requests: an answer that did not change is neither sent nor read again (RFC 9110, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from connectors.http import Response
from rules.model import Reading

_LONGEST = 1_000  # characters of a validator that is kept
CONDITIONS = frozenset({"if-none-match", "if-modified-since"})


def validators(response: Response) -> dict[str, str]:
    """The header fields that ask for a later answer only if it is another; empty where there is no way to say so.

    A time of change alone counts if the answer was made at least a second later: within that second the answer could
    change again and keep its time (8.8.2.2).
    """
    tag, changed = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
    if not (tag or changed) or response.status != 200 or response.redirected:
        return {}
    found = {}
    if tag:
        found["if-none-match"] = tag
    if changed and (tag or _settled(changed, response.headers.get("Date", ""))):
        found["if-modified-since"] = changed
    return (
        found if all(len(text) <= _LONGEST and text.isascii() and text.isprintable() for text in found.values()) else {}
    )


def _settled(changed: str, made: str) -> bool:
    try:
        return (parsedate_to_datetime(made) - parsedate_to_datetime(changed)).total_seconds() >= 1
    except (ValueError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class Remembered:
    """The readings of the last good answer, read at `now`, and the header fields that ask whether it is another."""

    conditions: Mapping[str, str]
    readings: Sequence[Reading]
    now: int

    def still(self, now: int) -> Sequence[Reading]:
        """The readings of an answer that is still the same: those without a time of their own are of now."""
        if not any(reading.time == self.now for reading in self.readings):
            return self.readings
        return [
            Reading(reading.series, now, reading.value) if reading.time == self.now else reading
            for reading in self.readings
        ]
