"""What a backtest costs: a year of 1-minute readings of one target, in CPU time, beside a bare loop over them.

    python bench/backtest.py [--readings 525600] [--rounds 3]

`bare` compares each value with the goal and does nothing else; `driver` is everything but the engine's own decision.
`sum` and `condition` are what a monthly sum and a condition with a window of an hour cost instead of a band.
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
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from record import record
from start import timed

from agent.backtest.past import Past
from agent.backtest.replay import replay
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.config.load import load
from agent.store.records import Commit
from agent.store.store import Store
from rules.engine import States
from rules.history import History
from rules.model import DAY, MINUTE, InstanceKey, Reading, Series
from rules.periods import to_local
from rules.specs import Specs

YAML = """
sources:
  a: {type: file, path: year.csv, every: 1m, readings: [{series: temperature, time: time, value: value}]}
targets:
  room:
    series: temperature
    goal: {at_least: 20, at_most: 23}
    recover: {at_least: 20.5, at_most: 22.5}
    alerts: [{name: out-of-band, when: out_of_band, for: 2m, keep_firing_for: 5m}]
  sum:
    series: temperature
    goal: {measure: sum, at_least: 940000, per: month}
    alerts: [{name: behind, when: behind}, {name: missed, when: missed}]
  condition:
    goal: {condition: "avg(temperature, '1h') > 21.45"}
    alerts: [{name: low, when: out_of_band, for: 5m}]
"""


def configured(folder: Path, target: str) -> Configuration:
    """The configuration cut down to one target."""
    (folder / "setpoint.yaml").write_text(YAML)
    config = load(folder / "setpoint.yaml", {})
    return replace(config, targets={target: config.targets[target]})


def bare(readings: list[Reading]) -> int:
    """How many are outside."""
    return sum(not 20 <= (reading.value or 0) <= 23 for reading in readings)


class Nothing:
    """Takes every reading and decides nothing."""

    def __init__(self, _specs: Specs, _states: States, key: InstanceKey, _history: History) -> None:
        self.key = key
        self.wake = None

    def passes(self, _at: int, _reading: Reading) -> bool:
        """Always."""
        return True

    def end(self) -> None:
        """Nothing came of it."""


def cost(run: Callable[[], object], rounds: int) -> float:
    """The least CPU seconds of some rounds."""
    found = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def commands(folder: Path, readings: list[Reading], rounds: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Wall and CPU seconds of the command in a process of its own, on a file and on a database: the least of each."""
    command = [str(Path(sys.executable).parent / "setpoint"), "backtest"]
    rows = (f"{to_local(reading.time, 'UTC'):%Y-%m-%dT%H:%M:%SZ},{reading.value}\n" for reading in readings)
    (folder / "year.csv").write_text("time,value\n" + "".join(rows))
    asyncio.run(stored(f"sqlite:///{folder / 'setpoint.db'}", readings))
    file = ["--csv", "year.csv", "--series", "temperature"]
    asked = {
        "csv": ["room", *file],
        "sum_csv": ["sum", *file],
        "condition_csv": ["condition", *file],
        "stored": ["room"],
    }
    for what, more in asked.items():
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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, target in (("whole", "room"), ("sum", "sum"), ("condition", "condition")):
            config = configured(folder, target)
            figures[kind] = cost(partial(replay, config, past, span), given.rounds)
        room = configured(folder, "room")
        with patch.multiple("agent.rehearsal.verdicts", evaluate=lambda *_: (States(), []), Turn=Nothing):
            figures["driver"] = cost(lambda: replay(room, past, span), given.rounds)
        for kind in ("bare", "driver", "whole", "sum", "condition"):
            print(f"{kind:<13} {figures[kind]:7.2f} s  {figures[kind] / given.readings * 1e6:6.2f} µs a reading")
        for kind, (wall, used) in commands(folder, readings, given.rounds):
            print(f"{kind:<13} {used:7.2f} s of CPU, {wall:.2f} s in all")
            figures |= {f"{kind}_cpu": used, f"{kind}_wall": wall}
    record("backtest", {name: round(value, 3) for name, value in figures.items()})


if __name__ == "__main__":
    main()
