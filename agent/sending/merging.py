"""What waits of a group as one notice: the newest with what the others had to say. Pure; a notice is its payload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.alerts.several import MOST_ALERTS, headline_of, named
from rules.model import NoticedAlert, Reason
from rules.severity import gravity

_SAYS_LESS = frozenset({Reason.RESOLVED, Reason.REMINDER, Reason.UPDATED})  # than that an alert began

_ABSENT: Mapping[str, Any] = {"alerts": (), "firing": 0, "resolved": 0, "details": (), "news": (), "group_since": None}


def merged(waiting: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The newest notice of a group with what those before it had to say, the oldest first.

    What ended meanwhile is named too, each alert once. Fresh is what was so in any of them and still fires, and what
    ended before it was said.
    """
    if len(waiting) < 2:
        return waiting[-1]
    *before, newest = waiting = [{**_ABSENT, **one} for one in waiting]
    alerts = _alerts(waiting)
    more = len(alerts) - len(newest["alerts"])
    unnamed = sum(each["resolved"] - _count(each["alerts"], "resolved") for each in before)
    said = {**newest, "reason": _reason(waiting, alerts), "alerts": alerts[:MOST_ALERTS]}
    if more or unnamed:
        said |= {"resolved": newest["resolved"] + more + unnamed, **_of_several(newest, alerts)}
        noticed = [NoticedAlert(**one) for one in said["alerts"]]
        said["headline"] = headline_of(noticed, said["firing"], said["resolved"])
    return _with_news(said, before)


def _alerts(waiting: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of the newest, and those that ended before it. What fires and is left out there is muted by now."""
    fresh: set[str] = set()
    last: dict[str, Mapping[str, Any]] = {}
    for notice in waiting:
        last |= {one["fingerprint"]: one for one in notice["alerts"]}
        fresh |= {one["fingerprint"] for one in notice["alerts"] if one.get("fresh")}
    own = {one["fingerprint"] for one in waiting[-1]["alerts"]}
    found = (one for name, one in last.items() if name in own or one["status"] == "resolved")
    return sorted(({**one, "fresh": one["fingerprint"] in fresh} for one in found), key=_order)


def _order(alert: Mapping[str, Any]) -> tuple[bool, bool, int, int, str]:
    """As in any notice: what fires first, of that what is fresh, the gravest, the longest."""
    fires, fresh = alert["status"] == "firing", alert["fresh"]
    return not fires, not fresh, gravity(alert["severity"]), alert["starts_at"], alert["fingerprint"]


def _reason(waiting: Sequence[Mapping[str, Any]], alerts: Iterable[Mapping[str, Any]]) -> Any:
    """Of what was said while the group fires as it does, that for which somebody has to act."""
    newest = waiting[-1]
    if newest["status"] != "firing":
        return newest["reason"]
    same = [one for one in waiting if one["group_since"] == newest["group_since"]]
    if any(one["reason"] == Reason.ESCALATED for one in same):
        return Reason.ESCALATED
    if any(one["reason"] == Reason.RAISED and one["severity"] == newest["severity"] for one in same):
        return Reason.RAISED
    began = any(one["fresh"] and one["status"] == "firing" for one in alerts)
    return Reason.FIRING if began and newest["reason"] in _SAYS_LESS else newest["reason"]


def _of_several(newest: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is said otherwise of several, where the newest may be about one."""
    details = newest["details"]
    if len(newest["alerts"]) == 1:
        about = named(NoticedAlert(**newest["alerts"][0]))
        details = [f"{about}: {line}" for line in details]
    return {"details": details, "why": [], "starts_at": min(one["starts_at"] for one in alerts)}


def _with_news(notice: Mapping[str, Any], before: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The notice with the news of alerts that it does not tell of any more; these are among its details."""
    news = list(notice["news"])
    for new in (new for each in before for new in each["news"]):
        if not any(_is_same(new["words"], known["words"]) for known in news):
            news.append(new)
    carried = [new["words"] for new in news[len(notice["news"]) :]]
    return {**notice, "news": news, "details": [*notice["details"], *carried]}


def _is_same(one: str, other: str) -> bool:
    """Whether two news are one, of which the alert's name may be said before it or not."""
    return one.endswith(other) or other.endswith(one)


def _count(alerts: Iterable[Mapping[str, Any]], status: str) -> int:
    return sum(one["status"] == status for one in alerts)
