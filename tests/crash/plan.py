"""Where a run is killed, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.crash.courses import LENGTH
from tests.crash.launch import POINTS
from tests.crash.play import Played, Strike
from tests.crash.scenario import Scenario


def planned(scenario: Scenario, whole: Played, kills: int, rng: random.Random) -> list[Strike]:
    """So many kills: most while the daemon works on a step, some while it starts or is gone for minutes."""
    calm = [step for step in range(1, LENGTH) if _compares(scenario, whole, step)]
    steps = sorted(rng.choices(calm, k=kills))
    late = scenario.reloads if scenario.takes_out else ()
    return [_in_reload(step, rng) if step in late else _strike(whole, step, rng) for step in steps]


def _compares(scenario: Scenario, whole: Played, step: int) -> bool:
    """Whether a kill may change nothing at all.

    From when a source fails until it was read again it does: one that is down is read less and less often, but by a
    restart at once.
    """
    return not isinstance(scenario.values["flaky"][step - 1], int) and step in whole.read["flaky"]


def _strike(whole: Played, step: int, rng: random.Random) -> Strike:
    chance = rng.random()
    if chance < 0.1:
        return Strike(step, "down", "stop" if chance < 0.04 else "time")
    if chance < 0.3:
        if rng.random() < 0.4:
            return Strike(step, "start", "time", rng.randrange(800))
        return Strike(
            step, "start", rng.choice(["BEGIN", "COMMIT", "asked", "committed", "claimed"]), rng.randint(1, 6)
        )
    if chance < 0.5:
        return Strike(step, "step", "time", rng.randrange(1 + int(whole.took[step] * 1000)))
    crossed = whole.crossed[step]
    point = rng.choice([point for point in POINTS if crossed.get(point)])
    return Strike(step, "step", point, rng.randint(1, crossed[point]))


def _in_reload(step: int, rng: random.Random) -> Strike:
    """Once the reload's first transaction is there."""
    point = rng.choice(["committed", "claimed", "before-send", "after-send", "settled"])
    return Strike(step, "reload", point, rng.randint(1, 3))


def read(text: str) -> list[Strike]:
    """What `str` of strikes says, with spaces between them. Raises ValueError."""
    found = []
    for one in text.split():
        step, when, point, nth = one.split(":")
        found.append(Strike(int(step), when, point, int(nth)))
    return found


def shown(strikes: Sequence[Strike]) -> str:
    """As `read` takes it."""
    return " ".join(str(one) for one in strikes)
