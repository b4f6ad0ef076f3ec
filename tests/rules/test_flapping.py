"""Flap detection: one notice that an alert flaps, one when it settles, and nothing is lost in between."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alerts.notices import reason_of
from agent.store.codec import decode, encode
from rules.alerts import is_open
from rules.engine import States
from rules.flapping import change, changes
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    Acknowledgement,
    AlertRule,
    AlertState,
    AlertStatus,
    Checkin,
    EscalationStep,
    Event,
    Flapping,
    Goal,
    InstanceKey,
    InstanceState,
    NoData,
    NoDataThen,
    Often,
    Polled,
    Reading,
    Reason,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
KEY = InstanceKey("t")
QUICK = Flapping(low=0.2, high=0.4, of=11)


def room(flapping: Flapping | None = QUICK, **more: object) -> Target:
    rule = AlertRule("hot", Standing.OUT_OF_BAND, flapping=flapping)
    return Target("t", "Room", Goal(at_most=23), Selector("temperature"), alerts=(replace(rule, **more),))


def feed(world: World, signs: str, start: int = 0) -> str:
    """One reading a minute, `+` outside the goal; what is told: F firing, R resolved, ~ flapping, = settled, . nothing."""
    said = ""
    for minute, sign in enumerate(signs, start):
        now, before = NOON + minute * MINUTE, len(world.transitions)
        world.step(now, Reading(TEMPERATURE, now, 25 if sign == "+" else 21))
        said += told(world, before) or "."
    return said


def told(world: World, since: int = 0) -> str:
    signs = {Reason.FIRING: "F", Reason.RESOLVED: "R", Reason.FLAPPING: "~", Reason.SETTLED: "="}
    return "".join(signs.get(reason_of(one), "") for one in world.transitions[since:])


def status(world: World) -> AlertStatus:
    return world.states.instances[KEY].alerts["hot"]


def bits(text: str) -> list[bool]:
    return [sign == "1" for sign in text]


@pytest.mark.parametrize(
    ("checks", "share"),
    [
        ("", 0),
        ("0" * 21, 0),
        ("01" * 11, 1),  # every one of the 20 possible changes
        ("0" * 20 + "1", 1.2 / 20),  # the newest counts half as much again
        ("0" + "1" * 20, 0.8 / 20),  # as the oldest
        ("1" * 21, 0),
        ("1", 1.2 / 20),  # before the first check it was not open
        ("0" * 10 + "1" * 11, (0.8 + 0.4 * 9 / 19) / 20),
    ],
)
def test_the_weighted_share_of_changes(checks: str, share: float) -> None:
    assert change(bits(checks[-21:]), 21) == pytest.approx(share)


@given(st.lists(st.booleans(), max_size=30), st.integers(3, 40))
def test_the_share_lies_between_nothing_and_one(checks: list[bool], of: int) -> None:
    share = change(checks, of)
    assert 0 <= share <= 1.0000001
    assert (share == 0) == (changes(checks, of) == 0)


def test_by_default_it_takes_nine_changes_of_twenty_one_readings() -> None:
    world = World(room(Flapping()))
    assert feed(world, "+-+-+-+-+-+-") == "FRFRFRFR~..."
    flap = next(one for one in world.transitions if one.event is Event.FLAPPING)
    assert flap.detail == "Changed 9 times in the last 21 readings"
    assert feed(world, "-" * 20, 12) == "..............R....."
    assert world.transitions[-1].detail == "Settled after flapping for 18m"


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        ("+-+-+---------+", "FRF~.........RF"),
        ("+-+-+++++++++", "FRF~........="),
        ("+-+-+-+-+-+-+-", "FRF~.........."),
        ("+-+-++++++++++-", "FRF~........=.R"),
        ("+--------+---", "FR.......FR.."),
    ],
)
def test_it_flaps_until_it_settles(signs: str, said: str) -> None:
    world = World(room())
    assert feed(world, signs) == said


def test_a_flapping_alert_is_one_firing() -> None:
    world = World(room())
    feed(world, "+-+-+-+-+")
    assert (status(world).episode, status(world).fired_at) == (2, NOON + 2 * MINUTE)
    world = World(room())
    feed(world, "+-+-+-+-")
    assert status(world).state is AlertState.RECOVERING
    assert is_open(status(world))


def test_it_can_begin_with_a_firing_or_with_an_end() -> None:
    for high, said in ((0.3, "FR~"), (0.4, "FRF~")):
        world = World(room(replace(QUICK, high=high)))
        assert feed(world, "+-+-+"[: len(said)]) == said
        quiet = [one.event for one in world.transitions if one.quiet]
        assert quiet == ([Event.FIRING] if high == 0.3 else [])
        assert is_open(status(world))


def test_what_somebody_has_stays_his_while_it_flaps_and_escalation_goes_on() -> None:
    world = World(room(escalate=(EscalationStep(4 * MINUTE, ("boss",)),)))
    feed(world, "+-+-+")
    state = world.states.instances[KEY]
    taken = replace(state.alerts["hot"], acknowledged=Acknowledgement("ann", NOON))
    other = World(room(escalate=(EscalationStep(4 * MINUTE, ("boss",)),)))
    feed(other, "+-+-+")
    world.states = States({KEY: replace(state, alerts={"hot": taken})})
    for one in (world, other):
        feed(one, "-+-+", 5)
    assert status(world).acknowledged is not None
    assert [one.to for one in world.transitions if one.to] == []
    assert [one.to for one in other.transitions if one.to] == [("boss",)]


def test_an_end_that_begins_it_takes_the_alert_from_nobody() -> None:
    world = World(room())
    feed(world, "+-+")
    state = world.states.instances[KEY]
    taken = replace(state.alerts["hot"], acknowledged=Acknowledgement("ann", NOON))
    world.states = States({KEY: replace(state, alerts={"hot": taken})})
    assert feed(world, "-", 3) == "~"
    assert status(world).acknowledged is not None


def test_only_a_change_begins_it() -> None:
    world = World(room(replace(QUICK, high=1.0)))
    feed(world, "+-+-")
    changed = World(room(replace(QUICK, high=0.3)))
    changed.states, changed.history = world.states, world.history
    assert feed(changed, "--", 4) == ".."


def test_changes_that_nobody_would_hear_of_are_none() -> None:
    for more in ({"for_": 2 * MINUTE}, {"often": Often(2, 2)}):
        assert feed(World(room(**more)), "+-" * 12) == "." * 24
    world = World(room(keep_firing_for=2 * MINUTE))
    assert feed(world, "+-" * 12) == "F" + "." * 23


def test_it_settles_without_a_reading_when_none_comes() -> None:
    world = World(room())
    feed(world, "+-+-+-")
    assert world.states.instances[KEY].wake == NOON + 5 * MINUTE + HOUR
    assert world.step(NOON + 5 * MINUTE + HOUR - SECOND, due=[KEY]) == []
    assert world.step(NOON + 5 * MINUTE + HOUR) == ["hot resolved"]
    assert status(world).checks == ()
    world = World(room())
    feed(world, "+-+-+")
    assert world.step(NOON + 4 * MINUTE + HOUR) == ["hot settled"]
    assert world.step(NOON + 9 * HOUR, due=[KEY]) == []


def test_it_has_its_time_to_settle_also_where_time_alone_began_it() -> None:
    world = World(room(replace(QUICK, high=0.2), keep_firing_for=2 * HOUR))
    feed(world, "+-")
    over = NOON + MINUTE + 2 * HOUR
    assert world.step(over) == ["hot flapping"]
    assert world.states.instances[KEY].wake == over + HOUR
    assert world.step(over + SECOND, due=[KEY]) == []  # as a restart does
    assert world.step(over + HOUR) == ["hot resolved"]


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_looking_again_after_it_settled_is_no_check(looks: int) -> None:
    world, settled = World(room(replace(QUICK, of=5))), NOON + 4 * MINUTE + HOUR
    feed(world, "+-+-+")
    assert world.step(settled) == ["hot settled"]
    for _ in range(looks):
        assert world.step(settled, due=[KEY]) == []
    assert feed(world, "-", 65) == "R"


def test_looking_more_often_changes_nothing() -> None:
    """A restart or a reload looks too: that the alert would have been over by then counts as of itself."""
    worlds = [World(room(replace(QUICK, of=5), keep_firing_for=3 * MINUTE)) for _ in range(2)]
    for world in worlds:
        feed(world, "+---+----+-")
        assert told(world)[-1] == "~"
        assert world.states.instances[KEY].wake == NOON + 13 * MINUTE
    for minute in range(11, 20):
        for world in worlds:
            world.step(NOON + minute * MINUTE, due=None if world is worlds[0] else [KEY])
    for world in worlds:
        feed(world, "++++", 20)
    assert status(worlds[0]) == status(worlds[1])
    assert worlds[0].transitions == worlds[1].transitions


def test_a_clock_that_is_set_back_does_not_delay_it() -> None:
    world = World(room())
    feed(world, "+-+-+-")
    early = NOON - 10 * HOUR
    assert world.step(early, due=[KEY]) == []
    assert world.states.instances[KEY].wake == early + HOUR
    assert world.step(early + HOUR) == ["hot resolved"]


def test_readings_that_stop_and_count_as_fine_settle_it() -> None:
    world = World(replace(room(), no_data=NoData(10 * MINUTE, NoDataThen.OK)))
    feed(world, "+-+-+")
    assert world.step(NOON + 14 * MINUTE, due=[KEY]) == ["hot resolved"]


def test_without_the_key_a_reload_settles_it() -> None:
    for signs, event in (("+-+-+", "hot settled"), ("+-+-+-", "hot resolved")):
        world = World(room())
        feed(world, signs)
        changed = World(room(None))
        changed.states, changed.history = world.states, world.history
        assert changed.step(NOON + 6 * MINUTE, due=[KEY]) == [event]
        assert changed.step(NOON + 7 * MINUTE, due=[KEY]) == []


def test_a_reading_is_a_check_also_while_another_source_is_still_to_be_read_after_a_pause() -> None:
    """By it the alert stays as it was; what it comes to then is a change that counts."""
    goal = Goal(condition="last(temperature) < 23 and last(humidity) > 5")
    target = Target("t", "Room", goal, alerts=(AlertRule("hot", Standing.OUT_OF_BAND, flapping=QUICK),))
    world = World(target, sources=[SourceRule("a", ("temperature",), MINUTE), SourceRule("b", ("humidity",), MINUTE)])
    dry, back = series("humidity", source="b"), NOON + 10 * MINUTE
    world.step(NOON, Reading(dry, NOON, 9), polls=[Polled("b", NOON)])
    world.step(NOON, Reading(TEMPERATURE, NOON, 25), polls=[Polled("a", NOON)])
    for moment in (back, back + SECOND, back + 2 * SECOND):
        world.step(moment, Reading(TEMPERATURE, moment, 21), polls=[Polled("a", moment)])
    assert world.states.instances[KEY].alerts["hot"].checks == (True,) * 4
    assert world.step(back + MINUTE, Reading(dry, back + MINUTE, 9), polls=[Polled("b", back + MINUTE)]) == [
        "hot resolved"
    ]
    assert world.states.instances[KEY].alerts["hot"].checks == (*(True,) * 4, False)


def test_a_check_in_flaps_too() -> None:
    rule = AlertRule("late", Standing.MISSED, flapping=QUICK)
    world = World(Target("t", "Job", None, source="a", checkin=Checkin(None, HOUR, "UTC", 0), alerts=(rule,)))
    call = series("checkin")
    for hour in range(0, 12, 2):  # called every two hours, and due every hour
        world.step(NOON + hour * HOUR, Reading(call, NOON + hour * HOUR, 1.0))
        world.step(NOON + (hour + 1) * HOUR + SECOND, due=[KEY])
    assert told(world) == "FRF~"
    last = NOON + 12 * HOUR
    for more in range(12):
        world.step(last + more * MINUTE, Reading(call, last + more * MINUTE, 1.0))
    assert told(world) == "FRF~R"


@given(
    st.lists(st.tuples(st.integers(1, 100), st.sampled_from("+-+-+- nr"), st.booleans()), max_size=60), st.booleans()
)
def test_whoever_was_told_knows_how_it_stands_over_any_restarts(script: list, keep: bool) -> None:
    rule = {"keep_firing_for": 3 * MINUTE if keep else 0, "flapping": replace(QUICK, low=0.1, high=0.3)}
    worlds, now = (World(room(**rule)), World(room(**rule))), NOON
    for wait, what, batch in script:
        now += wait * MINUTE // 10
        if what == "r":
            kept = {key: decode(InstanceState, encode(state)) for key, state in worlds[1].states.instances.items()}
            worlds[1].states = States(kept, worlds[1].states.sources)
        value = {"+": 25.0, "-": 21.0, "n": None}.get(what)
        readings = [Reading(TEMPERATURE, now, value)] if what in "+-n" else []
        if batch and value:
            readings.append(Reading(TEMPERATURE, now - 1, 46 - value))
        for world in worlds:
            world.step(now, *readings)
        if "hot" in getattr(worlds[0].states.instances.get(KEY), "alerts", {}):
            said = told(worlds[0])
            assert is_open(status(worlds[0])) == (said[-1:] in set("F~="))
            assert (status(worlds[0]).flapping_since is not None) == (said[-1:] == "~")
    assert worlds[0].transitions == worlds[1].transitions
    said = told(worlds[0])
    for wrong in ("FF", "RR", "~F", "~~", "==", "=F", "R=", "F="):
        assert wrong not in said
    assert len({one.id for one in worlds[0].transitions if reason_of(one)}) == len(
        [one for one in worlds[0].transitions if reason_of(one)]
    )
