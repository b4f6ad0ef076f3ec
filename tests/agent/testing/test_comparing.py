"""What is expected and what came of it stand beside one another, item by item."""

from __future__ import annotations

from agent.testing import comparing
from agent.testing.language import AlertCase, DeliveryCase
from rules.model import MINUTE, SECOND


def expecting(*minutes: int, reason: str = "firing") -> DeliveryCase:
    wanted = [{"at": f"{minute}m", "reason": reason} for minute in minutes]
    return DeliveryCase(eval_time="1d", receiver="a", exp_deliveries=wanted)


def sent(*minutes: int, reason: str = "firing", late: int = 0) -> list[dict]:
    return [{"at": minute * MINUTE + late, "reason": reason, "alert": "hot"} for minute in minutes]


def test_one_too_many_is_shown_alone():
    assert comparing.deliveries(expecting(1, 3), sent(1, 2, 3), 0) == (
        "  - at: 1m",
        "    reason: firing",
        "+ - at: 2m",
        "+   reason: firing",
        "+   alertname: hot",
        "+   target: None",
        "  - at: 3m",
        "    reason: firing",
    )


def test_one_that_is_missing_is_shown_alone():
    assert comparing.deliveries(expecting(1, 2, 3), sent(1, 3), 0) == (
        "  - at: 1m",
        "    reason: firing",
        "- - at: 2m",
        "-   reason: firing",
        "  - at: 3m",
        "    reason: firing",
    )


def test_hundreds_that_all_differ_are_shown_in_pairs_at_once():
    minutes = range(1, 900)
    diff = comparing.deliveries(expecting(*minutes), sent(*minutes, late=SECOND), 0)
    assert diff[:3] == ("- - at: 1m", "+ - at: 1m1s", "    reason: firing")
    assert len(diff) == 3 * len(minutes)


def test_an_empty_label_of_an_alert_is_none():
    case = AlertCase(eval_time="1m", alertname="hot", exp_alerts=[{"exp_labels": {"room": "a", "hall": ""}}])
    assert comparing.alerts(case, [({"room": "a", "floor": ""}, {})]) == ()
    assert comparing.alerts(case, [({"room": "a", "floor": "1"}, {})])


def test_of_alerts_each_is_beside_the_one_that_fires_instead():
    case = AlertCase(
        eval_time="1m", alertname="hot", exp_alerts=[{"exp_labels": {"room": "a"}}, {"exp_labels": {"room": "b"}}]
    )
    assert comparing.alerts(case, [({"room": "a"}, {}), ({"room": "c"}, {"summary": "c is hot"})]) == (
        "  firing",
        "    labels:",
        "      room: a",
        "  firing",
        "    labels:",
        "-     room: b",
        "+     room: c",
        "+   annotations:",
        "+     summary: c is hot",
    )
