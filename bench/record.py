"""Keeps the figures of a run in `bench/results.json`, each measurement under its own name."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


def record(name: str, figures: Any) -> None:
    """Replaces what is kept under a name; the rest stays."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept["python"] = platform.python_version()
    kept[name] = figures
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
