"""Reading back readings."""

from __future__ import annotations

import random

import pytest

from agent.store.records import Commit
from agent.store.store import Store
from rules.model import Reading, Series

A = Series("temperature", (("room", "a"),))
B = Series("temperature", (("room", "b"),))
C = Series("humidity")


async def test_latest_gives_the_newest_and_the_newest_value(store: Store) -> None:
    given = [Reading(A, 1, 1.0), Reading(A, 2, 2.0), Reading(B, 1, 5.0), Reading(B, 2, None), Reading(B, 3, None)]
    await store.commit(Commit(1, readings=[*given, Reading(C, 9, 1.0)]))
    assert await store.latest(["temperature"]) == [Reading(A, 2, 2.0), Reading(B, 1, 5.0), Reading(B, 3, None)]
    assert await store.latest(["humidity", "unknown"]) == [Reading(C, 9, 1.0)]
    assert await store.latest([]) == []


async def test_window_includes_its_start_excludes_its_end_and_is_ordered(store: Store) -> None:
    given = [Reading(series, time, float(time)) for series in (A, B, C) for time in range(100)]
    shuffled = random.Random(7).sample(given, len(given))
    await store.commit(Commit(1, readings=shuffled))
    wanted = [Reading(series, time, float(time)) for series in (A, B) for time in range(10, 20)]
    assert await store.window(["temperature"], 10, 20) == wanted
    everything = [*(Reading(C, t, float(t)) for t in range(100)), *given[:200]]
    assert await store.window(["humidity", "temperature"], 0, 100) == everything


async def test_the_newest_values_lie_behind_any_gap(store: Store) -> None:
    rows = [Reading(A, time, None if time % 5 else float(time)) for time in range(1, 30)]
    await store.commit(Commit(1, readings=[*rows, Reading(B, 3, 1.0)]))
    found = await store.newest_values_of(["temperature"], 25, 2)
    assert found == [Reading(A, 15, 15.0), Reading(A, 20, 20.0), Reading(B, 3, 1.0)]


async def test_points_of_a_long_span_keep_the_extremes(store: Store) -> None:
    values = [50.0] * 5_000
    values[1234], values[4321] = 1000.0, -1000.0
    await store.commit(Commit(1, readings=[Reading(A, time, value) for time, value in enumerate(values)]))
    found = await store.points(A, 0, 5_000, 100)
    assert 50 <= len(found) <= 100
    assert [point.time for point in found] == sorted({point.time for point in found})
    assert Reading(A, 1234, 1000.0) in found
    assert Reading(A, 4321, -1000.0) in found
    assert await store.points(A, 10, 13, 100) == [Reading(A, time, 50.0) for time in (10, 11, 12)]
    assert await store.points(C, 0, 5_000, 100) == []


async def test_other_tools_can_read_it(store: Store, url: str, elsewhere) -> None:
    await store.commit(Commit(1, readings=[Reading(A, 1_700_000_000_250_000, 21.5)]))
    rows = elsewhere(url, "SELECT name, labels, time, value FROM readings_view")
    assert rows == [("temperature", '{"room":"a"}', "2023-11-14T22:13:20.250Z", 21.5)]


@pytest.mark.parametrize("most", [2, 100])
@pytest.mark.parametrize("span", [(10, 20, 30), (20, 20, 30), (0, 5, 99), (60, 70, 99)])
async def test_what_a_history_reaches_is_what_single_questions_give(store: Store, span, most) -> None:
    rng = random.Random(3)
    given = [Reading(series, time, rng.choice([None, float(time)])) for series in (A, B) for time in range(0, 50, 3)]
    given += [Reading(C, 2, 1.0), Reading(C, 12, None), Reading(C, 25, 2.0)]
    await store.commit(Commit(1, readings=given))
    names, (past, first, end) = ["temperature", "humidity"], span
    wanted = [
        *await store.newest_of(names, past, first, most),
        *await store.newest_values_of(names, first, 1),
        *await store.window(names, first, end),
    ]
    found = await store.reaching(names, span, most)
    assert [Reading(series, *pair) for series, *columns in found for pair in zip(*columns, strict=True)] == sorted(
        set(wanted)
    )
