"""Events for PagerDuty, held against what its documentation says of them."""

from __future__ import annotations

import dataclasses

import orjson
import pytest
from pydantic import ValidationError

from connectors.notifiers.pagerduty import PagerDutyNotifier, dedup_key, events
from rules.model import Reason
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.posting import Posts

KEY = "R0ut1ngKeyOf32Characters00000000"
PAGE = "https://setpoint.example.com"


class TestPosting(Posts):
    SECRETS = (KEY,)

    def make(self, services, base, **keys):
        config = {"type": "pagerduty", "routing_key": KEY, "url": f"{base}/v2/enqueue", **keys}
        return PagerDutyNotifier(PagerDutyNotifier.Config.model_validate(config), services)

    async def test_a_firing_is_a_trigger(self, services):
        sent = await self.posted(services, kit.sending(kit.notice(external_url=PAGE, why=("Read visitors",))))
        assert (sent["routing_key"], sent["event_action"], sent["client"], sent["client_url"]) == (
            KEY, "trigger", "Setpoint", PAGE,
        )  # fmt: skip
        about = sent["payload"]
        details = about.pop("custom_details")
        assert about == {
            "summary": kit.notice().headline,
            "severity": "warning",
            "source": "monthly-visitors",
            "timestamp": "2026-05-05T16:53:20Z",
            "component": "site=www",
            "group": "Unique visitors",
            "class": "behind",
        }
        assert details["Value"] == "6,214"
        assert details["Remarks"] == ["Ask growth", "Taken by Ann at 18:53"]
        assert details["Why"] == ["Read visitors"]
        assert sent["links"] == [{"href": "https://wiki.example.com/behind?a=1&b=2", "text": "Runbook"}]

    async def test_it_goes_to_pagerduty_unless_told_otherwise(self, services):
        config = PagerDutyNotifier.Config.model_validate({"type": "pagerduty", "routing_key": KEY})
        assert config.url == "https://events.pagerduty.com/v2/enqueue"


def actions(*notices):
    return [event for notice in notices for event in events(kit.sending(notice))]


def test_what_is_about_one_alert_has_one_key():
    firing, reminder, taken, resolved = actions(
        kit.notice(),
        kit.notice(reason=Reason.REMINDER, starts_at=kit.NOW),
        kit.notice(reason=Reason.UPDATED, acknowledged_by="Ann"),
        kit.resolved(),
    )
    assert [one["event_action"] for one in (firing, reminder, taken, resolved)] == [
        "trigger", "trigger", "acknowledge", "resolve",
    ]  # fmt: skip
    assert len({one["dedup_key"] for one in (firing, reminder, taken, resolved)}) == 1
    assert set(taken) == set(resolved) == {"event_action", "dedup_key"}  # all that these two have to say
    assert dedup_key(kit.notice(fingerprint="other")) != firing["dedup_key"]


def test_what_failed_after_the_alert_was_over_wakes_somebody():
    (sent,) = actions(kit.resolved(reason=Reason.ESCALATED, headline="Room: Undoing undo failed: answered 404"))
    assert (sent["event_action"], sent["payload"]["severity"]) == ("trigger", "warning")


def test_a_group_is_one_alert_also_when_it_fires_again():
    first, some_left, over = actions(kit.several(), kit.several(reason=Reason.RESOLVED), kit.several(0, 3))
    assert [one["event_action"] for one in (first, some_left, over)] == ["trigger", "trigger", "resolve"]
    assert first["dedup_key"] == some_left["dedup_key"] == over["dedup_key"]
    assert dedup_key(kit.several(group_since=kit.NOW + 1)) == first["dedup_key"]  # one left open takes it up
    assert dedup_key(kit.several(group="other")) != first["dedup_key"]
    assert first["payload"]["custom_details"]["Alerts"][2] == "resolved Room (room-2) is too <hot> & dry"
    assert first["payload"]["component"] == "target=room"


@pytest.mark.parametrize(
    ("fresh", "said"), [((True, True), ["trigger", "resolve"]), ((True, False), ["resolve"]), ((), ["resolve"])]
)
def test_what_began_and_ended_unsaid_is_triggered_before_it_is_resolved(fresh, said):
    alerts = tuple(dataclasses.replace(kit.alert(n, "resolved"), fresh=new) for n, new in enumerate(fresh))
    found = actions(kit.several(0, 2, alerts=alerts, reason=Reason.RESOLVED) if alerts else kit.resolved())
    assert [one["event_action"] for one in found] == said
    assert len({one["dedup_key"] for one in found}) == 1
    assert found[0].get("payload", {}).get("summary", "").startswith("Resolved: ") == (len(said) == 2)


def test_updates_that_nobody_took_are_added_to_the_alert():
    (update,) = actions(kit.notice(reason=Reason.UPDATED, details=("Correction called",)))
    assert (update["event_action"], update["dedup_key"]) == ("trigger", dedup_key(kit.notice()))


def test_a_test_is_an_alert_of_its_own():
    (test,) = actions(kit.notice(reason=Reason.TEST, severity="critical"))
    assert (test["event_action"], test["payload"]["severity"]) == ("trigger", "info")
    assert test["dedup_key"] != dedup_key(kit.notice())


@pytest.mark.parametrize(
    ("severity", "said"),
    [("critical", "critical"), ("error", "error"), ("warning", "warning"), ("info", "info"), ("page", "warning")],
)
def test_severities_are_pagerduty_s(severity, said):
    assert actions(kit.notice(severity=severity))[0]["payload"]["severity"] == said


def test_the_link_that_acknowledges_comes_first():
    (sent,) = events(kit.sending(ack_url="https://setpoint.example.com/ack/x"))
    assert sent["links"][0] == {"href": "https://setpoint.example.com/ack/x", "text": "Acknowledge in Setpoint"}


def test_limits_are_kept_whatever_is_said():
    long = "\u6e29\u5ea6 \U0001f321 " * 500
    alerts = tuple(kit.alert(number, headline=long) for number in range(1_000))
    told = [
        kit.several(3_000, 0, alerts=alerts, headline=long, group="g" * 500, title=long),
        kit.notice(
            headline=long,
            title=long,
            target=long,
            alert=long,
            labels={f"l{n}": long for n in range(50)},
            annotations={f"a{n}": long for n in range(150)},
            details=(long,) * 150,
            why=(long,) * 150,
            reason=Reason.UNDELIVERABLE,
        ),
    ]
    for sent in actions(*told):
        assert len(orjson.dumps(sent)) < 512_000
        assert len(sent["payload"]["summary"]) <= 1_024
        assert len(sent["dedup_key"]) <= 255


def test_what_could_never_be_sent_is_refused_when_it_is_loaded():
    for keys in ({}, {"routing_key": " "}, {"routing_key": KEY, "url": "ftp://x"}, {"routing_key": KEY, "to": "x"}):
        with pytest.raises(ValidationError):
            PagerDutyNotifier.Config.model_validate({"type": "pagerduty", **keys})
