"""From a changed value at the source to the webhook's arrival at the sink, beside Prometheus with Alertmanager.

    python bench/latency.py --changes 300 --seconds 20 --beside 1000

Values change one after another at random times, each of another instance, so that each fires once. `pushed` counts
from when the value is posted to `/in/…`; `polled`, read every second, from when the endpoint gave the changed value for
the first time, so without the wait for the poll. It is measured at rest, and with so many sources polled meanwhile,
those that don't change every ten seconds. Prometheus scrapes as often and evaluates every second, Alertmanager's
group_wait is 0: counted likewise from when the endpoint gave the value, so without the wait for the scrape, but with
that for the evaluation.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from endpoints import HIGH, LIMIT, Happened, Servers, servers
from polls import PORTS, READING, scraped, warm
from processes import has_prometheus, prometheus, setpoint
from record import record

PATIENCE = 10.0  # seconds for the last ones to arrive; then they are missing
WAYS = ("pushed", "polled", "beside")


def configuration(there: Servers, polled: int, often: int) -> str:
    """A source that is called, with a target split by its label, and sources that are polled with one target each.

    The first so many are read `often`.
    """
    alert = "alerts: [{name: high, when: out_of_band, severity: critical, notify: [sink]}]"
    lines = [
        f'receivers: {{sink: [{{type: webhook, url: "{there.sink("/ok")}"}}]}}',
        "route: {receiver: sink}",
        "sources:",
        "  push: {type: webhook, readings: [{series: pushed, value: value, labels: {number: number}}]}",
    ]
    for number in range(polled):
        url, every = there.url("setpoint", number), "1s" if number < often else "10s"
        lines.append(f'  s{number}: {{type: http, url: "{url}", every: {every}, readings: [{READING}]}}')
    lines += ["targets:", f"  pushed: {{series: pushed, by: [number], goal: {{at_most: {LIMIT}}}, {alert}}}"]
    for number in range(polled):
        goal = f"goal: {{at_most: {LIMIT}}}, {alert}"
        lines.append(f"  t{number}: {{series: 'visitors{{source=\"s{number}\"}}', {goal}}}")
    return "\n".join(lines) + "\n"


async def change(numbers: Sequence[int], seconds: float, one: Callable[[int], Any]) -> dict[int, float]:
    """Changes one after another at random times within so many seconds: when each did."""
    begun = time.monotonic()
    noise = random.Random(1)
    at = sorted(noise.uniform(0, seconds) for _ in numbers)
    changed: dict[int, float] = {}
    for number, due in zip(numbers, at, strict=True):
        await asyncio.sleep(max(begun + due - time.monotonic(), 0))
        changed[number] = time.monotonic()
        await one(number)
    return changed


def happened(there: Servers, count: int, label: str) -> Happened:
    """All that happened until so many numbers were told of."""
    found, until = Happened([], []), time.monotonic() + PATIENCE
    while len(arrived(found, label)) < count and time.monotonic() < until:
        time.sleep(0.05)
        more = there.take()
        found.polls.extend(more.polls)
        found.calls.extend(more.calls)
    return found


def arrived(found: Happened, label: str) -> dict[int, float]:
    """When each number was first told of as firing, out of Alertmanager's body, which both send."""
    told: dict[int, float] = {}
    for call in found.calls:
        for alert in orjson.loads(call.body)["alerts"]:
            said = alert["labels"].get(label)
            if said is not None and alert["status"] == "firing":
                told.setdefault(int(said.removeprefix("t")), call.at)
    return told


def summary(since: dict[int, float], told: dict[int, float]) -> dict[str, float]:
    """Milliseconds: p50, p99, the most; and how many were never told."""
    late = sorted((told[number] - at) * 1_000 for number, at in since.items() if number in told)
    if not late:
        raise SystemExit("nothing arrived at the sink")
    return {
        "p50_ms": round(statistics.median(late), 1),
        "p99_ms": round(late[min(int(len(late) * 0.99), len(late) - 1)], 1),
        "most_ms": round(late[-1], 1),
        "missing": len(since) - len(late),
    }


