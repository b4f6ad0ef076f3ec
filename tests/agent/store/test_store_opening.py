"""Who may open which file, and what is said otherwise."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from agent.store import migrate, sqlite
from agent.store.records import Commit
from agent.store.revisions import REVISIONS
from agent.store.store import Store, StoreAway, StoreError, StoreInUse
from agent.store.tables import metadata
from rules.model import Reading, Series

S = Series("s")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://me:geheim@db/setpoint", "has to begin with sqlite:/// or postgresql://"),
        ("setpoint.db", "has to begin with sqlite:/// or postgresql://"),
        ("sqlite://", "has to be a file"),
        ("postgresql://me:geheim@db:port/setpoint", "is not an address like postgresql://"),
        ("postgresql://me:geheim@127.0.0.1:1/setpoint?sslmode=maybe", "sslmode"),
        ("sqlite:///:memory:", "has to be a file"),
        ("sqlite:////no/such/folder/setpoint.db", "can't write beside|does not exist"),
    ],
)
async def test_what_is_no_database_of_ours_is_refused(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        await Store.open(url, 0)
    assert "geheim" not in str(caught.value)


async def test_a_second_daemon_is_told_who_has_it(url: str) -> None:
    store = await Store.open(url, 1_700_000_000_000_000)
    with pytest.raises(StoreInUse, match=f"process {os.getpid()} since 2023-11-14T22:13:20") as caught:
        await Store.open(url, 0)
    assert caught.value.pid == os.getpid()
    await store.close()
    await (await Store.open(url, 0)).close()


async def test_a_second_name_of_the_same_file_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("setpoint.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    store = await Store.open(f"sqlite:///{tmp_path}/setpoint.db", 0)
    for name in ("link.db", "folder/setpoint.db"):
        with pytest.raises(StoreInUse):
            await Store.open(f"sqlite:///{tmp_path}/{name}", 0)
    await store.close()


async def test_another_process_is_told_too(url: str) -> None:
    store = await Store.open(url, 0)
    assert await opened_elsewhere(url) == f"{os.getpid()}"
    await store.close()


async def test_another_name_on_the_disk_does_not_help_another_process(file_url: str) -> None:
    path = file_of(file_url)
    store = await Store.open(file_url, 0)
    os.link(path, path.with_name("copy.db"))
    assert await opened_elsewhere(f"sqlite:///{path.with_name('copy.db')}") == "None"
    await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    await store.close()
    # a copy by a hard link, as backups are made, is no daemon
    assert await opened_elsewhere(file_url) == "opened"


async def opened_elsewhere(url: str) -> str:
    """What another process says that opens it: the process that has it, or that it could."""
    script = (
        "import asyncio, sys; from agent.store.store import Store, StoreInUse\n"
        "try: asyncio.run(Store.open(sys.argv[1], 0))\n"
        "except StoreInUse as error: print(error.pid)\n"
        "else: print('opened')"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode().strip()


async def test_looking_creates_nothing(file_url: str) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        await Store.open_readonly(file_url)
    assert not file_of(file_url).exists()


async def test_looking_works_beside_a_daemon_and_after_it(url: str) -> None:
    store = await Store.open(url, 0)
    await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    beside = await Store.open_readonly(url)
    await store.commit(Commit(1, readings=[Reading(S, 2, 2.0)]))
    assert await beside.latest(["s"]) == [Reading(S, 2, 2.0)]
    with pytest.raises(StoreError, match="for reading only"):
        await beside.commit(Commit(1))
    await beside.close()
    await store.close()
    after = await Store.open_readonly(url)
    assert await after.latest(["s"]) == [Reading(S, 2, 2.0)]
    await after.close()


async def test_looking_works_in_a_folder_one_may_not_write(file_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await Store.open(file_url, 0)
    await store.commit(Commit(1, readings=[Reading(S, 1, 1.0)]))
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    beside = await Store.open_readonly(file_url)
    assert await beside.latest(["s"]) == [Reading(S, 1, 1.0)]
    await beside.close()
    await store.close()
    after = await Store.open_readonly(file_url)
    assert await after.latest(["s"]) == [Reading(S, 1, 1.0)]
    assert {path.name for path in file_of(file_url).parent.iterdir()} == {
        "setpoint.db",
        "setpoint.db.lock",
    }  # wrote nothing
    await after.close()


async def test_a_closed_store_says_so(url: str) -> None:
    store = await Store.open(url, 0)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit(Commit(1))
    with pytest.raises(StoreError, match="closed"):
        await store.load()


async def test_files_that_are_something_else(file_url: str) -> None:
    path = file_of(file_url)
    path.write_text("site,visitors\nwww,5\n" * 100)
    with pytest.raises(StoreError, match="not a database or is damaged"):
        await Store.open(file_url, 0)
    with pytest.raises(StoreError, match="not a database or is damaged"):
        await Store.open_readonly(file_url)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (id INTEGER)")
    other.close()
    with pytest.raises(StoreError, match="another program's database"):
        await Store.open(file_url, 0)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="can't be opened"):
        await Store.open(file_url, 0)


async def test_a_newer_schema_is_left_alone(url: str, elsewhere) -> None:
    await (await Store.open(url, 0)).close()
    elsewhere(url, "UPDATE alembic_version SET version_num = '9999'")
    for opening in (Store.open(url, 0), Store.open_readonly(url)):
        with pytest.raises(StoreError, match="newer version of Setpoint"):
            await opening


async def test_an_older_schema_is_migrated_by_the_daemon_only(file_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite.connect(file_of(file_url), write=True).close()  # an empty file is the oldest schema
    with pytest.raises(StoreError, match="older schema"):
        await Store.open_readonly(file_url)
    await (await Store.open(file_url, 0)).close()
    monkeypatch.setattr(migrate, "upgrade", lambda *_: pytest.fail("migrated again"))
    await (await Store.open(file_url, 0)).close()


async def test_a_migration_that_fails_leaves_the_schema_it_found(
    file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(file_url)
    blocked = sqlite.connect(path, write=True)
    blocked.execute("PRAGMA max_page_count = 20")  # full in the middle

    def connect() -> sqlite3.Connection:
        connection = sqlite.connect(path, write=True)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate.upgrade(connect)
    assert blocked.execute("SELECT name FROM sqlite_master").fetchall() == []
    blocked.close()
    await (await Store.open(file_url, 0)).close()


async def test_a_daemon_does_not_load_alembic_for_a_database_that_is_up_to_date(url: str) -> None:
    await (await Store.open(url, 0)).close()
    script = (
        "import asyncio, sys; from agent.store.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], 0)\n"
        "    await store.load()\n"
        "    await store.close()\n"
        "asyncio.run(main()); print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    # SQLAlchemy's bridge is what PostgreSQL's driver is asked through
    assert said.decode().strip() == ("[]" if url.startswith("sqlite") else "['sqlalchemy']")


def test_migrations_build_exactly_the_tables(tmp_path: Path) -> None:
    def schema(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        connection.close()
        ours = [row for row in rows if row[1] not in ("alembic_version", "sqlite_sequence", "readings_view")]
        return {(row[0], row[1], " ".join(row[2].split())) for row in ours}

    migrate.upgrade(lambda: sqlite.connect(tmp_path / "migrated.db", write=True))
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'defined.db'}", poolclass=sqlalchemy.NullPool)
    metadata.create_all(engine)
    defined = schema(sqlite3.connect(tmp_path / "defined.db"))
    assert schema(sqlite3.connect(tmp_path / "migrated.db")) == defined
    assert len([row for row in defined if row[0] == "table"]) == len(metadata.tables)


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == REVISIONS


def test_a_full_disk_holds_up_no_lock_and_is_called_by_its_name(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "s.db"
    (tmp_path / "s.db.lock").symlink_to("/dev/full")  # takes no byte
    sqlite.Lock(path, 0).release()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert "input/output error" in str(sqlite.explain(error, path))
    monkeypatch.setattr(sqlite, "disk_is_full", lambda _path: True)
    assert "the disk is full" in str(sqlite.explain(error, path))


@pytest.mark.parametrize(
    ("code", "away"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR, True),
        (sqlite3.SQLITE_CANTOPEN, False),
        (sqlite3.SQLITE_READONLY, False),
        (sqlite3.SQLITE_CORRUPT, False),
    ],
)
def test_what_is_waited_for_at_the_start(tmp_path: Path, code: int, away: bool) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert isinstance(sqlite.explain(error, tmp_path / "s.db"), StoreAway) == away
