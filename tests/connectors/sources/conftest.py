from __future__ import annotations

import pytest

from connectors.base import Services
from connectors.http import HttpClient
from tests.connectors.conformance import NOW


@pytest.fixture
async def services():
    http = HttpClient(now=lambda: NOW)
    yield Services(http=http, now=lambda: NOW)
    await http.close()
