"""The measurements run, at their smallest: that their figures are right, only a person can say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"
SCRIPTS = sorted(path.name for path in BENCH.glob("*.py") if "__main__" in path.read_text(encoding="utf-8"))
SMALL = {
    "decide.py": "--instances 1 --readings 20 --rounds 1",
    "backtest.py": "--readings 200 --rounds 1",
    "commit.py": "--batches 1 10 --readings 20 --rounds 1",
    "polls.py": "--endpoints 5 --interval 1 --rounds 1",
    "latency.py": "--ways pushed --changes 3 --seconds 0.2",
    "rollups.py": "--series 1 --days 3 --every 600",
    "outbox.py": "--cases healthy --alerts 2 --seconds 0.2",
}


def run(script: str, arguments: str, results: Path) -> str:
    """What a script says."""
    environ = {**os.environ, "BENCH_RESULTS": str(results)}
    command = [sys.executable, str(BENCH / script), *arguments.split()]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_says_what_it_measures(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, str(BENCH / name), "--help"], stdout=subprocess.PIPE, text=True)
        for name in SCRIPTS
    ]
    assert {"run.py", "start.py", *SMALL} <= set(SCRIPTS)
    for process in running:
        said, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        assert said.startswith("usage:")


@pytest.mark.parametrize("script", sorted(SMALL))
def test_it_measures(script: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    said = run(script, SMALL[script], results)
    parts: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))["parts"]
    assert parts[script.removesuffix(".py")]
    assert len(said.splitlines()) > 1


def test_a_part_that_fails_says_so_and_the_others_run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "results.json"
    code = (
        f"import sys; sys.path.insert(0, {str(BENCH)!r}); import run;"
        "run.PARTS.update({'start': ('--nonsense', '')});"
        "run.PARTS.update({'commit': ('--batches 100 --readings 100 --rounds 1', '')});"
        "sys.argv[1:] = ['--date', '2026-01-31', '--only', 'start', 'commit']; run.main()"
    )
    environ = {**os.environ, "BENCH_RESULTS": str(results)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 1
    assert "FAILED: start ended with status 2" in done.stdout
    kept = json.loads(results.read_text(encoding="utf-8"))
    assert kept["date"] == "2026-01-31"
    assert list(kept["failed"]) == ["start"]
    assert {figure["what"] for figure in kept["figures"]} == {"readings stored, 100 a commit"}
    assert kept["figures"][0]["holds_bar"] is True
    assert kept["machine"]["cores"]
    assert kept["versions"]["python"]
