"""Who is told of what, and that neither a template nor a number loses a notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.alerts.notices import Notices, Saying, context_of, reason_of, values_of
from agent.config.configuration import Configuration, NotifierEntry
from agent.sending.envelopes import EXPIRES_AFTER, idempotency_key, read_notice
from connectors import registry
from rules.corrections import line
from rules.grouping import own_group, routed_group
from rules.model import (
    Acknowledgement,
    AlertRule,
    AlertState,
    AlertStatus,
    Assessment,
    Correction,
    Event,
    Goal,
    Group,
    InstanceKey,
    Notice,
    Projection,
    Reason,
    RunState,
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


def saying(event: Event = Event.FIRING, **changes: Any) -> Saying:
    return Saying(transition(event, **changes), AlertStatus(AlertState.FIRING, NOW))


def told(by: Notices, reason: Reason, *sayings: Saying, receiver: str = "team", group: Group | None = None):
    """The deliveries of one group of its own, or of the group given; what is resolved is told as such."""
    firing = [one for one in sayings if one.transition.event is not Event.RESOLVED]
    resolved = [one for one in sayings if one.transition.event is Event.RESOLVED]
    group = group or own_group(receiver, "hot", "f", NOW)
    return by.deliveries(group, reason, firing, resolved, max(one.transition.at for one in sayings))


class TestUpdates:
    def test_only_who_can_edit_what_it_sent_hears_of_them(self):
        made = notices(team=(CHANNEL, HOOK, WEBHOOK, CONSOLE))
        for reason, positions in (
            (Reason.FIRING, [0, 1, 2, 3]),
            (Reason.RESOLVED, [0, 1, 2, 3]),
            (Reason.UPDATED, [0, 3]),
        ):
            assert [one.position for one in told(made, reason, saying())] == positions

    def test_the_console_that_nobody_configured_does(self):
        (made,) = told(notices(notify=()), Reason.UPDATED, saying(), receiver="console")
        assert made.receiver == "console"


class TestTemplates:
    def test_one_that_fails_is_seen_and_loses_nothing(self):
        made = notices(
            ("less", "{{ labels.nowhere }}{{ labels.room }} is hot"),
            ("worse", "{{ value / 0 }}"),
            ("good", "{{ labels.room }} is {{ value }} {{ unit }}"),
        )
        (delivery,) = told(made, Reason.FIRING, saying())
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


def test_a_receiver_that_is_gone_gets_nothing():
    assert told(notices(), Reason.RESOLVED, saying(Event.RESOLVED), receiver="gone") == []


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
    first = told(made, Reason.FIRING, saying())
    again = told(made, Reason.FIRING, saying())
    resolved = told(made, Reason.RESOLVED, saying(Event.RESOLVED, at=NOW + 1))
    assert [one.key for one in first] == [one.key for one in again]
    assert len({one.key for one in (*first, *resolved)}) == 4
    assert [one.lane for one in first] == [one.lane for one in resolved]  # in order, each notifier at its own pace
    assert {one.expires_at - one.created for one in first} == {EXPIRES_AFTER}
    assert idempotency_key("a", "bc") != idempotency_key("ab", "c")


def test_who_took_it_is_said():
    taken = AlertStatus(AlertState.FIRING, NOW, acknowledged=Acknowledgement("ann", NOW, "on it"))
    notice = notices().notice(Saying(transition(Event.ACKNOWLEDGED), taken), Reason.UPDATED, "team", NOW)
    assert notice.details[0].startswith("Taken by ann at ")
    assert notice.details[0].endswith(": on it")


def run(state: RunState, **changes: Any) -> Correction:
    made = Correction("f-1-cool", KEY, "hot", "f", 1, "cool", state, 1, NOW, NOW, detail="so it went")
    return replace(made, **changes)


class TestNews:
    def news(self, saying: Saying) -> list[tuple[str, bool]]:
        return [(one.words, one.failed) for one in notices().notice(saying, Reason.UPDATED, "team", NOW).news]

    @pytest.mark.parametrize(
        ("state", "news"),
        [
            (RunState.PROPOSED, []),
            (RunState.APPROVED, []),
            (RunState.CALLED, []),
            (RunState.VERIFYING, []),
            (RunState.SKIPPED, []),
            (RunState.VERIFIED, [("Correction cool verified: so it went", False)]),
            (RunState.FAILED, [("Correction cool failed: so it went", True)]),
            (RunState.ESCALATED, [("Correction cool failed and was escalated: so it went", True)]),
        ],
    )
    def test_a_correction_is_one_when_it_ended_and_is_said_again_in_every_notice(self, state, news):
        for event in (Event.CORRECTION, Event.RESOLVED):
            assert self.news(Saying(transition(event), AlertStatus(), (run(state),))) == news

    def test_an_escalation_is_one_and_says_to_whom(self):
        escalated = transition(Event.ESCALATED, to=("oncall", "boss"), detail="Not acknowledged for 30m")
        assert self.news(Saying(escalated, AlertStatus())) == [
            ("Escalated to oncall, boss: Not acknowledged for 30m", True)
        ]

    def test_that_of_a_correction_is_said_once(self):
        failed = run(RunState.ESCALATED)
        escalated = transition(Event.ESCALATED, to=("oncall",), detail=line(failed))
        assert self.news(Saying(escalated, AlertStatus(), (failed,))) == [(line(failed), True)]


class TestSeveral:
    BOTH = "Room: 2 of 2 alerts firing: den, attic"

    def two(self, **changes: Any) -> tuple[Saying, Saying]:
        attic = (("alertname", "hot"), ("room", "attic"), ("severity", "warning"), ("target", "room"))
        first = saying()
        return first, saying(labels=attic, fingerprint="g", key=InstanceKey("room", (("room", "attic"),)), **changes)

    def notice(self, *sayings: Saying, reason: Reason = Reason.FIRING) -> Notice:
        group = routed_group(Route("team", group_by=("target",)), LABELS, NOW)
        (delivery,) = told(notices(), reason, *sayings, group=group)
        assert delivery.lane == f"team/0/{group.id}"
        return read_notice(delivery.payload)

    def test_all_are_there_the_gravest_first_and_counted(self):
        found = self.notice(*reversed(self.two()))
        assert [alert.fingerprint for alert in found.alerts] == ["f", "g"]
        assert (found.headline, found.severity, found.status) == (self.BOTH, "critical", "firing")
        assert (found.group_key, found.group_labels) == ('{}:{target="room"}', {"target": "room"})
        assert found.alerts[1].headline == "Room (attic) out of band: 25.5 °C, wanted at most 23 °C"

    def test_sources_are_named_once_each(self):
        labels = [(("alertname", "source-down"), ("severity", "warning"), ("source", name)) for name in ("api", "shop")]
        found = self.notice(*(saying(labels=one, fingerprint=one[2][1], key=InstanceKey("")) for one in labels))
        assert found.headline == "2 of 2 alerts firing: Source api, Source shop"

    def test_equal_ones_have_an_order_of_their_own(self):
        others = [saying(fingerprint=name, key=InstanceKey("room", (("room", name),))) for name in "cab"]
        group = routed_group(Route("team", group_by=("target",)), LABELS, NOW)
        (one,), (again,) = (told(notices(), Reason.FIRING, *order, group=group) for order in (others, others[::-1]))
        assert (one.key, one.payload) == (again.key, again.payload)

    def test_those_that_ended_come_last(self):
        found = self.notice(*self.two(event=Event.RESOLVED), reason=Reason.RESOLVED)
        assert found.headline == "Room: 1 of 2 alerts firing, 1 resolved: den"
        assert (found.status, found.ends_at) == ("firing", None)
        assert [alert.status for alert in found.alerts] == ["firing", "resolved"]

    def test_it_is_taken_when_all_that_fires_is(self):
        by_ann = Acknowledgement("ann", NOW, ""), Acknowledgement("bob", NOW, "")
        taken = [replace(one.status, acknowledged=by) for one, by in zip(self.two(), by_ann, strict=True)]
        first, second = self.two()
        assert self.notice(replace(first, status=taken[0]), second).acknowledged_by == ""
        both = replace(first, status=taken[0]), replace(second, status=taken[1])
        assert self.notice(*both).acknowledged_by == "ann, bob"
        over = self.two(event=Event.RESOLVED)[1]
        assert self.notice(both[0], over, reason=Reason.RESOLVED).acknowledged_by == "ann"

    def test_what_all_have_in_common_is_said_once(self):
        taken = AlertStatus(AlertState.FIRING, NOW, acknowledged=Acknowledgement("ann", NOW, ""))
        first, second = (replace(one, status=taken) for one in self.two())
        (said,) = self.notice(first, second).details
        assert said.startswith("Taken by ann at ")
        assert [line.split(" at ")[0] for line in self.notice(first, self.two()[1]).details] == ["den: Taken by ann"]

    def test_those_that_are_new_come_first(self):
        first, second = self.two()
        found = self.notice(first, replace(second, fresh=True))
        assert [(alert.fingerprint, alert.fresh) for alert in found.alerts] == [("g", True), ("f", False)]
        assert (found.headline, found.severity) == ("Room: 2 of 2 alerts firing: attic, den", "critical")

    def test_many_are_counted(self):
        labels = [(*LABELS[:1], ("room", f"r{number}"), *LABELS[2:]) for number in range(61)]
        found = self.notice(*(saying(labels=each, fingerprint=f"{number:02}") for number, each in enumerate(labels)))
        assert found.headline == "Room: 61 of 61 alerts firing: r0, r1, r2, r3, r4 and 56 more"

    def test_proposals_and_news_are_those_of_all(self):
        first, second = self.two()
        proposed = replace(first, runs=(run(RunState.PROPOSED, id="a"),))
        found = self.notice(proposed, replace(second, runs=(run(RunState.FAILED), run(RunState.PROPOSED, id="b"))))
        assert [(one.id, one.of) for one in found.proposals] == [("a", "den"), ("b", "attic")]
        assert [one.words for one in found.news] == ["attic: Correction cool failed: so it went"]

    def test_one_looks_as_if_it_were_alone(self):
        alone, grouped = read_notice(told(notices(), Reason.FIRING, saying())[0].payload), self.notice(saying())
        assert grouped.headline == alone.headline
        assert (alone.group, alone.episode) == ("", NOW)
        assert grouped.group
        assert len(grouped.alerts) == len(alone.alerts) == 1
