"""What the store asks of a database. SQLite and PostgreSQL answer to the same jobs and questions, in nearly one SQL.

Parameters are written `?` or `:name`. What the two say differently is a method of `Connection`; a list of texts is
given as JSON and read by `LISTED`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from agent.store.ends import End

T = TypeVar("T")
Value = tuple[int, float | None]
"""Time and value of a reading."""

LISTED = "(SELECT value FROM json_each(?))"
"""The texts of a parameter that is a JSON list."""


def plain(value: Any) -> Any:
    """A value as SQLite would take it: NaN is no value. A NUL, which PostgreSQL has no place for, is shown as such."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value


class Rows(Protocol):
    """What a statement gave; a row is read by position or name."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """The rows left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What a job writes with and a question reads with."""

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        """Runs one statement."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object:
        """Runs a statement that gives nothing once for each row of parameters."""

    def values(self, sql: str, parameters: Sequence[Any]) -> Iterable[Value]:
        """The rows of a question about readings, once, as plain tuples."""

    def series(self, keys: Sequence[tuple[str, str]]) -> list[int]:
        """The number of each series, by its name and labels (as JSON); it is given to what is new."""

    def put(self, readings: list[tuple[int, int, float | None]]) -> None:
        """Writes (number of the series, time, value); what is there is revised, what did not change not written."""

    def extremes(self, span: tuple[int, int, int], width: int) -> Iterable[tuple[int, float]]:
        """The lowest and the highest of each stretch of `width` in (number of the series, start, end)."""

    def shards(self) -> dict[int, int]:
        """The versions of the shards. Nobody changes them before this transaction ends."""

    def shrink(self) -> None:
        """Gives back the memory that many rows took."""


Job = Callable[[Connection], Any]
Outcome = tuple[Any, Exception | None]


class Link(Protocol):
    """One connection in the hands of one thread at a time. After a failure it connects anew by itself."""

    def transaction(self, jobs: Sequence[Job], undo: Callable[[], None]) -> list[Outcome]:
        """Runs the jobs in one transaction, each whole or not at all, and commits it; what became of each.

        `undo` is called after what was written is taken back. Raises StoreError if nothing of it was written.
        """

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """`question(connection, *args)`. Raises StoreError."""

    def close(self) -> None:
        """Lets go of the database."""


class Database(Protocol):
    """Where a database is: `place` for people, and the folder of its file, if it is one."""

    @property
    def place(self) -> str:
        """In words, without a password."""

    @property
    def folder(self) -> Path | None:
        """Whose disk can run full."""

    @property
    def damage(self) -> str:
        """What was found to be damaged in it since it was opened, in words; empty if nothing was."""

    def take(self, now: int) -> Link:
        """Takes the database for one daemon, its schema made or brought up to date. Raises StoreInUse, StoreError."""

    def reader(self) -> Link:
        """For questions, also while a daemon runs. Raises StoreError."""

    def migrate(self, now: int) -> tuple[str | None, str]:
        """Brings the schema up to date; its revision before and after. Raises StoreInUse, StoreError."""

    def end(self, now: int | None) -> End:
        """For a copy; with a time it is locked, as a daemon would. Raises StoreInUse, StoreError."""

    def check(self) -> None:
        """Raises StoreError unless the database is there with the newest schema."""
