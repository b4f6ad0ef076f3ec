"""N of M: whether at least so many of the last judgements of an alert's condition breach.

A judgement is one reading. A goal without a period over one series is judged by its values, so any order of arrival
gives the same; elsewhere what was said at the time of each newer reading is remembered, and what is found without one
amends the last. When a reading comes late, those of conditions and combined series are made anew from its time on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.levels import OF_A_LEVEL, judgements
from rules.model import AlertStatus, Often, Standing, Target
from rules.model.quick import replace
from rules.whens import Asked


def count(asked: Asked, often: Often, status: AlertStatus, *, holds: bool) -> tuple[AlertStatus, int]:
    """The status with the judgement noted, and how many of the last ones breach. `holds` is the judgement of now."""
    if asked.assessment.hold:
        return _none_of(status), 0  # readings stopped, and that counts as fine
    if asked.rule.when in OF_A_LEVEL:
        outs = judgements(asked.scene, asked.assessment.time, often.of)
        if outs is not None:
            wanted = asked.rule.when is Standing.OUT_OF_BAND
            return status, outs.count(wanted)
    status = noted(status, asked.assessment.time or 0, often.of, holds=holds)
    return status, sum(status.judged)


def noted(status: AlertStatus, time: int, of: int, *, holds: bool) -> AlertStatus:
    """The status with one more judgement of a reading at `time`, or the last one amended. Without any breach: none."""
    newer = status.judged_at is None or time > status.judged_at
    judged = (*(status.judged if newer else status.judged[:-1]), holds)[-of:]
    if not any(judged):
        return _none_of(status)
    times = (*status.judged_times, time)[-of:] if newer else status.judged_times
    return replace(status, judged=judged, judged_at=time if newer else status.judged_at, judged_times=times)


def judged_on(status: AlertStatus, after: AlertStatus) -> AlertStatus:
    """The status with nothing of `after` but the judgement of a newer reading, which counts whatever is held."""
    if after.judged_at == status.judged_at:
        return status
    return replace(status, judged=after.judged, judged_at=after.judged_at, judged_times=after.judged_times)


def _none_of(status: AlertStatus) -> AlertStatus:
    return replace(status, judged=(), judged_at=None, judged_times=()) if status.judged else status


def judged_anew(status: AlertStatus, of: int, since: int, found: Iterable[tuple[int, bool]]) -> AlertStatus:
    """The status with the judgements from `since` on made anew: when each was, and whether it breaches."""
    late = sum(time >= since for time in status.judged_times)
    left = len(status.judged) - late  # an earlier version kept no times; what has none is older
    times = status.judged_times[: len(status.judged_times) - late]
    before = status.judged_at if not late else times[-1] if times else None
    status = replace(status, judged=status.judged[:left], judged_at=before, judged_times=times)
    if not any(status.judged):
        status = _none_of(status)
    for time, holds in found:
        status = noted(status, time, of, holds=holds)
    return status


def remembered(alerts: Mapping[str, AlertStatus]) -> dict[str, AlertStatus]:
    """Alerts of which nothing is known but their judgements; those without any are left out."""
    return {
        name: AlertStatus(judged=status.judged, judged_at=status.judged_at, judged_times=status.judged_times)
        for name, status in alerts.items()
        if status.judged
    }


def needs_past(target: Target) -> int:
    """How many judgements of readings before now an instance has to remember, since they can't be made anew."""
    goal = target.goal
    by_reading = goal is not None and goal.per is None and goal.condition is None and target.combine is None
    return 0 if by_reading else max((rule.often.of for rule in target.alerts if rule.often is not None), default=0)
