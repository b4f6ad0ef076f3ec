"""Keeps the figures of a run in `bench/results.json` (or where BENCH_RESULTS says), each part under its own name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RESULTS = Path(os.environ.get("BENCH_RESULTS") or Path(__file__).with_name("results.json"))


def kept() -> dict[str, Any]:
    """What is kept so far."""
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {"parts": {}, **found}


def keep(found: dict[str, Any]) -> None:
    """Replaces all of it."""
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def record(name: str, figures: Any) -> None:
    """Replaces the figures of a part; the rest stays."""
    found = kept()
    found["parts"][name] = figures
    keep(found)
