"""When Python looks for garbage: not while what is there to stay is being built, nor in that ever after."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
    """What there is by now is not looked through any more: it is there to stay, and each look stops the loop.

    What was let go of goes back to the system, where the C library (glibc) else keeps it for what may come.
    """
    gc.freeze()
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def renew() -> None:
    """Lets go of what was kept and is no more, and keeps what there is now; nothing where nothing was kept."""
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def let_go() -> None:
    """Looks through everything again: what was kept is there no longer."""
    gc.unfreeze()
