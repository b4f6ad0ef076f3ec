"""Everything in one database is in the other afterwards, or nothing is."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Float, LargeBinary, Table, Text

from agent.store import migrate, sqlite, transfer
from agent.store.connection import plain
from agent.store.ends import FileEnd, ServerEnd
from agent.store.records import Commit, Ping
from agent.store.revisions import NEWEST
from agent.store.store import Store, StoreError, StoreInUse
from agent.store.tables import metadata
from rules.model import Reading, Series
from tests.databases import Databases

WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
S = Series("s")


def steps(_count: int):
    return lambda _done: None


def value_of(column) -> st.SearchStrategy[object]:
    kinds = {Text: TEXT, Float: NUMBER, LargeBinary: st.binary(max_size=4)}
    kind = kinds.get(type(column.type), WHOLE)
    if column.name == "id" and isinstance(column.type, BigInteger):
        kind = st.integers(1, 2**62)
    return st.none() | kind if column.nullable else kind


def rows_of(table: Table) -> st.SearchStrategy[list[tuple[object, ...]]]:
    row = st.tuples(*(value_of(column) for column in table.columns))
    unique = [*table.primary_key.columns], *([c] for c in table.columns if c.unique), *_unique(table)
    places = [[list(table.columns).index(column) for column in columns] for columns in unique]
    keys = tuple(lambda row, of=of: tuple(plain(row[place]) for place in of) for of in places)
    return st.lists(row, max_size=4, unique_by=keys)


def _unique(table: Table) -> list[list[object]]:
    return [list(one.columns) for one in table.constraints if type(one).__name__ == "UniqueConstraint"]


CONTENT = st.fixed_dictionaries({table.name: rows_of(table) for table in metadata.sorted_tables})


def content(path: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table.name: sorted(
                connection.execute(
                    f"SELECT {', '.join(chr(34) + c.name + chr(34) for c in table.columns)} FROM {table.name}"
                ),
                key=repr,
            )
            for table in metadata.sorted_tables
        }


@given(CONTENT)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_random_content_is_the_same_there_and_back(tmp_path_factory, databases: Databases, filled) -> None:
    folder = tmp_path_factory.mktemp("move")
    url, first, back = databases.create(empty=True), folder / "first.db", folder / "back.db"
    migrate.upgrade(lambda: sqlite.connect(first, write=True))
    with closing(sqlite3.connect(first)) as connection, connection:
        for table, rows in filled.items():
            for row in rows:
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    count = sum(map(len, filled.values()))
    if count == 0:
        databases.drop(url)
        return
    assert transfer.move(f"sqlite:///{first}", url, 0, steps) == count
    assert transfer.move(url, f"sqlite:///{back}", 0, steps) == count
    # PostgreSQL has no NUL in texts, SQLite no -0.0
    wanted = {table: [tuple(map(plain, row)) for row in rows] for table, rows in content(first).items()}
    assert content(back) == {table: sorted(rows, key=repr) for table, rows in wanted.items()}
    databases.drop(url)


async def fill(url: str, readings: int = 30) -> None:
    store = await Store.open(url, 0)
    shards = await store.take_shards("a", 0)
    pings = [Ping("b", at, "log", None, "") for at in range(3)]
    await store.commit(Commit(1, shards, [Reading(S, time, time / 7) for time in range(readings)], pings=pings))
    await store.close()


def target(databases: Databases, folder: Path, kind: str) -> str:
    return databases.create(empty=True) if kind == "postgresql" else f"sqlite:///{folder / 'target.db'}"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_moved_store_goes_on_where_it_stood(
    url: str, tmp_path: Path, databases: Databases, kind, monkeypatch
) -> None:
    monkeypatch.setattr(transfer, "CHUNK", 7)
    await fill(url)
    to = target(databases, tmp_path, kind)
    assert await asyncio.to_thread(transfer.move, url, to, 0, steps) == 30 + 3 + 1 + 16
    store = await Store.open(to, 0)
    assert [reading.value for reading in await store.window(["s"], 0, 99)] == [time / 7 for time in range(30)]
    await store.commit(Commit(1, readings=[Reading(Series("other"), 1, 1.0)], pings=[Ping("b", 9, "log", None, "")]))
    assert [ping.at for ping in await store.pings("b", 9)] == [9, 2, 1, 0]  # numbered after those that were moved
    await store.close()


async def test_a_backup_is_made_beside_a_daemon_and_read_into_either(
    url: str, tmp_path: Path, databases: Databases
) -> None:
    await fill(url)
    store = await Store.open(url, 0)
    file = tmp_path / "backup.db"
    await asyncio.to_thread(transfer.back_up, url, file, steps)
    await store.commit(Commit(2, readings=[Reading(S, 99, 1.0)]))
    await store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"backup.db"}
    for kind in ("sqlite", "postgresql"):
        to = target(databases, tmp_path, kind)
        assert await asyncio.to_thread(transfer.restore, file, to, 0, steps) == 50
        again = await Store.open_readonly(to)
        assert len(await again.window(["s"], 0, 999)) == 30
        await again.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("when", ["put", "number_on", "keep"])
async def test_what_is_interrupted_leaves_the_target_empty(
    file_url: str, tmp_path: Path, databases: Databases, monkeypatch, kind, when
) -> None:
    await fill(file_url)
    to = target(databases, tmp_path, kind)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ServerEnd if kind == "postgresql" else FileEnd, when, interrupted)
        with pytest.raises(Interrupted):
            await asyncio.to_thread(_move, file_url, to)
    assert {path.name for path in tmp_path.iterdir()} <= {"target.db.lock"}
    assert await asyncio.to_thread(transfer.move, file_url, to, 0, steps) == 50


def _move(source: str, to: str) -> None:
    try:
        transfer.move(source, to, 0, steps)
    except KeyboardInterrupt as error:  # a future would not carry it
        raise Interrupted from error


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_arrives_changed_is_noticed(
    file_url: str, tmp_path: Path, databases: Databases, monkeypatch, kind
) -> None:
    await fill(file_url)
    end = ServerEnd if kind == "postgresql" else FileEnd
    put = end.put

    def changed(self, columns, rows) -> None:
        put(self, columns, [(*row[:-1], 0.5) for row in rows] if columns.table == "readings" else rows)

    monkeypatch.setattr(end, "put", changed)
    with pytest.raises(StoreError, match="what arrived in readings is not what was sent"):
        await asyncio.to_thread(transfer.move, file_url, target(databases, tmp_path, kind), 0, steps)


async def test_what_is_not_moved(url: str, tmp_path: Path) -> None:
    def refused(source: str, to: str, says: str, error: type[StoreError] = StoreError) -> None:
        with pytest.raises(error, match=says):
            transfer.move(source, to, 0, steps)

    other = f"sqlite:///{tmp_path / 'other.db'}"
    refused(other, url, "there is no database")
    await fill(url)
    await fill(other)
    await asyncio.to_thread(refused, url, url, "both addresses are of the same database")
    await asyncio.to_thread(refused, other, url, "holds data already")
    store = await Store.open(url, 0)
    await asyncio.to_thread(refused, url, f"sqlite:///{tmp_path / 'new.db'}", "in use by another daemon", StoreInUse)
    await asyncio.to_thread(refused, other, url, "in use by another daemon", StoreInUse)
    await store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"other.db", "other.db.lock"}


async def test_backups_of_an_older_version_are_brought_up_to_date(
    url: str, tmp_path: Path, databases: Databases
) -> None:
    old = tmp_path / "old.db"
    migrate.upgrade(lambda: sqlite.connect(old, write=True), "0004")
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("INSERT INTO series (name, labels) VALUES ('s', '{}')")
    with pytest.raises(StoreError, match="has an older schema; run `setpoint db migrate` first"):
        transfer.move(f"sqlite:///{old}", url, 0, steps)
    assert await asyncio.to_thread(transfer.restore, old, url, 0, steps) == 1
    end = FileEnd(old, None)
    assert end.revision() == "0004"  # the backup itself stays
    again = await Store.open_readonly(url)
    await again.close()
    empty = databases.create(empty=True)
    with pytest.raises(StoreError, match="is empty: there is nothing to keep"):
        await asyncio.to_thread(transfer.back_up, empty, tmp_path / "b.db", steps)
    assert NEWEST > "0004"


async def test_a_backup_keeps_the_revision_it_was_made_of(databases: Databases, tmp_path: Path) -> None:
    from agent.store.postgres import PostgresDatabase
    from agent.store.postgres_link import PostgresLink

    url = databases.create(empty=True)
    link = PostgresLink(PostgresDatabase(url), None)
    await asyncio.to_thread(link.migrate, "0005")
    await asyncio.to_thread(link.close)
    databases.run(url, "INSERT INTO series (name, labels) VALUES ('s', '{}')")
    await asyncio.to_thread(transfer.back_up, url, tmp_path / "b.db", steps)
    assert FileEnd(tmp_path / "b.db", None).revision() == "0005"


def test_backups_that_are_there_or_are_none(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with pytest.raises(StoreError, match="there is no backup"):
        transfer.restore(file, f"sqlite:///{tmp_path}/b.db", 0, steps)
    with pytest.raises(StoreError, match="there is no database"):
        transfer.back_up(f"sqlite:///{file}", tmp_path / "b.db", steps)
    with pytest.raises(StoreError, match=r"the folder .* does not exist"):
        transfer.back_up(f"sqlite:///{file}", tmp_path / "no" / "b.db", steps)
    file.write_text("site,visitors\n" * 100)
    with pytest.raises(StoreError, match="is there already"):
        transfer.back_up(f"sqlite:///{file}", file, steps)
    with pytest.raises(StoreError, match="not a database"):
        transfer.restore(file, f"sqlite:///{tmp_path}/b.db", 0, steps)


async def test_a_backup_that_finds_no_room_says_whose_and_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 's.db'}", 0)
    await store.close()
    (tmp_path / "there").mkdir()

    def full(name: object) -> sqlite3.Connection:
        target = sqlite3.connect(str(name))
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA max_page_count = 2")
        for ending in ("-wal", "-shm"):
            Path(f"{name}{ending}").touch()
        return target

    class Driver:
        connect = staticmethod(full)
        Error = sqlite3.Error

    monkeypatch.setattr(transfer, "sqlite3", Driver)
    monkeypatch.setattr(transfer, "disk_is_full", lambda file: file.parent.name == "there")
    with pytest.raises(StoreError, match=r"there/b\.db can't be used now: the disk is full"):
        transfer.back_up(f"sqlite:///{tmp_path / 's.db'}", tmp_path / "there" / "b.db", steps)
    assert list((tmp_path / "there").iterdir()) == []
