"""What a backtest costs: a year of 1-minute readings of one target, in CPU time, beside a bare loop over them.

    python bench/backtest.py [--readings 525600] [--rounds 3]

`bare` compares each value with the goal and does nothing else; `driver` is everything but the engine's own decision.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator
from unittest.mock import patch

from record import record

from agent.backtest.past import Past
from agent.backtest.replay import replay
from agent.config.configuration import Configuration, NotifierEntry, SourceEntry
from agent.rehearsal import Verdict
from rules.engine import States
from rules.history import History
from rules.model import (
    MINUTE,
    SECOND,
    AlertRule,
    Goal,
    InstanceKey,
    Reading,
    Selector,
    Series,
    SourceRule,
    Standing,
    Target,
)
from rules.specs import Specs

RULE = SourceRule("a", ("temperature",), MINUTE)
ROOM = Target(
    "room",
    "Room",
    Goal(at_least=20, at_most=23),
    Selector("temperature"),
    alerts=(AlertRule("out-of-band", Standing.OUT_OF_BAND, for_=2 * MINUTE),),
)
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


def main() -> None:
    """Prints and records the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=525_600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = random.Random(1)
    series = Series("temperature", (("source", "a"),))
    readings = [Reading(series, (i + 1) * MINUTE, rng.gauss(21.5, 0.6)) for i in range(given.readings)]
    past, span = Past((), readings, {}), (0, (given.readings + 1) * MINUTE)
    figures = {"readings": float(given.readings), "bare": cost(lambda: bare(readings), given.rounds)}
    figures["whole"] = cost(lambda: replay(CONFIG, past, span), given.rounds)
    with patch.multiple("agent.rehearsal.verdicts", evaluate=lambda *_: (States(), []), evaluate_in_turn=nothing):
        figures["driver"] = cost(lambda: replay(CONFIG, past, span), given.rounds)
    for name in ("bare", "driver", "whole"):
        print(f"{name:<8} {figures[name]:7.2f} s  {figures[name] / given.readings * 1e6:6.2f} µs a reading")
    record("backtest", {name: round(value, 3) for name, value in figures.items()})


if __name__ == "__main__":
    main()
