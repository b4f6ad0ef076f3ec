"""The words of a message without its layout, for where Slack refuses the layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.slack_text import escape

_MOST = 3_500  # characters; https://docs.slack.dev/reference/methods/chat.postMessage recommends at most 4,000


def as_words(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a message with everything that its blocks say as its text, shortened, and without metadata.

    Its blocks are empty, which takes away those that a message has when it is edited. Source:
    https://docs.slack.dev/reference/methods/chat.update (what is left out is kept)
    """
    kept = {name: value for name, value in arguments.items() if name not in {"text", "blocks", "metadata"}}
    said = [text for block in arguments.get("blocks") or () for text in _texts(block)]
    text = "\n".join(said or [str(arguments.get("text") or "")])
    return {**kept, "text": text if len(text) < _MOST else f"{text[:_MOST].rpartition(chr(10))[0]}\n…", "blocks": []}


def has_picture(arguments: Mapping[str, Any]) -> bool:
    """Whether the message shows a picture: that may be what is refused."""
    return any(block["type"] == "image" for block in arguments.get("blocks") or ())


def _texts(block: Mapping[str, Any]) -> Iterator[str]:
    """What a block says, as mrkdwn; what can be clicked says nothing."""
    parts = [block.get("text"), *(block.get("fields") or ())]
    parts += (block.get("elements") or ()) if block["type"] == "context" else ()
    for part in parts:
        if isinstance(part, Mapping) and "text" in part:
            text = str(part["text"])
            yield escape(text, len(text) * 5 + 1) if part.get("type") == "plain_text" else text
