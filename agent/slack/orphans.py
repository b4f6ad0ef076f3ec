"""A message that Slack took although its answer was lost: it was posted again, and nobody edits the first one.

Looking for it in the channel's history would need the scope to read what people write there. A click shows it: it is
not the message that is remembered of the alert, and older than that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from agent.slack.api import tried
from agent.slack.visit import Visit
from agent.store.errors import StoreError
from connectors.base import ConnectorError
from connectors.slack_buttons import ACKNOWLEDGE, SILENCE, WHY, silence_of
from connectors.slack_thread import replaced

log = structlog.get_logger()


async def put_aside(visit: Visit, act: str, value: str, message: Mapping[str, Any]) -> None:
    """Puts words in the place of a message, if it is one that nobody edits; `value` of `act` was clicked below it.

    Raises nothing.
    """
    about, ts = _subject(act, value, message.get("blocks")), str(message.get("ts") or "")
    if not about or not _is_time(ts) or not visit.api.usable:
        return
    try:
        known = [one for one in await visit.runtime.messages_about(about) if one.get("channel") == visit.channel]
        times = [str(one.get("ts")) for one in known if _is_time(str(one.get("ts")))]
        newest = max(times, key=float, default="")
        if not newest or ts in times or float(newest) < float(ts):
            return
        await visit.api.in_time("chat_update", channel=visit.channel, ts=ts, **await _words(visit, newest))
    except (ConnectorError, StoreError) as error:
        log.warning("slack.orphan_left", error=str(error))


async def _words(visit: Visit, newest: str) -> dict[str, Any]:
    found = await tried(visit.api.call("chat_getPermalink", channel=visit.channel, message_ts=newest))
    link = str(found.get("permalink") or "") if found else ""
    return replaced(link)


def _subject(act: str, value: str, blocks: Any) -> str:
    """What an alert's message is about, by what was clicked or else by its menu. Empty for any other message."""
    if act in {ACKNOWLEDGE, WHY}:
        return value
    values = [value] if act == SILENCE else [*_menus(blocks)]
    try:
        return silence_of(values[0])[1] if values else ""
    except ValueError:
        return ""


def _menus(blocks: Any) -> Iterator[str]:
    """The first value of each menu that silences."""
    for block in blocks if isinstance(blocks, Sequence) else ():
        for element in (block.get("elements") or ()) if isinstance(block, Mapping) else ():
            if isinstance(element, Mapping) and element.get("action_id") == SILENCE:
                with suppress(KeyError, IndexError, TypeError):
                    yield str(element["options"][0]["value"])


def _is_time(ts: str) -> bool:
    return ts.isascii() and ts.replace(".", "", 1).isdigit()
