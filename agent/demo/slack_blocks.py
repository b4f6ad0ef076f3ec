"""Slack's rules for messages, as far as they are documented: what it would refuse is refused here.

Sources: https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agent.demo.slack_elements import Problem, of_element, of_elements, text

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
        found += [f"{said} [json-pointer:/blocks/{number}{where}]" for said, where in _of_block(block, file_ready)]
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


def _of_block(block: Any, file_ready: FileReady) -> Iterator[Problem]:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        yield f"unsupported type: {kind}", "/type"
        return
    for extra in sorted(set(block) - _KEYS[kind] - {"type", "block_id"}):
        yield f"invalid additional property: {extra}", ""
    if "block_id" in block and not (isinstance(block["block_id"], str) and 1 <= len(block["block_id"]) <= 255):
        yield "must be 1 to 255 characters", "/block_id"
    if kind == "header":
        yield from text(block.get("text"), "/text", 150, frozenset({"plain_text"}))
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
        yield from text(block["text"], "/text", 3_000)
    if "accessory" in block:
        yield from of_element(block["accessory"], "/accessory")
    if fields is not None:
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            yield "must have 1 to 10 items", "/fields"
            return
        for number, entry in enumerate(fields):
            yield from text(entry, f"/fields/{number}", 2_000)


def _of_image(block: Mapping[str, Any], file_ready: FileReady) -> Iterator[Problem]:
    alt = block.get("alt_text")
    if not isinstance(alt, str) or not 1 <= len(alt) <= 2_000:
        yield "must be 1 to 2000 characters", "/alt_text"
    if "title" in block:
        yield from text(block["title"], "/title", 2_000, frozenset({"plain_text"}))
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
    elif block["type"] == "context":
        for number, element in enumerate(elements):
            yield from text(element, f"/elements/{number}", 3_000)
    else:
        yield from of_elements(elements, "/elements")
