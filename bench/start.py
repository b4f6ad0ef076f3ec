"""How long the command line takes, beside a bare Python; and a daemon with many targets until it has decided on all.

    python bench/start.py --targets 1000 --rounds 5
    python bench/start.py --daemon --targets 10000 --days 400 --rounds 1

Each is a process of its own, as a person or a pipeline of CI starts it; CPU is what the process used in all. The daemon
has a month's sum for each target and reads its daily history from SQLite: `first` is a start on a database without
states, `again` a restart. Both end when it says it is ready: then every target was decided on, and all is stored. Its
memory is what the kernel says it holds and held at most, also as the difference to a daemon with ten targets.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import orjson
from record import record

DAY = 86_400 * 1_000_000
PER_SOURCE = 10  # targets that read one source
# Who installs it has its bytecode: a setting of this machine not to write any would have all compiled at each start.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


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
            "    by: [site]",
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


def monthly(targets: int) -> str:
    """Targets for a month's sum whose readings are sent, and no polls beside them."""
    lines = ["receivers:", "  ops: [{type: console}]", "route: {receiver: ops}", "sources:"]
    for first in range(0, targets, PER_SOURCE):
        readings = (f"{{series: value_{number}, value: v{number}}}" for number in range(first, first + PER_SOURCE))
        lines.append(f"  s{first}: {{type: webhook, readings: [{', '.join(readings)}]}}")
    lines.append("targets:")
    for number in range(targets):
        lines.append(f"  t{number}:")
        lines.append(f"    series: value_{number}")
        lines.append("    goal: {measure: sum, at_least: 3000, per: month}")
        lines.append("    alerts: [{name: behind, when: behind, for: 6h, severity: warning}]")
    return "\n".join(lines) + "\n"


def fill(path: Path, targets: int, days: int) -> None:
    """Stores a reading a day of each series, up to yesterday."""
    today = int(time.time()) // 86_400 * DAY
    noise = random.Random(1)
    shapes = [[100.0 + 20.0 * (day % 7 < 5) + noise.gauss(0.0, 10.0) for day in range(days)] for _ in range(50)]
    with closing(sqlite3.connect(path)) as database, database:
        for number in range(targets):
            labels = orjson.dumps({"source": f"s{number // PER_SOURCE * PER_SOURCE}"}).decode()
            database.execute("INSERT INTO series VALUES (?, ?, ?)", (number + 1, f"value_{number}", labels))
            rows = enumerate(shapes[number % len(shapes)], -days)
            database.executemany(
                "INSERT INTO readings VALUES (?, ?, ?)", ((number + 1, today + day * DAY, value) for day, value in rows)
            )


def started(folder: Path) -> dict[str, float]:
    """Seconds until the daemon of a folder is ready, and its memory in MB then."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**ENVIRON, "SETPOINT_LISTEN": f"127.0.0.1:{port}", "SETPOINT_LOG_LEVEL": "warning"}
    setpoint, began = str(Path(sys.executable).parent / "setpoint"), time.perf_counter()
    with subprocess.Popen([setpoint, "run"], cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        while not _ready(port):
            if process.poll() is not None:
                raise SystemExit("the daemon ended")
            time.sleep(0.02)
        wall = time.perf_counter() - began
        used = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = {key: int(status.partition(f"{key}:")[2].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")}
        process.terminate()
    cpu = used / os.sysconf("SC_CLK_TCK")
    return {"wall_s": wall, "cpu_s": cpu, "rss_mb": memory["VmRSS"], "most_mb": memory["VmHWM"]}


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def daemon(targets: int, days: int, rounds: int) -> None:
    """Starts daemons with ten targets and with many, each on a new database and again; prints the medians."""
    found: dict[str, dict[str, float]] = {}
    for many in (PER_SOURCE, targets):
        runs: dict[str, list[dict[str, float]]] = {"first": [], "again": []}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "setpoint.yaml").write_text(monthly(PER_SOURCE))
                started(folder)  # makes the database
                with closing(sqlite3.connect(folder / "setpoint.db")) as database, database:
                    database.execute("DELETE FROM instances")
                (folder / "setpoint.yaml").write_text(monthly(many))
                fill(folder / "setpoint.db", many, days)
                for rows in runs.values():
                    rows.append(started(folder))
        for what, rows in runs.items():
            found[f"{what}, {many}"] = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    print(f"{'start':14} {'wall s':>7} {'CPU s':>7} {'RSS MB':>7} {'most MB':>8}   ({days} days of each target)")
    for what, row in found.items():
        print(f"{what:14} {row['wall_s']:7.2f} {row['cpu_s']:7.2f} {row['rss_mb']:7.0f} {row['most_mb']:8.0f}")
    few, all_ = found[f"again, {PER_SOURCE}"], found[f"again, {targets}"]
    more = targets - PER_SOURCE
    each, took = 1024 * (all_["rss_mb"] - few["rss_mb"]) / more, 1000 * (all_["cpu_s"] - few["cpu_s"]) / more
    print(f"{each:.1f} kB and {took:.2f} ms of CPU a target; of 1,000 targets {each * 1000 / 1024:.1f} MB")
    print(
        f"restart to the first decision on all {targets:,}: {all_['wall_s']:.2f} s, of these CPU {all_['cpu_s']:.2f} s"
    )
    asked = {"targets": targets, "days": days, "kb_a_target": round(each, 1), "mb_a_1000": round(each / 1.024, 1)}
    record("daemon start", {**asked, **found})


def main() -> None:
    """Runs each in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--daemon", action="store_true", help="start daemons instead")
    parser.add_argument("--days", type=int, default=400, help="of history of each of the daemon's targets")
    chosen = parser.parse_args()
    if chosen.daemon:
        daemon(chosen.targets, chosen.days, chosen.rounds)
        return
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
