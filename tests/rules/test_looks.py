"""Looks at what time alone changes: when they come hangs on readings and time, and on no other look."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.engine import States
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CalendarPeriod,
    Goal,
    InstanceKey,
    Measure,
    Reading,
    RollingPeriod,
    Standing,
    Target,
)
from rules.periods import last_look, next_look
from tests.rules.world import NOON, TEMPERATURE, World, room

OUT, MISSED = AlertRule("out", Standing.OUT_OF_BAND), AlertRule("missed", Standing.MISSED)
BEHIND = AlertRule("behind", Standing.BEHIND, for_=7 * MINUTE, keep_firing_for=4 * MINUTE)
KEY = InstanceKey("t")


def asks(condition: str) -> Target:
    return room(
        goal=Goal(condition=condition), selector=None, alerts=(OUT, AlertRule("held", OUT.when, for_=100 * SECOND))
    )


def adds_up(period: object) -> Target:
    return room(goal=Goal(Measure.SUM, per=period, at_least=600.0), alerts=(BEHIND, MISSED))


KINDS = {
    "a window": asks("sum(temperature, '10m') > 30"),
    "several windows": asks("max(temperature, '5m') > 10 or avg(temperature, '1h') < 12"),
    "an age": asks("age(temperature) < 200"),
    "an hour": adds_up(CalendarPeriod("hour")),
    "a day": room(goal=Goal(Measure.COUNT, per=CalendarPeriod("day"), at_least=130.0), alerts=(BEHIND, MISSED)),
    "a rolling hour": adds_up(RollingPeriod(HOUR)),
}
COURSES = st.lists(
    st.tuples(st.sampled_from([20, 60, 61, 187, 430, 1300]), st.sampled_from([0, 0, 3, 40]), st.integers(0, 30)),
    min_size=4,
    max_size=40,
)  # of each reading: seconds after the one before, seconds that it takes to arrive, its number


def played(target: Target, readings: Sequence[tuple[int, Reading]], restarts: Sequence[int]) -> tuple[World, int]:
    """All looks that are due, and one more at each restart unless it finds something; and how many of these there were.

    What such a look finds has come to be between two looks: that is found by the first one, whichever that is.
    """
    world, more = World(target), 0
    end = readings[-1][0] + 3 * HOUR
    for at, reading in sorted([*readings, *((at, None) for at in restarts), (end, None)], key=lambda pair: pair[0]):
        while (wake := wake_of(world)) is not None and wake < at:
            world.step(wake, due=[KEY])
        if reading is not None:
            world.step(at, reading)
        elif at < end and KEY in world.states.instances:
            more += looked(world, at)
    return world, more


def wake_of(world: World) -> int | None:
    state = world.states.instances.get(KEY)
    return state.wake if state is not None else None


def looked(world: World, at: int) -> bool:
    """Looks once more, but for looks that find more than numbers; whether it did."""
    before, told = world.states, len(world.transitions)
    state = before.instances[KEY]
    found = world.look(at)
    if (found.assessment.standing, found.since, found.alerts) == (state.assessment.standing, state.since, state.alerts):
        return True
    world.states = States(before.instances, before.sources, before.listening)
    del world.transitions[told:]
    return False


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(course=COURSES, seed=st.integers(0, 1000))
def test_looks_that_a_restart_adds_move_no_others(kind: str, course: list, seed: int) -> None:
    rng, time, readings = random.Random(seed), NOON - HOUR, []
    for gap, late, number in course:
        time += gap * SECOND
        readings.append((time + late * SECOND, Reading(TEMPERATURE, time, float(number))))
    restarts = [rng.randrange(NOON - HOUR, time + 2 * HOUR) for _ in range(25)]
    once, again = played(KINDS[kind], readings, ())[0], played(KINDS[kind], readings, restarts)[0]
    assert [(one.id, one.assessment) for one in again.transitions] == [
        (one.id, one.assessment) for one in once.transitions
    ]
    assert again.states.instances == once.states.instances


def test_looks_lie_on_the_times_counted_from_the_newest_reading() -> None:
    assert [next_look(now, 15, 3) for now in (2, 3, 4, 17, 18, 19)] == [3, 18, 18, 18, 33, 33]
    assert [last_look(before, 15, 3) for before in (17, 18, 19, 33, 34)] == [3, 3, 18, 18, 33]
    assert next_look(31, 15, None) == 45


@pytest.mark.parametrize("kind", KINDS)
def test_many_readings_leave_no_room_for_looks(kind: str) -> None:
    """A reading that comes before a look is due is looked at in its place, wherever a clock stands."""
    world = World(replace(KINDS[kind], alerts=()))
    for number in range(400):
        at = NOON + number * 9 * SECOND
        assert number == 0 or wake_of(world) is None or wake_of(world) >= at
        world.step(at, Reading(TEMPERATURE, at, 20.0))
