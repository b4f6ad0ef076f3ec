"""What waits to be decided on and stored, in the order it came: for a moment, or for as long as the database is away.

While nothing can be stored, polls go on: what they read is kept here, as much as `MOST`, and decided on afterwards as
of when it came, so that what began and ended meanwhile is found out. What was sent from outside is answered only when
it is stored, and stays with its sender if the process ends before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.clock import Clock
from agent.deciding.works import Work, fail
from rules.model import SECOND

MOST = 100_000
"""Readings and polls kept while nothing can be stored; some 60 MB. Then a source's next poll waits for its last."""

APART_SECONDS, JOIN_SECONDS = 0.01, 0.003
"""Under load what is taken lies at least so far apart, and while several come at a time others may join the first for
so long, as the polls of one tick do: a commit to disk costs as much as deciding on many readings."""

MAX_BATCH = 5_000  # readings in one transaction
_SOON = 2 * SECOND  # what waited no longer is decided on as of now


@dataclass(slots=True)
class Spool:
    """Works from `put` to `take`, and those taken until they are `over`."""

    clock: Clock
    commits: Callable[[], int]  # how many there were
    held: int = 0  # readings and polls
    _waiting: list[Work] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)  # something waits
    _rests: asyncio.Event = field(default_factory=asyncio.Event)  # nothing waits, and nothing is taken
    _taken: list[Work] = field(default_factory=list)
    _several: bool = False  # were taken together the last time
    _last: tuple[float, int] = (0.0, 0)  # when, by the event loop's clock, and how many commits there were by then

    def __post_init__(self) -> None:
        self._rests.set()

    @property
    def full(self) -> bool:
        """Whether it holds as much as it may."""
        return self.held >= MOST

    def put(self, **what: Any) -> Work:
        """Keeps something to decide on; its `done` says when it is stored."""
        work = Work(asyncio.get_running_loop().create_future(), self.clock.now(), **what)
        self.held += _size(work)
        self._waiting.append(work)
        self._came.set()
        self._rests.clear()
        return work

    async def take(self) -> list[Work]:
        """All that waits, at least one. To be given back by `over` or `give_up`, however it ends."""
        await self._came.wait()
        now, before = asyncio.get_running_loop().time, self._last
        wait = max(before[0] + APART_SECONDS - now(), JOIN_SECONDS if self._several else 0.0)
        if wait > 0 and self.commits() > before[1]:  # mostly what time alone brings changes nothing
            await asyncio.sleep(wait)
        self._last = now(), self.commits()
        self._taken, self._waiting = self._waiting, []
        self._came.clear()
        return self._taken

    def over(self) -> None:
        """What was taken is stored."""
        self._several = len(self._taken) > 1
        for work in self._taken:
            self.held -= _size(work)
            if not work.done.done():
                work.done.set_result(None)
        self._taken = []
        if not self._waiting:
            self._rests.set()

    def give_up(self, error: BaseException) -> None:
        """What was taken and what waits comes to nothing."""
        for work in (*self._taken, *self._waiting):
            fail(work, error)
        self._taken, self._waiting = [], []
        self._came.clear()
        self._rests.set()

    def let_go(self) -> None:
        """Nothing can be stored for now: nobody waits for what is kept but who sent it from outside."""
        for work in (*self._taken, *self._waiting):
            if work.kept and not work.done.done():
                work.done.set_result(None)

    async def join(self) -> None:
        """Returns once nothing waits and nothing is taken."""
        await self._rests.wait()


def batches(works: list[Work], now: int) -> Iterator[tuple[list[Work], int]]:
    """Those to decide on together, and as of when: of what waited long only what came within the same second.

    No two are of one time, by which what they make of an alert is named.
    """
    batch: list[Work] = []
    size = at = 0
    for work in works:
        if batch and (size >= MAX_BATCH or (work.at - batch[0].at >= SECOND and _late(batch, now))):
            yield batch, (at := max(_as_of(batch, now), at + 1))
            batch, size = [], 0
        batch.append(work)
        size += len(work.readings)
    if batch:
        yield batch, max(_as_of(batch, now), at + 1)


def _late(batch: list[Work], now: int) -> bool:
    return now - batch[0].at > _SOON


def _as_of(batch: list[Work], now: int) -> int:
    return batch[-1].at if _late(batch, now) else now


def _size(work: Work) -> int:
    return len(work.readings) + 1
