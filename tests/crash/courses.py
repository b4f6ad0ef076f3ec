"""The numbers that sources give from step to step, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.crash.targets import PLACES

STEP = 10  # seconds
HOUR = 3600
LENGTH = 36  # steps in which things happen, then CALM ones in which all comes to rest
CALM, LONG = 16, 25
BAND, HOT = 21.0, 30.0
LOW, HIGH = 20.0, 23.0
Rows = list[dict[str, Any]]


def rows(rng: random.Random, label: str, names: list[str], odd: float = 0.1) -> list[Rows | int]:
    """Numbers that go out of band for a while and come back, are missing, or no numbers."""
    courses = {name: _course(rng, odd) for name in names}
    return [
        [{label: name, "value": course[step]} for name, course in courses.items() if course[step] != "missing"]
        for step in range(LENGTH + CALM)
    ]


def _course(rng: random.Random, odd: float) -> list[Any]:
    """In and out of band by turns.

    A turn never ends in the very step in which an alert's `for` or an escalation is due: which of the two comes first
    is then a matter of milliseconds, and rightly another after a restart, where a poll comes before anything fires.
    """
    found: list[Any] = []
    calm = rng.choice([(1, 3, 5), (5, 7, 9, 13), (9, 13, 21, 34)])
    while len(found) < LENGTH:
        found += _turn(rng, odd, rng.choice(calm), lambda: BAND + rng.choice([0.0, 0.5, 1.9]))
        found += _turn(rng, odd, rng.choice([1, 4, 7, 10]), lambda: rng.choice([15.0, 26.0, HOT, 45.0]))
    return found[:LENGTH] + [BAND] * CALM


def _turn(rng: random.Random, odd: float, length: int, value: Callable[[], float]) -> list[Any]:
    """So many steps with a value that changes each third one; in the middle one may be missing, or be no number."""
    found: list[Any] = []
    for step in range(length):
        found.append(value() if step == 0 or step % 3 == 1 else found[-1])
    for step in range(2, length - 2):
        if rng.random() < odd:
            found[step] = rng.choice([None, "missing"])
    return found


def with_failures(rng: random.Random, rows: list[Rows | int]) -> list[Rows | int]:
    found = list(rows)
    for start in rng.sample(range(LENGTH - 8), 2):
        for step in range(start, start + rng.randrange(1, 5)):
            found[step] = 500
    return found


def stamped(rng: random.Random, times: list[int], rows: list[Rows | int]) -> list[Rows | int]:
    """Rows with the source's own time, which leaps an hour ahead for a while, and comes late at other times."""
    leap = rng.randrange(5, LENGTH - 10)
    found: list[Rows | int] = []
    for step, (now, these) in enumerate(zip(times, rows, strict=True)):
        assert isinstance(these, list)
        shift = 3600 if leap <= step < leap + 5 else -rng.choice([0, 0, 0, 20, 70]) if step < LENGTH else 0
        found.append([{**row, "time": now // 1_000_000 + shift} for row in these])
    return found


def sales(rng: random.Random) -> Rows:
    return [{"shop": f"shop{n:02}", "value": rng.choice([0, 1, 2, 5])} for n in range(20)]


def visits(rng: random.Random, times: list[int]) -> list[Rows | int]:
    """Rows with their own time: those of twelve days before the first step, in it; and then and now a very odd one."""

    def row(number: int, at: int, *, odd: bool) -> dict[str, Any]:
        return {"place": f"place{number}", "value": 5000 if odd else 100 + rng.randrange(-5, 6), "time": at}

    starts = {number: rng.sample(range(3, LENGTH), 2) for number in range(PLACES)}
    found: list[Rows | int] = []
    for step, now in enumerate(times):
        at, past = now // 1_000_000, range(576, 0, -1) if step == 0 else ()
        rows = [row(number, at - half * HOUR // 2, odd=False) for half in past for number in range(PLACES)]
        odd = {number for number in range(PLACES) if any(0 <= step - start < 4 for start in starts[number])}
        found.append([*rows, *(row(number, at, odd=number in odd) for number in range(PLACES))])
    return found
