from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from connectors.base import Services
from connectors.gateway import GatewayConfig
from connectors.http import HttpClient
from tests.connectors.notifiers.kit import NOW
from tests.servers import Mosquitto, mosquitto


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    http = HttpClient(now=lambda: NOW)
    yield Services(http=http, now=lambda: NOW)
    await http.close()


def through(services: Services, base_url: str, **keys: object) -> Services:
    """The services with a gateway `corp` to `base_url`."""
    gateway = GatewayConfig.model_validate({"base_url": base_url, **keys})
    return Services(http=services.http, now=services.now, gateways={"corp": gateway})


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as one:
        yield one
