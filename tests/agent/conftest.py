"""The world that the tests of muting share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.test_pipeline_muting import Plant, configured


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    made = Plant(tmp_path)
    made.config = configured()
    await made.start()
    yield made
    await made.stop()
