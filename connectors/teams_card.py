"""A notice as an Adaptive Card within Teams' limits, in which nothing from outside acts.

Format: https://adaptivecards.io/explorer (version 1.4); Teams takes messages of about 28 kB and shows six actions.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from connectors.base import Sending
from connectors.facts import (
    facts,
    heading,
    is_well,
    links,
    listed,
    mark,
    plain,
    reasons,
    remarks,
    shortened,
    status_word,
)
from rules.model import Notice, Reason

Element = dict[str, Any]

MOST_BYTES = 27_000  # of the 28 kB
_MOST_LISTED = 20
_MOST_ACTIONS = 6
_STYLES = {"critical": "attention", "error": "attention", "warning": "warning", "info": "accent"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ACTIVE = re.compile(r"[&<>\\`*_\[\]~]|\{(?=\{)|(?<=\{)\{|^[-+#](?=\s|#)")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s)")


def message(sending: Sending) -> dict[str, Any]:
    """The body to post. In a card that is too large the texts are cut shorter."""
    notice = sending.notice
    lines = listed(notice, _MOST_LISTED)
    said, why = remarks(notice), reasons(notice)
    for most in (1_500, 400, 100, 30):
        found = _message(sending, [_cut(one, most) for one in (lines, said, why)], most)
        if len(orjson.dumps(found)) <= MOST_BYTES:
            return found
    return _message(sending, [[], [], []], 30)


def escape(text: str) -> str:
    r"""The text as Markdown shows it literally: `&`, `<` and `>` as entities, what else may act behind a `\`.

    Source: https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features, a subset of CommonMark. A mention
    (`<at>`) needs an entity of its own in the card besides, and there never is one.
    """
    return _NUMBERED.sub(r"\1\\\2", _ACTIVE.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text))


def _cut(lines: list[str], most: int) -> list[str]:
    return [shortened(line, most) for line in lines[: _MOST_LISTED + 1]]


def _message(sending: Sending, texts: list[list[str]], most: int) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": shortened(heading(sending.notice), most),
        "body": _body(sending.notice, texts, most),
    }
    actions = _actions(sending)
    if actions:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _body(notice: Notice, texts: list[list[str]], most: int) -> list[Element]:
    lines, said, why = texts
    body = [_head(notice, most)]
    if lines:
        body.append(_several(lines))
    body += [_text(text) for text in said]
    found = [{"title": fact.label, "value": escape(shortened(fact.text, most))} for fact in facts(notice)]
    if found:
        body.append({"type": "FactSet", "facts": found})
    if why:
        body.append(_several(["Why", *why], isSubtle=True, size="Small"))
    named = f"Setpoint, alert {plain(notice.alert)} for receiver {plain(notice.receiver)}"
    body.append(_text(shortened(named, 300), isSubtle=True, size="Small", separator=True))
    return body


def _head(notice: Notice, most: int) -> Element:
    title = shortened(f"{mark(notice)} {heading(notice)}", most)
    return {
        "type": "Container",
        "style": _style(notice),
        "bleed": True,
        "items": [
            _text(status_word(notice).upper(), weight="Bolder", size="Small"),
            _text(title, weight="Bolder", size="Medium", spacing="None"),
        ],
    }


def _style(notice: Notice) -> str:
    if notice.reason in {Reason.TEST, Reason.REPORT}:
        return "emphasis"
    return "good" if is_well(notice) else _STYLES.get(notice.severity, "warning")


def _several(lines: list[str], **how: Any) -> Element:
    return {"type": "Container", "items": [_text(line, **how, spacing="Small") for line in lines]}


def _text(text: str, **how: Any) -> Element:
    return {"type": "TextBlock", "text": escape(text), "wrap": True, **how}


def _actions(sending: Sending) -> list[Element]:
    notice = sending.notice
    found = [("Acknowledge", sending.ack_url)] if sending.ack_url else []
    found += [(link.text, link.url) for link in links(notice) if len(link.url) <= 1_000]
    if notice.external_url:
        found = [*found[: _MOST_ACTIONS - 1], ("Open Setpoint", notice.external_url)]
    return [{"type": "Action.OpenUrl", "title": shortened(text, 60), "url": url} for text, url in found[:_MOST_ACTIONS]]
