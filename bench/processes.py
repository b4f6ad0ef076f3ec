"""The processes that are measured: the daemon, a bare aiohttp loop, Prometheus with its Alertmanager."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import orjson
from endpoints import LIMIT

BIN = Path(sys.executable).parent
PROGRAMS = ("prometheus", "alertmanager")


def cpu(*pids: int) -> float:
    """CPU seconds that processes have used, all their threads together, to the nanosecond where the kernel says so.

    Source: https://docs.kernel.org/scheduler/sched-stats.html and proc(5)
    """
    return sum(_cpu(pid) for pid in pids)


def _cpu(pid: int) -> float:
    try:
        paths = Path(f"/proc/{pid}/task").glob("*/schedstat")
        if found := sum(int(path.read_text().split()[0]) for path in paths):
            return found / 1e9
    except OSError:
        pass
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _running(command: list[str], folder: Path, ready: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has answered at `ready`; it ends with the block. Raises SystemExit with what it said."""
    log = folder / f"{Path(command[0]).name}.log"
    there = Path(command[0]).parents[1] / "share" / Path(command[0]).name  # where its templates are, if it has any
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=there if there.is_dir() else folder,
            env={**os.environ, **environ},
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
        )
    try:
        until = time.monotonic() + 300
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start: {log.read_text()[-2_000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Daemon:
    """A running daemon: its address and its process."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid


@contextmanager
def setpoint(folder: Path, configuration: str, database: str = "") -> Iterator[Daemon]:
    """The daemon, ready."""
    (folder / "setpoint.yaml").write_text(configuration)
    listen = f"127.0.0.1:{free_port()}"
    environ = {"SETPOINT_LISTEN": listen, "SETPOINT_LOG_LEVEL": "warning"}
    if database:
        environ["SETPOINT_DATABASE_URL"] = database
    with _running([str(BIN / "setpoint"), "run"], folder, f"http://{listen}/-/ready", **environ) as process:
        yield Daemon(f"http://{listen}", process.pid)


def has_prometheus() -> bool:
    """Whether both programs are installed."""
    return all(map(program, PROGRAMS))


def program(name: str) -> str | None:
    """Where a program is: in the environment, or wherever the shell finds it. Debian has a longer name for one."""
    within = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return shutil.which(name, path=within) or shutil.which(f"prometheus-{name}", path=within)


class Job(NamedTuple):
    """What Prometheus is to scrape, and how often."""

    number: int
    host: str
    path: str
    every: str


@contextmanager
def prometheus(folder: Path, jobs: list[Job], evaluated: str, sink: str) -> Iterator[tuple[int, int]]:
    """Prometheus with a scrape and a rule for each of the jobs, and Alertmanager: their pids."""
    here, there = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    severe = "labels: {severity: critical}"
    rules = [
        f"      - {{alert: high, expr: 'visitors{{number=\"{job.number}\"}} > {LIMIT}', {severe}}}" for job in jobs
    ]
    groups = [rules[first : first + 100] for first in range(0, len(rules), 100)]
    lines = [line for n, group in enumerate(groups) for line in (f"  - name: g{n}", "    rules:", *group)]
    (folder / "rules.yml").write_text("\n".join(["groups:", *lines]) + "\n")
    lines = [
        f"global: {{evaluation_interval: {evaluated}}}",
        "rule_files: [rules.yml]",
        f'alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{there}"]}}]}}]}}',
        "scrape_configs:",
    ]
    for every in dict.fromkeys(job.every for job in jobs):
        lines.append(
            f"  - {{job_name: every-{every}, scrape_interval: {every}, scrape_timeout: {every}, static_configs: ["
        )
        lines += [
            f'      {{targets: ["{job.host}"], labels: {{number: "{job.number}", __metrics_path__: "{job.path}"}}}},'
            for job in jobs
            if job.every == every
        ]
        lines.append("    ]}")
    (folder / "prometheus.yml").write_text("\n".join(lines) + "\n")
    route = "{receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}"
    receiver = f'[{{name: sink, webhook_configs: [{{url: "{sink}", send_resolved: false}}]}}]'
    (folder / "alertmanager.yml").write_text(f"route: {route}\nreceivers: {receiver}\n")
    manager = [
        program("alertmanager") or "",
        f"--config.file={folder}/alertmanager.yml",
        f"--web.listen-address={there}",
    ]
    manager += ["--cluster.listen-address=", f"--storage.path={folder}/alerts"]
    server = [program("prometheus") or "", f"--config.file={folder}/prometheus.yml", f"--web.listen-address={here}"]
    server += [f"--storage.tsdb.path={folder}/data"]
    with (
        _running(manager, folder, f"http://{there}/-/ready") as one,
        _running(server, folder, f"http://{here}/-/ready") as other,
    ):
        yield other.pid, one.pid


@contextmanager
def bare(urls: list[str], interval: float) -> Iterator[int]:
    """A process with the loop anybody would write: the pid."""
    process = multiprocessing.get_context("spawn").Process(target=_bare, args=(urls, interval), daemon=True)
    process.start()
    try:
        yield process.pid or 0
    finally:
        process.terminate()
        process.join()


def _bare(urls: list[str], interval: float) -> None:
    """Polls each address once an interval, evenly spread, parses and compares."""
    from endpoints import allow_open_files

    allow_open_files()

    async def poll(session: aiohttp.ClientSession, url: str) -> bool:
        async with session.get(url) as answer:
            return bool(orjson.loads(await answer.read())["data"]["visitors"] > LIMIT)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=10_000, keepalive_timeout=75)
        async with aiohttp.ClientSession(connector=connector) as session:
            begun, started = loop.time(), 0
            running: set[asyncio.Task[bool]] = set()
            while True:
                due = int((loop.time() - begun) / interval * len(urls)) + 1
                for number in range(started, due):
                    task = asyncio.create_task(poll(session, urls[number % len(urls)]))
                    running.add(task)
                    task.add_done_callback(running.discard)
                started = due
                await asyncio.sleep(max(begun + due * interval / len(urls) - loop.time(), 0.01))

    asyncio.run(run())
