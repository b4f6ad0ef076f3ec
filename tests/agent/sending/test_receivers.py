"""How receivers are reached, and who else hears of what did not get through."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import orjson
import pytest

from agent.config.configuration import Configuration, NotifierEntry
from agent.sending.envelopes import EXPIRES_AFTER, read_notice
from agent.sending.receivers import Receivers, failing
from agent.store.codec import encode
from agent.store.records import Delivery, DeliveryKind, ReceiverState
from connectors.base import ConnectorError, Refused
from rules.model import MINUTE, Matcher, Notice, Reason
from rules.routing import Route
from tests.connectors.notifiers import kit
from tests.connectors.notifiers.reports import report

ENTRY = NotifierEntry("console", None)
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


class TestUndeliverable:
    def told(self, route: Route | None, reason=Reason.FIRING) -> list[Delivery]:
        return reached(route).undeliverable(growth(reason), GONE)

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
        (made,) = known.undeliverable(report_delivery(), Refused("gone", permanent=True))
        said = read_notice(made.payload)
        assert (made.kind, made.receiver, said.reason) == (DeliveryKind.NOTICE, "all", Reason.UNDELIVERABLE)
        assert said.headline.startswith("Weekly numbers: 1 of 3")
        assert said.details[-1] == "Receiver growth could not be told: gone"
        other = report_delivery(dataclasses.replace(report(), name="other"))
        (another,) = known.undeliverable(other, Refused("gone", permanent=True))
        assert made.lane != another.lane  # neither waits for the other, nor is taken for it


class TestWaiting:
    def test_each_alert_that_begins_meanwhile_is_told_once(self):
        known, error = reached(Route("fallback")), until_mended()

        def told(**changes):
            keys = {name: changes.pop(name) for name in ("key",) if name in changes}
            made = known.waiting(delivery(kit.notice(receiver="growth", **changes), **keys), error)
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
            return len(known.waiting(delivery(notice), error))

        assert [told(1, 2, fresh=(1, 2)), told(1, 2), told(2, 1, fresh=(1,)), told(3, 1, 2, fresh=(3,))] == [2, 0, 0, 2]

    def test_it_is_told_once_for_each_reason_and_again_after_it_worked(self):
        known, one = reached(Route("fallback")), growth()
        told = known.waiting(one, until_mended())
        assert [made.receiver for made in told] == ["fallback", "fallback"]
        words = read_notice(told[0].payload).details[-1]
        assert words == (
            "Receiver growth can't be told: Slack refused: token_revoked. What it misses waits for up to three days"
        )
        assert known.waiting(dataclasses.replace(one, key="another"), until_mended()) == []
        assert known.waiting(one, until_mended("Slack refused: missing_scope"))
        known.settled(one, None, kit.NOW)
        assert known.waiting(one, until_mended())

    def test_that_it_ended_for_good_later_is_said_as_well(self):
        known = reached(Route("fallback"))
        told = known.waiting(growth(), until_mended())
        lost = known.undeliverable(growth(), until_mended())
        assert {one.key for one in told}.isdisjoint(one.key for one in lost)

    def test_a_restart_does_not_repeat_it(self):
        error = until_mended()
        before = reached(Route("fallback")).waiting(growth(), error)
        known = reached(Route("fallback"), PLACES, ReceiverState("growth", 0, 5, str(error)))
        assert known.waiting(growth(Reason.RESOLVED), error) == []
        assert [one.key for one in known.waiting(growth(), error)] == [one.key for one in before]  # stored already


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
