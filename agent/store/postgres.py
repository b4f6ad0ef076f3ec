"""PostgreSQL: where it is, who holds it, whether it is ours, and what its errors mean."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg

from agent.store.errors import StoreAway, StoreError, StoreInUse, StoreUnavailable
from agent.store.revisions import NEWEST, revision_among
from connectors.database import without_secrets

if TYPE_CHECKING:
    from agent.store.connection import Link
    from agent.store.ends import End

ANSWER_SECONDS = 20.0
_CONNECT_SECONDS = 10.0
LOCK_SECONDS = 2.0
"""How long a starting daemon waits for the lock of one that was just killed, until the server notices its end."""

_OURS = 1_937_010_542  # the first half of the lock's name; the other one is the schema's
_LOCK = f"{_OURS}, hashtext(coalesce(current_schema(), ''))"
_HOLDER = f"""
SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = CAST({_OURS} AS oid)
AND objid = CAST(hashtext(coalesce(current_schema(), '')) AS oid)
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_TABLES = """
SELECT relname FROM pg_class AS c
WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p', 'v', 'm', 'f')
AND NOT EXISTS (SELECT 1 FROM pg_depend AS d
                WHERE d.classid = CAST('pg_class' AS regclass) AND d.objid = c.oid AND d.deptype = 'e')
"""  # what an extension brought does not count
_TRANSIENT = {
    "08": "the connection was lost",
    "28": "it refuses the user or the password",
    "3D": "there is no such database",
    "42501": "it refuses the user what is needed",
    "53": "it is short of memory, connections or disk",
    "53100": "its disk is full",
    "53200": "it has no memory left",
    "53300": "it has no connection left",
    "57": "it is being started or stopped",
    "57014": f"it gave no answer within {ANSWER_SECONDS:g} s",
    "58": "its disk reports an error",
    "25006": "it is read-only",
    "55P03": "somebody else has locked it",
    "40": "somebody else writes to it",
    "XX": "it is damaged; restore a backup",
    "0A000": "its schema was changed meanwhile",
}
_FOR_GOOD = ("28", "3D", "42501", "XX", "0A000")  # as far as anybody can know who starts
_ENCODINGS = ("UTF8", "SQL_ASCII")  # those that keep every text


