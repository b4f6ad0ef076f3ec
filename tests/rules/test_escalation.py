"""Escalation steps of an alert: until someone has it, or it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.engine import States
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    Acknowledgement,
    AlertRule,
    AlertState,
    EscalationStep,
    Event,
    Goal,
    InstanceKey,
    InstanceState,
    Polled,
    Reading,
    Selector,
    SourceRule,
    Standing,
    Target,
)
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
KEY = InstanceKey("t")
STEPS = (EscalationStep(30 * MINUTE, ("oncall",)), EscalationStep(2 * HOUR, ("boss", "oncall")))


def room(**more: object) -> Target:
    rule = AlertRule("hot", Standing.OUT_OF_BAND, escalate=STEPS)
    return Target("t", "Room", Goal(at_most=23), Selector("temperature"), alerts=(replace(rule, **more),))


def fired(target: Target | None = None, **more: object) -> World:
    world = World(target or room(), **more)
    assert world.step(NOON, Reading(TEMPERATURE, NOON, 25)) == ["hot firing"]
    return world


def acknowledge(world: World) -> None:
    state = world.states.instances[KEY]
    taken = replace(state.alerts["hot"], acknowledged=Acknowledgement("ann", NOON))
    world.states = States({KEY: replace(state, alerts={"hot": taken})}, world.states.sources)


def test_each_step_comes_once_in_its_time_without_a_reading() -> None:
    world = fired()
    assert world.states.instances[KEY].wake == NOON + 30 * MINUTE
    assert world.step(NOON + 30 * MINUTE - 1) == []
    assert world.step(NOON + 30 * MINUTE) == ["hot escalated"]
    assert world.states.instances[KEY].wake == NOON + 2 * HOUR
    assert world.step(NOON + 31 * MINUTE, due=[KEY]) == []
    assert world.step(NOON + 2 * HOUR) == ["hot escalated"]
    assert world.states.instances[KEY].wake is None
    one, two = world.transitions[1:]
    assert (one.to, one.detail) == (("oncall",), "Not acknowledged for 30m")
    assert (two.to, two.detail) == (("boss", "oncall"), "Not acknowledged for 2h")
    assert (one.before, one.after, one.episode) == (AlertState.FIRING, AlertState.FIRING, 1)


def test_steps_missed_in_an_outage_come_together_at_the_first_look() -> None:
    world = fired()
    assert world.step(NOON + 5 * HOUR) == ["hot escalated"]
    assert world.transitions[-1].to == ("oncall", "boss")
    assert world.step(NOON + 6 * HOUR, due=[KEY]) == []


def test_after_an_outage_a_poll_comes_first() -> None:
    polled = {"sources": [SourceRule("a", ("temperature",), 10 * SECOND)]}
    for value, said in ((25, ["hot escalated"]), (21, ["hot resolved"])):
        world = World(room(), **polled)
        world.step(NOON, Reading(TEMPERATURE, NOON, 25), polls=[Polled("a", NOON)])
        later = NOON + HOUR
        assert world.step(later, due=[KEY]) == []
        assert world.step(later + 1, Reading(TEMPERATURE, later, value), polls=[Polled("a", later)]) == said


def test_a_source_that_is_down_does_not_hold_it_back() -> None:
    world = World(room(), sources=[SourceRule("a", ("temperature",), 10 * SECOND)])
    world.step(NOON, Reading(TEMPERATURE, NOON, 25), polls=[Polled("a", NOON)])
    world.step(NOON + MINUTE, polls=[Polled("a", NOON + MINUTE, "timed out")])
    world.step(NOON + 2 * MINUTE, polls=[Polled("a", NOON + 2 * MINUTE, "timed out")])
    assert world.step(NOON + 30 * MINUTE) == ["hot escalated"]


def test_a_clock_that_is_set_back_does_not_delay_it() -> None:
    world = fired()
    early = NOON - 10 * HOUR
    assert world.step(early, due=[KEY]) == []
    assert world.states.instances[KEY].wake == early + 30 * MINUTE
    assert world.step(early + 30 * MINUTE) == ["hot escalated"]
    assert world.states.instances[KEY].alerts["hot"].fired_at == NOON


def test_whoever_has_it_stops_it() -> None:
    world = fired()
    acknowledge(world)
    assert world.step(NOON + 5 * HOUR, due=[KEY]) == []
    assert world.states.instances[KEY].wake is None


def test_an_end_stops_it_and_the_next_firing_begins_anew() -> None:
    world = fired()
    world.step(NOON + 30 * MINUTE)
    assert world.step(NOON + HOUR, Reading(TEMPERATURE, NOON + HOUR, 21)) == ["hot resolved"]
    assert world.step(NOON + 3 * HOUR, due=[KEY]) == []
    assert world.step(NOON + 4 * HOUR, Reading(TEMPERATURE, NOON + 4 * HOUR, 25)) == ["hot firing"]
    assert world.step(NOON + 4 * HOUR + 30 * MINUTE) == ["hot escalated"]


def test_what_recovers_is_not_escalated_unless_it_relapses() -> None:
    world = fired(room(keep_firing_for=HOUR))
    assert world.step(NOON + MINUTE, Reading(TEMPERATURE, NOON + MINUTE, 21)) == ["hot recovering"]
    assert world.step(NOON + 40 * MINUTE, due=[KEY]) == []
    relapse = NOON + 41 * MINUTE
    assert world.step(relapse, Reading(TEMPERATURE, relapse, 25)) == ["hot firing", "hot escalated"]


def test_a_pending_alert_is_not_escalated() -> None:
    world = World(room(for_=HOUR))
    assert world.step(NOON, Reading(TEMPERATURE, NOON, 25)) == ["hot pending"]
    assert world.step(NOON + 31 * MINUTE, due=[KEY]) == []
    assert world.step(NOON + HOUR) == ["hot firing"]
    assert world.step(NOON + HOUR + 30 * MINUTE) == ["hot escalated"]


def test_an_end_found_in_the_same_batch_comes_before_a_step() -> None:
    world = fired()
    later = NOON + HOUR
    batch = [Reading(TEMPERATURE, later, 25), Reading(TEMPERATURE, later + 1, 21)]
    assert world.step(later + 1, *batch) == ["hot resolved"]


@pytest.mark.parametrize("steps", [(), STEPS[:1], (*STEPS, EscalationStep(3 * HOUR, ("police",)))])
def test_a_reload_with_other_steps_repeats_none(steps: tuple[EscalationStep, ...]) -> None:
    world = fired()
    world.step(NOON + 30 * MINUTE)
    changed = World(room(escalate=steps))
    changed.states, changed.history = world.states, world.history
    assert changed.step(NOON + 31 * MINUTE, due=[KEY]) == []
    changed.step(NOON + 4 * HOUR, due=[KEY])
    told = [name for transition in changed.transitions for name in transition.to]
    assert told == [name for name in ("boss", "oncall", "police") if any(name in step.to for step in steps[1:])]


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from("+- ar")), max_size=30))
def test_in_each_episode_each_step_at_most_once_and_restarts_change_nothing(script: list[tuple[int, str]]) -> None:
    worlds, now = (World(room()), World(room())), NOON
    for wait, what in script:
        now += wait * MINUTE
        if what == "r":
            kept = {key: decode(InstanceState, encode(state)) for key, state in worlds[1].states.instances.items()}
            worlds[1].states = States(kept, worlds[1].states.sources)
        for world in worlds:
            if what == "a" and KEY in world.states.instances and "hot" in world.states.instances[KEY].alerts:
                acknowledge(world)
            readings = [Reading(TEMPERATURE, now, 25 if what == "+" else 21)] if what in "+-" else []
            world.step(now, *readings)
    assert worlds[0].transitions == worlds[1].transitions
    seen: dict[int, int] = {}
    for transition in worlds[0].transitions:
        if transition.event is Event.ESCALATED:
            seen[transition.episode] = seen.get(transition.episode, 0) + 1
            assert transition.after is AlertState.FIRING
    assert all(count <= len(STEPS) for count in seen.values())
    assert len({transition.id for transition in worlds[0].transitions}) == len(worlds[0].transitions)
