"""An alert for what is unusual, decided by the engine: batches, late readings, restarts, several series."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.engine import States
from rules.explain import explain
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    AlertRule,
    CalendarPeriod,
    Combine,
    Event,
    Goal,
    InstanceKey,
    InstanceState,
    Measure,
    NoData,
    NoDataThen,
    Reading,
    Selector,
    Sign,
    Standing,
    Target,
)
from rules.words import headline
from tests.rules.world import World, at, series

START = at("2026-01-05T00:00:00")
ODD = AlertRule("odd", Sign.UNUSUAL)
TARGET = Target("t", "Visitors", None, Selector("visitors"), alerts=(ODD,), unit="visitors")
KEY = InstanceKey("t")
VISITORS = series("visitors")


def readings(hours: int, start: int = START, seed: int = 1) -> list[Reading]:
    noise = random.Random(seed)
    return [Reading(VISITORS, start + n * HOUR, 80 + noise.uniform(-9, 9)) for n in range(hours)]


def fed(world: World, pairs: list[Reading]) -> list[str]:
    return [said for reading in pairs for said in world.step(reading.time, reading)]


def state(world: World, key: InstanceKey = KEY) -> InstanceState:
    return world.states.instances[key]


def test_without_a_goal_it_stands_by_what_is_usual() -> None:
    world = World(TARGET)
    past = readings(24 * 7)
    assert fed(world, past[:40]) == []
    assert state(world).assessment.standing is Standing.TOO_EARLY
    assert headline(TARGET, KEY, state(world).assessment, Event.FIRING, START).startswith(
        "Visitors too early to say what is usual: "
    )
    assert fed(world, past[40:]) == []
    assert state(world).assessment.standing is Standing.IN_BAND
    now = START + 7 * DAY
    assert world.step(now, Reading(VISITORS, now, 250.0)) == ["odd firing"]
    found = state(world).assessment
    assert (found.standing, found.breaching) == (Standing.OUT_OF_BAND, True)
    said = headline(TARGET, KEY, found, Event.FIRING, now)
    assert said.startswith("Visitors unusual: 250 visitors, 3.")
    assert said.endswith(")")
    assert " times the usual for a Monday 00:00 (" in said
    assert world.step(now + HOUR, Reading(VISITORS, now + HOUR, 79.0)) == ["odd resolved"]
    assert headline(TARGET, KEY, state(world).assessment, Event.RESOLVED, now) == "Visitors back, usual: 79 visitors"


def test_it_is_explained_with_the_range_that_is_usual() -> None:
    world = World(TARGET)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    world.step(now, Reading(VISITORS, now, 250.0))
    steps = explain(world.specs, world.states, world.history, KEY, now, 10).steps
    assert [step.text.partition(" the usual ")[0] for step in steps] == [
        "value 250 in",
        "score, unusual from 0.5 on",
    ]
    assert steps[0].value is False
    assert isinstance(steps[1].value, float)
    assert steps[1].value > 0.5


def test_for_and_keep_firing_for_apply() -> None:
    patient = replace(TARGET, alerts=(replace(ODD, for_=90 * MINUTE, keep_firing_for=HOUR),))
    world = World(patient)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    said = [
        world.step(now + n * HOUR, Reading(VISITORS, now + n * HOUR, value))
        for n, value in enumerate([250.0, 251.0, 250.0, 80.0, 81.0])
    ]
    assert said == [["odd pending"], [], ["odd firing"], ["odd recovering"], ["odd resolved"]]


def test_beside_a_goal_both_speak() -> None:
    target = replace(TARGET, goal=Goal(at_most=200), alerts=(ODD, AlertRule("high", Standing.OUT_OF_BAND)))
    world = World(target)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    assert world.step(now, Reading(VISITORS, now, 199.0)) == ["odd firing"]
    assert state(world).assessment.standing is Standing.IN_BAND
    assert "; unusual: 199 visitors, 2." in headline(target, KEY, state(world).assessment, Event.FIRING, now)
    assert world.step(now + HOUR, Reading(VISITORS, now + HOUR, 201.0)) == ["high firing"]
    assert sorted(world.step(now + 2 * HOUR, Reading(VISITORS, now + 2 * HOUR, 80.0))) == [
        "high resolved",
        "odd resolved",
    ]


MONTHLY = Goal(Measure.SUM, at_least=50_000, per=CalendarPeriod("month"))


@pytest.mark.parametrize("goal", [None, Goal(at_most=1000), MONTHLY])
def test_what_was_unusual_inside_a_batch_is_not_overlooked(goal: Goal | None) -> None:
    world = World(replace(TARGET, goal=goal))
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    batch = [Reading(VISITORS, now + n * HOUR, value) for n, value in enumerate([80.0, 250.0, 81.0])]
    assert world.step(now + 3 * HOUR, *reversed(batch)) == ["odd firing", "odd resolved"]


def test_late_revised_and_repeated_readings_teach_nothing() -> None:
    world = World(TARGET)
    fed(world, readings(24 * 7))
    learned = state(world).usual
    now = START + 7 * DAY
    assert learned is not None
    last = state(world).assessment
    assert last.time is not None
    assert world.step(now, Reading(VISITORS, last.time - 10 * MINUTE, 9000.0)) == []
    assert world.step(now, Reading(VISITORS, last.time, last.value)) == []
    assert world.step(now, Reading(VISITORS, now, None)) == []
    assert state(world).usual == learned
    assert world.step(now, Reading(VISITORS, last.time, 9000.0)) == []
    assert state(world).usual == replace(learned, held_back=8)


def test_a_total_that_is_revised_through_its_day_is_judged_when_the_day_is_over() -> None:
    """Every poll brings the last days; today's count grows until midnight."""
    world = World(TARGET)
    noise = random.Random(2)
    whole = [10_000 + noise.uniform(-900, 900) for _ in range(60)]
    whole[55] = 31_000.0
    said = []
    for day in range(60):
        for hour in range(6, 24, 3):
            now = START + day * DAY + hour * HOUR
            rows = [Reading(VISITORS, START + n * DAY, whole[n]) for n in range(max(0, day - 5), day)]
            rows.append(Reading(VISITORS, START + day * DAY, whole[day] * hour / 24))
            said += [((now - START) // DAY, event) for event in world.step(now, *rows)]
    assert said == [(56, "odd firing"), (57, "odd resolved")]


def test_what_was_unusual_before_it_was_revised_is_over() -> None:
    world = World(TARGET)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    assert world.step(now, Reading(VISITORS, now, 2.0)) == ["odd firing"]
    assert world.step(now + MINUTE, Reading(VISITORS, now, 81.0)) == ["odd resolved"]
    assert world.step(now + HOUR, Reading(VISITORS, now + HOUR, 9000.0)) == []
    assert world.step(now + 2 * HOUR, Reading(VISITORS, now + 2 * HOUR, 82.0)) == ["odd firing"]


def test_one_revision_holds_back_for_some_readings_only() -> None:
    world = World(TARGET)
    past = readings(24 * 7 + 20)
    fed(world, past[: 24 * 7])
    last = past[24 * 7 - 1]
    world.step(last.time + MINUTE, last._replace(value=81.0))
    newest_learned = []
    for reading in past[24 * 7 :]:
        world.step(reading.time, reading)
        usual = state(world).usual
        assert usual is not None
        newest_learned.append((reading.time - usual.time) // HOUR)
    assert newest_learned == [1] * 7 + [0] * 13


def test_while_readings_stop_the_alert_stays_as_it_is() -> None:
    target = replace(TARGET, no_data=NoData(3 * HOUR, NoDataThen.KEEP))
    world = World(target)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    assert world.step(now, Reading(VISITORS, now, 250.0)) == ["odd firing"]
    assert world.step(now + 5 * HOUR) == []
    assert state(world).assessment.standing is Standing.NO_DATA
    assert world.step(now + 6 * HOUR, Reading(VISITORS, now + 6 * HOUR, 80.0)) == ["odd resolved"]


def test_each_instance_learns_for_itself_and_several_series_are_combined() -> None:
    split = World(replace(TARGET, by=("site",)))
    summed = World(replace(TARGET, combine=Combine.SUM))
    one, two = series("visitors", site="a"), series("visitors", site="b")
    noise = random.Random(4)
    for n in range(24 * 7 + 1):
        now = START + n * HOUR
        low, high = 80 + noise.uniform(-9, 9), 800 + noise.uniform(-90, 90)
        both = [Reading(one, now, low), Reading(two, now, high)]
        if n == 24 * 7:
            both[0] = Reading(one, now, high)  # usual for the other
        said = split.step(now, *both), summed.step(now, *both)
    assert said == (["odd firing"], ["odd firing"])
    assert state(split, InstanceKey("t", (("site", "a"),))).assessment.standing is Standing.OUT_OF_BAND
    assert state(split, InstanceKey("t", (("site", "b"),))).assessment.standing is Standing.IN_BAND
    usual = state(summed).usual
    assert usual is not None
    assert usual.finding is not None
    assert usual.finding.value > 1400


def test_what_was_learned_of_something_else_is_dropped() -> None:
    world = World(TARGET)
    fed(world, readings(24 * 7))
    now = START + 7 * DAY
    for other in (
        replace(TARGET, zone="Asia/Tokyo"),
        replace(TARGET, selector=Selector("visitors"), combine=Combine.MAX),
    ):
        changed = World(other)
        changed.states = world.states
        changed.step(now, Reading(VISITORS, now, 80.0))
        usual = state(changed).usual
        assert usual is not None
        assert usual.started == now
    without = World(replace(TARGET, alerts=()))
    without.states = world.states
    without.step(now, Reading(VISITORS, now, 80.0))
    assert state(without).usual is None


ODDITIES = st.lists(st.tuples(st.integers(60, 24 * 9), st.sampled_from([0.0, 40.0, 250.0, 9000.0])), max_size=6)


@settings(max_examples=30, deadline=None)
@given(
    ODDITIES, st.integers(0, 24 * 9), st.lists(st.integers(1, 7), min_size=1, max_size=9), st.sets(st.integers(9, 60))
)
def test_a_restart_anywhere_changes_nothing(
    oddities: list[tuple[int, float]], restart: int, sizes: list[int], revised: set[int]
) -> None:
    past = readings(24 * 9)
    for n, value in oddities:
        past[n : n + 1] = [past[n]._replace(value=value)] if n < len(past) else []
    through, restarted = World(TARGET), World(TARGET)
    at_, n = 0, 0
    while at_ < len(past):
        batch = past[at_ : at_ + sizes[n % len(sizes)]]
        at_, n = at_ + len(batch), n + 1
        through.step(batch[-1].time, *batch)
        restarted.step(batch[-1].time, *batch)
        if n in revised:
            past[at_ - 1] = batch[-1]._replace(value=85.0)
            through.step(batch[-1].time, past[at_ - 1])
            restarted.step(batch[-1].time, past[at_ - 1])
        if at_ >= restart > at_ - len(batch):
            stored = {key: decode(InstanceState, encode(one)) for key, one in restarted.states.instances.items()}
            again = World(TARGET)
            for reading in past[max(0, at_ - 16) : at_]:
                again.history.add(reading)
            again.states, again.transitions = States(stored), restarted.transitions
            restarted = again
            restarted.step(batch[-1].time, due=[KEY])
    assert restarted.transitions == through.transitions
    assert restarted.states.instances == through.states.instances
