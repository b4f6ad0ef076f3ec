"""Rate limits of the Slack server: by method, and of posts by channel.

Source: https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Callable

from aiohttp import web

_SECOND = 1_000_000


class Rates(dict[str, tuple[int, int]]):
    """(calls, seconds) by method; none is set at first. `now` gives UTC microseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__()
        self._now = now
        self._taken: dict[tuple[str, str], list[int]] = {}

    def refusal(self, method: str, place: str) -> web.Response | None:
        """The answer to one call too many in the place; None if it may be made, which is counted."""
        count, seconds = self.get(method, (0, 0))
        if not count:
            return None
        now = self._now()
        taken = [at for at in self._taken.get((method, place), []) if now - at < seconds * _SECOND]
        self._taken[method, place] = taken
        if len(taken) < count:
            taken.append(now)
            return None
        wait = math.ceil((taken[0] - now) / _SECOND) + seconds
        headers = {"Retry-After": str(wait)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
