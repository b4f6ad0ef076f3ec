"""How every property test runs: the same cases everywhere, on busy machines too. And the database server."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.databases import Databases
from tests.servers import Postgres, postgres

settings.register_profile("setpoint", deadline=None, derandomize=True)  # nobody's change fails by another's dice
settings.register_profile("fuzz", deadline=None, print_blob=True)  # `make fuzz`: other cases with each run
settings.load_profile("setpoint")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-database", action="store_true", help="every acceptance test on SQLite and PostgreSQL")


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    """A PostgreSQL server, started when it is first asked for."""
    with postgres() as one:
        yield one


@pytest.fixture(scope="session")
def databases(database: Postgres) -> Iterator[Databases]:
    """Databases of Setpoint's own on it."""
    with Databases(database) as made:
        yield made
