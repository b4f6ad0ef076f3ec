"""What a backtest costs: a year of 1-minute readings of one target, in CPU time, beside a bare loop over them.

    python bench/backtest.py [--readings 525600] [--rounds 3]

`bare` compares each value with the goal and does nothing else; `driver` is everything but the engine's own decision.
`csv` and `stored` are the whole command `setpoint backtest` on a file and on a database, start and reading included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

from record import record
from start import timed

from agent.backtest.past import Past
from agent.backtest.replay import replay
from agent.clock import Clock
from agent.config.configuration import Configuration, NotifierEntry, SourceEntry
from agent.rehearsal import Verdict
from agent.store.records import Commit
from agent.store.store import Store
from rules.engine import States
from rules.history import History
from rules.model import (
    DAY,
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    InstanceKey,
    Reading,
    Recover,
    Selector,
    Series,
    SourceRule,
    Standing,
    Target,
)
from rules.periods import to_local
from rules.specs import Specs

RULE = SourceRule("a", ("temperature",), MINUTE)
ROOM = Target(
    "room",
    "Room",
    Goal(at_least=20, at_most=23),
    Selector("temperature"),
    recover=Recover(20.5, 22.5),
    alerts=(AlertRule("out-of-band", Standing.OUT_OF_BAND, for_=2 * MINUTE, keep_firing_for=5 * MINUTE),),
)
YAML = """
sources:
  a: {type: file, path: year.csv, every: 1m, readings: [{series: temperature, time: time, value: value}]}
targets:
  room:
    series: temperature
    goal: {at_least: 20, at_most: 23}
    recover: {at_least: 20.5, at_most: 22.5}
    alerts: [{name: out-of-band, when: out_of_band, for: 2m, keep_firing_for: 5m}]
"""
CONFIG = Configuration(
    sources={"a": SourceEntry("a", "file", None, RULE.every, None, "UTC", SECOND, RULE)},
    targets={"room": ROOM},
    receivers={"console": (NotifierEntry("console", None),)},
)


def bare(readings: list[Reading]) -> int:
    """How many are outside."""
    return sum(not 20 <= (reading.value or 0) <= 23 for reading in readings)


def nothing(
    _specs: Specs, _states: States, _key: InstanceKey, arrivals: Iterable[tuple[int, Reading]], _history: History
) -> Iterator[Verdict]:
    """Takes every reading and decides nothing."""
    for at, _ in arrivals:
        yield at, {}, ()


def cost(run: Callable[[], object], rounds: int) -> float:
    """The least CPU seconds of some rounds."""
    found = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def commands(readings: list[Reading], rounds: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Wall and CPU seconds of the command in a process of its own, on a file and on a database: the least of each."""
    command = [str(Path(sys.executable).parent / "setpoint"), "backtest", "room"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "setpoint.yaml").write_text(YAML)
        rows = (f"{to_local(reading.time, 'UTC'):%Y-%m-%dT%H:%M:%SZ},{reading.value}\n" for reading in readings)
        (folder / "year.csv").write_text("time,value\n" + "".join(rows))
        asyncio.run(stored(f"sqlite:///{folder / 'setpoint.db'}", readings))
        for what, more in (("csv", ["--csv", "year.csv", "--series", "temperature"]), ("stored", [])):
            times = [timed([*command, *more], folder) for _ in range(rounds)]
            yield what, (min(wall for wall, _ in times), min(used for _, used in times))


async def stored(url: str, readings: list[Reading]) -> None:
    """Puts the readings into a database."""
    store = await Store.open(url, 0)
    for begin in range(0, len(readings), 10_000):
        await store.commit(Commit(readings[-1].time, readings=readings[begin : begin + 10_000]))
    await store.close()


def main() -> None:
    """Prints and records the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=525_600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = random.Random(1)
    series = Series("temperature", (("source", "a"),))
    begin = Clock().now() // DAY * DAY - given.readings * MINUTE
    readings = [Reading(series, begin + i * MINUTE, round(rng.gauss(21.5, 0.6), 3)) for i in range(given.readings)]
    past, span = Past((), readings, {}), (begin, begin + given.readings * MINUTE)
    figures = {"readings": float(given.readings), "bare": cost(lambda: bare(readings), given.rounds)}
    figures["whole"] = cost(lambda: replay(CONFIG, past, span), given.rounds)
    with patch.multiple("agent.rehearsal.verdicts", evaluate=lambda *_: (States(), []), evaluate_in_turn=nothing):
        figures["driver"] = cost(lambda: replay(CONFIG, past, span), given.rounds)
    for name in ("bare", "driver", "whole"):
        print(f"{name:<8} {figures[name]:7.2f} s  {figures[name] / given.readings * 1e6:6.2f} µs a reading")
    for name, (wall, used) in commands(readings, given.rounds):
        print(f"{name:<8} {used:7.2f} s of CPU, {wall:.2f} s in all")
        figures |= {f"{name}_cpu": used, f"{name}_wall": wall}
    record("backtest", {name: round(value, 3) for name, value in figures.items()})


if __name__ == "__main__":
    main()
