"""What is foreseen of readings is what a condition says once they are there."""

from __future__ import annotations

import random

import pytest

from rules.conditions import compile_condition
from rules.foresight import Foresight
from rules.functions import NEVER
from rules.model import HOUR, MINUTE, SECOND, Goal, Reading, Target
from rules.questions import questions
from rules.tracks import Track
from tests.rules.world import NOON, series

X = series("x")


def target(condition: str) -> Target:
    return Target("t", "T", Goal(condition=condition))


@pytest.mark.parametrize("odd", [0.0, 0.1])
@pytest.mark.parametrize(
    "condition",
    ["avg(x, '5m') < 2", "last(x) < 2 and changes(x, '1h') > 2", "rate(x, '4m') < 0.002 or quantile(x, 0.9, '9m') < 1"],
)
def test_what_is_said_of_a_reading_is_what_is_said_once_it_is_there(condition: str, odd: float) -> None:
    rng, now, arrivals = random.Random(f"{condition} {odd}"), NOON, []
    for _ in range(400):
        now += rng.choice([60, 60, 60, 55, 70]) * SECOND
        late = rng.choice([0, 70]) * SECOND if rng.random() < odd else 0
        arrivals.append((now, (Reading(X, now - late, rng.gauss(2.0, 0.5) if rng.random() > odd else None),)))
    compiled, track = compile_condition(condition), Track(2 * HOUR)
    track.add(NOON, 2.0)
    ahead = Foresight(compiled, target(condition), track, SECOND)
    asked, known = questions(compiled, target(condition), [X], [track]), 0
    for some in (arrivals[:150], arrivals[150:]):
        ahead.begin(some)
        for index, (at, (reading,)) in enumerate(some):
            ahead.gone_past(index + 1, NEVER, 0, says=True)
            track.add(reading.time, reading.value)
            if ahead.said[index] is not None:
                known += 1
                answers = [one.answer(at) for one in asked]
                assert list(ahead.answers[index]) == answers
                assert ahead.said[index] is compiled.decide(answers)
            else:
                assert index in ahead.turns
                assert index not in ahead.sure
    assert known > (395 if not odd else 200)


def minutes(numbers: list[float]) -> list[tuple[int, tuple[Reading, ...]]]:
    return [(NOON + i * MINUTE, (Reading(X, NOON + i * MINUTE, number),)) for i, number in enumerate(numbers, 1)]


def ahead_of(numbers: list[float]) -> Foresight:
    """The first of them is read, the others are to come."""
    track = Track(0)
    track.add(NOON, 1.0)
    ahead = Foresight(compile_condition("last(x) < 2"), target("last(x) < 2"), track, SECOND)
    ahead.begin(minutes(numbers))
    return ahead


@pytest.mark.parametrize(
    ("numbers", "patience", "left"),
    [
        ([1, 1, 3, 1, 1, 1], 0, (2, True)),
        ([1, 1, 3, 1, 1, 1], MINUTE, (2, True)),  # the last of all
        ([1, 1, 3, 1, 1, 3, 1, 1], MINUTE, (5, True)),
        ([1, 1, 3, 1, 1, 3, 1, 1], MINUTE - SECOND, (2, True)),  # it is over with a reading that comes too late
        ([1, 1, 3, 1, 1, 3, 3, 1], MINUTE, (2, True)),
        ([1, 1, 3, 1, 1, 3, 3, 1], 2 * MINUTE, (5, True)),
        ([1, 1, 3, 1, 1, 3], 2 * MINUTE, (2, True)),  # whether that is brief is not known
        ([1, 1, 1], 2 * MINUTE, (3, False)),
    ],
)
def test_of_what_is_brief_only_the_last_is_not_gone_past(numbers: list, patience: int, left: tuple[int, bool]) -> None:
    ahead = ahead_of(numbers)
    assert ahead.gone_past(1, NEVER, NOON + MINUTE, says=True, patience=patience) == left


def test_nothing_is_gone_past_by_what_was_said_at_another_time() -> None:
    ahead = ahead_of([1, 1, 1])
    assert ahead.gone_past(1, NEVER, NOON + MINUTE, says=False) == (1, False)
    assert ahead.gone_past(1, NEVER, NOON + MINUTE + SECOND, says=True) == (1, False)
    assert ahead.gone_past(1, NOON + 3 * MINUTE, NOON + MINUTE, says=True) == (2, False)


def test_what_came_unforeseen_counts() -> None:
    ahead = ahead_of([1, 1, 3])
    ahead.know(NOON + 5 * MINUTE, [Reading(X, NOON + 5 * MINUTE, 1.0)])
    ahead.begin(minutes([1] * 8)[5:])
    assert ahead.gone_past(1, NEVER, NOON + 6 * MINUTE, says=True) == (3, False)
