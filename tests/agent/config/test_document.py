"""Where a mistake is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.config.test_config_errors import SOURCES, errors_of


@pytest.mark.parametrize(
    ("block", "places"),
    [
        (">\n        last(sales) > 1 and\n        last(slaes) > 1 or last(seets) > 1\n", ["12:14", "12:33"]),
        (">-\n       last(slaes) > 1\n", ["11:13"]),
        (">-\n       lst(sales) > 1\n", ["11:8"]),
        ("|\n        last(sales) > 1\n\n          and last(slaes) > 1\n", ["13:20"]),
        (">\n        last(sales) > 1\n\n        and last(slaes) > 1\n", ["10:18"]),  # folded into fewer characters
        ("|2\n          last(slaes) > 1\n", ["10:18"]),  # a block that begins with blanks
    ],
)
def test_a_mistake_in_a_block_is_said_where_it_is(tmp_path: Path, block: str, places: list[str]):
    text = f"{SOURCES}targets:\n  t:\n    goal:\n      condition: {block}"
    found = [said.split(": ")[0].removeprefix("setpoint.yaml:") for said in errors_of(tmp_path, text)]
    assert found == places
