"""Time-outs of very many things at once: those that have equally long share one timer of the event loop.

`asyncio.timeout` makes a timer each, which is sorted in among thousands and taken out again, and hardly ever fires.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """To be used in one event loop. What `within` gives is entered in a task, and raises TimeoutError once over."""

    def __init__(self) -> None:
        self._queues: dict[float, _Queue] = {}

    def within(self, seconds: float) -> _Within:
        """What is done in this block may take so long."""
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = _Queue(seconds)
        return _Within(queue)


class _Queue:
    """Those that have so many seconds, which end in the order in which they began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[_Within, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, one: _Within) -> None:
        loop = asyncio.get_running_loop()
        end = self._ends[one] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(end, self._look, loop)

    def end(self, one: _Within) -> None:
        self._ends.pop(one, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Of most that the timer was set for nothing is left."""
        self._timer, now = None, loop.time()
        while self._ends:
            one, end = next(iter(self._ends.items()))
            if end > now:
                self._timer = loop.call_at(end, self._look, loop)
                return
            del self._ends[one]
            one.expire()


class _Within:
    """One block in one task."""

    __slots__ = ("_cancelling", "_is_over", "_queue", "_task")

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time-out needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._queue.begin(self)

    def expire(self) -> None:
        self._is_over = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.end(self)
        # Where somebody else cancelled the task too, it stays cancelled.
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
