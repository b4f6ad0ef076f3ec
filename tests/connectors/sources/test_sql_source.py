from __future__ import annotations

import asyncio
import gc
import sqlite3
from contextlib import suppress

import pytest
from pydantic import ValidationError

from connectors import database as databases
from connectors.base import BadAnswer, ConnectorError, Misconfigured, TimedOut, Unreachable
from connectors.database import without_secrets
from connectors.sources.sql import SqlSource, SqlSourceConfig
from tests.connectors.conformance import NOW

QUERY = "select day, region, orders from daily where orders >= :least order by day"
READING = {"series": "orders", "time": "day", "value": "orders", "labels": {"region": "region"}}
ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n) select max(x) as day, 1 as region, 1 as orders from n"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "my shop#1?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table daily (day text, region text, orders integer)")
        rows = [("2025-12-30", "eu", 4), ("2025-12-31", "us", 0), ("2025-12-31", "eu", None), ("2025-12-31", None, 7)]
        connection.executemany("insert into daily values (?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture
async def read(services, database):
    opened = []

    async def read(**keys):
        url = str(database).replace("#", "%23").replace("?", "%3F").replace(" ", "%20")
        config = SqlSourceConfig.model_validate(
            {
                "type": "sql",
                "url": f"sqlite:///{url}",
                "query": QUERY,
                "params": {"least": 1},
                "readings": [READING],
                **keys,
            }
        )
        opened.append(SqlSource("shop", config, services))
        return await opened[-1].read(NOW)

    yield read
    for source in opened:
        await source.close()


async def test_rows_become_readings(read):
    first, second = await read()
    assert str(first.series) == 'orders{region="eu",source="shop"}'
    assert (first.time, first.value) == (1_767_052_800_000_000, 4.0)
    assert str(second.series) == 'orders{source="shop"}'
    assert await read(params={"least": 100}) == []
    nulls = await read(query="select day, region, orders from daily where orders is null", params={})
    assert [reading.value for reading in nulls] == [None]


async def test_a_source_reads_again_and_after_close(services, database):
    from urllib.parse import quote

    url = "sqlite:///" + quote(str(database))
    config = SqlSourceConfig.model_validate(
        {"type": "sql", "url": url, "query": QUERY, "params": {"least": 1}, "readings": [READING]}
    )
    source = SqlSource("shop", config, services)
    first = await source.read(NOW)
    with sqlite3.connect(database) as connection:
        connection.execute("insert into daily values ('2025-12-31', 'us', 9)")
    connection.close()
    assert len(await source.read(NOW)) == len(first) + 1
    await source.close()
    assert len(await source.read(NOW)) == len(first) + 1
    await source.close()


@pytest.mark.parametrize(
    ("keys", "meant", "message"),
    [
        ({"query": "pragma user_version = 7", "params": {}}, BadAnswer, "readonly database"),
        ({"query": "select * from nowhere", "params": {}}, BadAnswer, "no such table: nowhere"),
        ({"query": "selec 1", "params": {}}, BadAnswer, "syntax error"),
        ({"query": "select 1; select 2", "params": {}}, BadAnswer, "one statement"),
        ({"params": {}}, Misconfigured, "bind parameter 'least'"),
        ({"max_rows": 1}, BadAnswer, r"more than max_rows \(1\)"),
        ({"query": "select day, orders from daily", "params": {}}, BadAnswer, "there is no column 'region'"),
        ({"query": ENDLESS, "params": {}, "timeout": "200ms"}, TimedOut, "no complete answer within 0.2 s"),
    ],
)
async def test_queries_that_can_not_be_read(read, keys, meant, message):
    with pytest.raises(meant, match=message) as caught:
        await read(**keys)
    assert type(caught.value) is meant


async def test_nothing_is_changed_or_made(read, database, tmp_path):
    with pytest.raises(ConnectorError):
        await read(query="pragma user_version = 7", params={})
    with pytest.raises(Unreachable, match=r"none\.db: no such file or directory"):
        await read(url=f"sqlite:///{tmp_path}/none.db")
    assert [path.name for path in tmp_path.iterdir()] == [database.name]
    assert len(await read()) == 2


async def test_no_thread_is_started_for_a_file_that_is_not_there(read, tmp_path, monkeypatch):
    """It would hand its failure to a loop that a command has closed by then, and say so with a traceback."""
    monkeypatch.setattr("aiosqlite.connect", lambda *_, **__: pytest.fail("a connection was begun"))
    with pytest.raises(Unreachable, match=f"{tmp_path}: is a directory"):
        await read(url=f"sqlite:///{tmp_path}")
    with pytest.raises(Unreachable, match=r"none\.db: no such file"):
        await read(url=f"sqlite:///{tmp_path}/none.db")


async def test_a_file_that_is_no_database(read, tmp_path):
    path = tmp_path / "text.db"
    path.write_text("no database " * 100)
    with pytest.raises((BadAnswer, Unreachable), match=r"text\.db: .*not a database"):
        await read(url=f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("oracle://u:hush@h/db", "no asynchronous driver is known"),
        ("mysql://u:hush@h/db", "needs the package aiomysql"),
        ("postgresql+nodriver://u:hush@h/db", "needs the package nodriver"),
        ("shop.db", "has to be a database address"),
    ],
)
def test_addresses_that_can_not_work_are_refused_when_loaded(url, message):
    with pytest.raises(ValidationError, match=message) as caught:
        SqlSourceConfig.model_validate({"type": "sql", "url": url, "query": "select 1", "readings": [READING]})
    assert "hush" not in str(caught.value)


def test_a_query_that_writes_is_refused_when_loaded():
    keys = {"type": "sql", "url": "sqlite:///x.db", "readings": [READING]}
    with pytest.raises(ValidationError, match="this is DELETE"):
        SqlSourceConfig.model_validate({**keys, "query": "delete from daily"})


def test_a_password_is_taken_out_of_what_a_driver_says():
    url = "sqlite://me:hu%40sh@/x.db"
    said = without_secrets("cannot open sqlite://me:hu%40sh@/x.db with hu@sh or hu%40sh\nmore", url)
    assert said == "cannot open *** with *** or ***"


async def test_a_cell_that_is_larger_than_all_may_be_is_not_made(read):
    query = "select hex(zeroblob(400000000)) as day, 'eu' as region, 1 as orders"
    with pytest.raises(BadAnswer, match="too big"):
        await read(query=query, params={})


async def test_large_cells_are_not_all_fetched(read):
    query = "with recursive n(x) as (select 1 union all select x + 1 from n) select 1 as orders, x as day, zeroblob(3000000) as region from n"
    with pytest.raises(BadAnswer, match="more than 50 MB"):
        await read(query=query, params={}, readings=[{"series": "orders", "value": "orders"}])


async def test_rows_without_end_are_not_all_fetched(read):
    query = "with recursive n(x) as (select 1 union all select x + 1 from n) select x as orders from n"
    with pytest.raises(BadAnswer, match=r"more than max_rows \(1000\) rows"):
        await read(query=query, params={}, max_rows=1000, readings=[{"series": "orders", "value": "orders"}])


async def test_a_query_that_ends_after_it_was_left_is_not_complained_of(monkeypatch):
    monkeypatch.setattr(databases, "_GRACE_SECONDS", 0.001)
    complaints, go_on = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def stubborn() -> None:
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()
        raise OSError("interrupted")

    with pytest.raises(TimeoutError):
        await databases.in_time(stubborn(), 0.001, databases.Interruption())
    go_on.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