class PostgresDatabase:
    """A database on a server (`agent.store.connection.Database`). Tables are in the first schema of its search path."""

    folder: Path | None = None
    damage = ""  # a server says so each time

    def __init__(self, url: str) -> None:
        """Raises StoreError if it is no address."""
        self._dsn = url.replace("+asyncpg", "", 1)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise StoreError("SETPOINT_DATABASE_URL is not an address like postgresql://user@host/database") from None
        self.place = f"postgresql://{host or ''}{f':{port}' if port else ''}{parts.path}"

    def take(self, now: int) -> Link:
        """Takes the lock, and builds the schema in an empty database. An older one is not touched."""
        from agent.store.postgres_link import PostgresLink

        link = PostgresLink(self, _holder(now))
        try:
            link.prepare()
        except BaseException:
            link.close()
            raise
        return link

    def reader(self) -> Link:
        """A session that can't write."""
        from agent.store.postgres_link import PostgresLink

        return PostgresLink(self, None)

    def check(self) -> None:
        """Asks for the schema's revision."""
        from agent.store.postgres_link import PostgresLink

        link = PostgresLink(self, None)
        try:
            revision = link.revision()
        finally:
            link.close()
        if revision is None:
            raise StoreError(f"{self.place} is empty yet; `setpoint run` fills it")
        if revision != NEWEST:
            raise self.older()

    def migrate(self, now: int) -> tuple[str | None, str]:
        """Under the lock, so that no daemon works meanwhile."""
        from agent.store.postgres_link import PostgresLink

        link = PostgresLink(self, _holder(now))
        try:
            before = link.revision()
            if before != NEWEST:
                link.migrate()
        finally:
            link.close()
        return before, NEWEST

    def end(self, now: int | None) -> End:
        """One session."""
        from agent.store.ends import ServerEnd

        return ServerEnd(self, locked=now is not None)

    def older(self) -> StoreError:
        """What is said of an older schema."""
        return StoreError(
            f"{self.place} has an older schema; "
            "make a backup (`setpoint db backup FILE`), then run `setpoint db migrate`"
        )

    async def connect(self, name: str, seconds: float, **settings: str) -> asyncpg.Connection:
        """A session with everything that must not depend on the server's configuration. Raises StoreError."""
        alive = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
        known = {"application_name": f"setpoint {name}"[:63], "statement_timeout": f"{seconds * 1000:.0f}"}
        known |= {"lock_timeout": f"{ANSWER_SECONDS:g}s"}
        known |= {"default_transaction_isolation": "read committed", "jit": "off", "timezone": "UTC"}
        try:
            driver = await asyncpg.connect(
                self._dsn,
                timeout=_CONNECT_SECONDS,
                command_timeout=seconds + 5,
                statement_cache_size=0,
                server_settings={**alive, **known, **settings},
            )
        except asyncpg.exceptions.ClientConfigurationError as error:
            raise StoreError(f"{self.place}: {without_secrets(str(error), self._dsn)}") from None
        except asyncpg.PostgresError as error:
            failure = self.explain(error)
            if not isinstance(failure, StoreUnavailable):  # who is not let in may be later, whatever the reason
                failure = StoreUnavailable(self._now(without_secrets(str(error), self._dsn)))
            raise failure from None
        except Exception as error:
            raise self.explain(error) from None
        encoding = driver.get_settings().server_encoding
        if encoding not in _ENCODINGS:
            driver.terminate()
            raise StoreError(f"{self.place} can't keep every text, its encoding is {encoding}; make one with UTF8")
        return driver

    def explain(self, error: Exception) -> Exception:
        """A database's error in plain words, StoreUnavailable where trying again can help; any other as it is."""
        if isinstance(error, asyncpg.PostgresError):
            state = error.sqlstate or ""
            words = _TRANSIENT.get(state) or _TRANSIENT.get(state[:2])
            if words is None:
                said = without_secrets(str(error), self._dsn)
                return StoreError(f"the database {self.place} does not work: {said}")
            if state.startswith(_FOR_GOOD):
                return StoreUnavailable(self._now(words))
        elif isinstance(error, asyncpg.InterfaceError):
            if isinstance(error, ValueError):  # about what was given to the driver
                return error
            words = "the connection was lost"
        elif isinstance(error, OSError):  # also of a time-out
            words = without_secrets(error.strerror or str(error) or "it does not answer", self._dsn)
        else:
            return error
        return StoreAway(self._now(words))

    def _now(self, words: str) -> str:
        return f"the database {self.place} can't be used now: {words}"


def session_lost(error: Exception) -> bool:
    """Whether the session is over, and its transaction with it."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    ended = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, OSError)
    return isinstance(error, ended)


async def lock(driver: asyncpg.Connection, place: str, earlier: int | None) -> None:
    """Takes the database for this session, as long as it lasts. Raises StoreInUse, or what the driver raises.

    StoreUnavailable while our `earlier` session (the number of its server process) has it: the server did not notice
    its end yet.
    """
    await driver.execute(f"SET lock_timeout = '{LOCK_SECONDS:g}s'")
    try:
        await driver.execute(f"SELECT pg_advisory_lock({_LOCK})")
    except asyncpg.LockNotAvailableError:
        number, name = await driver.fetchrow(_HOLDER) or (0, "")
        if number == earlier:
            raise StoreUnavailable(f"the database {place} can't be used now: the connection was lost") from None
        holder = name.removeprefix("setpoint ")
        first = holder.partition(" ")[0]
        raise StoreInUse(
            f"the database {place} is in use by another daemon (process {holder or 'unknown'}); "
            "stop that one, or set SETPOINT_DATABASE_URL to another database",
            int(first) if first.isdigit() else None,
        ) from None
    await driver.execute(f"SET lock_timeout = '{ANSWER_SECONDS:g}s'")
    # An answered commit has to be on disk, whatever the server's configuration says of others.
    await driver.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )


async def revision_of(driver: asyncpg.Connection, place: str) -> str | None:
    """The revision of the schema; None if there is none. Raises StoreError if it is not ours."""
    tables = {row[0] for row in await driver.fetch(_TABLES)}
    versions: list[Any] = []
    if "alembic_version" in tables:
        versions = await driver.fetch("SELECT version_num FROM alembic_version")
    return revision_among(tables, [row[0] for row in versions], place)


def _holder(now: int) -> str:
    since = datetime.fromtimestamp(now // 1_000_000, UTC).isoformat()
    return f"{os.getpid()} since {since} on {socket.gethostname()}"
