"""The usual of each hour of a day and of a week, learned from readings, in the wall time of a zone."""

from __future__ import annotations

from array import array
from math import floor

from rules.model.values import DAY, HOUR
from rules.periods import to_local

_HOURS, _WEEK = 24, 168
_UNSEEN = -3e38  # in the cell of an hour that no reading fell into yet: beyond FURTHEST
_VISITS = 8  # days or weeks that make up the usual

FURTHEST = 1e37
"""The largest value, of either sign, that a profile can hold."""
NEW = array("f", [_UNSEEN] * (_HOURS + _WEEK)).tobytes()
"""The profile of a series that nothing is known of: 32-bit floats, the hours of a day, then those of a week."""


class Hours:
    """A profile around one time: what is usual lies between the two hours whose middles the time lies between."""

    __slots__ = ("_around", "_cells", "_level", "expected")

    def __init__(self, profile: bytes, time: int, zone: str, level: float) -> None:
        """`level` is what is usual for an hour of which nothing is known."""
        local = to_local(time, zone)
        at = local.weekday() * _HOURS + local.hour + (local.minute * 60 + local.second) / 3600 - 0.5
        hour = floor(at)
        one, share, other, rest = hour % _WEEK, 1 - at + hour, (hour + 1) % _WEEK, at - hour
        self._around = (one, share), (other, rest)
        self._cells = array("f", profile)
        self._level = level
        self.expected = share * self._usual(one)[1] + rest * self._usual(other)[1]

    def _usual(self, hour: int) -> tuple[float, float]:
        """What is usual for an hour of any day, and of the week; while that is new, the same."""
        day, week = self._cells[hour % _HOURS], self._cells[_HOURS + hour]
        day = day if day >= -FURTHEST else self._level
        return day, week if week >= -FURTHEST else day

    def pulled(self, value: float, most: float, gap: int, known: int) -> bytes:
        """The profile after a value that came `gap` after the one before; none pulls from further than `most`.

        `known` is for how long the series has been: the first weeks count for more than the later ones.
        """
        cells, off, hours = self._cells, within(value - self.expected, most), min(1.0, gap / HOUR)
        days, weeks = min(_VISITS, 1 + known // DAY), min(_VISITS, 1 + known // (7 * DAY))
        for hour, share in self._around:
            day, week = self._usual(hour)
            day += within(value - day, most) * share * hours / days
            week += off * share * hours / weeks
            cells[hour % _HOURS], cells[_HOURS + hour] = within(day, FURTHEST), within(week, FURTHEST)
        return cells.tobytes()


def shifted(profile: bytes, by: float) -> bytes:
    """The profile with all that is known moved."""
    moved = [cell if cell < -FURTHEST else within(cell + by, FURTHEST) for cell in array("f", profile)]
    return array("f", moved).tobytes()


def within(distance: float, most: float) -> float:
    """The distance, but no longer than `most`, whatever its sign."""
    return -most if distance < -most else most if distance > most else distance
