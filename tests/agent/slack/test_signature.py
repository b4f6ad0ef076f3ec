"""Signatures, first of all the example that Slack publishes."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from agent.slack.signature import verify
from rules.model import MINUTE, SECOND

# https://docs.slack.dev/authentication/verifying-requests-from-slack
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = "1531420618"
NOW = int(TIMESTAMP) * SECOND
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
HEADERS = {"x-slack-request-timestamp": TIMESTAMP, "x-slack-signature": SIGNATURE}


def signed(body: bytes, timestamp: str = TIMESTAMP, secret: str = SECRET) -> dict[str, str]:
    base = b"v0:" + timestamp.encode() + b":" + body
    signature = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}


def test_slacks_own_example():
    assert verify(SECRET, HEADERS, BODY, NOW)


@pytest.mark.parametrize(("minutes", "good"), [(-5, True), (5, True), (-5.1, False), (5.1, False), (600_000, False)])
def test_it_is_good_for_five_minutes(minutes, good):
    assert verify(SECRET, HEADERS, BODY, NOW + int(minutes * MINUTE)) is good


@pytest.mark.parametrize(
    ("secret", "headers", "body"),
    [
        ("", HEADERS, BODY),
        ("  ", HEADERS, BODY),
        (SECRET + "x", HEADERS, BODY),
        (SECRET, {}, BODY),
        (SECRET, HEADERS, BODY + b"&"),
        (SECRET, HEADERS, b""),
        (SECRET, {**HEADERS, "x-slack-signature": ""}, BODY),
        (SECRET, {**HEADERS, "x-slack-signature": SIGNATURE[3:]}, BODY),
        (SECRET, {**HEADERS, "x-slack-signature": SIGNATURE.upper()}, BODY),
        (SECRET, {**HEADERS, "x-slack-signature": "v0=é"}, BODY),
        (SECRET, {**HEADERS, "x-slack-request-timestamp": ""}, BODY),
        (SECRET, {**HEADERS, "x-slack-request-timestamp": "now"}, BODY),
        (SECRET, {**HEADERS, "x-slack-request-timestamp": "٣"}, BODY),
        (SECRET, {**HEADERS, "x-slack-request-timestamp": "9" * 400}, BODY),
        (SECRET, {**HEADERS, "x-slack-request-timestamp": str(int(TIMESTAMP) + 1)}, BODY),
        (SECRET, signed(b"\xff\xfe"), b"\xff\xfe"),
    ],
)
def test_everything_else_is_refused(secret, headers, body):
    assert verify(secret, headers, body, NOW) is False


def test_the_body_counts_as_it_came():
    body = "text=%C3%A9&text=é".encode()
    assert verify(SECRET, signed(body), body, NOW)
    assert not verify(SECRET, signed(body), body.replace(b"%C3%A9", b"%c3%a9"), NOW)
