"""How many series a source may give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agent.polling.cardinality import Cardinality, TooManySeries
from rules.model import DAY, Polled, Reading, Series
from rules.steps import at_once

ENTRIES: Any = {"a": SimpleNamespace(config=SimpleNamespace(max_series=3))}


def readings(*names: str, at: int = 0) -> list[Reading]:
    return [Reading(Series("v", (("n", name), ("source", "a"))), at, 1.0) for name in names]


def names(found: Any) -> list[str]:
    return [dict(reading.series.labels)["n"] for reading in found]


def test_what_is_known_is_kept_and_what_is_too_much_is_said():
    counted = Cardinality()
    first = readings("x", "y", "x")
    assert at_once(counted.keeping(ENTRIES, "a", first, 0)) == (first, None)
    kept, said = at_once(counted.keeping(ENTRIES, "a", readings("p", "q", "y", "r", "p"), 0))
    assert names(kept) == ["p", "y", "p"]
    assert said == "source a: it gives more than 3 series (a name and labels) in a day, which max_series bounds"
    assert names(at_once(counted.keeping(ENTRIES, "a", readings("q", "x"), DAY - 1))[0]) == ["x"]
    assert at_once(counted.keeping(ENTRIES, "a", readings("q", "r"), DAY))[1] is None  # another day


def test_what_is_sent_is_taken_whole_or_not_at_all():
    counted = Cardinality()
    counted.check(ENTRIES, "a", readings("x", "y"), 0)
    with pytest.raises(TooManySeries, match=r"more than 3 series .*nothing was taken"):
        counted.check(ENTRIES, "a", readings("p", "q"), 0)
    counted.check(ENTRIES, "a", readings("p", "x"), 0)
    assert at_once(counted.keeping(ENTRIES, "a", readings("q"), 0))[0] == []


def test_a_source_without_a_bound_of_its_own_has_the_usual_one():
    counted = Cardinality()
    many = readings(*map(str, range(10_001)))
    kept, said = at_once(counted.keeping({}, "push", many, 0))
    assert len(kept) == 10_000
    assert said is not None
    assert at_once(counted.keeping({}, "other", many[:1], 0))[1] is None  # each by itself


async def test_the_poll_says_what_was_left_out():
    handed: list[tuple[list[str], str | None]] = []

    async def handle(taken: Any, polled: Polled) -> None:
        handed.append((names(taken), polled.partly))

    bounded = Cardinality().before(handle, lambda: ENTRIES)
    await bounded(readings("x", "y"), Polled("a", 0))
    await bounded(readings("x", "p", "q"), Polled("a", 1))
    assert handed[0] == (["x", "y"], None)
    assert handed[1][0] == ["x", "p"]
    assert "more than 3 series" in str(handed[1][1])


def test_a_large_answer_is_looked_at_in_parts():
    steps = Cardinality().keeping({}, "push", readings(*map(str, range(50_000))), 0)
    assert sum(1 for _ in steps) == 10
    small = Cardinality().keeping({}, "push", readings("x"), 0)
    assert sum(1 for _ in small) == 0
