from __future__ import annotations

import asyncio
import itertools

import pytest

from connectors.base import Services
from connectors.http import HttpClient
from tests.connectors.notifiers.kit import NOW


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def services():
    # Each look at this clock is ten seconds later, so that nothing waits for its turn.
    http = HttpClient(now=lambda: NOW, monotonic=itertools.count(step=10.0).__next__, sleep=_at_once)
    yield Services(http=http, now=lambda: NOW, external_url="https://setpoint.example.com")
    await http.close()
