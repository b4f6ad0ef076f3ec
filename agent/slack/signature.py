"""Whether a call comes from Slack: signature `v0` over the body as it arrived.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

from collections.abc import Mapping

from rules.model import SECOND


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether the body is signed with the secret and at most five minutes old; `now` is in UTC microseconds.

    Header names are lower case. With an empty secret nothing is signed.
    """
    from slack_sdk.signature import Clock, SignatureVerifier

    class Now(Clock):
        def now(self) -> float:
            return now / SECOND

    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not secret.strip() or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if not signature.isascii():
        return False
    try:
        return SignatureVerifier(secret, Now()).is_valid(body, timestamp, signature)
    except UnicodeDecodeError:  # Slack sends UTF-8
        return False
