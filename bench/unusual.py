"""What `when: unusual` scores on the Numenta Anomaly Benchmark, and what a reading costs.

    git clone https://github.com/numenta/NAB /tmp/nab
    python bench/unusual.py /tmp/nab --python /tmp/venv/bin/python

The detector sees each file once, in order, with the one setting it has in the daemon. Its scores are written to the
checkout's results/ and scored by NAB's own `run.py --optimize --score --normalize`, as NAB's README says for detectors
that run elsewhere. `--python` is an interpreter that has what NAB needs (pandas below 2, simplejson, numpy).

NAB picks one threshold for all files. What the daemon does, whose threshold is fixed at 0.5, and what each half of the
files scores with the threshold of the other is counted here with NAB's sweeper; the halves are by a hash of the name.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.store.codec import encode
from rules.model import Usual
from rules.unusual import learn

NAME = "setpoint"
FIXED = 0.5


@dataclass
class Scored:
    """One file: NAB's name of it, its rows (time and value as written), and the scores given."""

    name: str
    rows: list[tuple[str, float]]
    scores: list[float]
    state: int  # bytes as stored after the last reading


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.partition(".")[0]).replace(tzinfo=UTC)


def detect(path: Path, name: str) -> tuple[Scored, float]:
    """The scores of a file, and the CPU seconds they took."""
    with path.open(encoding="utf-8") as file:
        rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
    readings = [(round(moment(text).timestamp()) * 1_000_000, value) for text, value in rows]
    usual: Usual | None = None
    scores = []
    started = time.process_time()
    for at, value in readings:
        usual = learn(usual, name, "UTC", at, value)
        scores.append(usual.finding.score if usual and usual.finding else 0.0)
    return Scored(name, rows, scores, len(encode(usual))), time.process_time() - started


def write(nab: Path, scored: Scored, windows: list[tuple[datetime, datetime]]) -> None:
    """The scores in NAB's format: results/<detector>/<folder>/<detector>_<file>."""
    folder, _, file = scored.name.partition("/")
    path = nab / "results" / NAME / folder / f"{NAME}_{file}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["timestamp", "value", "anomaly_score", "label"])
        for (text, value), score in zip(scored.rows, scored.scores, strict=True):
            inside = any(start <= moment(text) <= end for start, end in windows)
            writer.writerow([text, value, score, int(inside)])


class Sweep:
    """NAB's standard profile over some files."""

    def __init__(self, nab: Path) -> None:
        sys.path.insert(0, str(nab))
        from nab.sweeper import Sweeper

        profile = json.loads((nab / "config/profiles.json").read_text(encoding="utf-8"))["standard"]
        self.sweeper: Any = Sweeper(0.15, profile["CostMatrix"])

    def by_threshold(self, files: list[Scored], windows: dict[str, list[tuple[datetime, datetime]]]) -> list[Any]:
        points: list[Any] = []
        for file in files:
            times = [moment(text) for text, _ in file.rows]
            points += self.sweeper.calcSweepScore(times, file.scores, windows[file.name], file.name)
        wanted = sum(len(windows[file.name]) for file in files)
        rows = self.sweeper.calcScoreByThreshold(points)
        null = rows[0].score  # the first threshold is above every score
        return [(row.threshold, 100 * (row.score - null) / (wanted - null), row.fp) for row in rows]


def at(rows: list[Any], threshold: float) -> tuple[float, int]:
    """Score and false alarms of the lowest threshold that is not below the one given."""
    return [(score, fp) for limit, score, fp in rows if limit >= threshold][-1]


def best(rows: list[Any]) -> Any:
    return max(rows, key=lambda row: row[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nab", type=Path, help="a checkout of NAB")
    parser.add_argument(
        "--python", default=None, help="interpreter to run NAB's own scorer with; without it, no run.py"
    )
    args = parser.parse_args()
    nab: Path = args.nab.resolve()
    labels = json.loads((nab / "labels/combined_windows.json").read_text(encoding="utf-8"))
    windows = {name: [(moment(a), moment(b)) for a, b in pairs] for name, pairs in labels.items()}
    files, seconds = [], 0.0
    for name in sorted(windows):
        scored, took = detect(nab / "data" / name, name)
        write(nab, scored, windows[name])
        files.append(scored)
        seconds += took
    readings = sum(len(file.rows) for file in files)
    print(f"{len(files)} files, {readings} readings, {seconds / readings * 1e6:.1f} µs a reading")
    print(f"state: at most {max(file.state for file in files)} bytes as stored")
    sweep = Sweep(nab)
    first = [file for file in files if hashlib.sha256(file.name.encode()).digest()[0] % 2 == 0]
    second = [file for file in files if file not in first]
    swept = {name: sweep.by_threshold(part, windows) for name, part in (("all", files), ("1", first), ("2", second))}
    for name, rows in swept.items():
        threshold, score, fp = best(rows)
        fixed, alarms = at(rows, FIXED)
        print(f"files {name}: {score:.1f} at threshold {threshold:.3f} ({fp} false alarms);", end=" ")
        print(f"{fixed:.1f} at the fixed {FIXED} ({alarms} false alarms)")
    for one, other in (("1", "2"), ("2", "1")):
        print(f"half {other} with the threshold of half {one}: {at(swept[other], best(swept[one])[0])[0]:.1f}")
    if args.python:
        command = [args.python, "run.py", "-d", NAME, "--optimize", "--score", "--normalize", "--skipConfirmation"]
        answer = subprocess.run(command, cwd=nab, check=True, capture_output=True, text=True)
        print("\n".join(line for line in answer.stdout.splitlines() if line.startswith("Final score")))


if __name__ == "__main__":
    main()
