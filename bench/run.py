"""Runs every measurement one after another, prints one table and keeps all of it in `bench/results.json`.

    python bench/run.py --date 2026-01-31 [--quick] [--only polls commit]

A part that fails says so, and the others run on. The figures are ratios within a run: what else the machine does while
it runs moves both sides of them; the load at its beginning and end is kept with them.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from budgets import figures, table
from processes import PROGRAMS, program
from record import keep, kept

PATIENCE = 900  # seconds a part may take
# What each part is run with: as usual, and to see in two minutes whether something is far off.
PARTS: dict[str, tuple[str, str]] = {
    "decide": ("--readings 10000 --rounds 2", "--instances 1 1000 --readings 2000 --rounds 1"),
    "commit": ("--rounds 3", "--rounds 1 --readings 10000"),
    "outbox": ("--alerts 300 --seconds 8", "--alerts 50 --seconds 2"),
    "latency": ("--changes 300 --seconds 20", "--changes 60 --seconds 3 --beside 100"),
    "polls": ("--rounds 3", "--endpoints 1000 --interval 5 --rounds 1"),
    "backtest": ("--rounds 1", "--readings 50000 --rounds 1"),
    "start": ("--rounds 3", "--rounds 1"),
    "start --daemon": ("--targets 10000 --rounds 1", "--targets 500 --days 60 --rounds 1"),
}
KEPT_AS = {"start --daemon": "daemon start"}


def machine() -> dict[str, object]:
    """What it runs on, and with what."""
    cpus = Path("/proc/cpuinfo").read_text()
    names = ("aiohttp", "orjson", "pydantic", "apscheduler", "sqlalchemy")
    said = {name: _version_of(path) for name in PROGRAMS if (path := program(name))}
    return {
        "machine": {
            "processor": cpus.partition("model name\t: ")[2].partition("\n")[0] or platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
            "system": f"{platform.system()} {platform.release()}",
            "load_before": os.getloadavg()[0],
        },
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in ("setpoint", *names)},
            **said,
        },
    }


def _version_of(path: str) -> str:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).partition("version ")[2].partition(" ")[0]


def run(part: str, arguments: str) -> str | None:
    """Runs a part; what went wrong, if anything did."""
    name, *more = part.split()
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *more, *arguments.split()]
    print(f"\n== {part} {arguments}", flush=True)
    try:
        status = subprocess.run(command, check=False, timeout=PATIENCE).returncode
    except subprocess.TimeoutExpired:
        return f"took more than {PATIENCE} s"
    return None if status == 0 else f"ended with status {status}"


def main() -> None:
    """Runs the parts; exit status 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", default="", help="kept with the figures")
    parser.add_argument("--quick", action="store_true", help="small sizes, under two minutes")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    chosen = parser.parse_args()
    before = kept()
    parts = {name: of for name, of in before["parts"].items() if name not in {KEPT_AS.get(p, p) for p in chosen.only}}
    about = machine()
    keep({"date": chosen.date, "quick": chosen.quick, **about, "parts": parts})
    begun = time.monotonic()
    failed = {part: why for part in chosen.only if (why := run(part, PARTS[part][chosen.quick]))}
    found = kept()
    measured = figures(found["parts"])
    found["machine"]["load_after"] = os.getloadavg()[0]
    found |= {"failed": failed, "figures": [figure.as_json() for figure in measured]}
    keep(found)
    print(f"\n{table(measured)}\n\n{time.monotonic() - begun:.0f} s; load {os.getloadavg()[0]:.1f}")
    for part, why in failed.items():
        print(f"FAILED: {part} {why}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
