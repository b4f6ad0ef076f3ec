"""What can go wrong with the store, in plain words."""

from __future__ import annotations


class StoreError(Exception):
    """The database can't be used. The message says what to do."""


class StoreInUse(StoreError):
    """Another daemon holds this database; `pid` is its process, if it could be read."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class StoreUnavailable(StoreError):
    """It does not work now: disk full, locked by another program, input/output error, damaged.

    Trying again can help, after a person has helped too: whoever runs stays up.
    """


class StoreDamaged(StoreUnavailable):
    """What is in it can't be read as it should be: a backup has to be restored."""


class StoreAway(StoreUnavailable):
    """It is away, locked, full or too slow: nothing that was said of it is wrong. Whoever starts waits for it."""


class Fenced(StoreError):
    """A shard of the commit is held by someone else now; nothing of it was written."""

    def __init__(self, shard: int) -> None:
        super().__init__(f"another daemon has taken over the database (shard {shard}); this one wrote nothing since")
        self.shard = shard
