"""Memory: when Python looks for garbage, and how much of what was let go of the C library (glibc) keeps."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_GROWTH, _SHARE = 50_000, 3
"""Objects there are more than after the last look, before the next; where more are kept, that part of them, a third:
polls in flight are no garbage, and thousands of them at once would have each other looked through all the time."""
_YOUNG, _OLD = 2, 40
"""Looks before one at what they left, and of those before one at everything: usually 10 each. Everything is looked
through as rarely, and what a long answer is made of in three parts instead of at once."""
_USUAL = gc.get_threshold()
_C = ctypes.CDLL(None)
_M_ARENA_MAX = -8  # malloc.h; mallopt(3)


def share() -> None:
    """Has all threads allocate from two heaps, before there are any; of eight for each processor, each keeps its own.

    What threads do for long without Python's lock is waiting, so they hardly wait for each other there.
    """
    if hasattr(_C, "mallopt"):
        _C.mallopt(_M_ARENA_MAX, 2)


@contextmanager
def paused() -> Iterator[None]:
    """Half of the time of reading a thousand targets goes into looking for garbage among what is all in use."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep() -> None:
    """What there is by now is not looked through any more: it is there to stay, and each look stops the loop."""
    _freeze()
    give_back()


def give_back() -> None:
    """What was let go of goes back to the system, where the C library else keeps it for what may come."""
    if hasattr(_C, "malloc_trim"):
        _C.malloc_trim(0)


def renew() -> None:
    """Lets go of what was kept and is no more, and keeps what there is now; nothing where nothing was kept."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        _freeze()


def _freeze() -> None:
    gc.freeze()
    gc.set_threshold(max(_GROWTH, gc.get_freeze_count() // _SHARE), _YOUNG, _OLD)


def let_go() -> None:
    """Looks through everything again, as often as usual: what was kept is there no longer."""
    gc.set_threshold(*_USUAL)
    gc.unfreeze()
