"""Queries on a real PostgreSQL."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from connectors.base import BadAnswer, Services, TimedOut, Unreachable
from connectors.sources.sql import SqlSource, SqlSourceConfig
from tests.connectors.conformance import NOW
from tests.servers import Postgres, free_port

QUERY = "select day, region, orders from daily where orders >= :least order by day"
READING = {"series": "orders", "time": "day", "value": "orders", "labels": {"region": "region"}}


@pytest.fixture
async def daily(database: Postgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=database.port, user=database.user, password=database.password, database="postgres"
    )
    await connection.execute("create table daily (day date, region text, orders numeric)")
    await connection.execute("insert into daily values ('2025-12-30', 'eu', 4.5), ('2025-12-31', null, 7)")
    yield connection
    await connection.execute("drop table daily")
    await connection.close()


async def read(services: Services, url: str, **keys: Any) -> Any:
    data = {"type": "sql", "url": url, "query": QUERY, "params": {"least": 1}, "readings": [READING], **keys}
    source = SqlSource("shop", SqlSourceConfig.model_validate(data), services)
    try:
        return await source.read(NOW)
    finally:
        await source.close()


async def test_rows_become_readings(services: Services, database: Postgres, daily: asyncpg.Connection) -> None:
    first, second = await read(services, database.url)
    assert str(first.series) == 'orders{region="eu",source="shop"}'
    assert (first.time, first.value) == (1_767_052_800_000_000, 4.5)
    assert (str(second.series), second.value) == ('orders{source="shop"}', 7.0)


async def test_what_can_not_be_read(services: Services, database: Postgres, daily: asyncpg.Connection) -> None:
    await daily.execute(
        "create function sell() returns daily language sql as $$ insert into daily values (now(), 'us', 1) returning * $$"
    )
    with pytest.raises(BadAnswer, match="read-only transaction"):
        await read(services, database.url, query="select * from sell()", params={})
    await daily.execute("drop function sell")
    assert await daily.fetchval("select count(*) from daily") == 2
    with pytest.raises(BadAnswer, match='relation "nowhere" does not exist'):
        await read(services, database.url, query="select * from nowhere", params={})
    with pytest.raises(TimedOut, match=r"no complete answer within 0\.2 s"):
        await read(services, database.url, query="select pg_sleep(9)", params={}, timeout="200ms")
    gone = database.url.replace(str(database.port), str(free_port()))
    with pytest.raises(Unreachable) as caught:
        await read(services, gone)
    assert database.password not in str(caught.value)


async def test_a_cell_that_is_larger_than_all_may_be_is_not_made(
    services: Services, database: Postgres, daily: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.database.MOST_BYTES", 2_000_000)
    huge = "select repeat('x', 40000000) as region, '2025-12-30' as day, 1 as orders"
    keys = {"type": "sql", "url": database.url, "query": huge, "readings": [READING]}
    source = SqlSource("shop", SqlSourceConfig.model_validate(keys), services)
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer, match=r"more than 50 MB; select fewer rows") as caught:
            await source.read(NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(caught.value) is BadAnswer
    assert peak < 8_000_000
    with pytest.raises(BadAnswer, match=r"more than 50 MB"):  # on a new connection
        await source.read(NOW)
    await source.close()


async def test_what_a_connection_gives_is_counted_for_each_read(
    services: Services, database: Postgres, daily: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.database.MOST_BYTES", 20_000)
    query = "select repeat('x', 400) as region, '2025-12-30' as day, n as orders from generate_series(1, 30) as n"
    keys = {"type": "sql", "url": database.url, "query": query, "readings": [READING]}
    source = SqlSource("shop", SqlSourceConfig.model_validate(keys), services)
    for _ in range(3):
        assert len(await source.read(NOW)) == 30
    await source.close()
