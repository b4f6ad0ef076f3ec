"""Databases on the tests' PostgreSQL server: one for each test, and questions that other tools would ask of them."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self

import asyncpg

from agent.store.store import Store
from tests.servers import Postgres

_NAMES = itertools.count(1)
_OURS = "FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace"


class Databases:
    """Makes them by copying one that has the schema: migrating each anew takes ten times as long.

    Works in a thread of its own, so that it can be asked from anywhere.
    """

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._open: dict[str, asyncpg.Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._admin = self._wait(asyncpg.connect(self._server.url))
        self._command("CREATE DATABASE model")
        self._wait(self._fill(self.url("model")))
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._leave(""))
        self._wait(self._admin.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, name: str) -> str:
        return self._server.url.removesuffix("postgres") + name

    def create(self, *, empty: bool = False) -> str:
        """The address of a new database, with the schema or without anything."""
        name = f"test{next(_NAMES)}"
        self._command(f"CREATE DATABASE {name}" + ("" if empty else " TEMPLATE model"))
        return self.url(name)

    def drop(self, url: str) -> None:
        self._wait(self._leave(url))
        self._command(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def run(self, url: str, sql: str, *values: Any, setting: str = "") -> list[asyncpg.Record]:
        """Asked in a session that is kept, with a setting in another one."""
        return self._wait(self._ask(url, sql, values, setting))

    def damage(self, url: str) -> list[str]:
        """What is wrong in the database, in words: in a table, in an index, or between the two; none if it is whole."""
        self.run(url, "CREATE EXTENSION IF NOT EXISTS amcheck")
        tables = self.run(url, f"SELECT c.oid, c.relname {_OURS} AND relkind = 'r' ORDER BY relname")
        found = []
        for table in tables:
            rows = self.run(url, "SELECT * FROM verify_heapam(CAST($1 AS oid))", table["oid"])
            found += [f"{table['relname']}, block {row['blkno']}: {row['msg']}" for row in rows]
        for index in self.run(url, f"SELECT c.oid, c.relname {_OURS} AND relkind = 'i' ORDER BY relname"):
            try:
                self.run(url, "SELECT bt_index_parent_check(CAST($1 AS oid), true)", index["oid"])
            except asyncpg.PostgresError as error:
                found.append(f"{index['relname']}: {error}")
        return found

    @contextmanager
    def holding(self, url: str, sql: str) -> Iterator[None]:
        """Another program's transaction, which ends with the block."""
        connection = self._wait(asyncpg.connect(url))
        try:
            self._wait(connection.execute(f"BEGIN; {sql}"))
            yield
        finally:
            self._wait(connection.close())

    def admin(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Asked by the one who may do everything, in no test's database."""
        return self._wait(self._admin.fetch(sql, *values))

    def _command(self, sql: str) -> None:
        self._wait(self._admin.execute(sql))

    async def _fill(self, url: str) -> None:
        await (await Store.open(url, 0)).close()

    async def _ask(self, url: str, sql: str, values: tuple[Any, ...], setting: str) -> list[asyncpg.Record]:
        key = url + setting
        if key not in self._open or self._open[key].is_closed():
            self._open[key] = await asyncpg.connect(url, statement_cache_size=0)
            if setting:
                await self._open[key].execute(f"SET {setting}")
        return await self._open[key].fetch(sql, *values)

    async def _leave(self, url: str) -> None:
        for key in [key for key in self._open if key.startswith(url)]:
            await self._open.pop(key).close()

    def _wait(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)
