"""A web analytics API on the loopback. What it tells are the real daily visitors of a real site, see data/README.md.

The days are moved by whole weeks so that the story's today falls on the same weekday; which stretch is told is fixed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from types import TracebackType
from typing import Self

from aiohttp import web

TOKEN = "demo-traffic-token"  # noqa: S105 - this server's own, worth nothing elsewhere
_MONDAY = date(2020, 6, 1)  # the Monday of the week told as this one: visitors fell off the month before
_HISTORY = timedelta(days=60)


def today(now: int) -> date:
    """The UTC date at a time in microseconds."""
    return datetime.fromtimestamp(now / 1_000_000, UTC).date()


def real_visitors() -> dict[date, int]:
    """Unique visits by day, as they were."""
    text = files("agent.demo").joinpath("data/daily-website-visitors.csv").read_text(encoding="utf-8")
    return {date.fromisoformat(row["date"]): int(row["unique_visits"]) for row in csv.DictReader(text.splitlines())}


def moved_visitors(on: date) -> dict[date, int]:
    """Unique visits by day, moved so that the told week falls on the week of `on`."""
    shift = on - (_MONDAY + timedelta(days=on.weekday()))
    return {day + shift: visits for day, visits in real_visitors().items()}


class TrafficServer:
    """`GET /analytics/v1/daily` answers the whole days before now to callers with the bearer token.

    `told` counts the rows of the last answer, `refused` the calls without the token. `now` gives UTC microseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._visitors = moved_visitors(today(now()))
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.told = 0
        self.refused = 0

    @property
    def url(self) -> str:
        """Where the daily visitors are."""
        return f"http://127.0.0.1:{self.port}/analytics/v1/daily"

    async def _daily(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refused += 1
            return web.json_response({"error": "a bearer token is needed"}, status=401)
        end = today(self._now())
        days = sorted(day for day in self._visitors if end - _HISTORY <= day < end)
        rows = [{"date": f"{day}", "site": "www", "uniqueVisitors": self._visitors[day]} for day in days]
        self.told = len(rows)
        return web.json_response({"data": rows})

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/analytics/v1/daily", self._daily)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
