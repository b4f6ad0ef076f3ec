"""Burn rates of an error budget: the pairs of windows of the SRE workbook, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.burning import PAGE, TICKET
from rules.engine import States
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    AlertRule,
    AlertState,
    BurnRate,
    CalendarPeriod,
    Combine,
    Goal,
    InstanceKey,
    InstanceState,
    Measure,
    NoData,
    NoDataThen,
    Reading,
    RollingPeriod,
    Selector,
    Sign,
    Target,
)
from rules.words import headline
from tests.rules.world import World, at, series

NOON = at("2026-11-24 12:00")
PROBE = series("probe_ok")
KEY = InstanceKey("t")


def uptime(burn: tuple[BurnRate, ...] = PAGE, **more: object) -> Target:
    goal = Goal(Measure.SHARE, at_least=0.999, per=RollingPeriod(30 * DAY), where="value == 1")
    rule = AlertRule("burns", Sign.BURNING, burn=burn)
    return replace(Target("t", "Uptime", goal, Selector("probe_ok"), alerts=(rule,)), **more)


def good(world: World, begin: int, end: int, every: int = MINUTE) -> None:
    """Readings that were all good, up to `end`; they are looked at once."""
    for time in range(begin, end, every):
        world.history.add(Reading(PROBE, time, 1.0))
    world.step(end, due=[KEY])


def probe(world: World, now: int, value: float | None) -> list[str]:
    return world.step(now, Reading(PROBE, now, value))


def test_a_fast_burn_is_told_at_once_and_over_when_it_stops() -> None:
    world = World(uptime())
    good(world, NOON - 7 * HOUR, NOON)
    assert probe(world, NOON, 0) == ["burns firing"]  # 1 of 60 is more than 14.4 times 1 in 1,000
    for minute in range(1, 5):
        assert probe(world, NOON + minute * MINUTE, 1) == []
    assert probe(world, NOON + 5 * MINUTE, 1) == ["burns resolved"]  # the short window is clean again


def test_a_slow_burn_is_found_by_the_pairs_that_look_back_farther() -> None:
    goal = Goal(Measure.SHARE, at_least=0.99, per=RollingPeriod(30 * DAY), where="value == 1")
    told = {}
    for name, pairs in (("page", PAGE), ("ticket", TICKET)):
        world = World(uptime(pairs, goal=goal))
        good(world, NOON - 4 * DAY, NOON, 5 * MINUTE)
        times = [NOON + minute * MINUTE for minute in range(0, 16 * 60, 5)]
        told[name] = [said for i, time in enumerate(times) for said in probe(world, time, i % 20 != 19)]
    assert told == {"page": [], "ticket": ["burns firing"]}  # one in twenty is bad, where one in a hundred may be


@pytest.mark.parametrize(
    ("bad", "fires"),
    [((), False), ((59,), True), ((50,), False), ((50, 59), True)],
)
def test_both_windows_have_to_exceed_the_rate(bad: tuple[int, ...], fires: bool) -> None:
    world = World(uptime(PAGE[:1]))
    for minute in range(60):
        world.history.add(Reading(PROBE, NOON + minute * MINUTE, 0.0 if minute in bad else 1.0))
    assert world.step(NOON + 59 * MINUTE, due=[KEY]) == (["burns firing"] if fires else [])


def test_a_rate_that_is_just_reached_is_not_exceeded() -> None:
    half = BurnRate(0.5, 8 * MINUTE, 4 * MINUTE)
    goal = Goal(Measure.SHARE, at_least=0.5, per=RollingPeriod(DAY), where="value == 1")
    for bad, fires in ((1, False), (2, True)):  # of 4: 0.25 / 0.5 is 0.5
        world = World(uptime((half,), goal=goal))
        values = [1.0] * (4 - bad) + [0.0] * bad
        for minute, value in enumerate(values * 2):
            world.history.add(Reading(PROBE, NOON + minute * MINUTE, value))
        assert world.step(NOON + 7 * MINUTE, due=[KEY]) == (["burns firing"] if fires else [])


def test_windows_without_readings_change_nothing() -> None:
    world = World(uptime())
    good(world, NOON - 7 * HOUR, NOON)
    assert probe(world, NOON, 0) == ["burns firing"]
    assert world.step(NOON + 5 * MINUTE, due=[KEY]) == []  # the short window is empty: nobody knows
    assert world.step(NOON + 59 * MINUTE, due=[KEY]) == []
    assert probe(world, NOON + 59 * MINUTE + 1, None) == []
    assert probe(world, NOON + 59 * MINUTE + 2, 1) == ["burns resolved"]
    late = World(uptime())
    good(late, NOON - 7 * HOUR, NOON)
    late.history.add(Reading(PROBE, NOON, 0.0))
    assert late.step(NOON + 10 * MINUTE, due=[KEY]) == []  # it was so, and nobody knows whether it still is
    new = World(uptime())
    assert new.step(NOON, due=[KEY]) == []
    assert probe(new, NOON, 0) == ["burns firing"]


def test_readings_that_stop_and_count_as_fine_end_it() -> None:
    world = World(uptime(no_data=NoData(30 * MINUTE, NoDataThen.OK)))
    good(world, NOON - 7 * HOUR, NOON)
    probe(world, NOON, 0)
    assert world.step(NOON + 30 * MINUTE) == ["burns resolved"]


def test_several_probes_spend_one_budget() -> None:
    a, b = series("probe_ok", at="a"), series("probe_ok", at="b")
    pair = BurnRate(300, 10 * MINUTE, 5 * MINUTE)
    world = World(uptime((pair,), combine=Combine.MEAN))
    for minute in range(10):
        world.history.add(Reading(a, NOON + minute * MINUTE, 1.0))
        world.history.add(Reading(b, NOON + minute * MINUTE, 0.0))
    assert world.step(NOON + 9 * MINUTE, due=[KEY]) == ["burns firing"]  # half of all are bad: 500 times


def said(world: World, now: int) -> str:
    state = world.states.instances[KEY]
    target = world.specs.targets["t"]
    return headline(target, KEY, state.assessment, world.transitions[-1].event, now, state.alerts["burns"].said)


def test_it_is_said_in_words() -> None:
    world = World(uptime())
    good(world, NOON - 30 * DAY, NOON, 10 * MINUTE)  # 4,320 readings; 4.3 of them may be bad
    assert probe(world, NOON, 0) == ["burns firing"]
    assert said(world, NOON) == (
        "Uptime burning 167 times the allowed errors over the last 1h, "
        "at this rate the budget is gone in 3h 19m (77 % of it is left)"
    )
    for minute in range(10, 60, 10):
        probe(world, NOON + minute * MINUTE, 0)
    assert said(world, NOON).endswith("over the last 1h, the budget is used up")
    for minute in range(60, 180, 10):
        probe(world, NOON + minute * MINUTE, 1)
    assert world.states.instances[KEY].alerts["burns"].state is AlertState.INACTIVE
    assert said(world, NOON).startswith("Uptime missed: ")


def test_of_a_calendar_period_as_much_is_left_as_its_part_so_far_did_not_spend() -> None:
    goal = Goal(Measure.SHARE, at_least=0.9, per=CalendarPeriod("day"), where="value == 1")
    world = World(uptime((BurnRate(2, HOUR, 20 * MINUTE),), goal=goal))
    midnight = at("2026-11-24")
    for hour in range(6):
        for minute in range(0, 60, 10):
            world.history.add(Reading(PROBE, midnight + hour * HOUR + minute * MINUTE, float(hour < 5)))
    assert world.step(midnight + 6 * HOUR - 1, due=[KEY]) == ["burns firing"]
    # a sixth of a quarter of the day was bad, which is 42 % of a tenth of the day
    assert said(world, NOON) == (
        "Uptime burning 10 times the allowed errors over the last 1h, "
        "at this rate the budget is gone in 1h 24m (58 % of it is left)"
    )


def test_the_series_is_kept_as_far_back_as_the_windows_reach() -> None:
    goal = Goal(Measure.SHARE, at_least=0.9, per=RollingPeriod(HOUR), where="value == 1")
    assert World(uptime(TICKET, goal=goal)).specs.reach("probe_ok").horizon == 3 * DAY
    assert World(uptime()).specs.reach("probe_ok").horizon == 30 * DAY * 9 // 8


@settings(deadline=None)
@given(st.lists(st.sampled_from([1.0, 0.0, None]), min_size=1, max_size=40), st.data())
def test_any_order_of_arrival_and_any_restart_give_the_same(values: list[float | None], data: st.DataObject) -> None:
    target = uptime((BurnRate(200, 20 * MINUTE, 5 * MINUTE),))
    readings = [Reading(PROBE, NOON + minute * MINUTE, value) for minute, value in enumerate(values)]
    end = NOON + len(values) * MINUTE
    firing = set()
    for order in (readings, data.draw(st.permutations(readings))):
        world = World(target)
        for reading in order:
            world.step(end, reading)
            kept = {key: decode(InstanceState, encode(state)) for key, state in world.states.instances.items()}
            world.states = States(kept, world.states.sources)
        status = world.look(end).alerts.get("burns")
        firing.add(status is not None and status.state is AlertState.FIRING)
    assert len(firing) == 1
