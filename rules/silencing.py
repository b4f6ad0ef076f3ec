"""Silences, found by what they match: asking about one alert costs the same however many there are.

Source: https://prometheus.io/docs/alerting/latest/alertmanager/#silences
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rules.model import DAY, Labels, Matcher, Silence
from rules.selectors import holds

_ANY = ("", "")  # where the silences are that no label leads to
_REMEMBERED = 65_536  # sets of labels: more than alerts are open
_LITERALS = re.compile(r"[\w ,:/-]+(?:\|[\w ,:/-]+)*")

Place = tuple[str, str]
"""A label with its value."""


class Silences:
    """Each silence is kept under one label that it needs, and what matches an alert's labels is remembered."""

    def __init__(self, silences: Iterable[Silence]) -> None:
        self._all: dict[str, Silence] = {}
        self._places: dict[str, tuple[Place, ...]] = {}
        self._at: dict[Place, dict[str, Silence]] = {}
        self._matching: dict[Labels, tuple[Silence, ...]] = {}
        self._asked = 0
        self._newest = 0
        for silence in silences:
            self._add(silence)

    def get(self, name: str) -> Silence | None:
        """The silence of that id."""
        return self._all.get(name)

    def put(self, silence: Silence, now: int) -> None:
        """Takes in a silence that is new or changed, and lets go of those over for a day: the clock may be set back."""
        gone = {name for name, one in self._all.items() if one.ends <= now - DAY or name == silence.id}
        for name in gone:
            del self._all[name]
            for place in self._places.pop(name):
                del self._at[place][name]
        self._add(silence)
        for labels, known in self._matching.items():
            stays = tuple(one for one in known if one.id not in gone) if gone else known
            self._matching[labels] = (*stays, silence) if matches(silence, labels) else stays

    def set_back(self, now: int) -> list[Silence]:
        """Those that were made while the clock was ahead, moved back with it; they are taken in."""
        if now >= self._newest:
            return []
        moved = [_moved(silence, now) for silence in self._all.values() if silence.created > now]
        self._newest = now
        for silence in moved:
            self.put(silence, now)
        return moved

    def _add(self, silence: Silence) -> None:
        self._all[silence.id] = silence
        self._newest = max(self._newest, silence.created)
        self._places[silence.id] = places = self._fewest(silence)
        for place in places:
            self._at.setdefault(place, {})[silence.id] = silence

    def _fewest(self, silence: Silence) -> tuple[Place, ...]:
        """Where it is looked for: at the values of one label that it needs, where the fewest others are."""
        choices = [[(one.name, value) for value in values] for one in silence.matchers if (values := _values(one))]
        return tuple(min(choices, key=self._crowd, default=[_ANY]))

    def _crowd(self, places: Iterable[Place]) -> int:
        return sum(len(self._at.get(place, ())) for place in places)

    def of(self, labels: Labels, now: int) -> Silence | None:
        """The silence that holds now for an alert with these labels; of several the one that lasts, and of those that
        last alike the one that was made first, in whatever order they came in."""
        if now < self._asked or len(self._matching) >= _REMEMBERED:
            self._matching.clear()  # also where the clock was set back: some that were over may hold again
        self._asked = now
        known = self._matching.get(labels)
        if known is None:
            known = self._matching[labels] = tuple(self._found(labels, now))
        holding = [silence for silence in known if silence.starts <= now < silence.ends]
        return max(holding, key=lambda one: (one.ends, -one.created, one.id), default=None)

    def _found(self, labels: Labels, now: int) -> Iterator[Silence]:
        values = dict(labels)
        for place in (*values.items(), _ANY):
            at_place = self._at.get(place, {}).values()
            yield from (one for one in at_place if now < one.ends and _fits(one, values))


def _moved(silence: Silence, now: int) -> Silence:
    ahead = silence.created - now
    return replace(silence, starts=silence.starts - ahead, ends=silence.ends - ahead, created=now, updated=now)


def _values(matcher: Matcher) -> list[str]:
    """The values one of which the matcher needs, none where they can't be told."""
    if matcher.op == "=" and matcher.value:  # an empty one asks for a label that is not there
        return [matcher.value]
    if matcher.op == "=~" and _LITERALS.fullmatch(matcher.value):
        return list(dict.fromkeys(matcher.value.split("|")))
    return []


def matches(silence: Silence, labels: Labels) -> bool:
    """Whether all its matchers match an alert with these labels."""
    return _fits(silence, dict(labels))


def _fits(silence: Silence, values: dict[str, str]) -> bool:
    return all(holds(matcher, values.get(matcher.name, "")) for matcher in silence.matchers)
