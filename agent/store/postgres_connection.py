"""One session of PostgreSQL, driven by the same synchronous jobs as SQLite.

A job runs in a greenlet (SQLAlchemy's bridge) and waits for asyncpg where SQLite would wait for its disk. What a job
writes without asking for an answer is gathered and sent before the next question or the end of the transaction: a
round trip for each kind of row, not for each commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.util import await_only

from agent.store.connection import Value, plain

if TYPE_CHECKING:
    from asyncpg import Connection as Driver
    from asyncpg.prepared_stmt import PreparedStatement

_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|::|\?|:(?P<name>[a-z]\w*)", re.IGNORECASE)
_JSON_LIST = re.compile(r"json_each\((\?|:\w+)\)")
_TABLE = re.compile(r"(?:INTO|FROM|UPDATE) (\w+)")
PUT = (
    "INSERT INTO readings (series_id, time, value) "
    "SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[])) "
    "ON CONFLICT (series_id, time) DO UPDATE SET value = excluded.value "
    "WHERE readings.value IS DISTINCT FROM excluded.value"
)
_GIVEN = "unnest(CAST(? AS text[]), CAST(? AS text[])) AS given (name, labels)"
_KNOWN = f"SELECT name, labels, id FROM {_GIVEN} JOIN series USING (name, labels)"
_NEW = f"INSERT INTO series (name, labels) SELECT * FROM {_GIVEN} RETURNING name, labels, id"
_EXTREME = (
    "SELECT DISTINCT ON (stretch) time, value FROM (SELECT time, value, (time - ?) / ? AS stretch FROM readings "
    "WHERE series_id = ? AND time >= ? AND time < ? AND value IS NOT NULL) AS span ORDER BY stretch, value {}, time"
)


class Fetched:
    """What a statement gave (`agent.store.connection.Rows`)."""

    def __init__(self, rows: list[Any], status: str) -> None:
        self._rows = iter(rows)
        self._status = status

    @property
    def rowcount(self) -> int:
        """The last word of `UPDATE 3`."""
        return int(self._status.rpartition(" ")[2])

    def fetchone(self) -> Any:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """The rows left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class PostgresConnection:
    """The connection that jobs and questions see (`agent.store.connection.Connection`)."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._prepared: dict[str, PreparedStatement] = {}
        self._versions: dict[int, int] | None = None
        self._readings: dict[tuple[int, int], float | None] = {}
        self._rows: list[tuple[str, str, list[list[Any]]]] = []  # table, statement, rows; in order

    def execute(self, sql: str, parameters: Any = (), /) -> Fetched:
        """Sends what was gathered first: the statement may ask for it."""
        self.flush()
        return self._fetch(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        """Gathers; rows join those of the same statement, unless another one wrote to the same table since."""
        rows = [[plain(value) for value in row] for row in parameters]
        table = str(_TABLE.search(sql)[1])  # type: ignore[index]
        if table == "shards":
            self._versions = None
        for other, statement, gathered in reversed(self._rows):
            if statement == sql:
                gathered.extend(rows)
                return
            if other == table:
                break
        if rows:
            self._rows.append((table, sql, rows))

    def values(self, sql: str, parameters: Sequence[Any]) -> Iterable[Value]:
        """The rows as plain tuples."""
        return map(tuple, self.execute(sql, parameters))

    def series(self, keys: Sequence[tuple[str, str]]) -> list[int]:
        """All known ones in one round trip, all new ones in another."""
        texts = [(plain(name), plain(labels)) for name, labels in keys]
        known: dict[tuple[str, str], int] = {}
        for sql in (_KNOWN, _NEW):
            missing = list(dict.fromkeys(key for key in texts if key not in known))
            if missing:
                given = tuple(map(list, zip(*missing, strict=True)))
                known |= {(name, labels): number for name, labels, number in self.execute(sql, given)}
        return [known[key] for key in texts]

    def put(self, readings: list[tuple[int, int, float | None]]) -> None:
        """Gathers; of several with the same time the last counts, since one statement can't change a row twice."""
        self._readings.update(((series, time), plain(value)) for series, time, value in readings)

    def extremes(self, span: tuple[int, int, int], width: int) -> Iterable[tuple[int, float]]:
        """The first of each stretch in order of value."""
        for order in ("ASC", "DESC"):
            yield from ((row[0], row[1]) for row in self.execute(_EXTREME.format(order), (span[1], width, *span)))

    def shards(self) -> dict[int, int]:
        """Locked against others until the end of the transaction, so they are asked for once."""
        if self._versions is None:
            rows = self.execute("SELECT shard, version FROM shards ORDER BY shard FOR SHARE")
            self._versions = {row[0]: row[1] for row in rows}
        return self._versions

    def shrink(self) -> None:
        """Nothing is kept here."""

    def copy(self, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Writes many rows into a table."""
        records = [tuple(map(plain, row)) for row in rows]
        await_only(self.driver.copy_records_to_table(table, records=records, columns=list(names)))

    # for the transactions

    def command(self, sql: str) -> None:
        """BEGIN and its like; what was read under locks is known no more."""
        self._versions = None
        await_only(self.driver.execute(sql))

    def flush(self) -> None:
        """Sends what was gathered."""
        if self._readings:
            times, numbers = list(self._readings.values()), list(zip(*self._readings, strict=True))
            self._readings = {}
            self._fetch(PUT, (*map(list, numbers), times))
        rows, self._rows = self._rows, []
        for _, sql, gathered in rows:
            await_only(self._prepare(sql).executemany(gathered))

    def forget(self) -> None:
        """Drops what was gathered."""
        self._readings, self._rows, self._versions = {}, [], None

    def _fetch(self, sql: str, parameters: Any) -> Fetched:
        statement = self._prepare(sql)
        if isinstance(parameters, Mapping):
            parameters = [parameters[name] for name in translated(sql)[1]]
        rows = await_only(statement.fetch(*map(plain, parameters)))
        return Fetched(rows, statement.get_statusmsg())

    def _prepare(self, sql: str) -> PreparedStatement:
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = await_only(self.driver.prepare(translated(sql)[0]))
        return statement


@cache
def translated(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with PostgreSQL's parameters, and the names of those, if they have names."""
    names: list[str] = []
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        name = found["name"]
        if name:
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"
        if found[0] == "?":
            count += 1
            return f"${count}"
        return found[0]

    sql = _JSON_LIST.sub(r"json_array_elements_text(CAST(\1 AS json)) AS each (value)", sql)
    return _TOKEN.sub(number, sql), tuple(names)
