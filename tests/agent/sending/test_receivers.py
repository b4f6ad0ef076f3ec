"""How receivers are reached, and who else hears of what did not get through."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import orjson
import pytest

from agent.config.configuration import Configuration, NotifierEntry
from agent.deciding.decided import Decision
from agent.deciding.memory import Memory
from agent.sending.envelopes import EXPIRES_AFTER, read_notice
from agent.sending.receivers import Receivers, failing
from agent.store.codec import encode
from agent.store.records import Delivery, DeliveryKind, ReceiverState, Remembered
from connectors.base import ConnectorError, Refused
from connectors.notifiers.pagerduty import events
from connectors.notifiers.webhook import WebhookConfig
from connectors.payload import payload
from rules.model import MINUTE, Matcher, Notice, Reason, Trouble
from rules.routing import Route
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.reports import report

ENTRY, WEBHOOK, PAGER = (NotifierEntry(kind, None) for kind in ("console", "webhook", "pagerduty"))
GONE = Refused("https://hooks.example.com answered 410 Gone", status=410)
PLACES = {"growth": (ENTRY,), "fallback": (ENTRY, ENTRY)}


def reached(
    route: Route | None = None, places: Mapping[str, tuple[NotifierEntry, ...]] = PLACES, *stored: ReceiverState
) -> Receivers:
    made = Receivers(stored)
    made.use(Configuration({}, {}, receivers=places, route=route))
    return made


def delivery(notice: Notice, **changes) -> Delivery:
    payload = orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)
    made = Delivery(
        "key", DeliveryKind.NOTICE, notice.receiver, 0, "lane", payload, notice.at, notice.at, notice.at + EXPIRES_AFTER
    )
    return dataclasses.replace(made, **changes)


def growth(reason=Reason.FIRING, **changes) -> Delivery:
    return delivery(kit.notice(receiver="growth", reason=reason), **changes)


def report_delivery(of=None) -> Delivery:
    content = orjson.loads(encode(of or report()))
    payload = orjson.dumps({"report": "weekly", "headline": "Weekly numbers", "content": content})
    return growth(kind=DeliveryKind.REPORT, payload=payload)


def until_mended(words: str = "Slack refused: token_revoked") -> ConnectorError:
    error = Refused(words, permanent=False)
    error.until_mended = True
    return error


def lost(known: Receivers, one: Delivery, error: ConnectorError) -> list[Delivery]:
    return list(known.undeliverable(one, error, kit.NOW).deliveries)


def waits(known: Receivers, one: Delivery, error: ConnectorError) -> list[Delivery]:
    made = known.waiting(one, error, kit.NOW)
    return list(made.deliveries) if made else []


class TestUndeliverable:
    def told(self, route: Route | None, reason=Reason.FIRING) -> list[Delivery]:
        return lost(reached(route), growth(reason), GONE)

    def test_each_notifier_of_the_route_s_receiver_hears_of_it(self):
        made = self.told(Route("fallback"))
        assert [(one.receiver, one.position) for one in made] == [("fallback", 0), ("fallback", 1)]
        assert len({one.key for one in made}) == len({one.lane for one in made}) == 2
        assert all(one.key != "key" and one.expires_at > kit.NOW + EXPIRES_AFTER for one in made)
        notice = read_notice(made[0].payload)
        assert (notice.reason, notice.receiver) == (Reason.UNDELIVERABLE, "fallback")
        assert notice.details[-1] == "Receiver growth could not be told: https://hooks.example.com answered 410 Gone"
        assert notice.details[0] == "Taken by Ann at 18:53"
        assert notice.headline == kit.notice().headline

    def test_of_a_test_nobody_else_hears(self):
        assert self.told(Route("fallback"), Reason.TEST) == []

    def test_the_same_failure_makes_the_same_notice(self):
        first, second = self.told(Route("fallback")), self.told(Route("fallback"))
        assert [one.key for one in first] == [one.key for one in second]

    @pytest.mark.parametrize("route", [None, Route("growth")])
    def test_without_another_receiver_the_console_hears_of_it(self, route):
        (made,) = self.told(route)
        assert made.receiver == "console"

    def test_one_about_a_fallback_s_own_failure_is_not_made(self):
        assert self.told(Route("fallback"), Reason.UNDELIVERABLE) == []

    def test_labels_and_matchers_do_not_matter(self):
        route = Route("fallback", routes=(Route("growth", (Matcher("severity", "=", "critical"),)),))
        assert {one.receiver for one in self.told(route)} == {"fallback"}

    def test_a_report_is_said_as_a_notice(self):
        known = reached(Route("all"), {"growth": (), "all": (ENTRY,)})
        (made,) = lost(known, report_delivery(), Refused("gone", permanent=True))
        said = read_notice(made.payload)
        assert (made.kind, made.receiver, said.reason) == (DeliveryKind.NOTICE, "all", Reason.UNDELIVERABLE)
        assert said.headline.startswith("Weekly numbers: 1 of 3")
        assert said.details[-1] == "Receiver growth could not be told: gone"
        other = report_delivery(dataclasses.replace(report(), name="other"))
        (another,) = lost(known, other, Refused("gone", permanent=True))
        assert made.lane != another.lane  # neither waits for the other, nor is taken for it


class TestWaiting:
    def test_each_alert_that_begins_meanwhile_is_told_once(self):
        known, error = reached(Route("fallback")), until_mended()

        def told(**changes):
            keys = {name: changes.pop(name) for name in ("key",) if name in changes}
            made = waits(known, delivery(kit.notice(receiver="growth", **changes), **keys), error)
            return [read_notice(one.payload).fingerprint for one in made]

        assert told() == [kit.notice().fingerprint] * 2
        assert told(key="again") == []
        assert told(fingerprint="late") == ["late"] * 2
        assert told(fingerprint="late", key="it fires again", starts_at=kit.NOW + MINUTE) == []
        assert told(fingerprint="late", key="graver", reason=Reason.RAISED, severity="critical") == ["late"] * 2
        for reason in (Reason.RESOLVED, Reason.UPDATED, Reason.REMINDER, Reason.UNCORRECTED, Reason.TEST):
            assert told(fingerprint="old", reason=reason) == []

    def test_of_a_group_those_count_that_begin(self):
        known, error = reached(Route("fallback")), until_mended()

        def told(*numbers, fresh=()):
            alerts = tuple(kit.alert(number, fresh=number in fresh) for number in numbers)
            notice = dataclasses.replace(kit.several(), receiver="growth", reason=Reason.FIRING, alerts=alerts)
            return len(waits(known, delivery(notice), error))

        assert [told(1, 2, fresh=(1, 2)), told(1, 2), told(2, 1, fresh=(1,)), told(3, 1, 2, fresh=(3,))] == [2, 0, 0, 2]

    def test_it_is_told_once_for_each_reason_and_again_after_it_worked(self):
        known, one = reached(Route("fallback")), growth()
        told = waits(known, one, until_mended())
        assert [made.receiver for made in told] == ["fallback", "fallback"]
        words = read_notice(told[0].payload).details[-1]
        assert words == (
            "Receiver growth can't be told: Slack refused: token_revoked. What it misses waits for up to three days"
        )
        assert waits(known, dataclasses.replace(one, key="another"), until_mended()) == []
        assert waits(known, one, until_mended("Slack refused: missing_scope"))
        known.settled(one, None, kit.NOW)
        assert waits(known, one, until_mended())

    def test_that_it_ended_for_good_later_is_said_as_well(self):
        known = reached(Route("fallback"))
        told = waits(known, growth(), until_mended())
        ended = lost(known, growth(), until_mended())
        assert {one.key for one in told}.isdisjoint(one.key for one in ended)

    def test_a_restart_does_not_repeat_it(self):
        error = until_mended()
        before = waits(reached(Route("fallback")), growth(), error)
        known = reached(Route("fallback"), PLACES, ReceiverState("growth", 0, 5, str(error)))
        assert waits(known, growth(Reason.RESOLVED), error) == []
        assert [one.key for one in waits(known, growth(), error)] == [one.key for one in before]  # stored already


class TestStates:
    def test_since_when_and_why_a_receiver_fails_until_it_works(self):
        known = reached(None, PLACES, ReceiverState("fallback", 1, 5, "down"), ReceiverState("gone", 0, 5, "down"))
        assert known.states() == [ReceiverState("fallback", 1, 5, "down")]  # the other is not configured any more
        known.settled(growth(), GONE, kit.NOW)
        known.settled(growth(), until_mended(), kit.NOW + MINUTE)
        stands = ReceiverState("growth", 0, kit.NOW, "Slack refused: token_revoked")
        assert failing(known.states()) == [ReceiverState("fallback", 1, 5, "down"), stands]
        known.settled(growth(), None, kit.NOW + MINUTE)
        assert known.states()[1] == ReceiverState("growth", 0)
        assert len(failing(known.states())) == 1

    def test_calls_and_what_is_unsent_say_nothing_of_it(self):
        known, later = reached(), Refused("as often as is allowed", permanent=False, retry_after=9)
        later.unsent = True
        known.settled(growth(), later, kit.NOW)
        known.settled(growth(kind=DeliveryKind.CALL), GONE, kit.NOW)
        assert known.states() == []


class TestKeptOpen:
    """Who keeps open what it was told hears of the receiver itself: once that it can't be told, and once that it can."""

    PLACES: ClassVar = {"growth": (ENTRY,), "fallback": (WEBHOOK, ENTRY, PAGER)}

    def known(self, *troubles: Trouble, route: str = "fallback", **places: tuple[NotifierEntry, ...]) -> Receivers:
        made = Receivers()
        receivers = {**self.PLACES, "other": (WEBHOOK,), **places}
        made.use(Configuration({}, {}, receivers=receivers, route=Route(route)), troubles)
        return made

    def let_go(self, known: Receivers, now: int = kit.NOW + MINUTE) -> list[tuple[str, int, str, str]]:
        memory = Memory(Remembered({}, {}, ()))
        decision = Decision(now, memory)
        known.let_go(decision)
        told = [read_notice(one.payload) for one in decision.deliveries]
        assert all(one.over == now for one in decision.troubles.values())
        return [
            (one.receiver, each.position, one.status, one.headline)
            for one, each in zip(told, decision.deliveries, strict=True)
        ]

    def test_whatever_it_missed_is_one_alert_with_its_own_labels(self):
        known = self.known()
        first = known.undeliverable(growth(), GONE, kit.NOW)
        other = delivery(kit.resolved(receiver="growth", fingerprint="another"), key="another")
        second = known.undeliverable(other, GONE, kit.NOW + MINUTE)
        assert [one.position for one in first.deliveries] == [0, 1, 2]
        webhook, words, pager = (read_notice(one.payload) for one in first.deliveries)
        assert words.fingerprint == kit.notice().fingerprint
        later = read_notice(second.deliveries[0].payload)
        for one in (webhook, pager, later):
            assert payload(one)["alerts"][0]["labels"] == {
                "alertname": "receiver-down", "notifier": "0", "receiver": "growth", "severity": "critical",
            }  # fmt: skip
            assert (one.status, one.starts_at, one.fingerprint) == ("firing", kit.NOW, webhook.fingerprint)
        assert webhook.headline == f"Receiver growth could not be told: {GONE}"
        assert webhook.annotations == {"summary": webhook.headline, "missed": kit.notice().headline}
        assert later.details[0].startswith("Resolved: ")
        assert first.troubles == second.troubles
        assert len({one.key for made in (first, second) for one in made.deliveries}) == 6

    def test_it_is_over_once_when_something_gets_through(self):
        known = self.known()
        assert known.reached(growth(), kit.NOW) is None
        begun = known.undeliverable(growth(), GONE, kit.NOW)
        over = known.reached(growth(Reason.RESOLVED), kit.NOW + MINUTE)
        assert [(one.position, one.lane) for one in over.deliveries] == [
            (one.position, one.lane) for one in begun.deliveries if one.position != 1
        ]
        said = [read_notice(one.payload) for one in over.deliveries]
        assert {(one.reason, one.status, one.headline) for one in said} == {
            (Reason.RESOLVED, "resolved", "Receiver growth can be told again")
        }
        fired, ended = (events(kit.sending(read_notice(made.deliveries[-1].payload)))[0] for made in (begun, over))
        assert (fired["event_action"], ended["event_action"]) == ("trigger", "resolve")
        assert fired["dedup_key"] == ended["dedup_key"]
        assert [one.over for one in over.troubles] == [kit.NOW + MINUTE]
        assert known.reached(growth(), kit.NOW + MINUTE) is None

    def test_a_restart_knows_of_it(self):
        begun = self.known().undeliverable(growth(), GONE, kit.NOW)
        assert self.known(*begun.troubles).reached(growth(), kit.NOW).deliveries
        ended = [dataclasses.replace(one, over=kit.NOW) for one in begun.troubles]
        assert self.known(*ended).reached(growth(), kit.NOW) is None

    def test_what_waits_until_it_is_mended_too(self):
        known = self.known()
        made = known.waiting(growth(), until_mended(), kit.NOW)
        assert read_notice(made.deliveries[0].payload).alert == "receiver-down"
        assert known.reached(growth(), kit.NOW).deliveries

    def test_a_webhook_with_a_body_of_its_own_is_told_as_people_are(self):
        own = WebhookConfig(type="webhook", url="http://chat.local/", json={"text": "{{ heading }}"})
        known = self.known(fallback=(NotifierEntry("webhook", own),))
        made = known.undeliverable(growth(), GONE, kit.NOW)
        assert not made.troubles
        assert read_notice(made.deliveries[0].payload).headline == kit.notice().headline

    def test_who_keeps_nothing_open_makes_no_trouble(self):
        known = reached(Route("fallback"))
        assert not known.undeliverable(growth(), GONE, kit.NOW).troubles
        assert known.reached(growth(), kit.NOW) is None

    def test_what_the_configuration_drops_is_over(self):
        begun = self.known().undeliverable(growth(), GONE, kit.NOW).troubles
        words = "Receiver growth is no longer configured"
        known = self.known(*begun, growth=())
        assert self.let_go(known) == [("fallback", 0, "resolved", words), ("fallback", 2, "resolved", words)]
        assert self.let_go(known) == []
        assert self.let_go(self.known(*begun)) == []

    def test_where_others_hear_of_it_now_it_is_over(self):
        begun = self.known().undeliverable(growth(), GONE, kit.NOW).troubles
        known = self.known(*begun, route="other")
        assert [(name, position) for name, position, *_ in self.let_go(known)] == [("fallback", 0), ("fallback", 2)]
        assert [one.receiver for one in known.undeliverable(growth(), GONE, kit.NOW).troubles] == ["other"]

    def test_they_are_told_with_the_next_message_that_it_misses_though_the_reason_is_the_same(self):
        known = self.known()
        assert waits(known, growth(), until_mended())
        assert not waits(known, growth(), until_mended())
        known.use(Configuration({}, {}, receivers={**self.PLACES, "other": (WEBHOOK,)}, route=Route("other")))
        self.let_go(known)
        assert [one.receiver for one in waits(known, growth(), until_mended())] == ["other"]
        assert not waits(known, growth(), until_mended())
