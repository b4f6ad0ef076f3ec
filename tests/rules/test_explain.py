"""An explanation is the engine's own decision: what was read, what was compared, and what time alone brings."""

from __future__ import annotations

import pytest

from rules.explain import Coming, explain, is_past, why, why_at_once, why_source, why_then
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    AlertState,
    CalendarPeriod,
    Checkin,
    Goal,
    Health,
    InstanceKey,
    Measure,
    NoData,
    Reading,
    Recover,
    RollingPeriod,
    Selector,
    SourceRule,
    SourceState,
    Standing,
    Target,
)
from tests.rules.world import World, at, series

NOW = at("2026-03-10T12:00:00")
KEY = InstanceKey("t")


def level(**more) -> Target:
    hot = AlertRule("hot", Standing.OUT_OF_BAND, for_=10 * MINUTE, keep_firing_for=5 * MINUTE)
    return Target("t", "Room", Goal(at_least=20, at_most=23), Selector("temperature"), alerts=(hot,), unit="°C", **more)


def found(world: World, now: int, looks: int = 300):
    return explain(world.specs, world.states, world.history, KEY, now, looks)


def steps(explanation) -> list:
    return [(step.text, step.value) for step in explanation.steps]


def test_a_level_with_its_comparisons_and_what_its_alert_waits_for():
    world = World(level(no_data=NoData(HOUR)))
    world.step(NOW, Reading(series("temperature"), NOW, 25.0))
    got = found(world, NOW + 3 * MINUTE)
    assert [(str(one.series), one.value, one.time, one.readings) for one in got.inputs] == [
        ('temperature{source="a"}', 25.0, NOW, 1)
    ]
    assert steps(got) == [("value 25 >= 20", True), ("value 25 <= 23", False)]
    (hot, no_data) = got.alerts
    assert (hot.before.state, hot.after.state, no_data.after.state) == (
        AlertState.PENDING,
        AlertState.PENDING,
        AlertState.INACTIVE,
    )
    assert got.coming == (
        Coming(NOW + 10 * MINUTE, "hot fires"),
        Coming(NOW + HOUR, "it has no data, no longer out of band"),
        Coming(NOW + HOUR, "no-data fires"),
    )
    assert why(got, "hot") == (
        'Read temperature{source="a"} = 25 °C, 3m old',
        "Found value 25 >= 20 holds; value 25 <= 23 does not hold",
        "hot fires at 12:10 if it stays so",
        "If nothing else comes in: hot fires at 12:10",
    )


def test_nothing_is_changed_by_asking():
    world = World(level())
    world.step(NOW, Reading(series("temperature"), NOW, 25.0))
    before = world.states
    found(world, NOW + HOUR)
    assert world.states == before
    assert world.history.track(series("temperature")).times.tolist() == [NOW]


def test_before_is_what_was_remembered_and_after_what_is_found():
    world = World(level())
    world.step(NOW, Reading(series("temperature"), NOW, 25.0))
    got = found(world, NOW + 10 * MINUTE)
    assert (got.alerts[0].before.state, got.alerts[0].after.state) == (AlertState.PENDING, AlertState.FIRING)
    assert got.coming == ()


def test_a_recover_band_is_compared_while_it_counts():
    world = World(level(recover=Recover(at_most=22.0)))
    world.step(NOW, Reading(series("temperature"), NOW, 25.0))
    world.step(NOW + MINUTE, Reading(series("temperature"), NOW + MINUTE, 22.5))
    assert steps(found(world, NOW + MINUTE))[-1] == ("recovered: value 22.5 <= 22", False)


def test_a_condition_with_each_of_its_parts():
    world = World(Target("t", "T", Goal(condition="last(a) > 10 and avg(b, '1h') < 3")))
    world.step(NOW, Reading(series("a"), NOW, 12.0))
    got = found(world, NOW)
    assert steps(got)[0] == ("last(a) > 10 and avg(b, '1h') < 3", None)
    assert {("last(a)", 12.0), ("avg(b, '1h')", None)} <= set(steps(got))
    world.step(NOW + MINUTE, Reading(series("b"), NOW + MINUTE, 5.0))
    assert steps(found(world, NOW + MINUTE))[0][1] is False
    assert ("avg(b, '1h')", 5.0) in steps(found(world, NOW + MINUTE))


def test_a_condition_that_means_several_series_leaves_them_open():
    world = World(Target("t", "T", Goal(condition="last(a) > 10")))
    world.step(NOW, Reading(series("a", x="1"), NOW, 12.0), Reading(series("a", x="2"), NOW, 13.0))
    assert ("last(a)", None) in steps(found(world, NOW))


def test_a_period_with_its_pace_and_its_end():
    goal = Goal(Measure.SUM, at_least=1_000, per=CalendarPeriod("month"))
    behind = AlertRule("behind", Standing.BEHIND, for_=9 * DAY)
    world = World(Target("t", "T", goal, Selector("n"), alerts=(behind, AlertRule("missed", Standing.MISSED))))
    start = at("2026-03-01T00:00:00")
    for day in range(10):
        world.step(start + day * DAY, Reading(series("n"), start + day * DAY, 10.0))
    got = found(world, NOW)
    assert steps(got)[:2] == [("sum since 2026-03-01 00:00", 100.0), ("value 100 >= 1,000", False)]
    assert {text.partition(" ")[0] for text, _ in steps(got)[2:]} == {"expected", "projected"}
    assert got.alerts[0].after.state is AlertState.PENDING
    assert got.coming[0] == Coming(got.alerts[0].after.since + 9 * DAY, "behind fires")


