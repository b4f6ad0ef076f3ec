"""Severity steps: one alert that becomes graver and milder with its number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.alerts import alert_labels, fingerprint
from rules.engine import States
from rules.model import (
    DAY,
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    CalendarPeriod,
    Event,
    Goal,
    InstanceKey,
    InstanceState,
    Measure,
    Reading,
    Selector,
    SeverityStep,
    Standing,
    Target,
)
from rules.severity import also_told
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
TEMPERATURE = series("temperature")
KEY = InstanceKey("t")
STEPS = (SeverityStep("critical", 15, 26, ("oncall",)), SeverityStep("fatal", None, 30, ("boss",)))


def room(keep: int = 0, **more: object) -> Target:
    rule = AlertRule("hot", Standing.OUT_OF_BAND, keep_firing_for=keep, worse=STEPS)
    return Target("t", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), alerts=(replace(rule, **more),))


def step(world: World, minute: float, *values: float) -> list[str]:
    now = NOON + int(minute * MINUTE)
    return world.step(now, *[Reading(TEMPERATURE, now + i, value) for i, value in enumerate(values)])


def severities(world: World) -> list[str]:
    return [dict(transition.labels)["severity"] for transition in world.transitions]


def test_one_alert_changes_its_severity() -> None:
    world = World(room())
    told = [step(world, minute, value) for minute, value in enumerate([24, 27, 31, 27, 24, 14, 21])]
    assert told == [
        ["hot firing"], ["hot raised"], ["hot raised"], ["hot lowered"], ["hot lowered"], ["hot raised"], ["hot resolved"],
    ]  # fmt: skip
    assert severities(world) == ["warning", "critical", "fatal", "critical", "warning", "critical", "critical"]
    assert {(one.fingerprint, one.episode, one.fired_at) for one in world.transitions} == {
        (fingerprint(alert_labels(room().alerts[0], KEY)), 1, NOON)
    }
    assert world.transitions[1].detail == "Now critical, was warning"
    assert len({one.id for one in world.transitions}) == 7


@pytest.mark.parametrize(
    ("value", "severity"),
    [(23.5, "warning"), (26, "warning"), (26.1, "critical"), (30, "critical"), (30.1, "fatal"), (15, "warning"), (14, "critical")],
)  # fmt: skip
def test_it_fires_with_the_severity_of_its_number(value: float, severity: str) -> None:
    world = World(room())
    assert step(world, 0, value) == ["hot firing"]
    assert severities(world) == [severity]
    assert world.transitions[0].fingerprint == fingerprint(alert_labels(room().alerts[0], KEY))
    assert step(world, 1, 21) == ["hot resolved"]
    assert step(world, 2, 24) == ["hot firing"]
    assert severities(world) == [severity, severity, "warning"]


def test_it_is_lowered_when_it_was_milder_for_as_long_as_it_goes_on_firing() -> None:
    world = World(room(keep=5 * MINUTE))
    assert step(world, 0, 31) == ["hot firing"]
    assert step(world, 1, 27) == []
    assert world.states.instances[KEY].wake == NOON + 6 * MINUTE
    assert step(world, 5, 31) == []  # again as grave as it was
    assert step(world, 6, 24) == []
    assert step(world, 10.9, 27) == []
    assert world.step(NOON + 11 * MINUTE) == ["hot lowered"]
    assert severities(world)[-1] == "critical"


def test_a_clock_that_is_set_back_does_not_delay_it() -> None:
    world = World(room(keep=5 * MINUTE))
    step(world, 0, 31)
    step(world, 60, 24)
    assert world.step(NOON + 10 * MINUTE, due=[KEY]) == []
    assert world.states.instances[KEY].wake == NOON + 15 * MINUTE
    assert world.step(NOON + 15 * MINUTE) == ["hot lowered"]


def test_a_recovering_alert_keeps_its_severity() -> None:
    world = World(room(keep=5 * MINUTE))
    step(world, 0, 27)
    assert step(world, 1, 21) == ["hot recovering"]
    assert step(world, 3, 31) == ["hot firing", "hot raised"]
    assert step(world, 4, 21) == ["hot recovering"]
    assert world.step(NOON + 9 * MINUTE) == ["hot resolved"]
    assert severities(world)[-1] == "fatal"


def test_what_passes_within_a_batch_is_said_and_each_of_it_has_another_name() -> None:
    world = World(room())
    step(world, 0, 24)
    assert step(world, 1, 27, 24, 27, 31) == ["hot raised", "hot lowered", "hot raised", "hot raised"]
    assert len({one.id for one in world.transitions}) == 5


def test_who_is_behind_is_judged_by_the_projection() -> None:
    rule = AlertRule("behind", Standing.BEHIND, worse=(SeverityStep("critical", 5_000),))
    goal = Goal(Measure.SUM, at_least=10_000, per=CalendarPeriod("month"))
    target = replace(room(), goal=goal, alerts=(rule,))
    for daily, severity in ((300, "warning"), (100, "critical")):
        world = World(target)
        start = at("2026-11-01")
        readings = [Reading(TEMPERATURE, start + i * DAY, daily) for i in range(10)]
        assert world.step(start + 10 * DAY, *readings) == ["behind firing"]
        assert severities(world) == [severity]


def test_no_data_changes_nothing() -> None:
    world = World(room())
    step(world, 0, 27)
    assert world.step(NOON + MINUTE, Reading(TEMPERATURE, NOON + MINUTE, None)) == []
    assert severities(world) == ["critical"]


def test_without_the_step_a_reload_leaves_an_open_alert_as_it_is() -> None:
    world = World(room())
    step(world, 0, 27)
    for steps, said in (((), []), (STEPS[1:], []), ((SeverityStep("urgent", None, 25),), ["hot raised"])):
        changed = World(room(worse=steps))
        changed.states, changed.history = world.states, world.history
        assert changed.step(NOON + MINUTE, due=[KEY]) == said


def test_without_any_step_it_waits_for_no_time() -> None:
    world = World(room(keep=5 * MINUTE))
    step(world, 0, 27)
    step(world, 1, 24)
    changed = World(room(keep=5 * MINUTE, worse=()))
    changed.states, changed.history = world.states, world.history
    assert changed.look(NOON + 2 * MINUTE).wake is None


def test_who_hears_of_it_too() -> None:
    rule = room().alerts[0]
    said = [also_told(rule, (("severity", one),)) for one in ("warning", "critical", "fatal")]
    assert said == [(), ("oncall",), ("oncall", "boss")]


@given(st.lists(st.tuples(st.sampled_from([21.0, 24.0, 27.0, 31.0, None]), st.booleans()), max_size=20))
def test_the_severity_is_that_of_the_number_and_restarts_change_nothing(script: list) -> None:
    worlds = [World(room()), World(room())]
    for minute, (value, restart) in enumerate(script):
        if restart:
            kept = {key: decode(InstanceState, encode(state)) for key, state in worlds[1].states.instances.items()}
            worlds[1].states = States(kept, worlds[1].states.sources)
        now = NOON + minute * MINUTE
        for world in worlds:
            world.step(now + SECOND, Reading(TEMPERATURE, now, value))
    assert worlds[0].transitions == worlds[1].transitions
    open_: dict[str, str] = {}
    for transition in worlds[0].transitions:
        assert (transition.event in {Event.RAISED, Event.LOWERED}) == (transition.before is transition.after)
        open_["hot"] = dict(transition.labels)["severity"]
    last = next((value for value, _ in reversed(script) if value is not None), 21.0)
    status = worlds[0].states.instances[KEY].alerts.get("hot") if script else None
    if status and status.state is AlertState.FIRING:
        assert open_["hot"] == {24.0: "warning", 27.0: "critical", 31.0: "fatal"}[last]
