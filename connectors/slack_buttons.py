"""The buttons of a Slack message: made by the notifier, read by what hears of clicks.

`action_id` is the act. The value of acknowledge and why is the alert's fingerprint, or the id of its group where the
message is about several; that of approve and reject is the correction's id. An option of silence has
`<duration>:<fingerprint or group>`.
"""

from __future__ import annotations

ACKNOWLEDGE = "acknowledge"
SILENCE = "silence"
WHY = "why"
APPROVE = "approve"
REJECT = "reject"
SILENCE_FOR = {"1h": "1 hour", "4h": "4 hours", "1d": "1 day", "7d": "7 days"}


def silence_of(value: str) -> tuple[str, str]:
    """The duration and the fingerprint (or group) of an option's value. Raises ValueError."""
    span, colon, about = value.partition(":")
    if not colon or not about or span not in SILENCE_FOR:
        raise ValueError("is no value of the silence menu")
    return span, about