def given(found: Happened, numbers: Sequence[int]) -> dict[int, float]:
    """When the endpoints first gave the changed value."""
    gave: dict[int, float] = {}
    for poll in found.polls:
        if poll.value == HIGH:
            gave.setdefault(poll.number, poll.at)
    return {number: gave[number] for number in numbers if number in gave}


def pushed(url: str, there: Servers, count: int, seconds: float) -> dict[str, float]:
    """Posts values that are too high."""

    async def run() -> dict[int, float]:
        async with aiohttp.ClientSession() as session:

            async def post(number: int, value: int = HIGH) -> None:
                async with session.post(f"{url}/in/push", json={"number": str(number), "value": value}) as answer:
                    assert answer.status == 202, await answer.text()

            await asyncio.gather(*(post(number, 1) for number in range(count)))
            posts: set[asyncio.Task[None]] = set()

            async def begin(number: int) -> None:
                posts.add(asyncio.create_task(post(number)))

            changed = await change(range(count), seconds, begin)
            await asyncio.gather(*posts)
            return changed

    there.take()
    since = asyncio.run(run())
    return summary(since, arrived(happened(there, count, "number"), "number"))


def polled(there: Servers, count: int, seconds: float, label: str) -> dict[str, float]:
    """Makes values at endpoints too high."""
    numbers = range(count)

    async def begin(number: int) -> None:
        there.set(number, HIGH)

    there.take()
    asyncio.run(change(numbers, seconds, begin))
    found = happened(there, count, label)
    return summary(given(found, numbers), arrived(found, label))


def ours(count: int, seconds: float, beside: int, ways: Sequence[str]) -> dict[str, dict[str, float]]:
    """The daemon: pushed at rest, polled at rest, and both beside so many polled sources."""
    found: dict[str, dict[str, float]] = {}
    cases = {"pushed": ("rest", 0), "polled": ("rest", count), "beside": (f"{beside} polled", max(beside, count))}
    for what, sources in (cases[way] for way in ways):
        with servers(min(max(sources, 1), PORTS)) as there, ExitStack() as running:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            daemon = running.enter_context(setpoint(folder, configuration(there, sources, count)))
            if sources:
                warm(there, {"setpoint"}, sources, 10.0 if sources > count else 1.0)
            if sources != count or what != "rest":
                found[f"pushed, {what}"] = pushed(daemon.url, there, count, seconds)
            if sources:
                found[f"polled, {what}"] = polled(there, count, seconds, "target")
    return found


def theirs(count: int, seconds: float, beside: int) -> dict[str, dict[str, float]]:
    """Prometheus, polled at rest and beside so many targets."""
    found: dict[str, dict[str, float]] = {}
    for what, endpoints in (("rest", count), (f"{beside} polled", max(beside, count))):
        with servers(min(endpoints, PORTS)) as there, ExitStack() as running:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            jobs = scraped(there, ["1s" if number < count else "10s" for number in range(endpoints)])
            running.enter_context(prometheus(folder, jobs, "1s", there.sink("/ok")))
            warm(there, {"prometheus"}, endpoints, 10.0 if endpoints > count else 1.0)
            found[f"prometheus, {what}"] = polled(there, count, seconds, "number")
    return found


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0, help="over which the changes are spread")
    parser.add_argument("--beside", type=int, default=1_000, help="sources polled meanwhile")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="Prometheus beside all of them only")
    chosen = parser.parse_args()
    found = ours(chosen.changes, chosen.seconds, chosen.beside, chosen.ways)
    if has_prometheus() and set(chosen.ways) == set(WAYS):
        found |= theirs(chosen.changes, chosen.seconds, chosen.beside)
    print(f"{'from a value to its webhook':26} {'p50 ms':>8} {'p99 ms':>8} {'most ms':>8} {'missing':>8}")
    for what, row in found.items():
        print(f"{what:26} {row['p50_ms']:8.1f} {row['p99_ms']:8.1f} {row['most_ms']:8.1f} {row['missing']:8}")
    record("latency", {"changes": chosen.changes, "beside": chosen.beside, **found})


if __name__ == "__main__":
    main()
