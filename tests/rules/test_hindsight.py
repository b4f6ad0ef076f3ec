"""Readings that come one by one, in batches, late, twice or revised: the same standing and alerts in the end."""

from __future__ import annotations

from dataclasses import replace
from itertools import dropwhile, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.engine import scene_of
from rules.hindsight import last_known
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    Combine,
    Goal,
    InstanceKey,
    Measure,
    Often,
    Reading,
    Recover,
    RollingPeriod,
    Selector,
    Standing,
    Target,
)
from tests.rules.world import NOON, TEMPERATURE, World, room, series

ROOMS = {name: series("temperature", room=name) for name in "abc"}
ALERTS = (
    AlertRule("out", Standing.OUT_OF_BAND),
    AlertRule("often", Standing.OUT_OF_BAND, often=Often(2, 3)),
    AlertRule("out for", Standing.OUT_OF_BAND, for_=10 * HOUR),
)


def condition(text: str) -> Target:
    return room(goal=Goal(condition=text), selector=None, combine=Combine.MAX, alerts=ALERTS)


def band(combine: Combine, recover: Recover | None = None, **goal: float) -> Target:
    return room(goal=Goal(**goal), combine=combine, recover=recover, alerts=ALERTS)


SHORT = (AlertRule("out", Standing.MISSED), AlertRule("often", Standing.MISSED, often=Often(2, 3)))
LAST_HOUR = Goal(Measure.LAST, at_most=23, per=RollingPeriod(HOUR))
KINDS = {
    "mean": band(Combine.MEAN, Recover(at_most=22), at_most=23),
    "mean, no recover": band(Combine.MEAN, at_most=23),
    "max": band(Combine.MAX, Recover(at_most=22), at_most=23),
    "min": band(Combine.MIN, Recover(at_least=22.5), at_least=22),
    "sum": band(Combine.SUM, Recover(at_most=45), at_most=46),
    "last of several": band(Combine.LAST, Recover(at_most=22), at_most=23),
    "last": condition("last(temperature) <= 23"),
    "two": condition("last(temperature{room='a'}) <= 23 and last(temperature{room='b'}) <= 23"),
    "window": condition("avg(temperature, '10m') <= 23 and not absent(temperature, '10m')"),
    "rolling last": room(goal=LAST_HOUR, combine=Combine.MAX, alerts=SHORT),
    "rolling last alone": room(goal=LAST_HOUR, alerts=SHORT),
    "single": room(goal=Goal(at_most=23), recover=Recover(at_most=22), selector=Selector("temperature"), alerts=ALERTS),
}
ALONE = {"single", "rolling last alone"}

