"""Source `sql`: the rows of one query."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, unquote

from pydantic import AfterValidator, Field

from connectors.base import BadAnswer, ConnectorError, Misconfigured, Services, TimedOut, Unreachable
from connectors.extract import Extractor, Table
from connectors.fields import PolledConfig, Secret
from connectors.statement import check_reads
from rules.model import SECOND, Reading

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_MANY = 2_000
_GRACE_SECONDS = 2.0
_ABOUT_QUERY = re.compile(r"no such|syntax error|incomplete input|readonly|ambiguous|misuse", re.IGNORECASE)

_DRIVERS = {
    "sqlite": "aiosqlite",
    "postgresql": "asyncpg",
    "postgres": "asyncpg",
    "mysql": "aiomysql",
    "mariadb": "aiomysql",
}


def async_driver(url: str) -> tuple[str, str]:
    """(dialect, driver package) of a database address, its driver the asynchronous one. Raises ValueError."""
    scheme, separator, _ = url.partition("://")
    dialect, _, driver = scheme.lower().partition("+")
    if not separator or not dialect:
        raise ValueError("has to be a database address such as sqlite:///shop.db")
    package = driver or _DRIVERS.get(dialect)
    if package is None:
        raise ValueError(f"no asynchronous driver is known for {dialect}; write {dialect}+<driver>://")
    if find_spec(package) is None:
        raise ValueError(f"needs the package {package}, which is not installed")
    return ("postgresql" if dialect == "postgres" else dialect), package


def _check_url(value: Secret) -> Secret:
    async_driver(value.get_secret_value())
    return value


class SqlSourceConfig(PolledConfig):
    """Keys of a source of type `sql`. The address may hold a password, so all of it is a secret."""

    type: Literal["sql"]
    url: Annotated[Secret, AfterValidator(_check_url)]
    query: Annotated[str, AfterValidator(check_reads)]
    params: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    max_rows: Annotated[int, Field(ge=1)] = 100_000


class SqlSource:
    """Reads the rows of a query; nothing it does is committed, and SQLite files are opened read-only."""

    Config = SqlSourceConfig

    def __init__(self, name: str, config: SqlSourceConfig, services: Services) -> None:
        self._name = name
        self._config = config
        self._extractor = Extractor(name, config.readings, config.timezone or services.timezone)
        self._file: str | None = None  # of an SQLite database, once it was opened
        self._engine: AsyncEngine | None = None
        self._interrupt: Callable[[], Awaitable[None]] | None = None

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings of the query's rows."""
        from sqlalchemy.exc import SQLAlchemyError

        seconds = self._config.timeout / SECOND
        query = asyncio.create_task(self._rows())
        try:
            await asyncio.wait({query}, timeout=seconds)
        finally:
            in_time = query.done()
            if not in_time:
                await self._stop(query)
        if not in_time:
            raise TimedOut(f"source {self._name}: the database gave no complete answer within {seconds:g} s")
        try:
            table = query.result()
        except (SQLAlchemyError, OSError, ValueError) as error:
            raise self._failure(error) from None
        rows: Any = table.answer
        if len(rows) > self._config.max_rows:
            raise BadAnswer(f"source {self._name}: the query gives more than max_rows ({self._config.max_rows}) rows")
        if len(rows) > _MANY:  # long enough to keep other sources waiting
            return await asyncio.to_thread(self._extractor.readings, table, now)
        return self._extractor.readings(table, now)

    async def close(self) -> None:
        """Closes the connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def _rows(self) -> Table:
        from sqlalchemy import text

        if self._engine is None:
            url = self._config.url.get_secret_value()
            self._engine, self._file = open_engine(url), file_of(url)
        if self._file is not None:  # before a connection, which has a thread that would outlive its failure
            check_there(self._file)
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            self._interrupt = getattr(raw.driver_connection, "interrupt", None)
            result = await connection.stream(text(self._config.query), self._config.params)
            columns = tuple(result.keys())
            rows = await result.fetchmany(self._config.max_rows + 1)
            await result.close()
        return Table([dict(zip(columns, row, strict=True)) for row in rows], columns)

    async def _stop(self, query: asyncio.Task[Table]) -> None:
        """Ends a query that takes too long, and lets go of its connection, whose state is not known."""
        if self._interrupt is not None:  # SQLite's thread would go on to the end of the query, cancelled or not
            await self._interrupt()
            await asyncio.wait({query}, timeout=_GRACE_SECONDS)
        query.cancel()
        await asyncio.wait({query}, timeout=_GRACE_SECONDS)
        if query.done() and not query.cancelled():
            query.exception()  # looked at, so that nobody complains
        await self.close()

    def _failure(self, error: Exception) -> ConnectorError:
        from sqlalchemy import exc

        said = self._clean(str(getattr(error, "orig", None) or error))
        if self._file is not None and self._file not in said:
            said = f"{self._file}: {said}"
        message = f"source {self._name}: {said}"
        if isinstance(error, (exc.ArgumentError, exc.NoSuchModuleError)):
            return Misconfigured(f"source {self._name}: url is not an address of a database that can be opened")
        if isinstance(error, exc.ResourceClosedError):
            return Misconfigured(f"source {self._name}: the query gives no rows; it has to be a select")
        if isinstance(error, exc.DBAPIError):
            asked = isinstance(error, (exc.ProgrammingError, exc.DataError)) or _ABOUT_QUERY.search(said)
            return BadAnswer(message) if asked else Unreachable(message)
        if isinstance(error, exc.StatementError):
            return Misconfigured(message.partition(" (Background")[0])
        return Unreachable(message)

    def _clean(self, said: str) -> str:
        url = self._config.url.get_secret_value()
        hidden = [url, *re.findall(r"://[^/@]*?:([^/]*)@", url)]
        for secret in hidden:
            said = said.replace(secret, "***").replace(unquote(secret), "***")
        lines = said.splitlines()
        return lines[0][:200] if lines else "the database failed"


def file_of(url: str) -> str | None:
    """The file of an SQLite database as the address has it; None of any other database."""
    from sqlalchemy.engine import make_url

    address = make_url(url)
    file = address.database
    known = address.get_backend_name() == "sqlite" and file != ":memory:" and "uri" not in address.query
    return file or None if known else None


def check_there(file: str) -> None:
    """Raises OSError, in plain words, unless the file can be read."""
    try:
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)):
            pass
    except OSError as error:
        raise OSError(f"{file}: {(error.strerror or 'can not be read').lower()}") from None


def open_engine(url: str) -> AsyncEngine:
    """An engine for the address: one connection, the asynchronous driver, SQLite read-only. Raises ValueError."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.ext.asyncio import create_async_engine

    dialect, driver = async_driver(url)
    address = make_url(url).set(drivername=f"{dialect}+{driver}")
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 1}
    if dialect == "sqlite":
        options = {}
        if (file := file_of(url)) is not None:
            path = "file:" + quote(file)  # a mere read never makes a file
            address = address.set(database=path).update_query_dict({"mode": "ro", "uri": "true"})
    if dialect == "postgresql":
        options["execution_options"] = {"postgresql_readonly": True}
    return create_async_engine(address, **options)
