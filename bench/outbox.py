"""What two sick receivers cost the eight healthy ones beside them.

    python bench/outbox.py --alerts 300 --seconds 10

The daemon tells ten webhooks of every alert. A burst of alerts gives the throughput: deliveries a second that arrive at
the healthy eight. Then, while the sick ones have all that still waiting for them, ten alerts a second give the delay
from the posted value to the arrival at each of the eight. Sick is one that takes two seconds an answer, together with
one that refuses connections, or that never answers.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
from endpoints import HIGH, LIMIT, Call, Servers, servers
from processes import cpu, free_port, setpoint
from record import record

HEALTHY = 8
PACE = 10  # alerts a second
PATIENCE = 120.0
CASES = {"healthy": ("/ok/8", "/ok/9"), "slow, refuses": ("/slow", "refuses"), "slow, silent": ("/slow", "/silent")}


def configuration(sinks: list[str]) -> str:
    """A source that is called, and a target split by its label whose alert every sink is told of."""
    receivers = (f'r{number}: [{{type: webhook, url: "{sink}"}}]' for number, sink in enumerate(sinks))
    notify = ", ".join(f"r{number}" for number in range(len(sinks)))
    return f"""
receivers: {{{", ".join(receivers)}}}
route: {{receiver: r0}}
sources:
  push: {{type: webhook, readings: [{{series: pushed, value: value, labels: {{number: number}}}}]}}
targets:
  pushed:
    series: pushed
    by: [number]
    goal: {{at_most: {LIMIT}}}
    alerts: [{{name: high, when: out_of_band, severity: critical, notify: [{notify}]}}]
"""


def post(url: str, numbers: range, value: int) -> float:
    """Sends the values of so many instances: when that was."""
    body = orjson.dumps([{"number": str(number), "value": value} for number in numbers])
    request = urllib.request.Request(f"{url}/in/push", body, {"content-type": "application/json"})
    at = time.monotonic()
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 202
    return at


def told(there: Servers, wanted: int, calls: list[Call], healthy: set[str]) -> None:
    """Waits until so many arrived at the healthy ones, or for two minutes."""
    until = time.monotonic() + PATIENCE
    while len(calls) < wanted and time.monotonic() < until:
        calls += [call for call in there.take().calls if call.path in healthy]
        time.sleep(0.1)


def number_of(call: Call) -> int:
    return int(orjson.loads(call.body)["alerts"][0]["labels"]["number"])


def measure(sick: tuple[str, str], alerts: int, seconds: float) -> dict[str, Any]:
    """One daemon with eight healthy receivers and two others."""
    with servers(1) as there, ExitStack() as running:
        healthy = {f"/ok/{number}" for number in range(HEALTHY)}
        sinks = [there.sink(path) for path in sorted(healthy)]
        sinks += [f"http://127.0.0.1:{free_port()}/" if path == "refuses" else there.sink(path) for path in sick]
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        daemon = running.enter_context(setpoint(folder, configuration(sinks)))
        more = range(alerts, alerts + int(seconds * PACE))
        post(daemon.url, range(more.stop), 1)
        there.take()
        burst: list[Call] = []
        used, begun = cpu(daemon.pid), post(daemon.url, range(alerts), HIGH)
        told(there, alerts * HEALTHY, burst, healthy)
        used, took = cpu(daemon.pid) - used, max(call.at for call in burst) - begun
        since: dict[int, float] = {}
        for number in more:
            since[number] = post(daemon.url, range(number, number + 1), HIGH)
            time.sleep(max(1 / PACE - (time.monotonic() - since[number]), 0))
        paced: list[Call] = []
        told(there, len(more) * HEALTHY, paced, healthy)
    late = sorted(call.at - since[number_of(call)] for call in paced)
    return {
        "per_s": round(len(burst) / took),
        "cpu_us": round(used / len(burst) * 1e6),
        "missing": (alerts + len(more)) * HEALTHY - len(burst) - len(paced),
        "delay_p50_ms": round(late[len(late) // 2] * 1e3, 1),
        "delay_p99_ms": round(late[int(len(late) * 0.99)] * 1e3, 1),
        "delay_most_ms": round(late[-1] * 1e3, 1),
    }


def main() -> None:
    """Measures all three and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=300, help="in the burst")
    parser.add_argument("--seconds", type=float, default=10.0, help="of ten alerts each after it")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    chosen = parser.parse_args()
    print(
        f"{'the two beside eight':22} {'a second':>9} {'CPU µs':>7} {'p50 ms':>7} {'p99 ms':>7} {'most ms':>8} missing"
    )
    found: dict[str, Any] = {}
    for what in chosen.cases:
        one = found[what] = measure(CASES[what], chosen.alerts, chosen.seconds)
        print(f"{what:22} {one['per_s']:9,} {one['cpu_us']:7,} {one['delay_p50_ms']:7.1f}", end="")
        print(f" {one['delay_p99_ms']:7.1f} {one['delay_most_ms']:8.1f} {one['missing']:7}", flush=True)
    record("outbox", found)


if __name__ == "__main__":
    main()
