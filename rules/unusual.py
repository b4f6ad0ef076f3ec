"""Whether a reading is unusual for its series, learned from the readings themselves, one at a time.

A reading is compared with two expectations: the usual for its hour of the week, in the target's zone, and that as far
off as the readings just before were. How rare its distance from either is decides, not the distance. What lies where
97 % of the readings of its hour lie is never unusual.
"""

from __future__ import annotations

from math import exp, isfinite, log10

from rules.distances import UNKNOWN, Tail, moves_of
from rules.hours import FURTHEST, NEW, Hours, within
from rules.model.quick import maker
from rules.model.usual import Against, Finding, Usual
from rules.model.values import DAY, MINUTE

_PACE = 5 * MINUTE  # readings that come faster count for less, and have to be rarer
_PACE_MEMORY = 50  # readings
_RECENT = 8  # readings that make up how far off it was just before
_MEMORY = 2000  # readings that make up the level
_LEAST = 0.001  # of the expected value: what differs by less is never unusual

_WATCHED = 500  # readings from which on one has to be the rarer the longer its series was watched
_RAISED = 1.3  # what was said is no news: the bar after it, which comes down in so many readings or so long
_COOLING, _COOLING_TIME = 200, 3 * DAY
_UNUSUAL = 2.0  # -log10 of the probability, at which the score is 0.5
_ENOUGH = 30  # readings
_LONG = 2 * DAY

_HOUR, _BEFORE = Against.HOUR, Against.BEFORE  # a member of an enum is slow to look up
_usual, _found = maker(Usual), maker(Finding)


def learn(usual: Usual | None, of: str, zone: str, time: int, value: float) -> Usual | None:
    """What is usual after a reading; its `finding` says what the reading was found to be.

    A reading that is not newer than the newest learned, or is no finite number, changes nothing. Nothing is found
    before two days and 30 readings (those that come faster than one in five minutes count for less); what lay away from
    the usual of its hours for as long has become usual. `of` says what is learned, where nothing was yet.
    """
    if usual is None:
        return Usual(of, time, time, value, NEW, UNKNOWN, UNKNOWN) if isfinite(value) else None
    learner = Learner(usual, zone)
    return learner.usual if learner.take(time, value) else usual


