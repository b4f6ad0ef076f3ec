"""Slack's rules for what can be clicked on in a message.

Sources: https://docs.slack.dev/reference/block-kit/block-elements/button-element and select-menu-element,
https://docs.slack.dev/reference/block-kit/composition-objects/option-object and confirmation-dialog-object
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Problem = tuple[str, str]

_PLAIN = frozenset({"plain_text"})
_BOTH = frozenset({"mrkdwn", "plain_text"})
_KEYS = {
    "button": {"text", "action_id", "url", "value", "style", "confirm", "accessibility_label"},
    "static_select": {
        "action_id",
        "options",
        "option_groups",
        "initial_option",
        "confirm",
        "focus_on_load",
        "placeholder",
    },
}
_STYLES = {"primary", "danger"}
_CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}


def of_elements(elements: Sequence[Any], where: str) -> Iterator[Problem]:
    """What is wrong with the elements of one block."""
    for number, element in enumerate(elements):
        yield from of_element(element, f"{where}/{number}")
    ids = [element.get("action_id") for element in elements if isinstance(element, dict) and "action_id" in element]
    if len(ids) != len(set(map(str, ids))):
        yield "`action_id` already exists", where


def of_element(element: Any, where: str) -> Iterator[Problem]:
    """What is wrong with a button or a menu."""
    kind = element.get("type") if isinstance(element, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        yield "unsupported element", where
        return
    for extra in sorted(set(element) - _KEYS[kind] - {"type"}):
        yield f"invalid additional property: {extra}", where
    yield from _string(element, "action_id", 255, where)
    if "confirm" in element:
        yield from _of_confirm(element["confirm"], f"{where}/confirm")
    yield from (_of_button if kind == "button" else _of_select)(element, where)


def _of_button(button: Mapping[str, Any], where: str) -> Iterator[Problem]:
    yield from text(button.get("text"), f"{where}/text", 75, _PLAIN)
    yield from _string(button, "value", 2_000, where)
    yield from _string(button, "url", 3_000, where)
    yield from _string(button, "accessibility_label", 75, where)
    yield from _style(button, where)


def _of_select(select: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if "placeholder" in select:
        yield from text(select["placeholder"], f"{where}/placeholder", 150, _PLAIN)
    if ("options" in select) == ("option_groups" in select):
        yield "exactly one of options and option_groups is required", where
    for name in ("options", "option_groups"):
        given = select.get(name)
        if name not in select:
            continue
        if not isinstance(given, list) or not 1 <= len(given) <= 100:
            yield "must have 1 to 100 items", f"{where}/{name}"
        elif name == "option_groups":
            for number, group in enumerate(given):
                yield from _of_group(group, f"{where}/{name}/{number}")
        else:
            yield from _of_options(given, f"{where}/{name}")
    if "initial_option" in select and select["initial_option"] not in _offered(select):
        yield "must be one of the options", f"{where}/initial_option"


def _offered(select: Mapping[str, Any]) -> list[Any]:
    groups = [group.get("options", []) for group in select.get("option_groups", []) if isinstance(group, dict)]
    return [*select.get("options", []), *(option for group in groups for option in group)]


def _of_group(group: Any, where: str) -> Iterator[Problem]:
    if not isinstance(group, dict) or set(group) != {"label", "options"}:
        yield "must have label and options", where
        return
    yield from text(group["label"], f"{where}/label", 75, _PLAIN)
    if not isinstance(group["options"], list) or not 1 <= len(group["options"]) <= 100:
        yield "must have 1 to 100 items", f"{where}/options"
    else:
        yield from _of_options(group["options"], f"{where}/options")


def _of_options(options: Sequence[Any], where: str) -> Iterator[Problem]:
    for number, option in enumerate(options):
        at = f"{where}/{number}"
        if not isinstance(option, dict) or not {"text", "value"} <= set(option) <= {"text", "value", "description"}:
            yield "must have text and value", at  # `url` is for overflow menus only
            continue
        yield from text(option["text"], f"{at}/text", 75, _PLAIN)
        yield from _string(option, "value", 150, at)
        if "description" in option:
            yield from text(option["description"], f"{at}/description", 75, _PLAIN)


def _of_confirm(confirm: Any, where: str) -> Iterator[Problem]:
    if not isinstance(confirm, dict):
        yield "must be an object", where
        return
    for extra in sorted(set(confirm) - set(_CONFIRM) - {"style"}):
        yield f"invalid additional property: {extra}", where
    for name, limit in _CONFIRM.items():
        yield from text(confirm.get(name), f"{where}/{name}", limit, _PLAIN)
    yield from _style(confirm, where)


def _style(value: Mapping[str, Any], where: str) -> Iterator[Problem]:
    if "style" in value and value["style"] not in _STYLES:
        yield "must be one of danger, primary", f"{where}/style"


def _string(value: Mapping[str, Any], name: str, limit: int, where: str) -> Iterator[Problem]:
    given = value.get(name)
    if name in value and (not isinstance(given, str) or not 1 <= len(given) <= limit):
        yield f"must be 1 to {limit} characters", f"{where}/{name}"


def text(value: Any, where: str, limit: int, kinds: frozenset[str] = _BOTH) -> Iterator[Problem]:
    """What is wrong with a text object."""
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield f"must be one of {', '.join(sorted(kinds))}", f"{where}/type"
        return
    allowed = {"type", "text", "verbatim"} if value["type"] == "mrkdwn" else {"type", "text", "emoji"}
    for extra in sorted(set(value) - allowed):
        yield f"invalid additional property: {extra}", where
    given = value.get("text")
    if not isinstance(given, str) or not given:
        yield "must be more than 0 characters", f"{where}/text"
    elif len(given) > limit:
        yield f"must be less than {limit + 1} characters", f"{where}/text"
