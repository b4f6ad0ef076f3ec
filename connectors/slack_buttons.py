"""The buttons of a Slack message: made here, read by what hears of clicks.

`action_id` is the act. The value of acknowledge and why is the alert's fingerprint, or the id of its group where the
message is about several; that of approve and reject is the correction's id, that of confirm the id of a test. An option
of silence has `<duration>:<fingerprint or group>`.

Source: https://docs.slack.dev/reference/block-kit/block-elements/button-element and select-menu-element; action ids are
unique within a block, and a message that is updated gets new block ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from connectors.facts import moment, plain
from connectors.slack_text import Block, escape, mrkdwn, plain_text, section
from rules.model import Notice, Proposal, Reason

ACKNOWLEDGE = "acknowledge"
SILENCE = "silence"
WHY = "why"
APPROVE = "approve"
REJECT = "reject"
CONFIRM = "confirm"
BLOCK = "setpoint:"  # what every block id begins with; the fingerprint or the correction's id follows, then the time
SILENCE_FOR = {"1h": "1 hour", "4h": "4 hours", "1d": "1 day", "7d": "7 days"}
_WITHOUT = frozenset({Reason.TEST, Reason.UNDELIVERABLE})
_MOST_PROPOSALS = 3
_LONGEST_ID = 200  # of the 255 characters of a block id


def subject(notice: Notice) -> str:
    """What acknowledge and silence are about: the alert, or the group where there are several."""
    return notice.group if notice.group and len(notice.every) > 1 else notice.fingerprint


def silence_of(value: str) -> tuple[str, str]:
    """The duration and the fingerprint (or group) of an option's value. Raises ValueError."""
    span, colon, about = value.partition(":")
    if not colon or not about or span not in SILENCE_FOR:
        raise ValueError("is no value of the silence menu")
    return span, about


def asked(notice: Notice, *, clicks: bool) -> list[Block]:
    """What people can do about a notice that fires; `clicks`: whether clicks are heard. None about what is over."""
    if notice.reason is Reason.TEST and notice.confirm and clicks:
        return [{"type": "actions", "elements": [_button(CONFIRM, "It arrived", notice.confirm, style="primary")]}]
    if notice.status != "firing" or notice.reason in _WITHOUT or notice.of_itself:
        return []
    return [*_proposals(notice, clicks=clicks), *([_acts(notice)] if clicks else [])]


def proposes(notice: Notice) -> bool:
    """Whether every proposal of the notice is a question with buttons."""
    of_those = notice.status == "firing" and notice.reason not in _WITHOUT and not notice.of_itself
    return of_those and 0 < len(notice.proposals) <= _MOST_PROPOSALS


def _acts(notice: Notice) -> Block:
    about = subject(notice)
    return acts(about, _block_id(about, notice), taken=bool(notice.acknowledged_by), alone=len(notice.every) < 2)


def acts(about: str, block: str, *, taken: bool, alone: bool = True) -> Block:
    """What can be done about an alert or a group that fires; `block` is the block's id, `alone`: it is one alert."""
    elements: list[Block] = [] if taken else [_button(ACKNOWLEDGE, "Acknowledge", about)]
    elements.append(
        {
            "type": "static_select",
            "action_id": SILENCE,
            "placeholder": plain_text("Silence for", 150),
            "options": [
                {"text": plain_text(words, 75), "value": f"{span}:{about}"} for span, words in SILENCE_FOR.items()
            ],
        }
    )
    if alone:
        elements.append(_button(WHY, "Why", about))
    return {"type": "actions", "block_id": block, "elements": elements}


def _proposals(notice: Notice, *, clicks: bool) -> Iterator[Block]:
    for proposal in notice.proposals[:_MOST_PROPOSALS]:
        yield section(_question(proposal, notice.zone, clicks=clicks))
        if clicks:
            buttons = [
                _button(APPROVE, "Approve", proposal.id, style="primary"),
                _button(REJECT, "Reject", proposal.id, style="danger"),
            ]
            yield {"type": "actions", "block_id": _block_id(proposal.id, notice), "elements": buttons}
    more = len(notice.proposals) - _MOST_PROPOSALS
    if more > 0:
        yield {"type": "context", "elements": [mrkdwn(f"and {more} more proposed")]}


def _question(proposal: Proposal, zone: str, *, clicks: bool) -> str:
    of = f" for {escape(plain(proposal.of), 100)}" if proposal.of else ""
    lines = [f"*Proposed{of}: {escape(plain(proposal.action), 100)}*"]
    if proposal.words:
        lines.append(escape(plain(proposal.words), 250))
    if proposal.expires is not None:
        lines.append(f"Lapses {moment(proposal.expires, zone)}")
    if not clicks:
        lines.append(f"`setpoint approve` or `setpoint reject` {escape(plain(proposal.id), 250)}")
    return "\n".join(lines)


def shown_at(block: str) -> int | None:
    """When the message was made whose block this is, in UTC microseconds; None where its id does not say."""
    at = block.rpartition(":")[2]
    return int(at) if block.startswith(BLOCK) and at.isascii() and at.isdigit() and len(at) < 20 else None


def _button(act: str, words: str, value: str, **style: str) -> Block:
    return {"type": "button", "action_id": act, "text": plain_text(words, 75), "value": value, **style}


def _block_id(about: str, notice: Notice) -> str:
    named = about if len(about) <= _LONGEST_ID else hashlib.sha256(about.encode()).hexdigest()
    return f"{BLOCK}{named}:{notice.at}"
