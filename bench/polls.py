"""CPU of a poll by the daemon, beside a bare aiohttp loop that polls and compares, and Prometheus with Alertmanager.

    python bench/polls.py --endpoints 1000 5000 --interval 10 --rounds 3

All three poll the same endpoints (a small server in its own process, many ports) in the same seconds, each with one
rule for each endpoint; the daemon and Prometheus store what they read. The figures are CPU time of the daemon's process
only, of both processes where there are two, for each poll that the server answered; medians of rounds of one interval.

`made` are the polls made of those due; `lag` is how much later than at the earliest of its own times an endpoint was
asked, counted from interval to interval.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from endpoints import LIMIT, WHO, Poll, Servers, servers
from processes import Job, bare, cpu, has_prometheus, memory, prometheus, setpoint
from record import record

PORTS = 2_000  # at most; more endpoints share them
READING = "{series: visitors, select: data, value: visitors, labels: {site: site}}"


def configuration(urls: list[str], every: str, sink: str) -> str:
    """A source and a target with one alert for each address."""
    lines = [f'receivers: {{sink: [{{type: webhook, url: "{sink}"}}]}}', "route: {receiver: sink}", "sources:"]
    for number, url in enumerate(urls):
        lines.append(f'  s{number}: {{type: http, url: "{url}", every: {every}, readings: [{READING}]}}')
    lines.append("targets:")
    for number in range(len(urls)):
        goal = f"goal: {{at_most: {LIMIT}}}, alerts: [{{name: high, when: out_of_band, notify: [sink]}}]"
        lines.append(f"  t{number}: {{series: 'visitors{{source=\"s{number}\"}}', {goal}}}")
    return "\n".join(lines) + "\n"


def scraped(there: Servers, every: list[str]) -> list[Job]:
    """What Prometheus is to scrape, each endpoint so often."""
    who = "prometheus"
    return [Job(number, there.host(who, number), f"/{who}/{number}", often) for number, often in enumerate(every)]


def started(running: ExitStack, there: Servers, endpoints: int, interval: float) -> dict[str, tuple[int, ...]]:
    """Starts all there is to compare: the pids by name."""
    every = f"{interval:g}s"
    folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
    urls = [there.url("setpoint", number) for number in range(endpoints)]
    daemon = running.enter_context(setpoint(folder, configuration(urls, every, there.sink("/ok"))))
    pids: dict[str, tuple[int, ...]] = {"setpoint": (daemon.pid,)}
    if has_prometheus():
        jobs = [
            Job(number, there.host("prometheus", number), f"/prometheus/{number}", every) for number in range(endpoints)
        ]
        pids["prometheus"] = running.enter_context(prometheus(folder, jobs, every, there.sink("/ok")))
    urls = [there.url("bare", number) for number in range(endpoints)]
    pids["bare"] = (running.enter_context(bare(urls, interval)),)
    return pids


def warm(there: Servers, names: set[str], endpoints: int, interval: float) -> None:
    """Until each has asked all endpoints, and then for an interval more."""
    seen: dict[str, set[int]] = {name: set() for name in names}
    until = time.monotonic() + 60 + 6 * interval
    while any(len(numbers) < endpoints for numbers in seen.values()):
        if time.monotonic() > until:
            raise SystemExit(f"polled of {endpoints}: { {name: len(numbers) for name, numbers in seen.items()} }")
        time.sleep(min(interval / 4, 1.0))
        for poll in there.take().polls:
            seen[poll.who].add(poll.number)
    time.sleep(interval)


def lags(polls: list[Poll], interval: float) -> dict[str, list[float]]:
    """How much later each poll came than the earliest of its endpoint did, in seconds, by who asked."""
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for poll in polls:
        times[poll.who, poll.number].append(poll.at)
    found: dict[str, list[float]] = defaultdict(list)
    for (who, _), all_ in times.items():
        off = [at - all_[0] - round((at - all_[0]) / interval) * interval for at in all_]
        found[who] += [one - min(off) for one in off]
    return found


def measure(endpoints: int, interval: float, rounds: int) -> dict[str, Any]:
    """The medians of the rounds."""
    with servers(min(endpoints, PORTS), len(WHO)) as there, ExitStack() as running:
        pids = started(running, there, endpoints, interval)
        warm(there, set(pids), endpoints, interval)
        there.take()
        polls: list[Poll] = []
        costs: dict[str, list[float]] = {name: [] for name in pids}
        for _ in range(rounds):
            before = {name: cpu(*of) for name, of in pids.items()}
            time.sleep(interval)
            used = {name: cpu(*of) - before[name] for name, of in pids.items()}
            taken = there.take().polls
            made = Counter(poll.who for poll in taken)
            polls += taken
            for name in pids:
                costs[name].append(used[name] / max(made[name], 1) * 1e6)
        held = memory(pids["setpoint"][0])
    found: dict[str, Any] = {f"{name}_us": round(statistics.median(all_), 1) for name, all_ in costs.items()}
    for name in pids.keys() - {"setpoint"}:
        ratios = [mine / other for mine, other in zip(costs["setpoint"], costs[name], strict=True)]
        found[f"ratio_{name}"] = round(statistics.median(ratios), 2)
    late = sorted(lags(polls, interval)["setpoint"])
    found["made"] = round(len(late) / (endpoints * rounds), 4)
    found["lag_p99_s"] = round(late[int(len(late) * 0.99)], 3)
    found["rss_mb"] = round(held, 1)
    return found


def main() -> None:
    """Measures each size and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[100, 1_000, 5_000, 10_000])
    parser.add_argument("--interval", type=float, default=10.0, help="seconds, whole ones")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(
        f"{'endpoints':>9} {'setpoint µs':>12} {'bare µs':>8} {'ratio':>6} {'prometheus µs':>14} {'ratio':>6}", end=""
    )
    print(f" {'made':>7} {'lag p99 s':>10} {'RSS MB':>7}")
    found: dict[str, Any] = {}
    for endpoints in chosen.endpoints:
        one = found[str(endpoints)] = measure(endpoints, chosen.interval, chosen.rounds)
        ours, loop, other = (one.get(f"{name}_us", float("nan")) for name in WHO)
        ratio = one.get("ratio_prometheus", float("nan"))
        print(f"{endpoints:9,} {ours:12.0f} {loop:8.0f} {one['ratio_bare']:6.2f} {other:14.0f} {ratio:6.2f}", end="")
        print(f" {one['made']:7.2%} {one['lag_p99_s']:10.3f} {one['rss_mb']:7.0f}", flush=True)
        record("polls", found)


if __name__ == "__main__":
    main()
