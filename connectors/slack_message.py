"""A notice as a Slack message: Block Kit within Slack's limits, and nothing from outside that acts.

Limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks, header 150, section 3,000, 10 fields of 2,000).
The sum of a message's texts is kept below 12,000 characters, where Slack refuses it as too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.facts import Fact, facts, heading, links, listed, mark, names, plain, reasons, remarks, shortened
from connectors.slack_buttons import asked, proposes
from connectors.slack_text import Block, escape, mrkdwn, plain_text, section
from rules.model import Notice, Reason

_IN_FIELDS = 10
_IN_SECTION = 10  # alerts; there are two sections of them, and a line for those that are cut
_MOST_LISTED = 2 * _IN_SECTION - 1
_WHEN_FIRED = ("Value", "Goal", "Progress", "Required rate", "Rate left", "Projection")
_MOST_TEXT = 11_500  # characters of all blocks
_MOST_NAME = 100
_ASKS = re.compile(  # what the question with its buttons says
    r"(?:^|: )(?:Correction [^:]* proposed(?:, attempt \d+)?(?:: .*)?"
    r"|It waits for a person until .*: setpoint approve \S+ \(or reject\))$"
)
_IN_PARAGRAPH = 2_800
_MOST_LINKS = 1_200  # characters of all links


@dataclass(frozen=True, slots=True)
class Extras:
    """What a message has beside the notice: what `firing(...)` gave, the id of the chart at Slack, that it fired
    `again`, in words, and whether clicks are heard; None: nobody is asked anything."""

    fired: Mapping[str, Any] | None = None
    file: str | None = None
    again: str = ""
    clicks: bool | None = None


_NONE = Extras()


def message(notice: Notice, extras: Extras = _NONE) -> dict[str, Any]:
    """The arguments `text`, which notifications show, and `blocks`."""
    line = f"{mark(notice)} {heading(notice)}"
    shown = facts(notice)
    blocks: list[Block] = [{"type": "header", "text": plain_text(line, 150)}]
    if len(line) > 150:
        blocks.append(section(escape(line, 600)))
    fields = [fact for fact in shown if fact.label != "Labels"][:_IN_FIELDS]
    if fields:
        blocks.append({"type": "section", "fields": [_field(fact) for fact in fields]})
    lines = listed(notice, _MOST_LISTED)
    texts = ("\n".join(escape(one, 230) for one in lines[at : at + _IN_SECTION]) for at in (0, _IN_SECTION))
    blocks += [section(text) for text in texts if text]
    named = len(blocks)
    counted = replace(notice, unsaid=0) if extras.again else notice
    if extras.clicks and proposes(notice):
        counted = replace(counted, details=tuple(one for one in notice.details if not _ASKS.search(one)))
    said = [text for text in (extras.again, *remarks(counted), _taken(notice)) if text]
    if said:
        blocks.append(section(escape("\n".join(said), 1_500)))
    if notice.status == "resolved" and extras.fired:
        blocks.append(section(when_fired(extras.fired)))
    why = reasons(notice)
    if why:
        blocks.append({"type": "context", "elements": [mrkdwn(escape("\n".join(why), 1_000))]})
    if extras.file:
        picture = {"slack_file": {"id": extras.file}, "alt_text": shortened(f"Chart: {line}", 1_000)}
        blocks.append({"type": "image", **picture})
    if extras.clicks is not None:
        blocks += asked(notice, clicks=extras.clicks)
    blocks.append(_footer(notice, shown))
    blocks[named:named] = _names(names(notice, _MOST_LISTED), _MOST_TEXT - len(str(blocks)))
    return {"text": escape(line, 1_000), "blocks": blocks}


def firing(notice: Notice) -> dict[str, Any]:
    """What of a firing is kept, to stay visible in its resolve; JSON."""
    kept = [[fact.label, fact.text] for fact in facts(notice) if fact.label in _WHEN_FIRED]
    return {"heading": shortened(heading(notice), 500), "facts": kept}


def _taken(notice: Notice) -> str:
    """Who took it, unless a detail says it already."""
    who = plain(notice.acknowledged_by)
    said = f"Taken by {who}"
    return said if who and not any(said in plain(detail) for detail in notice.details) else ""


def _names(left: list[str], room: int) -> Iterator[Block]:
    """Those that are in no line, as far as there is room."""
    text = ""
    for number, name in enumerate(left):
        piece = escape(name, _MOST_NAME)
        room -= len(piece) + 2
        if room < 0:
            text += f" and {len(left) - number} more"
            break
        if len(text) + len(piece) > _IN_PARAGRAPH:
            yield section(text)
            text = ""
        text += f", {piece}" if text else piece
    if text:
        yield section(text)


def _field(fact: Fact) -> Block:
    return mrkdwn(f"*{fact.label}*\n{escape(fact.text, 300)}")


def when_fired(fired: Mapping[str, Any]) -> str:
    """What is kept of a firing, escaped."""
    pairs: Sequence[Sequence[str]] = fired.get("facts", ())
    numbers = " · ".join(f"{label}: {text}" for label, text in pairs)
    text = f"*When it fired*\n{escape(str(fired.get('heading', '')), 600)}"
    return f"{text}\n{escape(numbers, 900)}" if numbers else text


def _footer(notice: Notice, shown: Sequence[Fact]) -> Block:
    named = plain(notice.alert) if notice.reason is not Reason.TEST else f"test of receiver {plain(notice.receiver)}"
    labels = [fact.text for fact in shown if fact.label == "Labels"]
    words = [escape(text, 400) for text in [named, *labels] if text]
    return {"type": "context", "elements": [mrkdwn(" · ".join([*_links(notice), *words]) or "Setpoint")]}


def _links(notice: Notice) -> Iterator[str]:
    """Those of the notice and the one to our page, as far as there is room."""
    found = [(link.url, link.text) for link in links(notice)[:5]]
    if notice.external_url and notice.reason is not Reason.TEST:
        found.append((f"{notice.external_url}/#{'alerts' if notice.status == 'firing' else 'targets'}", "Open"))
    room = _MOST_LINKS
    for url, text in found:
        made = f"<{_address(url)}|{escape(text, 50)}>"
        if len(made) <= room:
            room -= len(made)
            yield made


def _address(url: str) -> str:
    return escape(url.replace("|", "%7C"), 3_000)
