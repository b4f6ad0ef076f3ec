"""The recorded readings as the engine sees them: for each series those within reach of its targets, in time order.

A history is a view of what is stored: adding a reading twice, late or revised gives the same view as adding all of
them in order. The engine only asks it; the pipeline adds to it.
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.model import LARGEST, InstanceKey, Reading, Series
from rules.specs import Specs
from rules.tracks import Added, Track


class History:
    """Tracks by series, and which series make up which instance."""

    def __init__(self, specs: Specs) -> None:
        self.specs = specs
        self._tracks: dict[Series, Track] = {}
        self._members: dict[InstanceKey, list[Series]] = {}
        self._of_target: dict[str, dict[InstanceKey, None]] = {}
        for key in specs.lone_instances():
            self._of_target.setdefault(key.target, {})[key] = None

    def add(self, reading: Reading) -> Added:
        """Records a reading. Series that no target reads are out of view."""
        track = self._tracks.get(reading.series)
        if track is None:
            keys = self.specs.instances_of(reading.series)
            if not keys:
                return Added.OUT_OF_VIEW
            track = self._tracks[reading.series] = Track(self.specs.horizon(reading.series.name))
            for key in keys:
                self._members.setdefault(key, []).append(reading.series)
                self._of_target.setdefault(key.target, {})[key] = None
        value = reading.value
        return track.add(reading.time, value if value is not None and -LARGEST <= value <= LARGEST else None)

    def instances_of_target(self, target: str) -> Iterable[InstanceKey]:
        """The instances of a target that are known."""
        return self._of_target.get(target, ())

    def series(self, key: InstanceKey) -> list[Series]:
        """The series that fall into an instance, in the order they appeared."""
        return self._members.get(key, [])

    def track(self, series: Series) -> Track:
        """The readings of a series. Raises KeyError if it has none or no target reads it."""
        return self._tracks[series]

    def tracks(self, key: InstanceKey) -> list[Track]:
        """The readings of an instance's series."""
        return [self._tracks[series] for series in self.series(key)]
