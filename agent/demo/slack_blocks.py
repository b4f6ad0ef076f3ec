"""Slack's rules for messages, as far as they are documented: what it would refuse is refused here.

Sources: https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_TOTAL = 12_000  # characters of all texts of a message's blocks together
_FILE_ID = re.compile(r"F[A-Z0-9]{8,}")
_KEYS = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "divider": set(),
    "image": {"image_url", "slack_file", "alt_text", "title"},
    "context": {"elements"},
    "actions": {"elements"},
}

FileReady = Callable[[str], bool]


def problems(blocks: Any, file_ready: FileReady) -> list[str]:
    """What is wrong with `blocks`, in Slack's words; `file_ready` says whether an uploaded file may be shown."""
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    found = [f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"] if len(blocks) > MAX_BLOCKS else []
    for number, block in enumerate(blocks):
        found += [f"{text} [json-pointer:/blocks/{number}{where}]" for text, where in _of_block(block, file_ready)]
    ids = [block.get("block_id") for block in blocks if isinstance(block, dict) and "block_id" in block]
    if len(ids) != len(set(map(str, ids))):
        found.append("`block_id` already exists [json-pointer:/blocks]")
    return found


def total_text(value: Any) -> int:
    """The characters of every `text` in the blocks."""
    if isinstance(value, list):
        return sum(map(total_text, value))
    if not isinstance(value, dict):
        return 0
    own = value.get("text")
    rest = sum(total_text(inner) for key, inner in value.items() if key != "text" or not isinstance(inner, str))
    return rest + (len(own) if isinstance(own, str) else 0)


Problem = tuple[str, str]


def _of_block(block: Any, file_ready: FileReady) -> Iterator[Problem]:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        yield f"unsupported type: {kind}", "/type"
        return
    for extra in sorted(set(block) - _KEYS[kind] - {"type", "block_id"}):
        yield f"invalid additional property: {extra}", ""
    if len(str(block.get("block_id", ""))) > 255:
        yield "must be less than 256 characters", "/block_id"
    if kind == "header":
        yield from _text(block.get("text"), "/text", 150, {"plain_text"})
    elif kind == "section":
        yield from _of_section(block)
    elif kind == "image":
        yield from _of_image(block, file_ready)
    elif kind in {"context", "actions"}:
        yield from _of_elements(block, 10 if kind == "context" else 25)


def _of_section(block: Mapping[str, Any]) -> Iterator[Problem]:
    fields = block.get("fields")
    if "text" not in block and not fields:
        yield "missing required field: text", ""
    if "text" in block:
        yield from _text(block["text"], "/text", 3_000)
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            yield "must have 1 to 10 items", "/fields"
            return
        for number, entry in enumerate(fields):
            yield from _text(entry, f"/fields/{number}", 2_000)


def _of_image(block: Mapping[str, Any], file_ready: FileReady) -> Iterator[Problem]:
    alt = block.get("alt_text")
    if not isinstance(alt, str) or not 1 <= len(alt) <= 2_000:
        yield "must be 1 to 2000 characters", "/alt_text"
    if "title" in block:
        yield from _text(block["title"], "/title", 2_000, {"plain_text"})
    file = block.get("slack_file")
    if (file is None) == ("image_url" not in block):
        yield "exactly one of image_url and slack_file is required", ""
    elif file is not None:
        given = file.get("id") if isinstance(file, dict) and set(file) == {"id"} else None
        if not isinstance(given, str) or not _FILE_ID.fullmatch(given):
            yield "input must match regex pattern: ^[F][A-Z0-9]{8,}$", "/slack_file/id"
        elif not file_ready(given):
            yield "invalid slack file", "/slack_file"


def _of_elements(block: Mapping[str, Any], limit: int) -> Iterator[Problem]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= limit:
        yield f"must have 1 to {limit} items", "/elements"
        return
    for number, element in enumerate(elements):
        where = f"/elements/{number}"
        if block["type"] == "context":
            yield from _text(element, where, 3_000)
        elif not isinstance(element, dict) or element.get("type") != "button":
            yield "unsupported element", where
        else:
            yield from _text(element.get("text"), f"{where}/text", 75, {"plain_text"})


def _text(
    value: Any, where: str, limit: int, kinds: frozenset[str] | set[str] = frozenset({"mrkdwn", "plain_text"})
) -> Iterator[Problem]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield f"must be one of {', '.join(sorted(kinds))}", f"{where}/type"
        return
    allowed = {"type", "text", "verbatim"} if value["type"] == "mrkdwn" else {"type", "text", "emoji"}
    for extra in sorted(set(value) - allowed):
        yield f"invalid additional property: {extra}", where
    text = value.get("text")
    if not isinstance(text, str) or not text:
        yield "must be more than 0 characters", f"{where}/text"
    elif len(text) > limit:
        yield f"must be less than {limit + 1} characters", f"{where}/text"
