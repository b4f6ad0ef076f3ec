"""Links that acknowledge: who may, for how long, and what for."""

from __future__ import annotations

import base64
import dataclasses
import hmac

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.configuration import Configuration, NotifierEntry
from agent.runtime import OpenAlert
from agent.sending.ack_links import GOOD_FOR, AckLinks, Expired, Forged, asked, person
from agent.store.records import Delivery, DeliveryKind
from connectors import registry
from rules.model import DAY, SECOND, InstanceKey, Reason
from tests.connectors.notifiers import kit

SECRET = bytes(range(32))
PAGE = "https://setpoint.example.com"
KEY = "5d41402abc4b2a76b9719d911017c592"
LINKS = AckLinks(SECRET, PAGE)


def delivery(notice, **changes) -> Delivery:
    payload = orjson.dumps(notice, option=orjson.OPT_SERIALIZE_DATACLASS)
    made = Delivery(KEY, DeliveryKind.NOTICE, notice.receiver, 0, "lane", payload, notice.at, notice.at, notice.at)
    return dataclasses.replace(made, **changes)


def open_alert(fingerprint: str, fired_at: int | None = kit.NOW, by: str | None = None) -> OpenAlert:
    return OpenAlert(
        InstanceKey("room"), "hot", fingerprint, {}, f"{fingerprint} is hot", "firing", kit.NOW, fired_at, by
    )


class TestTokens:
    def test_a_link_says_which_delivery_it_is_for_for_a_week(self):
        link = LINKS.of(kit.notice(), KEY)
        assert link.startswith(f"{PAGE}/ack/")
        token = link.rpartition("/")[2]
        assert LINKS.read(token, kit.NOW + GOOD_FOR - SECOND) == KEY
        with pytest.raises(Expired):
            LINKS.read(token, kit.NOW + GOOD_FOR)
        assert GOOD_FOR == 7 * DAY
        assert len(token) < 120
        assert LINKS.of(kit.notice(), KEY) == link  # also when the message is tried again

    @pytest.mark.parametrize(
        "notice",
        [
            kit.resolved(),
            kit.notice(reason=Reason.TEST),
            kit.notice(target="", alert="blind"),
            kit.notice(acknowledged_by="Ann"),
            kit.several(0, 2),
        ],
    )
    def test_there_is_none_where_there_is_nothing_to_take(self, notice):
        assert LINKS.of(notice, KEY) == ""

    def test_there_is_one_for_a_group_of_which_one_is_taken(self):
        assert LINKS.of(kit.several(acknowledged_by="Ann"), KEY)

    def test_there_is_none_where_nobody_could_follow_it(self):
        assert AckLinks(SECRET, "").of(kit.notice(), KEY) == ""

    def test_another_key_is_another_daemon(self):
        with pytest.raises(Forged):
            AckLinks(bytes(32), PAGE).read(LINKS.token(KEY, kit.NOW + DAY), kit.NOW)

    def test_no_bit_of_it_can_be_changed(self):
        token = LINKS.token(KEY, kit.NOW + DAY)
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        for bit in range(len(raw) * 8):
            other = bytearray(raw)
            other[bit // 8] ^= 1 << bit % 8
            with pytest.raises(Forged):
                LINKS.read(base64.urlsafe_b64encode(other).decode().rstrip("="), kit.NOW)

    @given(st.text(max_size=400))
    def test_what_is_no_token_is_forged(self, text):
        with pytest.raises(Forged):
            LINKS.read(text, kit.NOW)

    def test_what_else_is_signed_with_the_key_is_no_link(self):
        said = ((kit.NOW + DAY) // SECOND).to_bytes(8, "big") + KEY.encode()
        other = said + hmac.digest(SECRET, said, "sha256")
        with pytest.raises(Forged):
            LINKS.read(base64.urlsafe_b64encode(other).decode().rstrip("="), kit.NOW)

    def test_a_forged_end_is_no_end(self):
        token = LINKS.token(KEY, kit.NOW - SECOND)
        with pytest.raises(Forged):  # not Expired, which would say that it was one
            AckLinks(bytes(32), PAGE).read(token, kit.NOW)


class TestWhatIsAsked:
    def test_an_alert_of_this_firing_is_to_be_taken(self):
        found = asked(delivery(kit.notice()), [open_alert(kit.notice().fingerprint)])
        assert [alert.fingerprint for alert in found.open] == [kit.notice().fingerprint]
        assert (found.taken, found.over, found.again) == ([], [], False)

    def test_a_later_firing_is_another(self):
        later = open_alert(kit.notice().fingerprint, kit.NOW + 1)
        found = asked(delivery(kit.notice()), [later])
        assert (found.open, found.taken, found.again) == ([], [], True)
        pending = open_alert(kit.notice().fingerprint, None)
        assert not asked(delivery(kit.notice()), [pending]).again

    def test_of_a_group_those_that_fired_in_the_message_and_still_do(self):
        alerts = [open_alert("f0"), open_alert("f2"), open_alert("f3", by="Ann"), open_alert("f9")]
        found = asked(delivery(kit.several(5, 1)), alerts)  # f5 was resolved, f9 is in no message
        assert [alert.fingerprint for alert in found.open] == ["f0", "f2"]
        assert [alert.fingerprint for alert in found.taken] == ["f3"]
        assert [alert.fingerprint for alert in found.over] == ["f1", "f4"]


@pytest.mark.parametrize(
    ("kind", "keys", "name", "via"),
    [
        ("email", {"to": ["Ops <ops@example.com>"]}, "ops@example.com", "email"),
        ("email", {"to": ["a@example.com", "b@example.com"]}, "growth", "email"),
        ("teams", {"url": "https://x"}, "growth", "teams"),
    ],
)
def test_who_acts_is_who_was_written_to(kind, keys, name, via):
    made = registry.load("notifiers", kind).Config.model_validate({"type": kind, **keys})
    config = Configuration({}, {}, receivers={"growth": (NotifierEntry(kind, made),)})
    found = person(delivery(kit.notice()), config)
    assert (found.name, found.via, found.id) == (name, via, "growth")
    gone = person(delivery(kit.notice(), position=3), config)
    assert (gone.name, gone.via) == ("growth", "email")
