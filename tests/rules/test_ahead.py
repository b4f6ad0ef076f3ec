"""A query asked ahead is answered at each time as if nothing that is read later had been read yet."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ahead import Ahead, Asked
from rules.functions import FUNCTIONS, NEVER, Need, Query, View
from rules.model import DAY, HOUR, LARGEST, MINUTE, SECOND, Selector
from rules.tracks import Track
from tests.rules.world import NOON, at

ZONE = "Europe/Amsterdam"
values = st.sampled_from([0.0, 1.0, 1.0, 2.0, -3.0, 1e-300, LARGEST]) | st.floats(-1e6, 1e6)
rows = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12), values), min_size=1, max_size=80)


def queries(function: str) -> list[Query]:
    takes = FUNCTIONS[function]
    windows = (
        [0]
        if takes.window is Need.NO
        else [0, 40 * SECOND]
        if takes.window is Need.MAY
        else [40 * SECOND, 400 * SECOND]
    )
    offsets = [90 * SECOND] if takes.offset is Need.MUST else [0, 15 * SECOND, 90 * SECOND]
    return [Query(function, Selector("x"), window, "q", offset, 0.3) for window in windows for offset in offsets]


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS)
@given(rows=rows, at_once=st.integers(1, 20))
def test_it_is_answered_as_if_nothing_had_been_read_later(
    function: str, rows: list, at_once: int, *, empty: bool
) -> None:
    for query in queries(function):
        track, then = Track(3_600 * SECOND), Track(3_600 * SECOND)
        if empty:
            for one in (track, then):
                one.add(NOON, None)
        ahead, plain = Ahead(query, track, "UTC"), View(query, then, "UTC")
        time, looked = NOON, 0
        for first in range(0, len(rows), at_once):
            read, asked = list[tuple[int, int, float]](), list[tuple[int, int]]()
            for gap, late, value in rows[first : first + at_once]:
                time += gap * SECOND
                read.append((time, max(time + late * SECOND, looked + 1), value))
                looked = read[-1][1]
            track.extend([one for one, _, _ in read], [value for _, _, value in read])
            held = len(track.times) - len(read)
            for number, (_, arrives, _) in enumerate(read):
                asked += [(arrives, held + number + 1), (arrives, held + number + 1)]  # and once more, as for a look
            times, counts = zip(*asked, strict=True)
            seen = ahead.seen(Asked(times, counts))
            answers, until = ahead.answers(seen), ahead.lasts(seen, counts)
            for number, (when, arrives, value) in enumerate(read):
                then.add(when, value)
                for place in (2 * number, 2 * number + 1):
                    assert answers[place] == plain.ask(arrives)
                    sure = 0 if FUNCTIONS[function].drifts else plain.lasts_until(arrives)
                    assert min(until[place], NEVER) == min(sure, NEVER)


@pytest.mark.parametrize("begin", ["2026-03-28T20:00", "2026-10-24T20:00"])
def test_days_are_those_of_the_zone(begin: str) -> None:
    rng, query = random.Random(begin), Query("avg", Selector("x"), HOUR, "q", DAY)
    track, then = Track(4 * DAY), Track(4 * DAY)
    ahead, plain = Ahead(query, track, ZONE), View(query, then, ZONE)
    times = range(at(begin, ZONE), at(begin, ZONE) + 2 * DAY, 5 * MINUTE)
    numbers = [rng.gauss(21.5, 1.0) for _ in times]
    track.extend(times, numbers)
    answers = ahead.answers(ahead.seen(Asked(times, range(1, len(times) + 1))))
    for time, number, answer in zip(times, numbers, answers, strict=True):
        then.add(time, number)
        assert answer == plain.ask(time)
