"""Check-ins: whether a job called in when it should have."""

from __future__ import annotations

from collections.abc import Mapping

from rules.cron import next_run
from rules.model import MINUTE, Assessment, Checkin, Standing
from rules.tracks import Track

_EARLY = MINUTE


def next_due(checkin: Checkin, after: int) -> int:
    """When the next call is due after a time, in UTC microseconds, without the grace."""
    if checkin.every is not None:
        return after + checkin.every
    return next_run(checkin.schedule or "", checkin.zone, after)


def _due(checkin: Checkin, call: int) -> int:
    """When the next call is due after one, which may have come a little early by another clock.

    By a schedule, a call counts for the run that it comes before by at most a minute, the grace, and a twentieth of the
    time from there to the run after that.
    """
    due = next_due(checkin, call)
    if checkin.every is None and due - call <= min(_EARLY, checkin.grace):
        after = next_due(checkin, due)
        if due - call <= (after - due) // 20:
            return after
    return due


def assess_checkin(checkin: Checkin, tracks: Mapping[str, Track], now: int, created: int) -> Assessment:
    """How a check-in target stands: met, missed (late or failed), or no_data before the first call is due."""
    last = tracks["checkin"].newest if "checkin" in tracks else None
    begun = tracks["checkin_start"].newest if "checkin_start" in tracks else None
    at, ok = (last[0], last[1] != 0.0) if last else (created, True)
    if not ok:
        status = _exit_status(tracks, at)
        return Assessment(Standing.MISSED, value=0.0, time=at, due=at, reason=f"failed{status}")
    due = _due(checkin, at) if last else next_due(checkin, at)
    if begun and (last is None or begun[0] > at) and now > begun[0] + checkin.grace:
        return Assessment(Standing.MISSED, value=0.0, time=begun[0], due=begun[0], reason="started but did not finish")
    if now > due + checkin.grace:
        return Assessment(Standing.MISSED, value=0.0, time=last[0] if last else None, due=due, reason="late")
    if last is None:
        return Assessment(Standing.NO_DATA, due=due, reason="no call yet", hold=True)
    return Assessment(Standing.MET, value=1.0, time=at, due=due)


def checkin_wake(checkin: Checkin, assessment: Assessment, tracks: Mapping[str, Track]) -> int | None:
    """When a check-in could become late, or one that was begun, late or not, did not finish."""
    missed = assessment.standing is Standing.MISSED
    if assessment.due is None or (missed and assessment.due == assessment.time):  # it failed, or did not finish
        return None
    begun = tracks["checkin_start"].newest if "checkin_start" in tracks else None
    moments = [] if missed else [assessment.due + checkin.grace + 1]
    if begun and (assessment.time is None or begun[0] > assessment.time):
        moments.append(begun[0] + checkin.grace + 1)
    return min(moments, default=None)


def _exit_status(tracks: Mapping[str, Track], at: int) -> str:
    status = tracks["checkin_exit_status"].newest if "checkin_exit_status" in tracks else None
    return f" with exit status {status[1]:.0f}" if status and status[0] == at and status[1] is not None else ""
