"""Which of the notices that wait for one receiver goes out, and when. Pure; a notice is its payload, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.sending.merging import merged
from rules.model import HOUR, MINUTE, Reason
from rules.severity import gravity

REMEMBERED = 12 * HOUR  # how long what was told counts
_PAUSES = (0, 0, 0, 0, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 90 * MINUTE)  # by how many changes were told
_COMES_AND_GOES = frozenset({Reason.FIRING, Reason.RESOLVED})
_MAY_BE_SKIPPED = _COMES_AND_GOES | {Reason.UPDATED, Reason.REMINDER}
_BEGINS = frozenset({Reason.FIRING, Reason.FLAPPING, Reason.ESCALATED, Reason.RAISED})


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that was sent: why, of which severity, and when."""

    reason: str
    severity: str
    at: int


def held_until(notice: Mapping[str, Any], told: Sequence[Told], now: int) -> int:
    """When a notice may go to somebody who can't take back what was said; `told` lately, the oldest first.

    Two firings and their ends go at once. An alert that fires again and again has ever longer pauses, so that it is
    less than one message an hour; a graver severity and whatever else there is to say waits for nothing.
    """
    if not told or notice["reason"] not in _COMES_AND_GOES:
        return now
    if gravity(notice.get("severity", "")) < min(gravity(one.severity) for one in told):
        return now
    changes = sum(one.reason in _COMES_AND_GOES for one in told)
    return max(now, told[-1].at + _PAUSES[min(changes, len(_PAUSES) - 1)])


def coalesced(waiting: Sequence[Mapping[str, Any]], *, known: bool) -> tuple[int, Mapping[str, Any]]:
    """Which of the notices of a lane, the oldest first, is the next to go out, and as what it does.

    Those before it need not be said any more: it says how things are by now, and carries what they had to say.
    `known`: the receiver was told of the alert before; else its beginning is said, unless the newest begins it too. Of
    a group all is one notice.
    """
    if waiting and waiting[-1].get("group"):
        *before, newest = waiting
        return len(before), _counted({**merged(waiting), **_as_fired(newest, before)}, before)
    begins = not known and not _fires_anew(waiting)
    for place, notice in enumerate(waiting):
        first = place == 0 and begins and notice["reason"] in _BEGINS
        if first or place == len(waiting) - 1 or notice["reason"] not in _MAY_BE_SKIPPED:
            return place, _carrying(notice, waiting[:place])
    raise ValueError("nothing waits")


def _fires_anew(waiting: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an alert fires by the newest notice, and nothing before it has to be heard by itself."""
    fires = bool(waiting) and waiting[-1].get("status") == "firing"
    return fires and all(one["reason"] in _MAY_BE_SKIPPED for one in waiting[:-1])


def _carrying(notice: Mapping[str, Any], skipped: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The notice of one alert with what was skipped: that it fires, if that was not said, and what was not said."""
    begun = {_episode(one) for one in skipped if one["reason"] in _BEGINS}
    began = _episode(notice) in begun and notice["status"] == "firing" and notice["reason"] in _MAY_BE_SKIPPED
    reason = {"reason": Reason.FIRING} if began else {}
    return _counted({**notice, **reason, **_as_fired(notice, skipped)}, skipped)


def _as_fired(notice: Mapping[str, Any], skipped: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """How an alert fired, if its firing was not said: its numbers are to stay."""
    if notice.get("fired"):
        return {}
    same = [one for one in skipped if _episode(one) == _episode(notice) and one["reason"] in _BEGINS]
    return {"fired": {name: same[0][name] for name in ("headline", "values")}} if same else {}


def _counted(notice: Mapping[str, Any], skipped: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The notice with how many firings were not said, and since when."""
    begun = {_episode(one): one["starts_at"] for one in skipped if one["reason"] in _BEGINS}
    if notice["reason"] in _BEGINS:
        begun.pop(_episode(notice), None)
    before = [notice, *skipped]
    count = len(begun) + sum(one.get("unsaid", 0) for one in before)
    if not count:
        return notice
    times = [*begun.values(), *(one["unsaid_since"] for one in before if one.get("unsaid"))]
    return {**notice, "unsaid": count, "unsaid_since": min(times)}


def _episode(notice: Mapping[str, Any]) -> Any:
    since = notice.get("group_since")
    return notice["starts_at"] if since is None else since
