"""What is said to a person in Slack: lines of plain words as Block Kit within its limits.

Limits: https://docs.slack.dev/reference/block-kit/blocks (section text 3,000 characters, 50 blocks, 25 elements).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.facts import plain, shortened
from connectors.slack_text import Block, escape, plain_text, section

_IN_SECTION = 2_800
_IN_ALL = 10_000  # below the 12,000 at which a message is too long, with room for a picture and buttons
_IN_LINE = 600
_IN_TEXT = 3_000
_MOST_BUTTONS = 25


@dataclass(frozen=True, slots=True)
class Button:
    """A button below the lines. `act` is its action id, `value` what it is about."""

    act: str
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, seen by the one who asked unless it is `public`.

    `replaces` puts it in the place of the message whose button was clicked. `picture` is the id of a file at Slack.
    `later` is slow work that may have more to say.
    """

    lines: Sequence[str]
    title: str = ""
    buttons: Sequence[Button] = ()
    public: bool = False
    replaces: bool = False
    picture: str = ""
    later: Callable[[], Awaitable[Reply | None]] | None = field(default=None, compare=False)

    def shared(self, public: bool) -> Reply:
        """The same, for all to see if that was asked for."""
        return replace(self, public=public)

    def blocks(self) -> list[Block]:
        """The answer as blocks."""
        found = [section(text) for text in sections(self._said())]
        if self.picture:
            alt = shortened(plain(self.title) or "Chart", 1_000)
            found.append({"type": "image", "slack_file": {"id": self.picture}, "alt_text": alt})
        if self.buttons:
            found.append({"type": "actions", "elements": [_button(one) for one in self.buttons[:_MOST_BUTTONS]]})
        return found

    def message(self) -> dict[str, Any]:
        """Text and blocks, as methods and response URLs take them."""
        whole = "\n".join([self.title, *self.lines] if self.title else self.lines)
        return {"text": escape(whole, _IN_TEXT), "blocks": self.blocks()}

    def answer(self) -> dict[str, Any]:
        """The message with who may see it, as response URLs take it.

        Source: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        return {"replace_original": self.replaces, **self.direct()}

    def direct(self) -> dict[str, Any]:
        """The message with who may see it, as the acknowledgement of a command takes it."""
        return {"response_type": "in_channel" if self.public else "ephemeral", **self.message()}

    def _said(self) -> Iterator[str]:
        if self.title:
            yield f"*{escape(plain(self.title), 200)}*"
        for line in self.lines:
            yield escape("\n".join(map(plain, line.split("\n"))), _IN_LINE)


def lines(*texts: str, public: bool = False) -> Reply:
    """An answer of a few lines."""
    return Reply(texts, public=public)


def cut(texts: Iterable[str], most: int) -> list[str]:
    """The first lines, and how many more there are."""
    found = list(texts)
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most:,} more"]


def sections(texts: Iterable[str]) -> Iterator[str]:
    """The lines in pieces that fit into a section each; what is too long for a message is counted."""
    piece, left, all_ = "", _IN_ALL, list(texts)
    for index, text in enumerate(all_):
        left -= len(text) + 1
        if left < 0:
            piece += f"\n… and {len(all_) - index:,} more lines"
            break
        if piece and len(piece) + len(text) + 1 > _IN_SECTION:
            yield piece
            piece = ""
        piece = f"{piece}\n{text}" if piece else text
    if piece.strip():
        yield piece


def _button(one: Button) -> Block:
    label = plain_text(plain(one.label), 75)
    return {"type": "button", "action_id": f"{one.act}:{one.value}", "value": one.value, "text": label}
