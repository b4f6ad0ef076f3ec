"""The recorded readings as the engine sees them: for each series those within reach of its targets, in time order.

A history is a view of what is stored: adding a reading twice, late or revised gives the same view as adding all of
them in order. The engine only asks it; the pipeline adds to it.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import cast

from rules.hindsight import Recalled
from rules.model import LARGEST, InstanceKey, Labels, Reading, Series, Usual
from rules.projection import Projector
from rules.specs import Places, Specs
from rules.tracks import LATEST, Added, Track


@dataclass(slots=True)
class Members:
    """What makes up one instance: its series by name and labels, their tracks, and the sources they are of.

    In the order they appeared in, a restart could make another choice between two that say the same. Whoever holds the
    lists sees what joins.
    """

    series: list[Series] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    sources: tuple[str, ...] = ()

    def join(self, series: Series, track: Track) -> None:
        """Takes one more series in."""
        place = bisect(self.series, _order_of(series), key=_order_of)
        self.series.insert(place, series)
        self.tracks.insert(place, track)
        for name, value in series.labels:
            if name == "source" and value not in self.sources:
                self.sources = (*self.sources, value)


_NONE = Members()


def _order_of(series: Series) -> tuple[str, Labels]:
    return series.name, series.labels


def _numbers(values: Sequence[float | None]) -> array[float]:
    """The values, with NaN for one that is none or too large."""
    known = cast("Sequence[float]", values)
    try:
        if sum(map(abs, known)) <= LARGEST:
            return array("d", known)
    except TypeError:  # one is none
        known = [nan if value is None else value for value in values]
    return array("d", [value if abs(value) <= LARGEST else nan for value in known])


class _Membership:
    """Which series belong to which instances, either way."""

    def __init__(self) -> None:
        self.of: dict[InstanceKey, Members] = {}
        self.keys: dict[Series, tuple[InstanceKey, ...]] = {}
        self.joining: dict[str, list[tuple[InstanceKey, Series, Track]]] = {}  # by target, those making no instance

    def join(self, key: InstanceKey, series: Series, track: Track) -> None:
        self.of.setdefault(key, Members()).join(series, track)
        self.keys[series] = (*self.keys.get(series, ()), key)

    def begin(self, key: InstanceKey) -> None:
        """Takes into a new instance what agrees with its labels."""
        for labels, series, track in self.joining.get(key.target, ()):
            if labels.agrees_with(key):
                self.join(key, series, track)


class History:
    """Tracks by series, and which series make up which instance.

    Some are measured; beside them stand those that say what is wanted, such as a plan.
    """

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self._tracks: dict[Series, Track] = {}
        self.usual: dict[InstanceKey, Usual] = {}
        """What was learned from what was stored before an instance had an alert for what is unusual."""
        self.projectors: dict[InstanceKey, Projector] = {}  # what projections were made of, kept to go on from
        self.recalled: dict[InstanceKey, Recalled] = {}  # what conditions of which nothing is known said last, as well
        self._measured = _Membership()
        self._beside = _Membership()
        self._asked: dict[str, list[Series]] = {}  # by name, those that preconditions read
        self._lone = {key.target: key for key in specs.lone_instances()}
        self._of_target: dict[str, dict[InstanceKey, None]] = {}  # of targets that are split by labels

    def add(self, reading: Reading, now: int = LATEST) -> Added:
        """Records a reading that comes now. Series that no target reads are out of view."""
        track = self._tracks.get(reading.series) or self._begin(reading.series)
        if track is None:
            return Added.OUT_OF_VIEW
        value = reading.value
        return track.add(reading.time, value if value is not None and -LARGEST <= value <= LARGEST else None, now)

    def fill(self, series: Series, times: Sequence[int], values: Sequence[float | None], now: int = LATEST) -> None:
        """Records the readings of a series that has none yet; the times rise."""
        track = self._begin(series) if times else None
        if track is not None:
            track.fill(array("q", times), _numbers(values), now)

    def become(self, other: History) -> None:
        """Takes the place of its own view with all of another one, for everybody who asks this one."""
        vars(self).update(vars(other))

    def _begin(self, series: Series) -> Track | None:
        places = self.specs.places_of(series)
        if not any(places):
            return None
        reach = self.specs.reach(series.name)
        track = self._tracks[series] = Track(reach.horizon, reach.past)
        self._place(series, track, places)
        return track

    def _place(self, series: Series, track: Track, places: Places) -> None:
        if places.asked:
            self._asked.setdefault(series.name, []).append(series)
        for made in places.makes:
            key = self._lone.get(made.target, made)  # one object for what is the same
            if key not in self.instances_of_target(key.target):
                self._of_target.setdefault(key.target, {})[key] = None
                self._measured.begin(key)
                self._beside.begin(key)
            self._measured.join(key, series, track)
        for members, parts in ((self._measured, places.joins), (self._beside, places.beside)):
            for part in parts:
                members.joining.setdefault(part.target, []).append((part, series, track))
                for key in self.instances_of_target(part.target):
                    if part.agrees_with(key):
                        members.join(key, series, track)

    def instances_of(self, series: Series) -> Sequence[InstanceKey]:
        """The instances that measure a series."""
        return self._measured.keys.get(series, ())

    def instances_beside(self, series: Series) -> Sequence[InstanceKey]:
        """The instances of which a series says what is wanted."""
        return self._beside.keys.get(series, ())

    def instances_of_target(self, target: str) -> Collection[InstanceKey]:
        """The instances of a target that are known."""
        lone = self._lone.get(target)
        return self._of_target.get(target, ()) if lone is None else (lone,)

    def members(self, key: InstanceKey) -> Members:
        """What makes up an instance; not to be changed."""
        return self._measured.of.get(key, _NONE)

    def series(self, key: InstanceKey) -> list[Series]:
        """The series that fall into an instance, by name and labels."""
        return self.members(key).series

    @property
    def is_anything_beside(self) -> bool:
        """Whether any series says what some instance wants."""
        return bool(self._beside.keys)

    def beside(self, key: InstanceKey) -> Sequence[tuple[Series, Track]]:
        """The series that say what an instance wants, with their readings."""
        if not self._beside.keys:
            return ()
        found = self._beside.of.get(key, _NONE)
        return list(zip(found.series, found.tracks, strict=True))

    def joined(self, key: InstanceKey, names: Iterable[str]) -> list[tuple[Series, Track]]:
        """The series of these names that preconditions read and whose labels are not others than the instance's."""
        own = dict(key.labels)
        found = (series for name in names for series in self._asked.get(name, ()))
        joined = (one for one in found if all(own.get(name, value) == value for name, value in one.labels))
        return [(series, self._tracks[series]) for series in joined]

    def track(self, series: Series) -> Track:
        """The readings of a series. Raises KeyError if it has none or no target reads it."""
        return self._tracks[series]

    def tracks(self, key: InstanceKey) -> list[Track]:
        """The readings of an instance's series."""
        return self.members(key).tracks
