"""A Slack message as it is seen: taken apart once, for the terminal and for the picture."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

_LINK = re.compile(r"<([^|>]+)(?:\|([^>]*))?>")
_WIDTH = 78


class Part(NamedTuple):
    """`kind` is header, text, fields, image, buttons or context.

    Fields are (label, text) pairs, buttons (style, text) pairs, of which the style of a menu is `menu`; an image is a
    file's id.
    """

    kind: str
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    file: str = ""


def parts(blocks: Sequence[dict[str, Any]]) -> Iterator[Part]:
    """The parts of a message's blocks, as plain text."""
    for block in blocks:
        kind = block["type"]
        if kind == "header":
            yield Part("header", block["text"]["text"])
        elif kind == "section" and "fields" in block:
            yield Part("fields", fields=tuple(_field(field["text"]) for field in block["fields"]))
        elif kind == "section":
            yield Part("text", shown(block["text"]["text"]))
        elif kind == "image":
            yield Part("image", block["alt_text"], file=block["slack_file"]["id"])
        elif kind == "actions":
            yield Part("buttons", fields=tuple(map(_button, block["elements"])))
        elif kind == "context":
            yield Part("context", " ".join(shown(element["text"]) for element in block["elements"]))


def shown(text: str) -> str:
    """What Slack shows of a text in mrkdwn: links by their words, no stars, no escapes."""
    plain = _LINK.sub(lambda match: match[2] or match[1], text)
    return html.unescape(re.sub(r"(?m)^\*(.+)\*$", r"\1", plain))


def _button(element: dict[str, Any]) -> tuple[str, str]:
    if element["type"] == "button":
        return element.get("style", ""), element["text"]["text"]
    return "menu", element["placeholder"]["text"]


def _field(text: str) -> tuple[str, str]:
    label, _, value = shown(text).partition("\n")
    return label, value


def in_terminal(channel: str, when: str, blocks: Sequence[dict[str, Any]]) -> str:
    """The message in a frame of characters."""
    lines = [f"Setpoint  APP  {when}", ""]
    for part in parts(blocks):
        if part.kind == "fields":
            lines += [f"{label:<16}  {value}" for label, value in part.fields]
        elif part.kind == "image":
            lines.append("[the chart]")
        elif part.kind == "buttons":
            lines.append("  ".join(f"[{words} ▾]" if style == "menu" else f"[{words}]" for style, words in part.fields))
        else:
            lines += part.text.splitlines()
        lines.append("")
    rows = [row for line in lines[:-1] for row in _wrapped(line)]
    top = f"┌─ #{channel} " + "─" * (_WIDTH - len(channel) - 2) + "┐"
    framed = [f"│ {row}{' ' * (_WIDTH - columns(row))} │" for row in rows]
    return "\n".join([top, *framed, "└" + "─" * (_WIDTH + 2) + "┘"])


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH - (columns(line) - len(line)), drop_whitespace=True) or [""]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: signs such as 🔴 take two."""
    return sum(2 if ord(char) >= 0x1F000 or char == "✅" else 1 for char in text)
