"""Standard Webhooks signatures (https://www.standardwebhooks.com), the symmetric kind, `v1`.

HMAC-SHA256 over `id.timestamp.body`. A secret written `whsec_<base64>` is decoded, padded or not; any other text is
used as it is. One with that prefix and no base64 after it is none: it would not be the other side's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from connectors.base import Misconfigured
from connectors.fields import Token
from rules.model import MINUTE, SECOND

TOLERANCE = 5 * MINUTE  # how far a message's time may be from now; bounds replays
_PREFIX = "whsec_"


def sign(secret: str, msg_id: str, timestamp: int, body: bytes) -> str:
    """The value of the `webhook-signature` header; `timestamp` is in whole seconds.

    Raises Misconfigured where the secret is empty, since anybody could sign with that, or is none.
    """
    signed = f"{msg_id}.{timestamp}.".encode("utf-8", "replace") + body  # a server may hand on any bytes
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def headers(secret: str, msg_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that identify and sign a message."""
    return {
        "webhook-id": msg_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, msg_id, timestamp, body),
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether a message is signed with the secret and recent. Header names are lower case, `now` in microseconds.

    Several signatures, separated by spaces, may be given while a secret is being changed: one has to fit. With an empty
    secret, or with none, nothing is signed.
    """
    if not _key_of(secret):
        return False
    msg_id, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not msg_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(now - int(timestamp) * SECOND) > TOLERANCE:
        return False
    right = sign(secret, msg_id, int(timestamp), body).encode()
    candidates = given.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(right, candidate.encode("utf-8", "replace")) for candidate in candidates)


def _key(secret: str) -> bytes:
    key = _key_of(secret)
    if not key:
        raise Misconfigured("the secret that signs is empty, or not base64 after whsec_")
    return key


def _key_of(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:  # a character of another alphabet too
        return b""


def _can_sign(value: Token) -> Token:
    secret = value.get_secret_value()
    if not _key_of(secret):
        raise ValueError(f"begins with {_PREFIX}, and no base64 follows; copy all of it, or take another secret")
    return value


SigningSecret = Annotated[Token, AfterValidator(_can_sign)]
"""A secret that signs or proves a signature."""
