"""What the readings of one instance teach of what is usual for it, and how it stands by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from rules.levels import newest
from rules.model import Against, Assessment, Finding, Reading, Standing, Target, Usual
from rules.model.quick import replace
from rules.scene import Scene
from rules.spare import Spare
from rules.unusual import Learner, learn

_TOO_EARLY, _IN, _OUT = Standing.TOO_EARLY, Standing.IN_BAND, Standing.OUT_OF_BAND
_HELD_BACK = 8  # readings that have to come without a revision until the newest is judged at once again


def learned(
    usual: Usual | None, of: str, scene: Scene, readings: Sequence[Reading]
) -> tuple[Usual | None, Mapping[int, Finding | None]]:
    """What is usual after the readings that just came, and what was found by the time of each that was learned.

    Readings older than the newest learned teach nothing. Where the newest reading is being revised, as a total of today
    is, it is learned when the next one comes. Of several series their combination is learned as it stands now.
    """
    if not readings:
        return usual, {}
    if len(scene.tracks) > 1:
        came = [newest(scene)]
    else:
        usual = _noted(usual, scene, readings)
        came = _due(usual, scene, readings)
    findings: dict[int, Finding | None] = {}
    for time, value in came:
        if value is not None and time is not None and (usual is None or time > usual.time):
            usual = learn(usual, of, scene.target.zone, time, value)
            findings[time] = usual.finding if usual else None
    return usual, findings


def _noted(usual: Usual | None, scene: Scene, readings: Sequence[Reading]) -> Usual | None:
    """With whether the newest reading was revised, or others came after it without."""
    if usual is None or scene.previous is None or scene.previous.time is None:
        return usual
    last, finding = scene.previous.time, usual.finding
    if last in [reading.time for reading in readings]:
        if finding is not None and finding.time == last:
            finding = replace(finding, unusual=None)  # of a value that was not the last word
        return replace(usual, held_back=_HELD_BACK, finding=finding)
    if not usual.held_back:
        return usual
    newer = sum(1 for reading in readings if reading.time > last)
    return replace(usual, held_back=max(0, usual.held_back - newer))


def _due(usual: Usual | None, scene: Scene, readings: Sequence[Reading]) -> list[tuple[int | None, float | None]]:
    """Time and value of the readings to learn, in order."""
    came: dict[int | None, float | None] = {reading.time: reading.value for reading in readings}
    if len(came) == 1 and (usual is None or not usual.held_back):
        return list(came.items())
    if usual is None or not usual.held_back:
        return sorted(came.items(), key=lambda pair: pair[0] or 0)
    track = scene.tracks[0]
    last = track.times[-1]
    came.update(track.between(usual.time + 1, last))
    return sorted(((time, value) for time, value in came.items() if time != last), key=lambda pair: pair[0] or 0)


def beside(assessment: Assessment, target: Target, finding: Finding | None) -> Assessment:
    """The assessment with what was found. Without a goal an instance stands by that alone."""
    if assessment.hold:
        return assessment
    if target.goal is not None:
        return replace(assessment, finding=finding)
    standing = alone(finding.unusual if finding is not None else None, is_early=finding is None)
    if finding is None:
        return replace(assessment, standing=standing, breaching=None, recovered=None)
    unusual = finding.unusual is not None
    return replace(
        assessment,
        standing=standing,
        expected=finding.expected,
        breaching=unusual,
        recovered=not unusual,
        finding=finding,
    )


def alone(unusual: Against | None, *, is_early: bool) -> Standing:
    """How an instance without a goal stands: out of band while a reading is unusual, too early to say at first."""
    return _TOO_EARLY if is_early else _IN if unusual is None else _OUT


class Usually(Spare):
    """No reading is unusual, nor does the first time end in which that can't be said: each is learned."""

    __slots__ = ("_is_early", "_learner")

    def __init__(self, learner: Learner) -> None:
        super().__init__(inf, float)
        self._learner = learner
        self._is_early = learner.is_early

    def is_left(self) -> bool:
        """Whether it holds until the next reading."""
        return self._learner.unusual is None

    def holds(self, time: int, number: float) -> bool:
        """Whether it holds after one more reading too."""
        self._learner.take(time, number)
        return self._learner.unusual is None and self._learner.is_early is self._is_early
