"""The order readings come in changes nothing, and neither does asking twice, or one after another."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.engine import Batch, evaluate
from rules.history import History
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CalendarPeriod,
    Goal,
    InstanceKey,
    Measure,
    Reading,
    Recover,
    Standing,
)
from rules.turns import Turn
from tests.rules.world import NOON, TEMPERATURE, VISITORS, World, at, daily, month, of, room

_readings = st.lists(
    st.tuples(st.integers(0, 40 * 24), st.one_of(st.none(), st.just(math.nan), st.integers(-50, 900).map(float))),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(_readings, st.data(), st.sampled_from(list(Measure)))
def test_any_order_of_arrival_gives_the_result_computed_from_scratch(
    rows: list[tuple[int, float | None]], data: st.DataObject, measure: Measure
) -> None:
    start, now = at("2026-10-20"), at("2026-11-24 12:00")
    readings = [Reading(VISITORS, start + hour * HOUR, value) for hour, value in rows]
    final = {reading.time: reading for reading in readings}  # a later reading of the same time revises it
    shuffled = data.draw(st.permutations(list(final.values())))
    doubled = [r for r in shuffled for r in ([r, r] if r.time % 2 else [Reading(r.series, r.time, -1.0), r])]
    target = month(goal=of(measure, at_least=10_000, per=CalendarPeriod("month")))

    arrived, scratch = World(target), World(target)
    for i, reading in enumerate(doubled):
        arrived.step(now - (len(doubled) - i) * SECOND, reading)
    scratch.step(now, *[final[time] for time in sorted(final)])
    one, two = arrived.look(now).assessment, scratch.look(now).assessment
    assert one == two


@settings(max_examples=100, deadline=None)
@given(_readings, st.data())
def test_the_newest_reading_of_a_level_goal_wins_in_any_order(rows: list, data: st.DataObject) -> None:
    final = {NOON + hour: Reading(TEMPERATURE, NOON + hour, value) for hour, value in rows}
    world = World(room())
    for reading in data.draw(st.permutations(list(final.values()))):
        world.step(NOON + HOUR, reading)
    values = [final[time].value for time in sorted(final)][-16:]  # that many readings are held
    known = [value for value in values if value is not None and not math.isnan(value)]
    found = world.look(NOON + HOUR).assessment
    if known:
        breaching = not 20 <= known[-1] <= 23 if known[-1] is values[-1] else None
        assert (found.value, found.breaching) == (known[-1], breaching)


@pytest.mark.parametrize(
    ("sent", "out"),
    [
        ("20.2@10 19@5", True),
        ("19@5 20.2@10 21@7", False),
        ("21@5 19@10 20.2@10", False),
        ("25@0 null@20 1@10", None),
        ("25@0 1@10 null@10", None),
        ("21@5 null@5", None),
        ("19@0,20.2@10", True),
        ("21@0,19@10,20.2@20", True),
    ],
)
def test_a_level_follows_from_its_readings_however_they_come(sent: str, out: bool | None) -> None:
    """Words are batches of `value@time`; a later reading of the same time revises the one before."""
    world, final = World(room(recover=Recover(20.5, 22.5))), {}
    for step, batch in enumerate(sent.split()):
        readings = []
        for word in batch.split(","):
            value, _, time = word.partition("@")
            readings.append(Reading(TEMPERATURE, NOON + int(time), None if value == "null" else float(value)))
        final.update({reading.time: reading for reading in readings})
        world.step(NOON + MINUTE + step, *readings)
    scratch = World(room(recover=Recover(20.5, 22.5)))
    scratch.step(NOON + HOUR, *[final[time] for time in sorted(final)])
    found, again = world.look(NOON + HOUR), scratch.look(NOON + HOUR)
    assert found.assessment == again.assessment
    wanted = {True: Standing.OUT_OF_BAND, False: Standing.IN_BAND, None: Standing.NO_DATA}[out]
    assert found.assessment.standing is wanted


def test_evaluate_changes_nothing_it_is_given_and_repeats_itself() -> None:
    world = World(room())
    world.step(NOON, Reading(TEMPERATURE, NOON, 21))
    reading = Reading(TEMPERATURE, NOON + 1, 25)
    world.history.add(reading)
    before = dict(world.states.instances)
    batch = Batch([reading])
    first = evaluate(world.specs, world.states, batch, NOON + 1, world.history)
    assert evaluate(world.specs, world.states, batch, NOON + 1, world.history) == first
    assert world.states.instances == before


def test_a_history_loaded_from_the_store_gives_the_same_result() -> None:
    rows = daily("2025-07-13", *[float(i % 7 * i) for i in range(500)])
    world = World(month())
    for i, reading in enumerate(rows):
        world.step(at("2025-07-13") + i * DAY, reading)
    history = History(world.specs)
    for reading in sorted(rows[-434:], key=lambda r: r.time, reverse=True):
        history.add(reading)
    world_again = World(month())
    world_again.history = history
    world_again.states = world.states
    assert world_again.look(NOON).assessment == world.look(NOON).assessment


@pytest.mark.parametrize("measure", [Measure.SUM, Measure.COUNT, Measure.INCREASE])
@pytest.mark.parametrize("bounds", [(60, None), (None, 60), (55, 65)])
@pytest.mark.parametrize(("noise", "odd"), [(0.0, 0.0), (0.3, 0.0), (1.0, 0.0), (0.3, 0.02)])
def test_what_is_sure_in_advance_comes_so(
    measure: Measure, bounds: tuple[float | None, float | None], noise: float, odd: float
) -> None:
    rng = random.Random(f"{measure} {bounds} {noise} {odd}")
    goal = Goal(measure, at_least=bounds[0], at_most=bounds[1], per=CalendarPeriod("hour"))
    one, quick = (World(room(goal=goal, alerts=month().alerts)) for _ in range(2))
    value, level, passed = 0.0, 1.0, 0
    for i in range(420):  # seven hours
        if i > 1 and rng.random() < (0.12 if measure is Measure.COUNT else 0.02):
            continue
        level = rng.choice([0.8, 0.95, 1.0, 1.05, 1.2]) if i % 60 == 0 else level
        step = -3.0 if rng.random() < odd else level * (1.0 + noise * rng.uniform(-1.0, 1.0))
        value = value + step if measure is Measure.INCREASE else step
        reading = Reading(TEMPERATURE, NOON + i * MINUTE, value)
        if i < 2:
            one.step(reading.time, reading)
            quick.step(reading.time, reading)
            turn = Turn(quick.specs, quick.states, InstanceKey("t"), quick.history, apart=None)
            continue
        one.step(reading.time, reading, due=())
        quick.history.add(reading)
        passed += turn.take(reading.time, [reading]) is None
        assert turn.state.assessment.standing is one.states.instances[InstanceKey("t")].assessment.standing
        assert turn.wake >= one.states.instances[InstanceKey("t")].wake
    turn.end(reading.time + 1)
    assert turn.state == one.states.instances[InstanceKey("t")]
    assert passed > 100
