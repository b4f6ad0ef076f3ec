"""Whether a reading is unusual for its series, learned from the readings themselves, one at a time.

A reading is compared with two expectations: the usual for its hour of the week, in the target's zone, and that as far
off as the readings just before were. How rare its distance from either is decides, not the distance. What lies where
97 % of the readings of its hour lie is never unusual.
"""

from __future__ import annotations

from math import exp, isfinite, log10

from rules.distances import UNKNOWN, measured
from rules.hours import FURTHEST, NEW, Hours, shifted, within
from rules.model.quick import maker, replace
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
    if not isfinite(value) or (usual is not None and time <= usual.time):
        return usual
    if usual is None:
        return Usual(of, time, time, value, NEW, UNKNOWN, UNKNOWN)
    return _Lesson(usual, time, value, zone).learned()


class _Lesson:
    """What one reading adds to what is usual."""

    __slots__ = ("before", "gap", "hour", "hours", "least", "place", "seen", "time", "usual", "value", "weight")

    def __init__(self, usual: Usual, time: int, value: float, zone: str) -> None:
        self.usual = usual
        self.time = time
        self.value = value
        self.gap = time - usual.time
        self.weight = min(1.0, self.gap / _PACE)
        self.seen = usual.seen + self.weight
        self.place = within(value - usual.base, FURTHEST)
        self.hours = Hours(usual.profile, time, zone, usual.level)
        self.hour = self.place - self.hours.expected  # how far it is off, against the usual for its hour
        self.before = self.hour - usual.recent  # and against what it should be if it went on as just before
        self.least = _LEAST * abs(usual.base + self.hours.expected)

    def learned(self) -> Usual:
        usual, weight, seen, known = self.usual, self.weight, self.seen, self.time - self.usual.started
        pull = usual.from_hour.edge if usual.from_hour.edge and usual.seen > _ENOUGH else 2 * FURTHEST
        rare, from_hour = measured(usual.from_hour, abs(self.hour), self.least, weight, seen)
        leap, from_before = measured(usual.from_before, abs(self.before), self.least, weight, seen)
        pace = usual.pace + (weight - usual.pace) / _PACE_MEMORY
        finding, bar = None, 0.0
        if seen >= _ENOUGH and known >= _LONG:
            common = log10(max(1.0, seen / _WATCHED)) / 2 - log10(pace)
            score, bar = self._news((max(rare, leap) if self._outside(_HOUR) else 0.0) - common)
            by_hour = rare >= leap or rare - common >= _UNUSUAL  # which says more, so it is said where both are
            finding = self._finding(score, _HOUR if by_hour else _BEFORE)
        after = _usual(
            usual.of,
            self.time,
            usual.started,
            usual.base,
            self.hours.pulled(self.place, pull, self.gap, known),
            from_hour,
            from_before,
            seen,
            pace,
            usual.level + within(self.place - usual.level, pull) * weight / min(seen, _MEMORY),
            usual.recent + self.before * max(weight / _RECENT, 1 / seen),
            bar,
            usual.held_back,
            finding,
        )
        return after if finding is None or finding.unusual is not _HOUR else _settled(after, finding)

    def _news(self, rare: float) -> tuple[float, float]:
        """The score of the reading, and the bar for the next."""
        bar = self.usual.bar * exp(-max(self.weight / _COOLING, self.gap / _COOLING_TIME))
        return (rare / (rare + _UNUSUAL), rare * _RAISED) if rare > bar else (0.0, bar)

    def _finding(self, score: float, against: Against) -> Finding:
        before = self.usual.finding
        was = before.unusual if before else None
        unusual: Against | None = against
        if score < 0.5:
            unusual = was if was and self._outside(was) and self._outside(_HOUR) else None
        at = unusual or _HOUR
        expected = self.usual.base + self.place - self._off(at)
        found = _found(self.time, self.value, score, unusual, expected, self._edge(at), self.gap)
        if unusual is None:
            return found
        if before is None or was is not unusual:
            return replace(found, since=self.time, readings=1, shift=self._off(at))
        readings = before.readings + 1
        shift = before.shift + (self._off(at) - before.shift) / min(readings, _ENOUGH)
        return replace(found, since=before.since, readings=readings, shift=shift)

    def _off(self, against: Against) -> float:
        return self.hour if against is _HOUR else self.before

    def _outside(self, against: Against) -> bool:
        return abs(self._off(against)) > self._edge(against)

    def _edge(self, against: Against) -> float:
        distances = self.usual.from_hour if against is _HOUR else self.usual.from_before
        return max(distances.edge, self.least)


def _settled(usual: Usual, found: Finding) -> Usual:
    """What has been away from the usual of its hours for long is usual now."""
    if found.readings < _ENOUGH or found.time - found.since < _LONG:
        return usual
    profile, level = shifted(usual.profile, found.shift), usual.level + found.shift
    return replace(usual, profile=profile, level=level, finding=replace(found, unusual=None))
