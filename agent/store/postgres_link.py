"""PostgreSQL behind the store: one session, its transactions, and what happens when it is lost.

Each link has an event loop of its own, which runs in whatever thread asks: asyncpg needs one, and the daemon's own must
not wait for a long answer to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog
from sqlalchemy.util import greenlet_spawn

from agent.store.connection import Job, Outcome
from agent.store.errors import StoreUnavailable
from agent.store.postgres import ANSWER_SECONDS, PostgresDatabase, lock, revision_of, session_lost
from agent.store.postgres_connection import PostgresConnection
from agent.store.revisions import NEWEST

T = TypeVar("T")
DOUBT_SECONDS = 10
MIGRATION_SECONDS = 24 * 3600.0
log = structlog.get_logger()


class InDoubt(Exception):
    """The connection was lost while the server committed the transaction of this number."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class PostgresLink:
    """One session. With a `holder` it writes, and has the lock: lost with the session, and taken again with it."""

    def __init__(self, database: PostgresDatabase, holder: str | None, seconds: float | None = None) -> None:
        self._database = database
        self._seconds = seconds or ANSWER_SECONDS
        self._holder = holder
        self._earlier: int | None = None  # the server's process of the last session
        self._loop = asyncio.new_event_loop()
        self._connection: PostgresConnection | None = None

    def ask(self, question: Callable[..., T], *args: Any) -> T:
        """Each statement sees what is committed then."""

        async def ask(connection: PostgresConnection) -> T:
            return await greenlet_spawn(question, connection, *args)

        return self._run(self._again(ask))

    def transaction(self, jobs: Sequence[Job], undo: Callable[[], None]) -> list[Outcome]:
        """All together; where one of them fails, again, each with a savepoint."""
        return self._run(self._transaction(jobs, undo))

    def revision(self) -> str | None:
        """The revision of the schema; None if there is none. Raises StoreError."""

        async def ask() -> str | None:
            return await revision_of((await self._connected()).driver, self._database.place)

        return self._run(ask())

    def prepare(self) -> None:
        """Builds the schema in an empty database. Raises StoreError, also for an older one."""
        revision = self.revision()
        if revision is None:
            self.migrate()
        elif revision != NEWEST:
            raise self._database.older()

    def migrate(self, revision: str = NEWEST) -> None:
        """Brings the schema to a revision, in one transaction. Raises StoreError."""
        from agent.store.migrate import upgrade_postgres

        self._run(upgrade_postgres(lambda: self._database.connect("schema", MIGRATION_SECONDS), revision))

    def close(self) -> None:
        """Ends the session, and with it the lock."""
        self._loop.run_until_complete(self._leave())
        self._loop.close()

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(doing)
        except Exception as error:
            failure = self._database.explain(error)
            if isinstance(failure, StoreUnavailable):
                self._loop.run_until_complete(self._leave())
            if failure is error:
                raise
            raise failure from error

    async def _connected(self) -> PostgresConnection:
        if self._connection is not None and not self._connection.driver.is_closed():
            return self._connection
        reading = {"default_transaction_read_only": "on"} if self._holder is None else {}
        driver = await self._database.connect(self._holder or "reader", self._seconds, **reading)
        try:
            if self._holder is not None:
                await lock(driver, self._database.place, self._earlier)
        except BaseException:
            driver.terminate()
            raise
        self._earlier = driver.get_server_pid()
        self._connection = PostgresConnection(driver)
        return self._connection

    async def _again(self, ask: Callable[[PostgresConnection], Awaitable[T]]) -> T:
        """Asks anew where a session was lost while it waited for work; nothing was done in it yet."""
        waited = self._connection
        try:
            return await ask(await self._connected())
        except Exception as error:
            if waited is None or isinstance(error, TimeoutError) or not session_lost(error):
                raise
            await self._leave()
        return await ask(await self._connected())

    async def _leave(self) -> None:
        """What is left of the session is given up; the server takes back what was not committed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.driver.close(timeout=1)
        except Exception as error:  # it was lost before
            log.debug("store.session.lost", error=type(error).__name__)
            connection.driver.terminate()
        await asyncio.sleep(0)  # the loop lets go of the socket

    async def _transaction(self, jobs: Sequence[Job], undo: Callable[[], None]) -> list[Outcome]:
        connection = await self._again(_begin)
        outcomes: list[Outcome] = []
        try:
            try:
                await greenlet_spawn(_together, connection, jobs, outcomes)
            except InDoubt:
                raise
            except Exception as error:
                undo()
                if isinstance(self._database.explain(error), StoreUnavailable):
                    raise
                outcomes.clear()
                await greenlet_spawn(_one_by_one, connection, (jobs, undo, self._database.explain), outcomes)
        except InDoubt as doubt:
            await self._clear_up(doubt.number)
        except Exception:
            undo()
            connection.forget()
            await _roll_back(connection)
            raise
        return outcomes

    async def _clear_up(self, number: str) -> None:
        """Returns if the transaction was committed after all. Raises StoreUnavailable otherwise."""
        await self._leave()
        for left in reversed(range(DOUBT_SECONDS)):
            try:
                driver = (await self._connected()).driver
                status = await driver.fetchval("SELECT pg_xact_status(CAST(CAST($1 AS text) AS xid8))", number)
            except Exception as error:
                failure = self._database.explain(error)
                if not left or not isinstance(failure, StoreUnavailable):
                    raise failure from None
                await asyncio.sleep(1)
                continue
            if status == "committed":
                return
            break
        raise StoreUnavailable(f"the database {self._database.place} can't be used now: the connection was lost")


async def _begin(connection: PostgresConnection) -> PostgresConnection:
    await greenlet_spawn(connection.command, "BEGIN")
    return connection


async def _roll_back(connection: PostgresConnection) -> None:
    try:
        if connection.driver.is_in_transaction():
            await connection.driver.execute("ROLLBACK")
    except Exception:
        connection.driver.terminate()


def _together(connection: PostgresConnection, jobs: Sequence[Job], outcomes: list[Outcome]) -> None:
    outcomes += [(job(connection), None) for job in jobs]
    _commit(connection)


def _one_by_one(
    connection: PostgresConnection,
    given: tuple[Sequence[Job], Callable[[], None], Callable[[Exception], Exception]],
    outcomes: list[Outcome],
) -> None:
    jobs, undo, explain = given
    connection.forget()
    connection.command("ROLLBACK")
    connection.command("BEGIN")
    for job in jobs:
        connection.command("SAVEPOINT job")
        try:
            result = job(connection)
            connection.flush()
        except Exception as error:
            failure = explain(error)
            if isinstance(failure, StoreUnavailable):
                raise
            connection.forget()
            connection.command("ROLLBACK TO job")
            undo()
            outcomes.append((None, failure))
        else:
            outcomes.append((result, None))
        connection.command("RELEASE job")
    _commit(connection)


def _commit(connection: PostgresConnection) -> None:
    number = connection.execute("SELECT CAST(pg_current_xact_id_if_assigned() AS text)").fetchone()[0]
    try:
        connection.command("COMMIT")
    except Exception as error:
        if number is None or not session_lost(error):
            raise
        raise InDoubt(number) from error
