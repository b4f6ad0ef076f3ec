"""What goes wrong when: drawn from a seed. Each cycle is a storm, then calm; calm is compared with calm."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

STORM = 0.3  # of a cycle
SETTLE = 0.45  # of a cycle, in which what failed comes back and connections that are too many are closed
SOURCE_FAULTS = ("500", "429", "garbage", "slow", "drips", "breaks")
STOPPED = 6.0  # seconds that the process is stopped or away; always alike, since connections are counted after it
SLICE = 0.05  # of the HTTP sources fail in one way at a time


@dataclass(frozen=True)
class Fault:
    """One fault, in seconds from the start of the run. `what` names what fails, `how` in which way."""

    begin: float
    end: float
    what: str
    how: str = ""


@dataclass(frozen=True)
class Course:
    """How long the run is and how it is divided."""

    seconds: float
    cycle: float

    def is_calm(self, at: float) -> bool:
        """Whether nothing fails and nothing still comes back."""
        return at < self.seconds and at % self.cycle >= (STORM + SETTLE) * self.cycle

    @property
    def cycles(self) -> int:
        return max(int(self.seconds // self.cycle), 1)


def course(seconds: float) -> Course:
    """A cycle is a sixth of a short run and four minutes of a long one.

    The second half has three calms at least: of two, one step between them would be half of all slopes and look like a
    leak.
    """
    return Course(seconds, min(max(seconds / 6, 4.0), 240.0))


def kills(plan: Course) -> list[int]:
    """The cycles with a kill -9: one early in the first half, in long runs one each hour."""
    each = max(int(3600 // plan.cycle), 1)
    return list(range(min(1, plan.cycles - 1), plan.cycles, each))


def faults(seed: int, plan: Course) -> list[Fault]:
    """All faults of a run, by their beginning."""
    rng = random.Random(f"faults {seed}")
    found: list[Fault] = []
    for cycle in range(plan.cycles):
        begin, length = cycle * plan.cycle, STORM * plan.cycle
        found += _of_the_world(rng, begin, length)
        found += _of_the_process(rng, begin, length, kill=cycle in kills(plan))
    return sorted(found, key=lambda fault: fault.begin)


def _of_the_world(rng: random.Random, begin: float, length: float) -> Iterator[Fault]:
    def some(what: str, hows: Sequence[str], chance: float = 1.0) -> Iterator[Fault]:
        start = begin + rng.uniform(0, 0.4) * length
        how, lasts, drawn = rng.choice(list(hows)), rng.uniform(0.3, 0.6) * length, rng.random()
        if drawn < chance:
            yield Fault(start, start + lasts, what, how)

    for how in rng.sample(SOURCE_FAULTS, 3):
        yield from some(f"sources {rng.randrange(1000)}", [how])
    yield from some("host", ["refuses"], 0.6)
    yield from some("tell", ["429", "500", "slow", "dead"], 0.5)
    yield from some("flaky", ["429", "500", "slow", "dead"], 0.9)
    yield from some("act", ["500", "slow", "dead"], 0.5)
    yield from some("slack", ["429", "500"], 0.7)
    yield from some("feeds", ["garbage"], 0.5)
    yield from some("pings", ["silent"], 0.5)
    yield from some("burst", ["readings"], 0.8)


def _of_the_process(rng: random.Random, begin: float, length: float, *, kill: bool) -> Iterator[Fault]:
    """One after another, since each needs the process as it was."""
    hows = ["SIGSTOP", rng.choice(["reload", "bad reload"]), "kill" if kill else "reload"]
    for place, how in enumerate(hows):
        at = begin + (0.1 + 0.3 * place) * length
        lasts = 0.0 if how == "reload" else min(STOPPED, 0.1 * length)
        if kill or place < 2:
            yield Fault(at, at + lasts, "process", how)
