"""N of M: an alert that waits for so many of the last readings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.engine import States
from rules.held import NEWEST
from rules.history import History
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    Combine,
    Goal,
    InstanceKey,
    InstanceState,
    NoData,
    NoDataThen,
    Often,
    Polled,
    Reading,
    Recover,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
KEY = InstanceKey("t")


def room(breaches: int, of: int, **more: object) -> Target:
    rule = AlertRule("out", Standing.OUT_OF_BAND, often=Often(breaches, of))
    target = Target("t", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), alerts=(rule,))
    return replace(target, **more)


def condition(breaches: int, of: int) -> Target:
    rule = AlertRule("out", Standing.OUT_OF_BAND, often=Often(breaches, of))
    return Target("t", "Room", Goal(condition="last(temperature) <= 23"), alerts=(rule,))


def reading(minute: int, value: float | None) -> Reading:
    return Reading(TEMPERATURE, NOON + minute * MINUTE, value)


def life(target: Target, values: str) -> str:
    """`+` is a reading outside the goal, `-` one inside, `m` one short of the recover band, `n` one without a value.

    The answer has a letter for the state after each: . inactive, p pending, F firing.
    """
    world, said = World(target), ""
    for minute, sign in enumerate(values):
        value = {"+": 30.0, "-": 21.0, "m": 22.8, "n": None}[sign]
        world.step(NOON + minute * MINUTE, reading(minute, value))
        said += state(world)
    return said


def state(world: World) -> str:
    status = world.states.instances[KEY].alerts.get("out")
    return {AlertState.INACTIVE: ".", AlertState.PENDING: "p", AlertState.FIRING: "F"}[status.state] if status else "."


CASES = [
    (3, 5, "++-+", "pppF"),
    (3, 5, "+++--", "ppFFF"),  # three of the last five still do
    (3, 5, "+++---", "ppFFFp"),  # it ends with two, which make it pending
    (3, 5, "+++----", "ppFFFpp"),
    (3, 5, "+++-----", "ppFFFpp."),
    (3, 5, "+-+-+-+", "ppppFpF"),
    (3, 5, "+----", "ppppp"),
    (3, 5, "+-----", "ppppp."),
    (1, 1, "-+-+", ".F.F"),
    (2, 2, "+--++-", "pp.pFp"),
    (1, 3, "+---", "FFF."),
    (3, 3, "++n+", "pppF"),  # no value is no judgement
    (2, 2, "nn", ".."),
]


@pytest.mark.parametrize("make", [room, condition])
@pytest.mark.parametrize(("breaches", "of", "values", "states"), CASES)
def test_so_many_of_the_last(make, breaches: int, of: int, values: str, states: str) -> None:
    assert life(make(breaches, of), values) == states


def test_a_reading_short_of_the_recover_band_breaches_if_the_one_before_did() -> None:
    recover = Recover(20.5, 22.5)
    assert life(room(2, 3, recover=recover), "m+mm-") == ".pFFF"
    assert life(room(2, 3, recover=recover), "-mm+--") == "...ppp"


@pytest.mark.parametrize("make", [room, condition])
@given(st.text("+-mn", max_size=24))
def test_a_look_without_a_reading_changes_nothing(make, values: str) -> None:
    world = World(make(2, 4))
    for minute, sign in enumerate(values):
        world.step(NOON + minute * MINUTE, reading(minute, {"+": 30.0, "-": 21.0, "m": 22.8, "n": None}[sign]))
        assert world.step(NOON + minute * MINUTE + SECOND, due=[KEY]) == []


@given(st.text("+-mn", max_size=24))
def test_one_of_one_is_no_wait_at_all(values: str) -> None:
    plain = room(1, 1, recover=Recover(20.5, 22.5))
    always = replace(plain, alerts=(AlertRule("out", Standing.OUT_OF_BAND),))
    assert life(plain, values) == life(always, values)


@given(st.lists(st.sampled_from([30.0, 21.0, 22.8, None]), min_size=1, max_size=12), st.data())
def test_any_order_of_arrival_gives_the_same(values: list[float | None], data: st.DataObject) -> None:
    target = room(3, 5, recover=Recover(20.5, 22.5))
    readings = [reading(minute, value) for minute, value in enumerate(values)]
    shuffled = data.draw(st.permutations(readings))
    worlds = [World(target), World(target), World(target)]
    for now, (one, other) in enumerate(zip(readings, shuffled, strict=True)):
        worlds[0].step(NOON + HOUR + now, one)
        worlds[1].step(NOON + HOUR + now, other, one)  # with duplicates
    worlds[2].step(NOON + HOUR, *readings)
    said = [world.look(NOON + 2 * HOUR).alerts.get("out") for world in worlds]
    open_ = {status is not None and status.state is AlertState.FIRING for status in said}
    assert len(open_) == 1


@pytest.mark.parametrize("make", [room, condition])
@given(st.text("+-n", max_size=20), st.sets(st.integers(0, 19)))
def test_a_restart_changes_nothing(make, values: str, restarts: set[int]) -> None:
    worlds = [World(make(2, 4)), World(make(2, 4))]
    for minute, sign in enumerate(values):
        if minute in restarts:
            stored = {key: decode(InstanceState, encode(state)) for key, state in worlds[1].states.instances.items()}
            worlds[1].states = States(stored, worlds[1].states.sources)
        value = {"+": 30.0, "-": 21.0, "n": None}[sign]
        for world in worlds:
            world.step(NOON + minute * MINUTE, reading(minute, value))
    assert worlds[0].transitions == worlds[1].transitions


def test_a_condition_counts_one_judgement_for_each_newer_reading() -> None:
    world = World(condition(2, 3))
    assert world.step(NOON, reading(0, 30)) == ["out pending"]
    for wait in range(1, 5):
        assert world.step(NOON + wait * SECOND, due=[KEY]) == []
    assert world.step(NOON + 9 * SECOND, reading(0, 31)) == []  # revised, not another
    assert world.step(NOON + 10 * SECOND, reading(0, 21)) == ["out inactive"]
    assert world.step(NOON + 11 * SECOND, reading(0, 30)) == ["out pending"]
    assert world.step(NOON + MINUTE, reading(1, 30)) == ["out firing"]


def test_combined_series_count_what_was_found_with_each_newer_reading() -> None:
    den, hall = series("temperature", room="den"), series("temperature", room="hall")
    world = World(room(2, 3, combine=Combine.MAX))
    assert world.step(NOON, Reading(den, NOON, 30), Reading(hall, NOON, 21)) == ["out pending"]
    assert world.step(NOON + 1, Reading(hall, NOON + 1, 21)) == ["out firing"]


def test_readings_that_stop_and_count_as_fine_end_it() -> None:
    world = World(room(2, 3, no_data=NoData(10 * MINUTE, NoDataThen.OK)))
    world.step(NOON, reading(0, 30))
    assert world.step(NOON + MINUTE, reading(1, 30)) == ["out firing"]
    assert world.step(NOON + 11 * MINUTE) == ["out resolved"]


@pytest.mark.parametrize("pause", [0, 10 * MINUTE])
def test_a_reading_counts_that_comes_while_another_source_is_still_to_be_read(pause: int) -> None:
    goal = Goal(condition="last(temperature) > 5 and last(humidity) > 5")
    sources = [SourceRule("a", ("temperature",), MINUTE), SourceRule("b", ("humidity",), MINUTE)]
    world = World(room(2, 3, goal=goal, selector=None), sources=sources)
    b, begun, back = series("humidity", source="b"), NOON + SECOND, NOON + MINUTE + pause
    world.step(NOON, Reading(TEMPERATURE, NOON, 9), polls=[Polled("a", NOON)])
    world.step(begun, Reading(b, begun, 9), polls=[Polled("b", begun)])
    world.step(back, Reading(TEMPERATURE, back, 1), polls=[Polled("a", back)])
    assert world.step(back + SECOND, Reading(b, back + SECOND, 9), polls=[Polled("b", back + SECOND)]) == ["out firing"]


def test_after_a_pause_it_waits_for_a_poll() -> None:
    world = World(room(1, 2), sources=[SourceRule("a", ("temperature",), 10 * SECOND)])
    world.step(NOON, reading(0, 21), polls=[Polled("a", NOON)])
    world.history.add(reading(1, 30))
    assert world.step(NOON + HOUR, due=[KEY]) == []
    assert world.step(NOON + HOUR + MINUTE, due=[KEY]) == []
    assert world.step(NOON + HOUR + 3 * MINUTE, polls=[Polled("a", NOON + HOUR + 3 * MINUTE)]) == ["out firing"]


@given(st.lists(st.sampled_from("+-mmmmmn"), min_size=18, max_size=40), st.integers(1, 16), st.booleans())
def test_how_far_back_it_looks_does_not_hang_on_what_is_held(signs: list[str], of: int, inside: bool) -> None:
    """A restart reads the newest few; a daemon that goes on may hold twice as many."""
    rule = AlertRule("out", Standing.IN_BAND if inside else Standing.OUT_OF_BAND, often=Often(of, of))
    worlds = [World(room(1, 1, alerts=(rule,), recover=Recover(20.5, 22.5))) for _ in range(2)]
    for minute, sign in enumerate(signs):
        one = reading(minute, {"+": 30.0, "-": 21.0, "m": 22.8, "n": None}[sign])
        for world in worlds:
            world.step(one.time, one)
        times, values = worlds[1].history.track(TEMPERATURE).times, worlds[1].history.track(TEMPERATURE).values
        held = dict(zip(times, values, strict=True))
        valued = [time for time in held if held[time] == held[time]][-NEWEST:]
        worlds[1].history = History(worlds[1].specs)
        for time in sorted({*valued, *list(held)[-NEWEST:]}):
            worlds[1].history.add(Reading(TEMPERATURE, time, held[time]))
    assert worlds[0].transitions == worlds[1].transitions
