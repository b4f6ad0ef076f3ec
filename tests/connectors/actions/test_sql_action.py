"""Statements on a real PostgreSQL and on SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import ValidationError

from connectors.actions.sql import SqlAction
from connectors.base import Call, ConnectorError, Misconfigured, Refused, Services, TimedOut, Unreachable
from tests.connectors.actions.test_webhook_action import CONTEXT, KEY, call
from tests.connectors.notifiers import kit
from tests.servers import Postgres, free_port

SECRETS = (Postgres.password, Postgres.quoted, "wr0ng-S3cret", "wr0ng%2DS3cret")
SET = "update rooms set setpoint = :value where room = :room"
PARAMETERS = {"room": "{{ labels.room }}", "value": "{{ at_least }}"}
ENDLESS = (
    "insert into rooms with recursive n(x) as (select 1 union all select x + 1 from n) select 'x', max(x), null from n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "house#1?.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table rooms (room text unique, setpoint real check (setpoint < 100), by_whom text)")
        connection.executemany("insert into rooms values (?, ?, null)", [("den", 18), ("attic", 18)])
    return path


@pytest.fixture
async def rooms(database: Postgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=database.port, user=database.user, password=database.password, database="postgres"
    )
    await connection.execute("create table rooms (room text primary key, setpoint real, floor integer, by_whom text)")
    await connection.execute("insert into rooms values ('den', 18, 1), ('attic', 18, 3)")
    yield connection
    await connection.execute("drop table rooms")
    await connection.close()


def address(file: Path) -> str:
    return "sqlite:///" + str(file).replace("#", "%23").replace("?", "%3F")


def read(file: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute("select room, setpoint from rooms").fetchall())


def action(services: Services, url: str, statement: str = SET, **keys: Any) -> SqlAction:
    keys = {"parameters": PARAMETERS, **keys} if statement == SET else keys
    config = {"type": "sql", "url": url, "statement": statement, **keys}
    return SqlAction("heat", SqlAction.Config.model_validate(config), services)


async def failed(made: SqlAction, what: Call | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await made.call(what or call())
    kit.leaks_nothing(caught.value, SECRETS)
    assert len(str(caught.value)) < 400
    return caught.value


async def test_rows_of_sqlite_change(services: Services, file: Path) -> None:
    assert await action(services, address(file)).call(call()) == "changed 1 row in 0 ms"
    assert read(file) == {"den": 20, "attic": 18}
    everywhere = action(services, address(file), "update rooms set setpoint = 21")
    assert await everywhere.call(call()) == "changed 2 rows in 0 ms"
    assert await action(services, address(file)).call(call(room="cellar")) == "changed 0 rows in 0 ms"
    assert read(file) == {"den": 21, "attic": 21}


async def test_rows_of_postgresql_change(services: Services, database: Postgres, rooms: asyncpg.Connection) -> None:
    assert await action(services, database.url).call(call()) == "changed 1 row in 0 ms"
    assert await rooms.fetchval("select setpoint from rooms where room = 'den'") == 20
    assert await action(services, database.url).call(call(room="cellar")) == "changed 0 rows in 0 ms"
    made = action(services, database.url, "update rooms set floor = floor + 1 returning room")
    assert await made.call(call()) == "changed 2 rows in 0 ms"
    await rooms.execute("create function heat(which text) returns void language sql as $$ delete from rooms $$")
    made = action(services, database.url, "select heat(:room)", parameters={"room": "{{ labels.room }}"})
    await made.call(call())
    assert await rooms.fetchval("select count(*) from rooms") == 0
    await rooms.execute("drop function heat")


async def test_values_keep_their_types(services: Services, database: Postgres, rooms: asyncpg.Connection) -> None:
    made = action(
        services,
        database.url,
        "insert into rooms values (:room, :value, :floor, :nobody)",
        parameters={
            "room": "{{ labels.room }}-{{ attempt }}",
            "value": "{{ value }}",
            "floor": 7,
            "nobody": "{{ at_most }}",
        },
    )
    await made.call(call())
    assert tuple(await rooms.fetchrow("select * from rooms where room = 'den-2'")) == (
        "den-2",
        pytest.approx(18.4),
        7,
        None,
    )


async def test_a_call_that_is_repeated_can_be_known_by_its_key(
    services: Services, database: Postgres, rooms: asyncpg.Connection
) -> None:
    statement = "insert into rooms (room, by_whom) values (:key, :correction) on conflict do nothing"
    made = action(services, database.url, statement)
    assert await made.call(call()) == "changed 1 row in 0 ms"
    assert await made.call(call()) == "changed 0 rows in 0 ms"
    assert await rooms.fetchval("select by_whom from rooms where room = $1", KEY) == CONTEXT["correction"]


EVIL = ["den' or '1'='1", "den'; drop table rooms; --", ":value", "\\", '"', "$1", "%s", "{{ value }}"]


@pytest.mark.parametrize("room", EVIL)
async def test_a_label_is_never_part_of_the_statement(
    services: Services, database: Postgres, rooms: asyncpg.Connection, file: Path, room: str
) -> None:
    for url in (database.url, address(file)):
        assert await action(services, url).call(call(room=room)) == "changed 0 rows in 0 ms"
    assert read(file) == {"den": 18, "attic": 18}
    assert await rooms.fetchval("select count(*) from rooms where setpoint = 18") == 2


@pytest.mark.parametrize(("room", "permanent"), [("a\0b", True), ("\ud800", True)])
async def test_what_no_database_can_hold(
    services: Services, database: Postgres, rooms: asyncpg.Connection, room: str, permanent: bool
) -> None:
    error = await failed(action(services, database.url), call(room=room))
    assert isinstance(error, Refused | Misconfigured)
    assert error.permanent is permanent


async def test_a_value_that_is_no_single_value_or_not_there(services: Services, file: Path) -> None:
    whole = action(services, address(file), parameters={"room": "{{ labels }}", "value": 1})
    assert "heat: :room is no single value" in str(await failed(whole))
    missing = action(services, address(file), parameters={"room": "{{ labels.nowhere }}", "value": 1})
    assert isinstance(await failed(missing), Misconfigured)
    large = action(services, address(file), parameters={"room": "x", "value": 2**63})
    assert isinstance(await failed(large), Misconfigured)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("update romos set setpoint = 1", "romos"),
        ("update rooms set", "syntax error"),
        ("insert into rooms (room) values ('den')", "unique"),
    ],
)
async def test_what_a_database_does_not_take_is_refused_for_good(
    services: Services, database: Postgres, rooms: asyncpg.Connection, file: Path, statement: str, words: str
) -> None:
    for url in (database.url, address(file)):
        error = await failed(action(services, url, statement))
        assert isinstance(error, Refused)
        assert error.permanent
        assert words.lower() in str(error).lower() or "incomplete input" in str(error)


@pytest.mark.parametrize(
    ("state", "kind", "permanent"),
    [
        ("40001", Refused, False),
        ("40P01", Refused, False),
        ("53300", Refused, False),
        ("08006", Unreachable, False),
        ("23514", Refused, True),
        ("42501", Refused, True),
        ("P0001", Refused, True),
    ],
)
async def test_what_may_pass_is_tried_again(
    services: Services, database: Postgres, state: str, kind: type[ConnectorError], permanent: bool
) -> None:
    raising = f"do $$ begin raise exception 'not now' using errcode = '{state}'; end $$"
    error = await failed(action(services, database.url, raising))
    assert (type(error), error.permanent) == (kind, permanent)
    assert str(error) == "action heat: not now"


async def test_what_fails_half_way_leaves_nothing(services: Services, file: Path) -> None:
    error = await failed(
        action(services, address(file), "update rooms set setpoint = setpoint + iif(room = 'attic', 90, 1)")
    )
    assert "CHECK constraint failed" in str(error)
    assert read(file) == {"den": 18, "attic": 18}


async def test_wrong_credentials_and_no_such_database(services: Services, database: Postgres) -> None:
    for url, words in [
        (f"postgresql://setpoint:wr0ng-S3cret@127.0.0.1:{database.port}/postgres", "password authentication failed"),
        (database.url.replace("/postgres", "/nowhere"), 'database "nowhere" does not exist'),
    ]:
        error = await failed(action(services, url))
        assert isinstance(error, Refused)
        assert error.permanent
        assert words in str(error)


async def test_nobody_there_no_such_name_and_no_such_file(services: Services, tmp_path: Path) -> None:
    for url in (
        f"postgresql://me:wr0ng-S3cret@127.0.0.1:{free_port()}/x",
        "postgresql://me:wr0ng-S3cret@db.invalid/x",
        f"sqlite:///{tmp_path}/nowhere.db",
        f"sqlite:///{tmp_path}",
    ):
        error = await failed(action(services, url))
        assert type(error) is Unreachable, error
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_may_only_be_read(services: Services, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("create view seen as select * from rooms")
    error = await failed(action(services, address(file), "delete from seen"))
    assert isinstance(error, Refused)
    assert error.permanent


async def test_who_takes_too_long_is_stopped_and_changes_nothing(
    services: Services, database: Postgres, rooms: asyncpg.Connection, file: Path
) -> None:
    slow = "update rooms set setpoint = 30 from pg_sleep(60)"
    for url, statement in ((database.url, slow), (address(file), ENDLESS)):
        error = await failed(action(services, url, statement, timeout="250ms"))
        assert isinstance(error, TimedOut)
        assert "within 0.25 s" in str(error)
    assert read(file) == {"den": 18, "attic": 18}
    assert await rooms.fetchval("select count(*) from rooms where setpoint = 30") == 0
    async with kit.silent() as port:
        error = await failed(action(services, f"postgresql://me:wr0ng-S3cret@127.0.0.1:{port}/x", timeout="250ms"))
        assert isinstance(error, TimedOut)


async def test_who_is_locked_out_may_try_again(
    services: Services, database: Postgres, rooms: asyncpg.Connection, file: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("begin immediate")
        error = await failed(action(services, address(file), timeout="300ms"))
        assert isinstance(error, Refused | TimedOut)
        assert not error.permanent
    async with rooms.transaction():
        await rooms.execute("lock table rooms")
        error = await failed(action(services, database.url, timeout="300ms"))
        assert isinstance(error, TimedOut)
    assert await action(services, database.url).call(call()) == "changed 1 row in 0 ms"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"statement": "update rooms set x = '{{ labels.room }}'"}, "can hold no template"),
        ({"statement": "update rooms {% if value %} set x = 1 {% endif %}"}, "can hold no template"),
        ({"statement": " -- nothing\n;"}, "holds no statement"),
        ({"statement": "delete from a; delete from b"}, "holds several statements"),
        ({"statement": "delete from a; -- x\n ; drop table b"}, "holds several statements"),
        ({"statement": "begin"}, "is BEGIN"),
        ({"statement": "COMMIT;"}, "is COMMIT"),
        ({"statement": SET, "parameters": {"rom": 1, "value": 2}}, "does not use :rom; did you mean room?"),
        ({"statement": SET, "parameters": {"room": 1}}, "uses :value, which is not given"),
        ({"statement": SET}, "uses :value, which is not given"),
        ({"statement": "select :key", "parameters": {"key": 1}}, "key is given by Setpoint"),
        ({"statement": SET, "parameters": {"room": "{{ labls.room }}", "value": 1}}, "did you mean labels?"),
        ({"statement": SET, "parameters": {"room": ["x"], "value": 1}}, "parameters"),
        ({"statement": "select 1", "url": "db.example.com"}, "has to be a database address"),
        ({"statement": "select 1", "url": "oracle://x:wr0ng-S3cret@y/z"}, "no asynchronous driver is known for oracle"),
    ],
)
def test_mistakes_are_found_when_it_is_loaded(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SqlAction.Config.model_validate({"type": "sql", "url": "sqlite:///x.db", **keys})
    assert words in str(refused.value)
    assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    "statement", ["delete from a;", "select ';' as x", "select 1 -- ; no\n", "select '12\\:30'::time"]
)
def test_what_is_one_statement(statement: str) -> None:
    SqlAction.Config.model_validate({"type": "sql", "url": "sqlite:///x.db", "statement": statement})


def test_what_would_be_called_is_said_without_secrets() -> None:
    url = f"postgresql://setpoint:{Postgres.quoted}@db/x"
    made = SqlAction.Config.model_validate(
        {"type": "sql", "url": url, "statement": SET.replace(" where", "\n  where"), "parameters": PARAMETERS}
    )
    assert made.preview(CONTEXT) == f'{SET} {{"room":"den","value":20}}'
    assert Postgres.quoted not in repr(made)
    assert [path for path, _ in made.templates()] == [("thing",), ("parameters", "room"), ("parameters", "value")]
