"""`make crash`: kills the daemon so many times and compares each run with the same one without kills.

A hundred times or more, it also lives through the two nights in which the clocks change.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.crash.compare import differences
from tests.crash.night import AUTUMN, SPRING, wrongs
from tests.crash.plan import planned, read, shown
from tests.crash.play import Played, Player, Strike
from tests.crash.scenario import scenario
from tests.databases import Databases
from tests.servers import postgres

EACH = 10  # kills in a run
RUNS = 5  # with kills for each one without
LONG = 100  # kills
SPEED = 200  # times


Play = Callable[[int, list[Strike]], Awaitable[Played]]


async def on_sqlite(seed: int, strikes: list[Strike]) -> Played:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="crash") as folder:
        return await Player(scenario(seed), Path(folder), f"sqlite:///{folder}/setpoint.db", strikes).play()


@contextmanager
def on_postgresql() -> Iterator[Play]:
    """Runs in databases of their own on one server."""
    with postgres() as server, Databases(server) as databases:

        async def play(seed: int, strikes: list[Strike]) -> Played:
            url = databases.create()
            try:
                with tempfile.TemporaryDirectory(prefix="crash") as folder:
                    return await Player(scenario(seed), Path(folder), url, strikes).play()
            finally:
                databases.drop(url)

        yield play


async def many(play: Play, seed: int, kills: int) -> int:
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
            found += await one(play, world, whole, strikes, points)
            runs += 1
        if points.total() >= kills:
            break
    print(f"seed {seed}: {points.total()} kills in {runs} runs, {found} differences, {time.monotonic() - began:.0f} s")
    print("  " + ", ".join(f"{count} {point}" for point, count in points.most_common()), flush=True)
    if kills >= LONG:
        found += await nights()
    return int(bool(found))


async def nights() -> int:
    """Both nights in which the clocks change; how much was not right."""
    found = 0
    for night in (SPRING, AUTUMN):
        with tempfile.TemporaryDirectory(prefix="night") as folder:
            wrong = await wrongs(night, Path(folder), SPEED)
        found += len(wrong)
        print(f"night to {night.end[:10]}: {len(wrong)} wrong", *wrong, sep="\n  ", flush=True)
    return found


async def one(play: Play, seed: int, whole: Played, strikes: list[Strike], points: Counter[str]) -> int:
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


async def again(play: Play, seed: int, strikes: list[Strike]) -> int:
    """The run with these kills once more."""
    return int(bool(await one(play, seed, await play(seed, []), strikes, Counter())))


def main() -> int:
    """0: no difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--at", default="", help="the kills of one run, as it is said where one differs")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    with nullcontext(on_sqlite) if given.database == "sqlite" else on_postgresql() as play:
        doing = again(play, given.seed, read(given.at)) if given.at else many(play, given.seed, given.kills)
        return asyncio.run(doing)


if __name__ == "__main__":
    sys.exit(main())
