"""What keeps the watcher from watching."""

from __future__ import annotations

from dataclasses import dataclass

SOURCES, DISK, DATABASE = "sources", "disk", "database"
BLIND = "blind"  # the name of the alert that says so
RECEIVER_DOWN = "receiver-down"  # the name of the one that says that a receiver can't be told


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when, and until when, something keeps the daemon from seeing or remembering; `over` is None while it does.

    `cause` is SOURCES, DISK or DATABASE; `receiver` was told that it began, and is told that it is over. Or something
    keeps it from telling one notifier of a receiver: then `cause` names that (`receiver-down growth/0`).
    """

    cause: str
    since: int
    receiver: str
    words: str
    over: int | None = None
