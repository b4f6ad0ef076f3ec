import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.base import Misconfigured
from connectors.signing import TOLERANCE, headers, sign, verify

RAW = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(RAW).decode()
BODY = b'{"value": 1}'


def now_seconds() -> int:
    # The other implementation compares with the real clock.
    return int(datetime.now(UTC).timestamp())


def test_the_reference_implementation_accepts_what_we_sign() -> None:
    given_headers = headers(SECRET, "msg_1", now_seconds(), BODY)
    assert Webhook(SECRET).verify(BODY, given_headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", given_headers)


def test_we_accept_what_the_reference_implementation_signs() -> None:
    at = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", at, BODY.decode())
    given_headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    assert verify(SECRET, given_headers, BODY, int(at.timestamp()) * 1_000_000)


def test_any_other_text_is_a_secret_as_it_is() -> None:
    plain = "not base64!"
    encoded = "whsec_" + base64.b64encode(plain.encode()).decode()
    assert sign(plain, "m", 1, BODY) == sign(encoded, "m", 1, BODY)


def test_a_secret_may_lack_its_padding_as_with_the_reference_implementation() -> None:
    unpadded = "whsec_" + base64.b64encode(RAW).decode().rstrip("=")
    assert unpadded != SECRET
    assert sign(unpadded, "m", 1, BODY) == sign(SECRET, "m", 1, BODY)
    Webhook(unpadded).verify(BODY, headers(unpadded, "msg_1", now_seconds(), BODY))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_====", "whsec_!!!notbase64", "whsec_é"])
def test_an_empty_secret_signs_and_verifies_nothing(secret: str) -> None:
    with pytest.raises(Misconfigured, match="empty"):
        sign(secret, "m", 1000, BODY)
    forged = base64.b64encode(hmac.digest(b"", b"m.1000." + BODY, "sha256")).decode()
    given_headers = {"webhook-id": "m", "webhook-timestamp": "1000", "webhook-signature": f"v1,{forged}"}
    assert not verify(secret, given_headers, BODY, 1_000_000_000)


def test_one_of_several_signatures_is_enough() -> None:
    given_headers = headers(SECRET, "m", 1000, BODY)
    given_headers["webhook-signature"] = "v1,AAAA v2,xyz " + given_headers["webhook-signature"]
    assert verify(SECRET, given_headers, BODY, 1_000_000_000)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1001"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "٣"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "é"},
        {"webhook-signature": "v1,\udce9"},
        {"webhook-id": "\udce9"},
        {"webhook-signature": ""},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, str]) -> None:
    assert not verify(SECRET, {**headers(SECRET, "m", 1000, BODY), **change}, BODY, 1_000_000_000)


@pytest.mark.parametrize("age", [TOLERANCE, -TOLERANCE])
def test_old_and_future_messages_are_refused(age: int) -> None:
    now = 10_000_000_000
    timestamp = (now - age) // 1_000_000
    good = headers(SECRET, "m", timestamp, BODY)
    assert verify(SECRET, good, BODY, now)
    assert not verify(SECRET, good, BODY, now + (1_000_000 if age > 0 else -1_000_000))


@given(st.binary(max_size=200), st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_only_the_same_secret_and_body_verify(body: bytes, secret: str, other: str) -> None:
    signed = headers(secret, "m", 1000, body)
    assert verify(secret, signed, body, 1_000_000_000)
    assert not verify(secret, signed, body + b"x", 1_000_000_000)
    same_key = secret.rstrip("\0") == other.rstrip("\0")  # HMAC fills short keys up with zeros
    assert verify(other, signed, body, 1_000_000_000) == same_key


def test_the_time_is_a_tolerance_not_a_window() -> None:
    assert timedelta(microseconds=TOLERANCE) == timedelta(minutes=5)