@pytest.mark.parametrize("per", [None, CalendarPeriod("month")])
def test_of_a_plan_that_lies_ahead_the_part_that_is_compared_is_shown(per: CalendarPeriod | None):
    goal = Goal(Measure.LAST, at_least_from=Selector("plan"), per=per)
    world = World(Target("t", "T", goal, Selector("n")), sources=[SourceRule("a", ("n", "plan"), None)])
    march, later, april = at("2026-03-01T00:00"), at("2026-03-20T00:00"), at("2026-04-01T00:00")
    for time, value in ((march, 180.0), (later, 200.0), (april, 494.0)):
        world.history.add(Reading(series("plan"), time, value), NOW)
    world.step(NOW, Reading(series("n"), NOW, 190.0))
    got = found(world, NOW)
    assert [(one.value, one.time) for one in got.inputs] == [(190.0, NOW), (200.0, later) if per else (180.0, march)]
    assert got.after.assessment.at_least == got.inputs[1].value
    said = f"Read {got.inputs[1].series} = " + ("200, of 2026-03-20 00:00" if per else "180, 9d 12h old")
    assert said in why(got, "")


def test_a_checkin_says_by_when_it_has_to_call():
    target = Target(
        "t",
        "T",
        None,
        source="a",
        checkin=Checkin(None, HOUR, "UTC", 10 * MINUTE),
        alerts=(AlertRule("late", Standing.MISSED),),
    )
    world = World(target)
    world.step(NOW, Reading(series("checkin"), NOW, 1.0))
    got = found(world, NOW + MINUTE)
    assert steps(got) == [("called before 2026-03-10 13:00 and 10m of grace", True)]
    assert [coming.what for coming in got.coming] == ["it is missed, no longer met", "late fires"]
    assert why(got, "late")[-1] == "If nothing else comes in: it is missed, no longer met at 13:10"


def test_looking_ahead_is_bounded():
    goal = Goal(Measure.SUM, at_least=1_000, per=CalendarPeriod("month"))
    world = World(Target("t", "T", goal, Selector("n"), alerts=(AlertRule("missed", Standing.MISSED),)))
    world.step(NOW, Reading(series("n"), NOW, 10.0))
    assert found(world, NOW, looks=0).coming == ()
    assert found(world, NOW, looks=3).coming == ()
    ahead = found(world, NOW, looks=30).coming
    assert (at("2026-04-01T00:00:00"), "missed fires") in [(coming.at, coming.what) for coming in ahead]


@pytest.mark.parametrize(
    ("goal", "alert"),
    [
        (Goal(condition="age(v) < 25"), AlertRule("late", Standing.OUT_OF_BAND, for_=3 * SECOND)),
        (Goal(Measure.SUM, at_least=5, per=RollingPeriod(10 * MINUTE)), AlertRule("less", Standing.MISSED)),
    ],
)
def test_what_comes_is_said_for_the_look_that_finds_it(goal: Goal, alert: AlertRule):
    """Whenever it is asked for between two looks: not for the moment at which somebody who looked would find it."""
    world = World(Target("t", "T", goal, Selector("v"), alerts=(alert,)))
    for time in (NOW, NOW + 7 * SECOND):
        world.step(time, Reading(series("v"), time, 3.0))
    now, said, moved = NOW + 7 * SECOND, set(), list[str]()
    while f"{alert.name} firing" not in moved:
        wake = world.states.instances[KEY].wake
        coming = found(world, now + (wake - now) // 4).coming
        said |= {one.at for one in coming if one.what == f"{alert.name} fires"}
        moved, now = world.step(wake), wake
    assert said == {now}


def test_what_is_not_there():
    world = World(Target("t", "T", Goal(at_most=1), Selector("n"), by=("x",)))
    with pytest.raises(KeyError):
        explain(world.specs, world.states, world.history, InstanceKey("u"), NOW, 1)


def test_a_source_in_a_line():
    down = SourceState("shop", Health.DOWN, failures=3, last_success=NOW - HOUR)
    assert why_source(down, NOW) == ("shop last read 1h ago, failed 3 times in a row",)
    assert why_source(SourceState("shop", failures=1), NOW) == ("shop never read, failed once",)
    assert why_source(SourceState("shop", Health.UP, last_success=NOW), NOW) == ("shop last read 0s ago",)


def test_what_breached_and_was_over_while_nothing_was_read_is_told_of_its_own_reading():
    """The notice of the firing must not show the newest reading, by which nothing is wrong."""
    target = Target(
        "t",
        "Room",
        Goal(at_most=23),
        Selector("temperature"),
        alerts=(AlertRule("hot", Standing.OUT_OF_BAND),),
        unit="°C",
    )
    world = World(target)
    world.step(NOW - 3 * HOUR, Reading(series("temperature"), NOW - 3 * HOUR, 20.0))
    rows = [Reading(series("temperature"), NOW - ago, value) for ago, value in ((HOUR, 25.0), (10 * MINUTE, 20.0))]
    assert world.step(NOW, *rows) == ["hot firing", "hot resolved"]
    firing, resolved = world.transitions
    state = world.states.instances[KEY]
    assert is_past(state, firing, NOW)
    assert not is_past(state, resolved, NOW)
    assert why_then(target, firing) == (
        "By what was read of 11:00; since then it was read anew",
        "Found value = 25 °C",
    )
    assert why_at_once(target, resolved) == ("Over by what was read of 11:50; it came together with what it fired by",)
    assert why_at_once(target, firing) == ()
