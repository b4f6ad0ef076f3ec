"""The night in which an hour comes twice; `make crash` lives through the other one too, and slower."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.night import AUTUMN, wrongs


@pytest.mark.timeout(200)
async def test_a_night_with_an_hour_twice(tmp_path: Path):
    assert not await wrongs(AUTUMN, tmp_path, speed=600)
