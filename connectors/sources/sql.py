"""Source `sql`: the rows of one query."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from connectors.base import BadAnswer, ConnectorError, Misconfigured, Services, TimedOut, Unreachable
from connectors.database import (
    MOST_BYTES,
    DatabaseUrl,
    Interruption,
    Meter,
    check_there,
    file_of,
    in_time,
    open_engine,
    without_secrets,
)
from connectors.extract import Extractor, Table
from connectors.rows import PolledConfig
from connectors.statement import check_reads
from rules.model import SECOND, Reading

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult

_MANY = 2_000
_AT_ONCE = 100  # rows that are fetched before their size is known, fewer where those before were large
_ROOM = 2_000_000  # bytes that they may have
_CELL = 8  # bytes that a cell without text counts
_ABOUT_QUERY = re.compile(r"no such|syntax error|incomplete input|readonly|ambiguous|misuse", re.IGNORECASE)


class SqlSourceConfig(PolledConfig):
    """Keys of a source of type `sql`. The address may hold a password, so all of it is a secret."""

    type: Literal["sql"]
    url: DatabaseUrl
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
        self._interruption = Interruption()
        self._meter = Meter()

    async def read(self, now: int) -> Sequence[Reading]:
        """The readings of the query's rows."""
        from sqlalchemy.exc import SQLAlchemyError

        seconds = self._config.timeout / SECOND
        try:
            columns, rows = await in_time(self._rows(), seconds, self._interruption)
        except (TimeoutError, asyncio.CancelledError) as error:
            await self.close()  # the state of the connection is not known
            if isinstance(error, asyncio.CancelledError):
                raise
            said = f"source {self._name}: the database gave no complete answer within {seconds:g} s"
            raise TimedOut(said) from None
        except (SQLAlchemyError, OSError, ValueError) as error:
            raise self._failure(error) from None
        except Exception as error:
            if self._meter.full:
                raise self._too_much() from None
            if not hasattr(error, "sqlstate"):
                raise
            said = f"source {self._name}: {self._said(error)}"
            raise BadAnswer(said) from None  # asyncpg's own: of a fetch SQLAlchemy leaves it as it is
        if len(rows) > _MANY:  # long enough to keep other sources waiting
            return await asyncio.to_thread(self._understand, columns, rows, now)
        return self._understand(columns, rows, now)

    def _understand(self, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], now: int) -> Sequence[Reading]:
        table = Table([dict(zip(columns, row, strict=True)) for row in rows], columns)
        return self._extractor.readings(table, now)

    async def close(self) -> None:
        """Closes the connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def _rows(self) -> tuple[tuple[str, ...], list[Sequence[Any]]]:
        from sqlalchemy import text

        if self._engine is None:
            url = self._config.url.get_secret_value()
            self._engine, self._file = open_engine(url), file_of(url)
        if self._file is not None:  # before a connection, which has a thread that would outlive its failure
            check_there(self._file)
        async with self._engine.connect() as connection:
            await self._interruption.watch(connection)
            await self._meter.watch(connection)
            result = await connection.stream(text(self._config.query), self._config.params)
            columns = tuple(result.keys())
            rows = await self._fetched(result)
            await result.close()
        return columns, rows

    async def _fetched(self, result: AsyncResult[Any]) -> list[Sequence[Any]]:
        """The rows, as far as they are few and small: what is too much is not fetched to its end."""
        most, size, count = self._config.max_rows, 0, 1
        rows: list[Sequence[Any]] = []
        while part := await result.fetchmany(min(count, most + 1 - len(rows))):
            rows += part
            sizes = [sum(len(cell) if isinstance(cell, str | bytes) else _CELL for cell in row) for row in part]
            size, count = size + sum(sizes), min(_AT_ONCE, 1 + _ROOM // max(1, *sizes))
            if len(rows) > most:
                raise BadAnswer(f"source {self._name}: the query gives more than max_rows ({most}) rows")
            if size > MOST_BYTES:
                raise self._too_much()
        return rows

    def _too_much(self) -> BadAnswer:
        most = f"the query gives more than {MOST_BYTES // 1_000_000} MB"
        return BadAnswer(f"source {self._name}: {most}; select fewer rows, and no column that no reading needs")

    def _failure(self, error: Exception) -> ConnectorError:
        from sqlalchemy import exc

        if self._meter.full:
            return self._too_much()
        said = self._said(error)
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

    def _said(self, error: Exception) -> str:
        """What the database said, with its file."""
        said = without_secrets(str(getattr(error, "orig", None) or error), self._config.url.get_secret_value())
        if self._file is not None and self._file not in said:
            said = f"{self._file}: {said}"
        return said
