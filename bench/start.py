"""How long the command line takes: `setpoint --help`, and `setpoint check` of many targets, beside a bare Python.

    python bench/start.py --targets 1000 --rounds 5

Each is a process of its own, as a person or a pipeline of CI starts it; CPU is what the process used in all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record

PER_SOURCE = 10  # targets that read one source


def configuration(targets: int) -> str:
    """Targets with a band, alerts and a route, ten to a source."""
    lines = ["receivers:", "  ops: [{type: console}]", "route: {receiver: ops}", "sources:"]
    for number in range(-(-targets // PER_SOURCE)):
        reading = f"{{series: value_{number}, select: rows, value: value, time: at, labels: {{site: site}}}}"
        lines.append(
            f'  s{number}: {{type: http, url: "http://127.0.0.1/{number}", every: 10s, readings: [{reading}]}}'
        )
    lines.append("targets:")
    for number in range(targets):
        lines += [
            f"  t{number}:",
            f'    series: value_{number // PER_SOURCE}{{site="site-{number}"}}',
            "    goal: {at_least: 20, at_most: 23}",
            "    recover: {at_least: 20.5, at_most: 22.5}",
            "    no_data: {after: 10m, then: alert}",
            "    alerts:",
            "      - {name: out, when: out_of_band, for: 2m, severity: critical, notify: [ops],",
            '         annotations: {summary: "{{ labels.site }} is {{ value }}"}}',
        ]
    return "\n".join(lines) + "\n"


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a process that has to succeed."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def main() -> None:
    """Runs each in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    setpoint = str(Path(sys.executable).parent / "setpoint")
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "help": [setpoint, "--help"],
        "check": [setpoint, "check"],
    }
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "setpoint.yaml").write_text(configuration(chosen.targets))
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
        for _ in range(chosen.rounds + 1):
            for what, command in commands.items():
                times[what].append(timed(command, folder))
    print(f"{'command':8} {'wall s':>7} {'CPU s':>7} {'ratio':>6}   (check: {chosen.targets:,} targets)")
    for what, rows in times.items():
        wall, used = (statistics.median(column) for column in zip(*rows[1:], strict=True))  # the first fills caches
        found[what] = {"wall_s": round(wall, 3), "cpu_s": round(used, 3)}
        ratio = used / max(found["python"]["cpu_s"], 0.001)
        print(f"{what:8} {wall:7.3f} {used:7.3f} {ratio:6.1f}")
    record("start", {"targets": chosen.targets, **found})


if __name__ == "__main__":
    main()