_rows = st.lists(
    st.tuples(
        st.integers(0, 8), st.sampled_from("abc"), st.sampled_from([25.0, 24.0, 22.5, 21.0, 21.0, None, float("nan")])
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda row: row[:2],
)
Row = tuple[int, str, float | None]


def readings(rows: list[Row], kind: str) -> list[Reading]:
    return [
        Reading(ROOMS["a" if kind in ALONE else room], NOON + minute * MINUTE, value) for minute, room, value in rows
    ]


def found(world: World) -> object:
    """How it stands in the end, and the alerts but for when and how often they changed."""
    state = world.look(NOON + 10 * MINUTE)
    alerts = {}
    for name, one in state.alerts.items():
        if one.state != "inactive":
            judged = dropwhile(lambda breaches: not breaches, one.judged)  # as good as none
            alerts[name] = str(one.state), tuple(judged)
    verdict = state.verdict if state.assessment.hold else None
    return state.assessment.standing, state.assessment.value, verdict, alerts


def in_order(target: Target, rows: list[Reading]) -> World:
    """Each at its time, and looks between; those of one time are one step, as in a rehearsal."""
    world = World(target)
    for minute in range(10):
        now = NOON + minute * MINUTE
        came = [row for row in rows if row.time == now]
        if came or world.states.instances:
            world.step(now, *came)
    return world


@settings(max_examples=120, deadline=None)
@pytest.mark.parametrize("kind", KINDS)
@given(_rows, st.data())
def test_any_order_and_any_batches_end_as_in_order(kind: str, rows: list[Row], data: st.DataObject) -> None:
    final = list({(one.series, one.time): one for one in readings(rows, kind)}.values())
    others = [one._replace(value=data.draw(st.sampled_from([21.0, 25.0, None]))) for one in final[::3]]
    arrival = [*others, *data.draw(st.permutations(final)), *final[::2]]  # revised, late, and some twice
    world, at = World(KINDS[kind]), 0
    while at < len(arrival):
        size = data.draw(st.integers(1, 5))
        batch = {(one.series, one.time): one for one in arrival[at : at + size]}
        world.step(NOON + 10 * MINUTE, *batch.values())
        at += size
    expected = in_order(KINDS[kind], final)
    state = expected.states.instances.get(InstanceKey("t"))
    if state is not None:
        assert found(world) == found(expected)


FOR = 5 * MINUTE
A_SERIES = {
    "band": room(goal=Goal(at_most=10), alerts=(AlertRule("out", Standing.OUT_OF_BAND, for_=FOR),)),
    "condition": room(
        goal=Goal(condition="last(temperature) <= 10"),
        selector=None,
        alerts=(AlertRule("out", Standing.OUT_OF_BAND, for_=FOR),),
    ),
    "rolling last": room(
        goal=Goal(Measure.LAST, at_most=10, per=RollingPeriod(2 * HOUR)),
        alerts=(AlertRule("out", Standing.MISSED, for_=FOR),),
    ),
}


def fed(world: World, *values: float | None, first: int = 0) -> World:
    for minute, value in enumerate(values, first):
        world.step(NOON + minute * MINUTE, Reading(TEMPERATURE, NOON + minute * MINUTE, value))
    return world


@pytest.mark.parametrize("kind", A_SERIES)
def test_for_does_not_go_on_while_the_newest_reading_has_no_value(kind: str) -> None:
    world = fed(World(A_SERIES[kind]), 1, 11, *[None] * 10)
    state = world.look(NOON + HOUR)
    assert state.assessment.standing is Standing.NO_DATA
    assert str(state.alerts["out"].state) == "pending"
    assert fed(world, 11, first=61).look(NOON + HOUR + MINUTE).alerts["out"].state == "firing"
    fed(world, *[None] * 10, first=62)
    assert world.look(NOON + 2 * HOUR).alerts["out"].state == "firing"  # nor is it a recovery


@pytest.mark.parametrize("before", [0, 5, 10, 12, 15, 16, 17, 20, 30])
@pytest.mark.parametrize("kind", ["band", "condition"])
def test_gaps_push_no_judgement_out_of_sight(kind: str, before: int) -> None:
    alerts = (AlertRule("often", Standing.OUT_OF_BAND, often=Often(3, 5)),)
    world = World(replace(A_SERIES[kind], alerts=alerts))
    gap = [None] * 7
    fed(world, *[2.0] * before, 35, *gap, 35, *gap, 35)
    assert world.transitions[-1].event == "firing"
    fed(world, *[None] * 40, 2, first=before + 17)
    assert world.look(NOON + 3 * HOUR).alerts["often"].state == "firing"  # three of the last four values


@pytest.mark.parametrize("kind", ["band", "condition"])
@pytest.mark.parametrize("sent", ["25@0 null@1", "null@1 25@0", "25@0,null@1", "1@0 null@2 25@1"])
def test_a_breach_before_a_gap_fires_however_it_comes(kind: str, sent: str) -> None:
    world = World(replace(A_SERIES[kind], alerts=(AlertRule("out", Standing.OUT_OF_BAND),)))
    for words in sent.split():
        pairs = [word.split("@") for word in words.split(",")]
        world.step(
            NOON + HOUR,
            *[
                Reading(TEMPERATURE, NOON + int(time) * MINUTE, None if value == "null" else float(value))
                for value, time in pairs
            ],
        )
    assert world.look(NOON + HOUR).alerts["out"].state == "firing"


RECALLED = (
    "last(temperature) <= at(temperature, '3m')",
    "avg(temperature, '2m') <= avg(temperature, '2m', at('5m')) + 1 or last(temperature) > 24",
    "age(temperature) < 90 and min(temperature, '4m') > 20",
    "last(temperature{room='a'}) <= last(temperature{room='b'})",
    "count(temperature, '3m') > 2 and last(temperature) < 24",
)


@pytest.mark.parametrize("text", RECALLED)
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 59, 60, 60, 60, 61, 300]),  # seconds after the one before
            st.sampled_from([0, 0, 0, 0, 0, 1, 45, 60, 120]),  # seconds that it is late
            st.sampled_from("aab"),
            st.sampled_from([25.0, 21.0, 19.0, None, None]),
        ),
        max_size=40,
    )
)
def test_what_was_known_last_is_what_is_found_anew(text: str, rows: list) -> None:
    target = condition(text)
    world, recalled, now = World(target), {}, NOON
    for gap, late, name, value in rows:
        now += gap * SECOND
        world.history.add(Reading(ROOMS[name], now - late * SECOND, value))
        scene = scene_of(world.specs, world.states, InstanceKey("t"), now, world.history)
        assert last_known(scene, recalled) == last_known(scene, {})


@pytest.mark.parametrize("together", [False, True])
def test_a_bound_that_changed_before_a_gap_counts_however_it_comes(together: bool) -> None:
    limit = series("limit")
    target = room(goal=Goal(at_most_from=Selector("limit")))
    world = World(target)
    world.step(NOON, Reading(limit, NOON, 35.0), Reading(TEMPERATURE, NOON, 31.0))
    later = [Reading(limit, NOON + MINUTE, 25.0), Reading(TEMPERATURE, NOON + 2 * MINUTE, None)]
    for batch in [later] if together else [[one] for one in later]:
        world.step(batch[-1].time, *batch)
    found = world.look(NOON + 3 * MINUTE)
    assert (found.assessment.standing, found.verdict) == (Standing.NO_DATA, Standing.OUT_OF_BAND)
    assert str(found.alerts["out"].state) == "firing"


@pytest.mark.parametrize("order", list(permutations([(0, 12.0), (2, 12.0), (4.5, 31.0)])))
def test_a_judgement_is_how_it_stood_before_the_next_reading_came_however_late_they_come(order: list) -> None:
    """The first two breach together, and the first leaves the window before the third comes."""
    alerts = (AlertRule("out", Standing.OUT_OF_BAND, often=Often(2, 3)),)
    world = World(room(goal=Goal(condition="sum(temperature, '3m') <= 23"), selector=None, alerts=alerts))
    for wait, (minute, value) in enumerate(order):
        world.step(NOON + HOUR + wait, Reading(TEMPERATURE, NOON + int(minute * MINUTE), value))
    assert world.states.instances[InstanceKey("t")].alerts["out"].judged == (True,)
