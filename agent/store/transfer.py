"""Copies everything from one database to another, and makes sure that it arrived."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from agent.store.connection import plain
from agent.store.databases import database_of
from agent.store.ends import Columns, End, FileEnd, Row
from agent.store.errors import StoreError
from agent.store.revisions import NEWEST
from agent.store.sqlite import connect, disk_is_full, explain, prepare
from agent.store.sqlite_link import SqliteFile

CHUNK = 10_000
Begin = Callable[[int], Callable[[int], object]]
"""Called with how many steps there are; what it returns is called with how many were done since the last time."""


def move(source_url: str, target_url: str, now: int, begin: Begin) -> int:
    """Copies all of a database that no daemon uses into an empty one; returns how many rows.

    The source stays as it is. Raises StoreInUse, StoreError; the target is then as empty as before.
    """
    source_at, target_at = database_of(source_url), database_of(target_url)
    if source_at.place == target_at.place:
        raise StoreError("both addresses are of the same database")
    if isinstance(source_at, SqliteFile) and not source_at.path.exists():
        raise StoreError(f"there is no database {source_at.place}")  # looked for before a lock lies beside it
    with closing(source_at.end(now)) as source:
        revision = source.revision()
        if revision is None:
            raise StoreError(f"{source.place} is empty: there is nothing to move")
        if revision != NEWEST:
            raise StoreError(f"{source.place} has an older schema; run `setpoint db migrate` first")
        with closing(target_at.end(now)) as target:
            return _copy(source, target, begin)


def back_up(url: str, file: Path, begin: Begin) -> None:
    """Copies all of a database, also while a daemon runs, into a file that is not there yet. Raises StoreError."""
    if file.exists():
        raise StoreError(f"{file} is there already; choose another name, or remove it")
    if not file.parent.is_dir():
        raise StoreError(f"the folder {file.parent} does not exist")
    database = database_of(url)
    if isinstance(database, SqliteFile):
        _clone(database.path, file)
        return
    with closing(database.end(None)) as source:
        revision = source.revision()
        if revision is None:
            raise StoreError(f"{source.place} is empty: there is nothing to keep")
        with closing(FileEnd(file, None, revision)) as target:
            _copy(source, target, begin)


def restore(file: Path, url: str, now: int, begin: Begin) -> int:
    """Copies a backup into an empty database; returns how many rows. One of an older version is brought up to date.

    Raises StoreInUse, StoreError; the database is then as empty as before.
    """
    database = database_of(url)
    with tempfile.TemporaryDirectory() as folder:
        with closing(FileEnd(file, None)) as backup:
            if not file.exists() or (revision := backup.revision()) is None:
                raise StoreError(f"there is no backup {file}")
        if revision != NEWEST:
            file = _clone(file, Path(folder) / "backup.db")
            prepare(file).close()
        with closing(FileEnd(file, None)) as source, closing(database.end(now)) as target:
            return _copy(source, target, begin)


def _clone(path: Path, file: Path) -> Path:
    """A copy of an SQLite file as it is now, by SQLite itself."""
    if not path.exists():
        raise StoreError(f"there is no database {path}")
    path, file = path.absolute(), file.absolute()
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(connect(path, write=False)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, whoever looks at it
        partial.replace(file)
    except sqlite3.Error as error:
        raise explain(error, file if disk_is_full(file) else path) from error
    finally:
        for ending in ("", "-wal", "-shm"):
            partial.with_name(partial.name + ending).unlink(missing_ok=True)
    return file


def _copy(source: End, target: End, begin: Begin) -> int:
    if not target.empty():
        raise StoreError(f"{target.place} holds data already; choose an empty database")
    tables = source.layout()
    counts = [source.rows(f"SELECT count(*) FROM {one.table}")[0][0] for one in tables]
    done = begin(2 * sum(counts))
    target.build()
    sent = {one.table: _digest(_sending(source, target, one), done) for one in tables}
    target.number_on(source.numbers())
    for one in tables:
        if _digest(_pages(target, one), done) != sent[one.table]:
            raise StoreError(f"what arrived in {one.table} is not what was sent; {target.place} was left empty")
    target.keep()
    return int(sum(counts))


def _sending(source: End, target: End, columns: Columns) -> Iterator[list[Row]]:
    for page in _pages(source, columns):
        target.put(columns, page)
        yield page


def _pages(end: End, columns: Columns) -> Iterator[list[Row]]:
    """All rows of a table in order of its key."""
    names, key = (", ".join(f'"{name}"' for name in some) for some in (columns.names, columns.key))
    marks = ", ".join("?" * len(columns.key))
    places = [columns.names.index(name) for name in columns.key]
    where, after = "", ()
    while page := end.rows(f"SELECT {names} FROM {columns.table} {where} ORDER BY {key} LIMIT {CHUNK}", after):
        yield page
        where, after = f"WHERE ({key}) > ({marks})", tuple(page[-1][place] for place in places)


def _digest(pages: Iterator[list[Row]], done: Callable[[int], object]) -> tuple[int, int]:
    """How many rows, and a sum over them that does not depend on their order."""
    count = total = 0
    for page in pages:
        for row in page:
            text = repr([0.0 if value == 0.0 else plain(value) for value in row])  # SQLite knows no -0.0
            total += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
        count += len(page)
        done(len(page))
    return count, total % 2**128
