"""What waits to be decided on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.store.records import Ping
from rules.model import InstanceKey, Polled, Reading


@dataclass(slots=True)
class Work:
    """One thing to decide on, that came `at`; `done` is set when it is committed.

    Or, if it is `kept`, as soon as nothing can be stored: nobody outside was promised anything.
    """

    done: asyncio.Future[None]
    at: int
    readings: Sequence[Reading] = ()
    polled: Polled | None = None
    pings: Sequence[Ping] = ()
    message: tuple[str, str] | None = None  # source and id
    repeated: bool = False
    kept: bool = False
    due: Sequence[InstanceKey] = ()
    looks: Sequence[str] = ()


def fail(work: Work, error: BaseException) -> None:
    """Gives the error to whoever waits; a due time has nobody who waits."""
    if not work.done.done():
        work.done.set_exception(error)
        work.done.exception()
