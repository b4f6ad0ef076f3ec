"""Pictures that Slack takes in after it has said that they are there: how long a message waits for its own.

An upload is complete before it can be shown; until then a message with it is refused as `invalid_blocks`. Source:
https://docs.slack.dev/reference/methods/files.completeUploadExternal, and slack-github-action issue 413. Asking
`files.info` instead would need the scope files:read, with which an app may read everybody's files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.base import ConnectorError

T = TypeVar("T")
_WAITS = (1.0, 2.0, 4.0)  # seconds between tries; each try is one of the fifty calls a minute
_RESERVE = 3.0  # seconds that are left for the other way


async def once_more(call: Callable[[], Awaitable[T]]) -> T:
    """Tried a second time, when Slack allows: the dispatcher would send the words again too."""
    try:
        return await call()
    except ConnectorError as error:
        if error.permanent or error.until_mended:
            raise
        return await call()


async def when_taken_in(show: Callable[[], Awaitable[T]], pause: Callable[[float], Awaitable[None]], until: float) -> T:
    """What `show` gives, which is tried again while Slack is still taking its picture in.

    Nothing is waited for beyond `until` (of the event loop's time). Raises what the last try raised.
    """
    for seconds in _WAITS:
        try:
            return await show()
        except ConnectorError as error:
            late = asyncio.get_running_loop().time() + seconds + _RESERVE > until
            if late or not _is_taken_in_later(error):
                raise
        await pause(seconds)
    return await show()


def _is_taken_in_later(error: ConnectorError) -> bool:
    """Whether Slack refused what may be a picture that it has not taken in yet."""
    return "invalid_blocks" in str(error)
