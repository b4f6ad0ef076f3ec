"""CPU of deciding one reading through `rules.engine.evaluate`, beside a bare loop that compares.

    python bench/decide.py --instances 1 1000 100000 --readings 20000 --rounds 3

Readings come one at a time to instances in random order. The state is in memory and kept as the pipeline keeps it: the
reading is added to the history, the engine is asked, what changed is remembered. The bare loop keeps the newest value
of each instance and compares it. Both run in turns; nothing fires, as on most days.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from record import record

from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    BurnRate,
    CalendarPeriod,
    Checkin,
    Goal,
    Health,
    InstanceKey,
    InstanceState,
    Measure,
    Reading,
    Recover,
    RollingPeriod,
    Selector,
    Series,
    Sign,
    SourceRule,
    SourceState,
    Standing,
    Target,
)
from rules.specs import CHECKIN_SERIES, Specs

START = 1_767_225_600 * SECOND  # 2026-01-01, so that all readings fall into one month
STEP = 10 * SECOND
BAND = (AlertRule("out", Standing.OUT_OF_BAND),)
MONTH = (AlertRule("behind", Standing.BEHIND), AlertRule("missed", Standing.MISSED))


def target(goal: Goal, alerts: tuple[AlertRule, ...], recover: Recover | None = None) -> Target:
    """A target that is split by site."""
    selector = None if goal.condition else Selector("value")
    return Target("t", "T", goal, selector, by=("site",), recover=recover, alerts=alerts)


def month(measure: Measure, at_least: float, **more: Any) -> Target:
    """A target for a month."""
    return target(Goal(measure, at_least=at_least, per=CalendarPeriod("month"), **more), MONTH)


BURN = (BurnRate(14.4, HOUR, 5 * MINUTE), BurnRate(6.0, 6 * HOUR, 30 * MINUTE))
KINDS = {
    "threshold": target(Goal(at_most=100), BAND),
    "band, recover": target(Goal(at_least=1, at_most=100), BAND, Recover(5, 95)),
    "condition": target(Goal(condition="avg(value, '10m') > 5 and last(value) < 100"), BAND),
    "day, rolling": target(Goal(Measure.MEAN, at_least=1, per=RollingPeriod(DAY)), MONTH[1:]),
    "month sum": month(Measure.SUM, 1e6),
    "month mean": month(Measure.MEAN, 1),
    "month p95": month(Measure.QUANTILE, 1, quantile=0.95),
    "month share": month(Measure.SHARE, 0.9, where="value < 90"),
    "unusual": target(Goal(at_most=100), (AlertRule("odd", Sign.UNUSUAL),)),
    "burning": target(
        Goal(Measure.SHARE, at_least=0.9, per=RollingPeriod(30 * DAY), where="value < 90"),
        (AlertRule("burns", Sign.BURNING, burn=BURN),),
    ),
}
CHECKIN = "checkin"  # its target has no labels, so each instance is a target of its own
Step = Callable[[Reading], object]


class Engine:
    """Targets and what is remembered of their instances."""

    def __init__(self, targets: list[Target], sources: list[SourceRule]) -> None:
        self.specs = Specs(targets, sources)
        self.history = History(self.specs)
        self.instances: dict[InstanceKey, InstanceState] = {}
        up = (SourceState(source.name, Health.UP, START, last_success=START) for source in sources)
        self.sources = {source.name: source for source in up}

    def take(self, reading: Reading) -> None:
        """What the pipeline does with a reading, but for storing and telling."""
        self.history.add(reading)
        states = States(self.instances, self.sources)
        changed, _ = evaluate(self.specs, states, Batch([reading]), reading.time, self.history)
        self.instances.update(changed.instances)


def split(target: Target, instances: int) -> tuple[Engine, list[Series]]:
    """One target with so many instances, and their series."""
    sites = [Series("value", (("site", f"s{i}"), ("source", "a"))) for i in range(instances)]
    return Engine([target], [SourceRule("a", ("value",), STEP)]), sites


def checkins(instances: int) -> tuple[Engine, list[Series]]:
    """So many jobs that call in."""
    names = [f"c{i}" for i in range(instances)]
    due = Checkin(None, 10 * DAY, "UTC", HOUR)
    late = (AlertRule("late", Standing.MISSED),)
    targets = [Target(name, "T", None, source=name, checkin=due, alerts=late) for name in names]
    series = [Series("checkin", (("source", name),)) for name in names]
    return Engine(targets, [SourceRule(name, CHECKIN_SERIES, None) for name in names]), series


class Bare:
    """The comparison anybody would write."""

    def __init__(self) -> None:
        self.newest: dict[Series, float] = {}
        self.out: set[Series] = set()

    def take(self, reading: Reading) -> None:
        """Keeps the value and whether it is out of its band."""
        value = self.newest[reading.series] = reading.value or 0.0
        if value > 100 or value < 1:
            self.out.add(reading.series)
        else:
            self.out.discard(reading.series)


def readings(rng: random.Random, sites: list[Series], count: int, begin: int) -> list[Reading]:
    """So many readings inside the band, each later than the one before."""
    return [Reading(rng.choice(sites), begin + i * STEP, rng.uniform(20, 80)) for i in range(count)]


def cost(step: Step, rows: list[Reading]) -> float:
    """CPU microseconds for each reading."""
    gc.collect()
    began = time.process_time()
    for row in rows:
        step(row)
    return (time.process_time() - began) / len(rows) * 1e6


def measure(kind: str, instances: int, count: int, rounds: int) -> dict[str, float]:
    """Medians over the rounds, and the median of each round's ratio."""
    rng = random.Random(instances)
    engine, sites = checkins(instances) if kind == CHECKIN else split(KINDS[kind], instances)
    bare = Bare()
    for site in sites:  # every instance exists and has been judged before
        engine.take(Reading(site, START, 50.0))
        bare.take(Reading(site, START, 50.0))
    costs: dict[str, list[float]] = {"engine": [], "bare": []}
    for number in range(rounds):
        rows = readings(rng, sites, count, START + (1 + number * count) * STEP)
        costs["engine"].append(cost(engine.take, rows))
        costs["bare"].append(cost(bare.take, rows))
    ratios = [one / other for one, other in zip(costs["engine"], costs["bare"], strict=True)]
    return {
        "engine_us": round(statistics.median(costs["engine"]), 2),
        "per_cpu_s": round(1e6 / statistics.median(costs["engine"])),
        "bare_us": round(statistics.median(costs["bare"]), 3),
        "ratio": round(statistics.median(ratios), 1),
    }


def main() -> None:
    """Measures every kind at every size and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, CHECKIN], default=[*KINDS, CHECKIN], metavar="KIND")
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 1_000, 100_000])
    parser.add_argument("--readings", type=int, default=20_000, help="in each round; all have to fit into a month")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{'goal':14} {'instances':>9} {'engine µs':>10} {'bare µs':>8} {'ratio':>6} {'readings/CPU s':>14}")
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind in chosen.kinds:
        for instances in chosen.instances:
            one = found.setdefault(kind, {})[str(instances)] = measure(kind, instances, chosen.readings, chosen.rounds)
            print(f"{kind:14} {instances:9,} {one['engine_us']:10.2f} {one['bare_us']:8.3f}", end="")
            print(f" {one['ratio']:6.1f} {one['per_cpu_s']:14,}", flush=True)
    record("decide", found)


if __name__ == "__main__":
    main()
