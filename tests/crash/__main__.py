"""`make crash`: kills the daemon so many times and compares each run with the same one without kills."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.compare import differences
from tests.crash.plan import planned, read, shown
from tests.crash.play import Played, Player, Strike
from tests.crash.scenario import scenario

EACH = 10  # kills in a run
RUNS = 5  # with kills for each one without


async def play(seed: int, strikes: list[Strike]) -> Played:
    """One run in a folder of its own, which stays where something goes wrong."""
    with tempfile.TemporaryDirectory(prefix="crash") as folder:
        return await Player(scenario(seed), Path(folder), f"sqlite:///{folder}/setpoint.db", strikes).play()


async def many(seed: int, kills: int) -> int:
    """So many kills, drawn from a seed; 1 if there was a difference."""
    points: Counter[str] = Counter()
    found = runs = 0
    began = time.monotonic()
    for world in range(seed, seed + kills):
        whole = await play(world, [])
        rng = random.Random(f"kills of {world}")
        for _ in range(RUNS):
            if points.total() >= kills:
                break
            strikes = planned(scenario(world), whole, min(EACH, kills - points.total()), rng)
            found += await one(world, whole, strikes, points)
            runs += 1
        if points.total() >= kills:
            break
    print(f"seed {seed}: {points.total()} kills in {runs} runs, {found} differences, {time.monotonic() - began:.0f} s")
    print("  " + ", ".join(f"{count} {point}" for point, count in points.most_common()))
    return int(bool(found))


async def one(seed: int, whole: Played, strikes: list[Strike], points: Counter[str]) -> int:
    """One run with kills; how many differences it shows."""
    try:
        killed = await play(seed, strikes)
        found = differences(whole, killed)
        points.update(f"{strike.when} {strike.point}" for strike in killed.struck)
    except Exception as error:
        found = [f"{type(error).__name__}: {error}"]
        points.update(f"{strike.when} {strike.point}" for strike in strikes)
    print(f"seed {seed}: {len(strikes)} kills, {len(found)} differences", flush=True)
    if found:
        print("\n".join(found[:12]))
        print(f'again: make crash SEED={seed} AT="{shown(strikes)}"', flush=True)
    return len(found)


async def again(seed: int, strikes: list[Strike]) -> int:
    """The run with these kills once more."""
    return int(bool(await one(seed, await play(seed, []), strikes, Counter())))


def main() -> int:
    """0: no difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--at", default="", help="the kills of one run, as it is said where one differs")
    given = parser.parse_args()
    return asyncio.run(again(given.seed, read(given.at)) if given.at else many(given.seed, given.kills))


if __name__ == "__main__":
    sys.exit(main())
