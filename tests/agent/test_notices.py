"""Who is told of what, and that neither a template nor a number loses a notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.config.configuration import Configuration, NotifierEntry
from agent.notices import EXPIRES_AFTER, Notices, Telling, context_of, idempotency_key, reason_of, values_of
from agent.outgoing import read_notice
from connectors import registry
from rules.model import (
    Acknowledgement,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    Event,
    Goal,
    InstanceKey,
    Projection,
    Reason,
    Selector,
    SourceRule,
    Standing,
    Target,
    Transition,
)
from rules.routing import Route
from rules.specs import Specs

NOW = 1_778_000_000_000_000
KEY = InstanceKey("room", (("room", "den"),))
LABELS = (("alertname", "hot"), ("room", "den"), ("severity", "critical"), ("target", "room"))


def entry(kind: str, **keys: Any) -> NotifierEntry:
    return NotifierEntry(kind, registry.load("notifiers", kind).Config.model_validate({"type": kind, **keys}))


CHANNEL = entry("slack", channel="#x")
HOOK = entry("slack", url="https://hooks.slack.com/services/T/B/x")
WEBHOOK = entry("webhook", url="https://example.com/x")
CONSOLE = entry("console")


def notices(
    *annotations: tuple[str, str], route: Route | None = None, notify: tuple[str, ...] = ("team",), **receivers
):
    rule = AlertRule("hot", Standing.OUT_OF_BAND, severity="critical", annotations=annotations, notify=notify)
    target = Target("room", "Room", Goal(at_most=23), Selector("temperature"), by=("room",), alerts=(rule,), unit="°C")
    specs = Specs([target], [SourceRule("a", ("temperature",), None)])
    return Notices(Configuration({}, {}, receivers=receivers or {"team": (CHANNEL,)}, route=route), specs)


def transition(event: Event = Event.FIRING, **changes: Any) -> Transition:
    assessment = Assessment(Standing.OUT_OF_BAND, value=25.5, time=NOW, at_most=23.0, breaching=True)
    made = Transition(
        KEY, "hot", "f", 1, event, NOW, AlertState.INACTIVE, AlertState.FIRING, LABELS, assessment, fired_at=NOW
    )
    return replace(made, **changes)


def telling(event: Event = Event.FIRING, told: tuple[str, ...] = (), **changes: Any) -> Telling:
    return Telling(transition(event, **changes), AlertStatus(AlertState.FIRING, NOW, told=told))


class TestUpdates:
    def test_only_who_can_edit_what_it_sent_hears_of_them(self):
        made = notices(team=(CHANNEL, HOOK, WEBHOOK, CONSOLE))
        for reason, positions in (
            (Reason.FIRING, [0, 1, 2, 3]),
            (Reason.RESOLVED, [0, 1, 2, 3]),
            (Reason.UPDATED, [0, 3]),
        ):
            assert [one.position for one in made.deliveries(telling(), reason, ["team"])] == positions

    def test_the_console_that_nobody_configured_does(self):
        (made,) = notices(notify=()).deliveries(telling(), Reason.UPDATED, ["console"])
        assert made.receiver == "console"


class TestTemplates:
    def test_one_that_fails_is_seen_and_loses_nothing(self):
        made = notices(
            ("less", "{{ labels.nowhere }}{{ labels.room }} is hot"),
            ("worse", "{{ value / 0 }}"),
            ("good", "{{ labels.room }} is {{ value }} {{ unit }}"),
        )
        (delivery,) = made.deliveries(telling(), Reason.FIRING, ["team"])
        notice = read_notice(delivery.payload)
        assert notice.annotations["good"] == "den is 25.5 °C"
        assert notice.annotations["less"] == "den is hot"
        assert notice.annotations["worse"].startswith("(template: ")
        assert notice.headline.startswith("Room")

    def test_every_name_is_there_also_without_an_assessment(self):
        from connectors.template import NAMES

        assert set(context_of(None, transition(assessment=None), "")) == NAMES

    @pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
    def test_numbers_that_are_none_are_unknown(self, value):
        odd = Assessment(Standing.BEHIND, value=1.0, pace=value, projection=Projection(value, value, value))
        assert values_of(odd) == {"value": 1.0}
        context = context_of(None, transition(assessment=odd), "")
        assert (context["value"], context["pace"], context["projection"]) == (1, None, None)


class TestReceivers:
    def test_a_firing_goes_where_it_is_configured_to_go(self):
        assert notices().receivers(telling(), Reason.FIRING) == ("team",)
        assert notices(notify=(), route=Route("main")).receivers(telling(), Reason.FIRING) == ("main",)
        assert notices(notify=()).receivers(telling(), Reason.FIRING) == ("console",)

    @pytest.mark.parametrize("reason", [Reason.RESOLVED, Reason.UPDATED])
    def test_what_follows_goes_to_who_was_told(self, reason):
        assert notices().receivers(telling(told=("other",)), reason) == ("other",)

    def test_a_new_firing_is_not_bound_by_the_last(self):
        assert notices().receivers(telling(told=("other",)), Reason.FIRING) == ("team",)

    def test_a_receiver_that_is_gone_gets_nothing(self):
        assert notices().deliveries(telling(), Reason.RESOLVED, ["gone"]) == []


@pytest.mark.parametrize(
    ("event", "before", "reason"),
    [
        (Event.FIRING, AlertState.PENDING, Reason.FIRING),
        (Event.FIRING, AlertState.RECOVERING, Reason.UPDATED),
        (Event.RESOLVED, AlertState.FIRING, Reason.RESOLVED),
        (Event.PENDING, AlertState.INACTIVE, None),
        (Event.INACTIVE, AlertState.PENDING, None),
        (Event.RECOVERING, AlertState.FIRING, None),
        (Event.ESCALATED, AlertState.FIRING, Reason.ESCALATED),
    ],
)
def test_why_it_is_told(event, before, reason):
    assert reason_of(transition(event, before=before)) is reason


def test_a_delivery_is_named_by_what_it_says_to_whom():
    made = notices(team=(CHANNEL, WEBHOOK))
    first = made.deliveries(telling(), Reason.FIRING, ["team"])
    again = made.deliveries(telling(), Reason.FIRING, ["team"])
    resolved = made.deliveries(telling(Event.RESOLVED, at=NOW + 1), Reason.RESOLVED, ["team"])
    assert [one.key for one in first] == [one.key for one in again]
    assert len({one.key for one in (*first, *resolved)}) == 4
    assert [one.lane for one in first] == [one.lane for one in resolved]  # in order, each notifier at its own pace
    assert {one.expires_at - one.created for one in first} == {EXPIRES_AFTER}
    assert idempotency_key("a", "bc") != idempotency_key("ab", "c")


def test_who_took_it_is_said():
    taken = AlertStatus(AlertState.FIRING, NOW, acknowledged=Acknowledgement("ann", NOW, "on it"))
    notice = notices().notice(Telling(transition(Event.ACKNOWLEDGED), taken), Reason.UPDATED, "team")
    assert notice.details[0].startswith("Taken by ann at ")
    assert notice.details[0].endswith(": on it")
