"""Databases that connectors reach through SQLAlchemy: addresses, an engine for one, a query that ends in time."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, unquote

from pydantic import AfterValidator

from connectors.fields import Secret

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")
MOST_BYTES = 50_000_000
"""How much a query may give; SQLite makes no text or blob that is larger by itself."""
_GRACE_SECONDS = 2.0
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


DatabaseUrl = Annotated[Secret, AfterValidator(_check_url)]
"""The address of a database. It may hold a password, so all of it is a secret."""


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


class _Bounded(sqlite3.Connection):
    """Else one cell may take all memory before anybody sees how large it is."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)


def open_engine(url: str, *, writes: bool = False, patience: float = 5.0) -> AsyncEngine:
    """An engine for the address with the asynchronous driver; one that reads keeps a connection, and reads only.

    An SQLite file is never made by opening it, and waited for at most `patience` seconds while another process writes.
    Raises ValueError.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    dialect, driver = async_driver(url)
    address = make_url(url).set(drivername=f"{dialect}+{driver}")
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 1}
    if writes or dialect == "sqlite":
        options = {"poolclass": NullPool} if writes else {}
    if dialect == "sqlite":
        options["connect_args"] = {"timeout": patience, "factory": _Bounded}
        if (file := file_of(url)) is not None:
            mode = "rw" if writes else "ro"
            address = address.set(database="file:" + quote(file)).update_query_dict({"mode": mode, "uri": "true"})
    if dialect == "postgresql" and not writes:
        options["execution_options"] = {"postgresql_readonly": True}
    return create_async_engine(address, **options)


def without_secrets(said: str, url: str) -> str:
    """The first line of what a database said, without its address and password."""
    for secret in (url, *re.findall(r"://[^/@]*?:([^/]*)@", url)):
        said = said.replace(secret, "***").replace(unquote(secret), "***")
    lines = said.splitlines()
    return lines[0][:200] if lines else "the database failed"


class Interruption:
    """Stops what runs on a connection whose driver works in a thread, which goes on though nobody waits (SQLite)."""

    def __init__(self) -> None:
        self._stop: Callable[[], Awaitable[None]] | None = None

    async def watch(self, connection: AsyncConnection) -> None:
        """This is the connection to stop."""
        raw = await connection.get_raw_connection()
        self._stop = getattr(raw.driver_connection, "interrupt", None)

    async def interrupt(self) -> bool:
        """Whether there was something to stop."""
        if self._stop is None:
            return False
        await self._stop()
        return True


class Meter:
    """Breaks a connection off that gives more than `MOST_BYTES`: PostgreSQL's driver makes each cell whole first."""

    def __init__(self) -> None:
        self._metered: _Metered | None = None

    @property
    def full(self) -> bool:
        """Whether it was broken off since it was last watched."""
        return self._metered is not None and self._metered.left < 0

    async def watch(self, connection: AsyncConnection) -> None:
        """Counts anew what comes on this connection, if its driver is PostgreSQL's."""
        driver = (await connection.get_raw_connection()).driver_connection
        transport: asyncio.Transport | None = getattr(driver, "_transport", None)
        if transport is None:
            return
        known: object = transport.get_protocol()
        self._metered = known if isinstance(known, _Metered) else _Metered(transport, known)
        self._metered.left = MOST_BYTES


class _Metered:
    """Stands between a connection and the driver's protocol, which takes all that comes."""

    def __init__(self, transport: asyncio.Transport, driver: Any) -> None:
        self.left = 0
        self._transport = transport
        self._driver = driver
        transport.set_protocol(self)  # type: ignore[arg-type] # the driver's protocol answers to everything else

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def data_received(self, data: bytes) -> None:
        """Hands on as much as it may be."""
        self.left -= len(data)
        if self.left < 0:
            self._transport.abort()
        else:
            self._driver.data_received(data)


async def in_time(query: Coroutine[Any, Any, T], seconds: float, interruption: Interruption) -> T:
    """What a query gives. Raises TimeoutError if it takes longer; it has ended then, or was left."""
    task = asyncio.create_task(query)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # else one that was left complains
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        ended = task.done()
        if not ended:
            if await interruption.interrupt():
                await asyncio.wait({task}, timeout=_GRACE_SECONDS)
            task.cancel()
            await asyncio.wait({task}, timeout=_GRACE_SECONDS)
    if not ended:
        raise TimeoutError
    return task.result()
