"""A notice as a Slack message: Block Kit within Slack's limits, and nothing from outside that acts.

Limits: https://docs.slack.dev/reference/block-kit/blocks (header 150, section text 3,000, 10 fields of 2,000).
The sum of a message's texts is kept below 12,000 characters, where Slack refuses it as too long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.facts import Fact, facts, heading, links, listed, mark, plain, reasons, remarks, shortened
from rules.model import Notice, Reason

Block = dict[str, Any]

_IN_FIELDS = 10
_IN_SECTION = 10  # alerts; there are two sections of them, and a line for those that are cut
_MOST_LISTED = 2 * _IN_SECTION - 1
_WHEN_FIRED = ("Value", "Goal", "Progress", "Required rate", "Rate left", "Projection")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def message(notice: Notice, fired: Mapping[str, Any] | None = None, file: str | None = None) -> dict[str, Any]:
    """The arguments `text` and `blocks`. `fired` is what `firing(...)` gave, `file` the id of the chart at Slack."""
    line = f"{mark(notice)} {heading(notice)}"
    shown = facts(notice)
    blocks: list[Block] = [{"type": "header", "text": _plain_text(line, 150)}]
    if len(line) > 150:
        blocks.append(_section(escape(line, 1_000)))
    fields = [fact for fact in shown if fact.label != "Labels"][:_IN_FIELDS]
    if fields:
        blocks.append({"type": "section", "fields": [_field(fact) for fact in fields]})
    lines = listed(notice, _MOST_LISTED)
    texts = ("\n".join(escape(one, 290) for one in lines[at : at + _IN_SECTION]) for at in (0, _IN_SECTION))
    blocks += [_section(text) for text in texts if text]
    said = remarks(notice)
    if said:
        blocks.append(_section(escape("\n".join(said), 3_000)))
    if notice.status == "resolved" and fired:
        blocks.append(_section(_when_fired(fired)))
    why = reasons(notice)
    if why:
        blocks.append({"type": "context", "elements": [_mrkdwn(escape("\n".join(why), 1_500))]})
    if file:
        blocks.append({"type": "image", "slack_file": {"id": file}, "alt_text": shortened(f"Chart: {line}", 1_000)})
    blocks.append(_footer(notice, shown))
    return {"text": escape(line, 1_000), "blocks": blocks}


def firing(notice: Notice) -> dict[str, Any]:
    """What of a firing is kept, to stay visible in its resolve; JSON."""
    kept = [[fact.label, fact.text] for fact in facts(notice) if fact.label in _WHEN_FIRED]
    return {"heading": shortened(heading(notice), 500), "facts": kept}


def escape(text: str, limit: int) -> str:
    """The text as mrkdwn shows it literally, at most `limit` characters.

    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    kept: list[str] = []
    room = limit - 1
    for char in text:
        piece = _ESCAPES.get(char, char)
        if len(piece) > room:
            return "".join(kept).rstrip() + "…"
        kept.append(piece)
        room -= len(piece)
    return "".join(kept)


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links, channels or mentions out of what labels and values say
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": shortened(text, limit), "emoji": False}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _field(fact: Fact) -> Block:
    return _mrkdwn(f"*{fact.label}*\n{escape(fact.text, 300)}")


def _when_fired(fired: Mapping[str, Any]) -> str:
    pairs: Sequence[Sequence[str]] = fired.get("facts", ())
    numbers = " · ".join(f"{label}: {text}" for label, text in pairs)
    text = f"*When it fired*\n{escape(str(fired.get('heading', '')), 600)}"
    return f"{text}\n{escape(numbers, 900)}" if numbers else text


def _footer(notice: Notice, shown: Sequence[Fact]) -> Block:
    linked = [f"<{_address(link.url)}|{escape(link.text, 50)}>" for link in links(notice)[:5] if len(link.url) < 500]
    named = plain(notice.alert) if notice.reason is not Reason.TEST else f"test of receiver {plain(notice.receiver)}"
    labels = [fact.text for fact in shown if fact.label == "Labels"]
    words = [escape(text, 500) for text in [named, *labels] if text]
    return {"type": "context", "elements": [_mrkdwn(" · ".join([*linked, *words]) or "Setpoint")]}


def _address(url: str) -> str:
    return escape(url.replace("|", "%7C"), 3_000)
