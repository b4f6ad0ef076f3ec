"""What keeps the watcher from watching."""

from __future__ import annotations

from dataclasses import dataclass

SOURCES, DISK, DATABASE = "sources", "disk", "database"
BLIND = "blind"  # the name of the alert that says so


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when, and until when, something keeps the daemon from seeing or remembering; `over` is None while it does.

    `cause` is SOURCES, DISK or DATABASE; `receiver` was told that it began, and is told that it is over.
    """

    cause: str
    since: int
    receiver: str
    words: str
    over: int | None = None
