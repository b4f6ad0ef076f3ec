"""Source `sql`: the rows of one query."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from connectors.fields import PolledConfig, Secret

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
    query: Annotated[str, Field(min_length=1)]
    params: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    max_rows: Annotated[int, Field(ge=1)] = 100_000


class SqlSource:
    """Reads from a database."""

    Config = SqlSourceConfig
