"""Texts as Slack takes them: nothing from outside acts, and nothing is longer than it may be."""

from __future__ import annotations

from typing import Any

from connectors.facts import shortened

Block = dict[str, Any]

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


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


def mrkdwn(text: str) -> Block:
    """A text object; Slack makes no links, channels or mentions out of what labels and values in it say."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain_text(text: str, limit: int) -> Block:
    """A text object that shows every character as it is."""
    return {"type": "plain_text", "text": shortened(text, limit), "emoji": False}


def section(text: str) -> Block:
    """A paragraph; `text` is mrkdwn of at most 3,000 characters."""
    return {"type": "section", "text": mrkdwn(text)}
