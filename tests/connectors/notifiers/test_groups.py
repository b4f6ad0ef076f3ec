"""A notice about several alerts, in every form it is sent in."""

from __future__ import annotations

import json

import pytest

from agent.demo.slack_blocks import MAX_TOTAL, problems, total_text
from connectors.facts import facts, heading, links, listed, mark, remarks
from connectors.mail_message import html_of, text_of
from connectors.notifiers.console import layout
from connectors.payload import payload
from connectors.slack_message import message
from rules.model import Notice, Reason
from tests.connectors.notifiers import kit


def test_the_webhook_s_body_is_alertmanager_s():
    body = payload(
        kit.several(alerts=(kit.alert(0), kit.alert(1, annotations={"team": "y"}), kit.alert(2, "resolved")))
    )
    assert (body["groupKey"], body["groupLabels"]) == ('{}:{target="room"}', {"target": "room"})
    assert body["commonLabels"] == {"alertname": "hot", "target": "room", "severity": "warning"}
    assert (body["commonAnnotations"], body["status"], body["truncatedAlerts"]) == ({}, "firing", 0)
    assert [(one["fingerprint"], one["status"]) for one in body["alerts"]] == [
        ("f0", "firing"), ("f1", "firing"), ("f2", "resolved"),
    ]  # fmt: skip
    assert body["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert payload(kit.several(firing=1_500))["truncatedAlerts"] == 501
    json.dumps(body)


def test_each_alert_has_a_line_and_those_that_are_cut_are_counted():
    assert listed(kit.several(), 10) == [
        "🟠 Room (room-0) is too <hot> & dry", "🟠 Room (room-1) is too <hot> & dry", "✅ Room (room-2) is too <hot> & dry",
    ]  # fmt: skip
    assert listed(kit.several(firing=1_500), 2, marked=False)[1:] == [
        "firing Room (room-1) is too <hot> & dry",
        "and 1499 more",
    ]
    assert listed(kit.notice(), 10) == []


def test_no_number_of_one_is_said_for_all():
    assert {fact.label for fact in facts(kit.several())} == {"Since", "Severity", "Labels"}
    assert remarks(kit.several()) == ["Taken by Ann at 18:53"]


def test_severities_that_differ_are_counted():
    many = (kit.alert(0, severity="critical"), kit.alert(1), kit.alert(2), kit.alert(3, "resolved"))
    said = dict(facts(kit.several(3, 1, alerts=many)))
    assert said["Severity"] == "1 critical, 2 warning"
    assert dict(facts(kit.several(3, 0, alerts=many[1:3])))["Severity"] == "warning"
    assert dict(facts(kit.several(3_000, 0, alerts=many, severity="critical")))["Severity"] == "critical"


def test_what_all_alerts_link_to_is_linked_once():
    both = {"runbook_url": "https://wiki.example.com/hot", "dashboard": "https://graph.example.com/1"}
    alerts = (kit.alert(0, annotations=both), kit.alert(1, annotations={**both, "dashboard": "https://x.example.com"}))
    notice = kit.several(2, 0, alerts=alerts, annotations=both)
    assert [(link.text, link.url) for link in links(notice)] == [("Runbook", "https://wiki.example.com/hot")]
    assert html_of(notice).count('href="https://wiki.example.com/hot"') == 1


@pytest.mark.parametrize(
    ("notice", "said", "sign"),
    [
        (kit.several(), "2 firing, 1 resolved: target room", "🟠"),
        (kit.several(reason=Reason.RESOLVED), "2 firing, 1 resolved: target room", "🟠"),
        (
            kit.several(firing=0, resolved=2, reason=Reason.RESOLVED),
            "Resolved: 0 firing, 2 resolved: target room",
            "✅",
        ),
        (kit.several(reason=Reason.REMINDER), "Still firing: 2 firing, 1 resolved: target room", "🟠"),
        (kit.notice(reason=Reason.REMINDER), f"Still firing: {kit.notice().headline}", "🟠"),
    ],
)
def test_the_heading_says_how_many_are_how(notice: Notice, said: str, sign: str):
    assert (heading(notice), mark(notice)) == (said, sign)


@pytest.mark.parametrize("firing", [2, 25, 3_000])
def test_a_slack_message_keeps_slack_s_limits(firing: int):
    notice = kit.several(
        firing, 0, alerts=tuple(kit.alert(n, headline="<&>" * 2_000) for n in range(min(firing, 1_000)))
    )
    blocks = message(notice)["blocks"]
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section" and "text" in block]
    assert len(blocks) <= 50
    assert all(len(text) <= 3_000 for text in texts)
    assert sum(len(json.dumps(block)) for block in blocks) < 20_000
    assert any("more" in text for text in texts) is (firing > 20)


def test_mail_and_console_name_every_alert():
    text, page, lines = text_of(kit.several()), html_of(kit.several()), layout(kit.several())
    for number in range(3):
        assert f"Room (room-{number}) is too <hot> & dry" in text
        assert f"Room (room-{number}) is too &lt;hot&gt; &amp; dry" in page
        assert f"Room (room-{number}) is too <hot> & dry" in lines
    assert lines.startswith("FIRING 2 firing, 1 resolved: target room\n")


def test_slack_names_those_that_have_no_line():
    rooms = [kit.alert(n, labels={"target": "room", "room": f"room <{n}>"}) for n in range(480)]
    for alerts in (rooms, [kit.alert(n, labels={"target": f"t{n}"}) for n in range(480)]):
        said = str(message(kit.several(480, 0, alerts=tuple(alerts)))["blocks"])
        assert total_text(message(kit.several(480, 0, alerts=tuple(alerts)))["blocks"]) < MAX_TOTAL
        assert not problems(message(kit.several(480, 0, alerts=tuple(alerts)))["blocks"], lambda _: True)
        for alert in alerts[19:]:
            own = alert.labels.get("room", alert.labels["target"]).replace("<", "&lt;").replace(">", "&gt;")
            assert own in said
    many = tuple(kit.alert(n, labels={"target": "room", "room": "x" * 90}) for n in range(480))
    blocks = message(kit.several(480, 0, alerts=many))["blocks"]
    assert total_text(blocks) < MAX_TOTAL
    assert " and 3" in str(blocks)
