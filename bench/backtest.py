"""What a backtest costs: a year of 1-minute readings of one target, in CPU time, beside a bare loop over them.

    python bench/backtest.py [--readings 525600] [--rounds 3] [--kinds room sum]

`bare` compares each value with the goal and does nothing else; `driver` is everything but the engine's own decision.
The kinds of targets are those of `kinds.yaml` beside this file. `csv` and `stored` are the whole command `setpoint
backtest` on a file and on a database, start and reading included.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from unittest.mock import patch

from record import record
from start import timed

import agent.rehearsal.verdicts
from agent.backtest.past import Past
from agent.backtest.replay import replay
from agent.backtest.uncollected import uncollected
from agent.clock import Clock
from agent.config.configuration import Configuration
from agent.config.load import load
from agent.store.records import Commit
from agent.store.store import Store
from rules.foresight import Arrival
from rules.history import History
from rules.model import DAY, MINUTE, Reading, Series
from rules.periods import to_local
from rules.turns import Verdict

KINDS = Path(__file__).with_name("kinds.yaml")


def configured(folder: Path, target: str) -> Configuration:
    """The configuration cut down to one target."""
    (folder / "setpoint.yaml").write_text(KINDS.read_text())
    config = load(folder / "setpoint.yaml", {})
    return replace(config, targets={target: config.targets[target]})


def bare(readings: list[Reading]) -> int:
    """How many are outside."""
    return sum(not 20 <= (reading.value or 0) <= 23 for reading in readings)


class Nothing:
    """Takes every reading and decides nothing."""

    def __init__(self, _specs: object, _states: object, _key: object, history: History, **_: object) -> None:
        """For any instance."""
        self._history = history

    def play(self, arrivals: Sequence[Arrival], _tick: int) -> Iterator[Verdict]:
        """Nothing came of them."""
        for _, (reading,) in arrivals:
            self._history.add(reading)
        return iter(())

    def take(self, _at: int, _readings: object, *, other: bool = False) -> None:
        """Nothing came of it."""

    def sleeps(self, _until: int) -> bool:
        """Nothing is due."""
        return True

    def wait(self, _until: int) -> Iterator[Verdict]:
        """Nothing is due."""
        return iter(())

    def end(self, _until: int) -> None:
        """Nothing was left out."""


def made(rng: random.Random, series: Series, begin: int, count: int, every: int = MINUTE) -> list[Reading]:
    """Noise around 21.5."""
    return [Reading(series, begin + i * every, round(rng.gauss(21.5, 0.6), 3)) for i in range(count)]


def cost(run: Callable[[], object], rounds: int) -> float:
    """The least CPU seconds of some rounds."""
    found = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        with uncollected():  # as the command does
            run()
        found.append(time.process_time() - began)
    return min(found)


def say(kind: str, seconds: float, readings: int) -> None:
    """Prints a figure as soon as it is there."""
    print(f"{kind:<22} {seconds:7.2f} s  {seconds / readings * 1e6:6.2f} µs a reading", flush=True)


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
    parser.add_argument("--kinds", nargs="*", help="those of these targets only")
    given = parser.parse_args()
    rng = random.Random(1)
    begin = Clock().now() // DAY * DAY - given.readings * MINUTE
    readings = made(rng, Series("temperature", (("source", "a"),)), begin, given.readings)
    two = [Series(name, (("room", "lab"), ("source", "a"))) for name in ("inside", "outside")]
    both = (made(rng, one, begin, given.readings // 2, 2 * MINUTE) for one in two)
    joined = sorted(chain(*both), key=lambda reading: reading.time)
    span = (begin, begin + given.readings * MINUTE)
    figures = {"readings": float(given.readings), "bare": cost(lambda: bare(readings), given.rounds)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        room = configured(folder, "room")
        with patch.object(agent.rehearsal.verdicts, "Turn", Nothing):
            figures["driver"] = cost(lambda: replay(room, Past((), readings, {}), span), given.rounds)
        for kind in given.kinds or load(folder / "setpoint.yaml", {}).targets:
            past = Past((), joined if kind == "joined" else readings, {})
            figures[kind] = cost(partial(replay, configured(folder, kind), past, span), given.rounds)
            say(kind, figures[kind], given.readings)
        for kind in ("bare", "driver"):
            say(kind, figures[kind], given.readings)
        for kind, (wall, used) in commands(folder, readings, given.rounds):
            print(f"{kind:<22} {used:7.2f} s of CPU, {wall:.2f} s in all")
            figures |= {f"{kind}_cpu": used, f"{kind}_wall": wall}
    record("backtest", {name: round(value, 3) for name, value in figures.items()})


if __name__ == "__main__":
    main()
