"""The usual of each hour of a day and of a week, learned from readings, in the wall time of a zone."""

from __future__ import annotations

from array import array
from math import floor

from rules.model.values import DAY, HOUR, SECOND
from rules.periods import to_local

_HOURS, _WEEK = 24, 168
_UNSEEN = -3e38  # in the cell of an hour that no reading fell into yet: beyond FURTHEST
_LONG_AGO = -(2**63)
_VISITS = 8  # days or weeks that make up the usual

FURTHEST = 1e37
"""The largest value, of either sign, that a profile can hold."""
NEW = array("f", [_UNSEEN] * (_HOURS + _WEEK)).tobytes()
"""The profile of a series that nothing is known of: 32-bit floats, the hours of a day, then those of a week."""


class Hours:
    """A profile, seen at one time after the other: what is usual lies between the two hours whose middles that does."""

    __slots__ = ("_around", "_begin", "_cells", "_hour", "_hour_ends", "_zone", "expected")

    def __init__(self, profile: bytes, zone: str) -> None:
        self._cells = array("f", profile)
        self._zone = zone
        self._around: tuple[tuple[int, float, float, float], ...] = ()
        self._hour = self._begin = 0  # which of the week the clock shows, since which second
        self._hour_ends = _LONG_AGO  # until when it is sure to
        self.expected = 0.0  # what is usual at the time

    @property
    def profile(self) -> bytes:
        """As it is kept."""
        return self._cells.tobytes()

    def turn_to(self, time: int, level: float) -> None:
        """Looks at a time, later than the last; `level` is what is usual for an hour of which nothing is known."""
        second = time // SECOND
        if second >= self._hour_ends:
            self._read_clock(second)
        at = self._hour + (second - self._begin) / 3600 - 0.5
        hour = floor(at)
        one, share, other, rest = hour % _WEEK, 1 - at + hour, (hour + 1) % _WEEK, at - hour
        (day, week), (other_day, other_week) = self._usual(one, level), self._usual(other, level)
        self._around = (one, share, day, week), (other, rest, other_day, other_week)
        self.expected = share * week + rest * other_week

    def _read_clock(self, second: int) -> None:
        local = to_local(second * SECOND, self._zone)
        self._hour, self._begin = local.weekday() * _HOURS + local.hour, second - local.minute * 60 - local.second
        self._hour_ends = self._begin + 3600
        if to_local((self._hour_ends - 1) * SECOND, self._zone).utcoffset() != local.utcoffset():
            self._hour_ends = second + 1  # the clocks change meanwhile

    def _usual(self, hour: int, level: float) -> tuple[float, float]:
        """What is usual for an hour of any day, and of the week; while that is new, the same."""
        day, week = self._cells[hour % _HOURS], self._cells[_HOURS + hour]
        day = day if day >= -FURTHEST else level
        return day, week if week >= -FURTHEST else day

    def pull(self, value: float, most: float, gap: int, known: int) -> None:
        """Takes in the value of the time, `gap` after the one before; none pulls from further than `most`.

        `known` is for how long the series has been: the first weeks count for more than the later ones.
        """
        cells, off, hours = self._cells, within(value - self.expected, most), min(1.0, gap / HOUR)
        days, weeks = min(_VISITS, 1 + known // DAY), min(_VISITS, 1 + known // (7 * DAY))
        for hour, share, usual_day, usual_week in self._around:
            day = usual_day + within(value - usual_day, most) * share * hours / days
            week = usual_week + off * share * hours / weeks
            cells[hour % _HOURS], cells[_HOURS + hour] = within(day, FURTHEST), within(week, FURTHEST)

    def shift(self, by: float) -> None:
        """Moves all that is known."""
        moved = [cell if cell < -FURTHEST else within(cell + by, FURTHEST) for cell in self._cells]
        self._cells = array("f", moved)


def within(distance: float, most: float) -> float:
    """The distance, but no longer than `most`, whatever its sign."""
    return -most if distance < -most else most if distance > most else distance
