from __future__ import annotations

import pytest

from connectors.base import Services
from connectors.http import HttpClient
from tests.connectors.notifiers.kit import NOW


@pytest.fixture
async def services():
    http = HttpClient(now=lambda: NOW)
    yield Services(http=http, now=lambda: NOW, external_url="https://setpoint.example.com")
    await http.close()