class Learner:
    """What is usual, and what each further reading adds to that; `unusual` says whether the newest one is."""

    __slots__ = (
        "_bar",
        "_before",
        "_begun",
        "_edge",
        "_expected",
        "_from_before",
        "_from_hour",
        "_gap",
        "_hour",
        "_hours",
        "_level",
        "_pace",
        "_readings",
        "_recent",
        "_score",
        "_seen",
        "_shift",
        "_since",
        "_time",
        "_value",
        "is_early",
        "unusual",
    )  # fmt: skip

    def __init__(self, usual: Usual, zone: str) -> None:
        self._begun = usual
        self._time = usual.time
        self._hours = Hours(usual.profile, zone)
        self._from_hour, self._from_before = Tail(usual.from_hour), Tail(usual.from_before)
        self._seen, self._pace, self._level, self._recent = usual.seen, usual.pace, usual.level, usual.recent
        self._bar = usual.bar
        self._hour = self._before = 0.0
        last = usual.finding
        self.is_early = last is None
        self._value, self._score, self._expected, self._edge, self._gap = 0.0, 0.0, 0.0, 0.0, 0
        self.unusual, self._since, self._readings, self._shift = None, 0, 0, 0.0
        if last is not None:
            self._value, self._score, self._expected, self._edge = last.value, last.score, last.expected, last.edge
            self._gap, self.unusual = last.gap, last.unusual
            self._since, self._readings, self._shift = last.since, last.readings, last.shift

    def take(self, time: int, value: float) -> bool:
        """Learns from a reading; whether it teaches anything."""
        if not isfinite(value) or time <= self._time:
            return False
        begun, self._gap, self._time, self._value = self._begun, time - self._time, time, value
        weight, hours, tail = min(1.0, self._gap / _PACE), self._hours, self._from_hour
        known, seen, level = time - begun.started, self._seen + weight, self._level
        place = within(value - begun.base, FURTHEST)
        hours.turn_to(time, level)
        off = self._hour = place - hours.expected  # how far it is off, against the usual for its hour
        before = self._before = off - self._recent  # and against what it should be if it went on as just before
        least = _LEAST * abs(begun.base + hours.expected)
        edges = max(tail.edge, least), max(self._from_before.edge, least)
        pull = tail.edge if tail.edge and self._seen > _ENOUGH else 2 * FURTHEST
        moves = moves_of(weight, seen)
        rare = tail.take(abs(off), least, weight, seen, moves)
        leap = self._from_before.take(abs(before), least, weight, seen, moves)
        self._seen, self._pace = seen, self._pace + (weight - self._pace) / _PACE_MEMORY
        hours.pull(place, pull, self._gap, known)
        self._level = level + within(place - level, pull) * weight / min(seen, _MEMORY)
        self._recent += before * max(weight / _RECENT, 1 / seen)
        self.is_early = seen < _ENOUGH or known < _LONG
        if self.is_early:
            self.unusual, self._bar = None, 0.0
        else:
            self._judge(rare, leap, weight, edges, begun.base + place)
        return True

    def _judge(self, rare: float, leap: float, weight: float, edges: tuple[float, float], number: float) -> None:
        """Finds out whether the reading is unusual; `edges` are those within which it is not."""
        was, outside = self.unusual, abs(self._hour) > edges[0]
        self._score, self._bar = 0.0, self._bar * exp(-max(weight / _COOLING, self._gap / _COOLING_TIME))
        if outside:
            common = log10(max(1.0, self._seen / _WATCHED)) / 2 - log10(self._pace)
            news = max(rare, leap) - common
            if news > self._bar:
                self._score, self._bar = news / (news + _UNUSUAL), news * _RAISED
        if self._score >= 0.5:
            by_hour = rare >= leap or rare - common >= _UNUSUAL  # which says more, so it is said where both are
            self.unusual = _HOUR if by_hour else _BEFORE
        elif was is not None and not (outside and (was is _HOUR or abs(self._before) > edges[1])):
            self.unusual = None
        by_hour = self.unusual is not _BEFORE
        off = self._hour if by_hour else self._before
        self._expected, self._edge = number - off, edges[0] if by_hour else edges[1]
        if self.unusual is not None:
            self._go_on(was, off)
        else:
            self._since, self._readings, self._shift = 0, 0, 0.0

    def _go_on(self, was: Against | None, off: float) -> None:
        """Counts the unusual readings. What has been away from the usual of its hours for long is usual now."""
        if was is not self.unusual:
            self._since, self._readings, self._shift = self._time, 1, off
            return
        self._readings += 1
        self._shift += (off - self._shift) / min(self._readings, _ENOUGH)
        if self.unusual is _HOUR and self._readings >= _ENOUGH and self._time - self._since >= _LONG:
            self._hours.shift(self._shift)
            self._level += self._shift
            self.unusual = None

    @property
    def finding(self) -> Finding | None:
        """What the newest reading was found to be; None while it is too early to say."""
        if self.is_early:
            return None
        return _found(
            self._time,
            self._value,
            self._score,
            self.unusual,
            self._expected,
            self._edge,
            self._gap,
            self._since,
            self._readings,
            self._shift,
        )

    @property
    def usual(self) -> Usual:
        """All that was learned, as it is kept."""
        begun = self._begun
        return _usual(
            begun.of,
            self._time,
            begun.started,
            begun.base,
            self._hours.profile,
            self._from_hour.distances,
            self._from_before.distances,
            self._seen,
            self._pace,
            self._level,
            self._recent,
            self._bar,
            begun.held_back,
            self.finding,
        )
