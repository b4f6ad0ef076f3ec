"""What a replay leaves out is nothing but numbers: everything else is what `evaluate` finds, look by look."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.rehearsal.moments import TICK
from agent.rehearsal.verdicts import Verdicts
from rules import engine, resting
from rules.engine import Batch, States, evaluate
from rules.history import History
from rules.model import (
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    BurnRate,
    CalendarPeriod,
    Combine,
    EscalationStep,
    Event,
    FixedPeriod,
    Flapping,
    Goal,
    InstanceKey,
    InstanceState,
    Measure,
    NoData,
    Often,
    Reading,
    Recover,
    RollingPeriod,
    Selector,
    Series,
    SeverityStep,
    Sign,
    SourceRule,
    Standing,
    Target,
    Transition,
)
from rules.periods import next_look
from rules.specs import Specs
from rules.tracks import Added
from tests.rules.world import NOON, room, series

OUT, BEHIND, MISSED = Standing.OUT_OF_BAND, Standing.BEHIND, Standing.MISSED
HELD = AlertRule("held", OUT, for_=2 * MINUTE, keep_firing_for=3 * MINUTE)
LONGER = AlertRule("longer", OUT, for_=5 * MINUTE)
OFTEN = AlertRule("often", OUT, often=Often(2, 4))
FLAPS = AlertRule("flaps", OUT, flapping=Flapping(of=6))
GRAVER = AlertRule("graver", OUT, keep_firing_for=3 * MINUTE, worse=(SeverityStep("critical", at_most=24.0),))
ODD = AlertRule("odd", Sign.UNUSUAL)
ENDS = (AlertRule("behind", BEHIND), AlertRule("missed", MISSED), AlertRule("often", BEHIND, often=Often(2, 4)))
OK = "value <= 22"
BURNS = AlertRule("burns", Sign.BURNING, burn=(BurnRate(1.5, 9 * MINUTE, 3 * MINUTE),))
ONE, OUTSIDE = (series(name, room="lab") for name in ("temperature", "outside"))
HALL = series("temperature", room="hall")


def per(measure: Measure, period: object, **more: object) -> Target:
    goal = Goal(measure, per=period, where=OK if measure is Measure.SHARE else None, quantile=0.9, **more)
    return room(goal=goal, alerts=ENDS)


def asks(condition: str, *alerts: AlertRule, **more: object) -> Target:
    return room(goal=Goal(condition=condition), selector=None, alerts=alerts or (HELD, OFTEN, FLAPS), **more)


HOURLY, TEN, DAILY = CalendarPeriod("hour"), RollingPeriod(10 * MINUTE), CalendarPeriod("day")
KINDS = {
    "held": room(recover=Recover(20.5, 22.5), alerts=(HELD,)),
    "often": room(alerts=(OFTEN,)),
    "flapping": room(alerts=(FLAPS,)),
    "graver": room(alerts=(GRAVER,)),
    "flapping in a band": room(recover=Recover(20.5, 22.5), alerts=(replace(FLAPS, keep_firing_for=3 * MINUTE),)),
    "flapping and graver": room(alerts=(replace(FLAPS, keep_firing_for=3 * MINUTE, worse=GRAVER.worse),)),
    "often, then held": room(alerts=(replace(OFTEN, keep_firing_for=3 * MINUTE),)),
    "flapping unusual": room(goal=None, alerts=(replace(ODD, flapping=Flapping(of=6), for_=2 * MINUTE),)),
    "odd sum": room(goal=Goal(Measure.SUM, per=CalendarPeriod("hour"), at_least=1_290.0), alerts=(ODD,)),
    "told on": room(alerts=(replace(OFTEN, escalate=(EscalationStep(3 * MINUTE, ("a",)),)), FLAPS)),
    "all at once": room(alerts=(HELD, OFTEN, FLAPS, GRAVER, ODD)),
    "silent": room(no_data=NoData(2 * MINUTE), alerts=(HELD, OFTEN)),
    "unusual": room(goal=None, alerts=(ODD,)),
    "often unusual": room(goal=None, alerts=(replace(ODD, often=Often(2, 4)), OFTEN)),
    "of several": room(combine=Combine.MEAN, selector=Selector("temperature"), alerts=(HELD, OFTEN, ODD)),
    "sum": per(Measure.SUM, HOURLY, at_least=1_290.0),
    "sum, both": per(Measure.SUM, HOURLY, at_least=600.0, at_most=1_300.0),
    "sum by weekdays": per(Measure.SUM, HOURLY, at_least=1_290.0, weekdays=True),
    "sum of a span": per(Measure.SUM, FixedPeriod(NOON - HOUR, NOON + HOUR), at_least=1_290.0),
    "count": per(Measure.COUNT, HOURLY, at_least=40.0),
    "increase": per(Measure.INCREASE, HOURLY, at_least=300.0),
    "last": per(Measure.LAST, HOURLY, at_least=21.0),
    "mean": per(Measure.MEAN, HOURLY, at_least=21.4),
    "max": per(Measure.MAX, HOURLY, at_most=24.0),
    "min": per(Measure.MIN, HOURLY, at_least=20.0),
    "quantile": per(Measure.QUANTILE, HOURLY, at_most=22.5),
    "share": per(Measure.SHARE, HOURLY, at_least=0.7),
    "sum of a day": per(Measure.SUM, DAILY, at_least=30_960.0, at_most=33_000.0),
    "last of a day": per(Measure.LAST, DAILY, at_least=20.5, at_most=22.5),
    "mean of a day": room(goal=Goal(Measure.MEAN, per=DAILY, at_least=21.4, at_most=21.6), alerts=ENDS[:2]),
    "most, reached": per(Measure.MAX, HOURLY, at_least=23.0),
    "quantile, both": room(
        goal=Goal(Measure.QUANTILE, per=HOURLY, at_least=21.8, at_most=22.3, quantile=0.9), alerts=ENDS[:2]
    ),
    "rolling share": room(
        goal=Goal(Measure.SHARE, per=RollingPeriod(HOUR), where=OK, at_least=0.7),
        alerts=(AlertRule("missed", MISSED, for_=3 * MINUTE, keep_firing_for=5 * MINUTE),),
        no_data=NoData(5 * MINUTE),
    ),
    "rolling mean": per(Measure.MEAN, TEN, at_most=22.0),
    "rolling max": per(Measure.MAX, RollingPeriod(3 * MINUTE), at_most=24.0),
    "rolling quantile": per(Measure.QUANTILE, TEN, at_most=22.5),
    "rolling sum": per(Measure.SUM, TEN, at_least=150.0),
    "rolling increase": per(Measure.INCREASE, TEN, at_least=60.0),
    "burning": room(goal=Goal(Measure.SHARE, where=OK, at_least=0.6, per=TEN), alerts=(BURNS, *ENDS)),
    "avg": asks("avg(temperature, '3m') < 22.5"),
    "extremes": asks("min(temperature, '4m') > 19.5 and max(temperature, '3m') < 24"),
    "spread": asks("stddev(temperature, '5m') < 1.5 or quantile(temperature, 0.8, '6m') > 22"),
    "counter": asks("rate(temperature, '3m') < 0.15 and increase(temperature, '8m') > 0"),
    "counter of long": asks("rate(temperature, '30m') < 0.2 and increase(temperature, '40m') > 100"),
    "counted": asks("changes(temperature, '9m') > 1 and count(temperature, '2m') > 0"),
    "half an hour": asks(
        "avg(temperature, '30m') < 21.7 and 20 < min(temperature, '40m') and stddev(temperature, '1h') < 1"
    ),
    "either": asks("max(temperature, '30m') < 22.5 or not (quantile(temperature, 0.8, '40m') > 21.8)"),
    "apart": asks("2 * avg(temperature, '30m') - avg(temperature, '1h') / 2 < 32.4 and count(temperature, '30m') > 25"),
    "of one": asks("sum(temperature, '50m') > 1070", HELD, FLAPS, no_data=NoData(9 * MINUTE)),
    "newest": asks("19 < last(temperature) < 22"),
    "long before": asks("avg(temperature, '30m') <= avg(temperature, '30m', at('40m')) + 0.2", no_data=NoData(HOUR)),
    "extremes before": asks("min(temperature, '30m', at('40m')) > 20 and sum(temperature, '30m', at('1h')) > 600"),
    "absent": asks("not absent(temperature, '2m') and age(temperature) < 120"),
    "sums": asks("sum(temperature, '5m') > 60"),
    "before": asks("avg(temperature, '4m') <= avg(temperature, '4m', at('10m')) + 0.5"),
    "at": asks("last(temperature) <= at(temperature, '5m') + 1"),
    "odd condition": asks("avg(temperature, '3m') < 22.5", HELD, no_data=NoData(2 * MINUTE)),
    "last of several": asks("avg(temperature, '3m') < 22.5 and last(temperature) < 25", combine=Combine.LAST),
    "joined": asks("last(temperature) > last(outside) - 1 and avg(outside, '5m') < 22.5", by=("room",)),
    "by room": room(by=("room",), alerts=(HELD, OFTEN)),
    "wanted": room(goal=Goal(at_most_from=Selector("outside")), recover=Recover(at_most=22.5), alerts=(HELD, OFTEN)),
    "wanted sum": per(Measure.SUM, HOURLY, at_least_from=Selector("outside")),
    "wanted, rolling": per(Measure.MEAN, TEN, at_most_from=Selector("outside")),
    "planned": per(Measure.SUM, HOURLY, at_least=1_290.0, plan=Selector("outside")),
    "planned, both": per(Measure.INCREASE, HOURLY, at_least=9.0, at_most=60.0, plan=Selector("outside")),
    "planned last": per(Measure.LAST, HOURLY, at_least=21.0, plan=Selector("outside")),
    "planned last, both": per(Measure.LAST, HOURLY, at_least=20.0, at_most=22.5, plan=Selector("outside")),
}
CONDITIONS = [kind for kind, target in KINDS.items() if target.goal and target.goal.condition]
PLANNED = [kind for kind in KINDS if kind.startswith(("wanted", "planned"))]
Found = tuple[int, InstanceState, list[Transition]]


def specs_of(target: Target) -> Specs:
    return Specs([target], [SourceRule("a", ("temperature", "outside"), None)])


def look_by_look(target: Target, arrivals: Sequence[tuple[int, Sequence[Reading]]], end: int) -> Iterator[Found]:
    """Every look at every instance, as `evaluate` makes them."""
    specs = specs_of(target)
    history, states = History(specs), dict[InstanceKey, InstanceState]()

    def looked(now: int, readings: Sequence[Reading], *, first: bool = False) -> Iterator[Found]:
        due = [key for key, state in states.items() if state.wake is not None and state.wake <= now]
        due = list(history.instances_of_target("t")) if first else due
        fresh = [reading for reading in readings if history.add(reading, now) is Added.NEW]
        changed, moved = evaluate(
            specs, States(states, {}, arrivals[0][0] - SECOND), Batch(fresh, (), due), now, history
        )
        states.update(changed.instances)
        for key, state in changed.instances.items():
            yield now, state, [one for one in moved if one.key == key]

    yield from looked(arrivals[0][0] - SECOND, (), first=True)
    for at, readings in [*arrivals, (end, ())]:
        until = at - TICK + 1 if readings else end
        while (wake := min((s.wake for s in states.values() if s.wake is not None), default=end)) < until:
            yield from looked(wake, ())
        if readings:
            yield from looked(at, readings)


def check(
    target: Target,
    arrivals: Sequence[tuple[int, Sequence[Reading]]],
    end: int,
    *,
    aparts: Sequence[int | None] = (0, None),
) -> float:
    """The part of the looks that were left out."""
    whole = list(look_by_look(target, arrivals, end))
    for apart in aparts:
        verdicts = Verdicts(specs_of(target), arrivals[0][0] - SECOND, apart=apart)
        played = [*verdicts.begin(), *verdicts.play(arrivals), *verdicts.wait(end)]
        for key in {state.key for _, state, _ in whole}:
            all_of, some = ([one for one in found if one[1].key == key] for found in (whole, played))
            if apart == 0:
                assert [(at, state, list(moved)) for at, state, moved in some] == all_of
            times = [at for at, _, _ in all_of]
            for at, state, moved in some:
                then, known, happened = all_of[bisect_right(times, at) - 1]
                assert (state, list(moved)) == (known, happened if then == at else [])
            assert some[-1][1] == all_of[-1][1]
            points = turning_points(all_of)
            assert turning_points(some) == (points if apart is not None else without_brief(points, some))
    return 1 - len(played) / len(whole)


def check_alerts(target: Target, arrivals: Sequence[tuple[int, Sequence[Reading]]], end: int) -> float:
    """The part of the looks that were left out where only alerts and misses count."""
    whole = list(look_by_look(target, arrivals, end))
    verdicts = Verdicts(specs_of(target), arrivals[0][0] - SECOND, apart=None, only_alerts=True)
    played = [*verdicts.begin(), *verdicts.play(arrivals), *verdicts.wait(end)]
    for key in {state.key for _, state, _ in whole}:
        all_of, some = ([one for one in found if one[1].key == key] for found in (whole, played))
        times = [at for at, _, _ in all_of]
        for at, state, moved in some:
            then, known, happened = all_of[bisect_right(times, at) - 1]
            assert (state, list(moved)) == (known, happened if then == at else [])
        assert some[-1][1] == all_of[-1][1]
        assert [list(moved) for _, _, moved in some if moved] == [moved for _, _, moved in all_of if moved]
        assert misses(some) == misses(all_of)
    return 1 - len(played) / len(whole)


def misses(found: Sequence[Found]) -> list[tuple[int, int | None]]:
    """When an instance came to miss its goal, and in which period, and when it did so no more."""
    known: list[tuple[int, int | None]] = []
    missed = False
    for at, state, _ in found:
        before, missed = missed, state.assessment.standing is MISSED
        period = state.assessment.start
        if missed != before or (missed and known[-1][1] != period):
            known.append((at, period))
    return known


def turning_points(found: Sequence[Found]) -> list[tuple[object, ...]]:
    """When and how an instance came to stand otherwise, and all that happened to its alerts."""
    points: list[tuple[object, ...]] = []
    for at, state, moved in found:
        if moved or not points or state.assessment.standing is not points[-1][1]:
            points.append((at, state.assessment.standing, state.since, state.assessment.value, list(moved)))
    return points


def without_brief(points: Sequence[tuple[object, ...]], said: Sequence[Found]) -> list[tuple[object, ...]]:
    """The points, but for those that were not said where alerts waited and did so no more before any fired."""
    times, left, index = {at for at, _, _ in said}, list[tuple[object, ...]](), 0
    while index < len(points):
        waited, over = points[index], points[min(index + 1, len(points) - 1)]
        if waited[0] not in times and over[0] not in times:
            assert {one.event for one in waited[-1]} == {Event.PENDING}
            assert {one.event for one in over[-1]} == {Event.INACTIVE}
            index += 2
        else:
            left.append(waited)
            index += 1
    return left


def other_of(kind: str) -> Series:
    return HALL if kind in {"of several", "by room", "last of several"} else OUTSIDE


def arriving(readings: Sequence[tuple[int, Reading]]) -> list[tuple[int, tuple[Reading, ...]]]:
    return [(at, tuple(one for _, one in together)) for at, together in groupby(readings, key=lambda pair: pair[0])]


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 60, 60, 60, 60, 45, 20, 130, 700]),  # seconds after the one before
        st.sampled_from([0, 0, 0, 0, 0, 1, 90, 600]),  # seconds that it is late
        st.booleans(),  # whether it is of the other series
        st.sampled_from([None, nan, 0.0, 19.0, 20.2, 21.0, 21.0, 21.0, 21.6, 22.8, 25.0]),
    ),
    min_size=2,
    max_size=60,
)


def read(kind: str, rows: list) -> list[tuple[int, tuple[Reading, ...]]]:
    readings, now = [], NOON - 40 * MINUTE
    for gap, late, other, value in rows:
        now += gap * SECOND
        readings.append((now, Reading(other_of(kind) if other else ONE, now - late * SECOND, value)))
    return arriving(readings)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(rows=ROWS)
def test_what_is_left_out_is_nothing_but_numbers(kind: str, rows: list) -> None:
    arrivals = read(kind, rows)
    check(KINDS[kind], arrivals, arrivals[-1][0] + 3 * HOUR)


PERIODS = [
    kind
    for kind, target in KINDS.items()
    if target.goal and target.goal.per and not isinstance(target.goal.per, RollingPeriod)
]


@pytest.mark.parametrize("kind", PERIODS)
@settings(max_examples=6, deadline=None)
@given(rows=ROWS, alerts=st.sampled_from([ENDS, ENDS[:2], ENDS[1:2], ()]))
def test_what_no_alert_asks_for_is_left_out(kind: str, rows: list, alerts: tuple[AlertRule, ...]) -> None:
    arrivals = read(kind, rows)
    check_alerts(replace(KINDS[kind], alerts=alerts), arrivals, arrivals[-1][0] + 3 * HOUR)


@pytest.mark.parametrize("kind", [kind for kind in PERIODS if kind != "wanted sum"])
@pytest.mark.parametrize("odd", [0.0, 0.02])
def test_of_a_regular_series_what_no_alert_asks_for_is_left_out(kind: str, odd: float) -> None:
    rng, readings = random.Random(7), list[tuple[int, Reading]]()
    for index in range(40 * 60):
        at = NOON + index * MINUTE + (rng.randrange(50) * SECOND if rng.random() < odd else 0)
        level = 21.5 + 0.4 * (index // 240 % 3 - 1)
        if rng.random() >= odd:
            readings.append((at, Reading(ONE, at, round(rng.gauss(level, 0.6), 2))))
    target = replace(KINDS[kind], alerts=ENDS[:2])
    assert check_alerts(target, arriving(readings), NOON + 43 * HOUR) > 0.5


PLANS = st.lists(
    st.tuples(
        st.sampled_from([-60, -45, 0, 0, 20, 60, 100]),  # the minute in which it comes
        st.sampled_from([-60, -20, 0, 0, 20, 60]),  # the minute from which on it says what is planned
        st.sampled_from([5, 10, 30, 60]),  # for each so many minutes
        st.lists(st.sampled_from([None, 0.0, 1.0, 20.0, 21.0, 22.0, 25.0, 215.0, 1_290.0]), min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kind", PLANNED)
@settings(max_examples=8, deadline=None)
@given(rows=ROWS, plans=PLANS)
def test_what_is_left_out_by_a_plan_that_is_known_ahead_is_nothing_but_numbers(
    kind: str, rows: list, plans: list
) -> None:
    came = [(at, reading) for at, together in read("", rows) for reading in together if reading.series == ONE]
    for at, first, every, values in plans:
        times = [NOON + (first + number * every) * MINUTE for number in range(len(values))]
        known = (Reading(OUTSIDE, time, value) for time, value in zip(times, values, strict=True))
        came += [(NOON + at * MINUTE, reading) for reading in known]
    arrivals = arriving(sorted(came, key=lambda pair: pair[0]))
    check(KINDS[kind], arrivals, arrivals[-1][0] + 3 * HOUR)


@pytest.mark.parametrize("kind", CONDITIONS)
@settings(max_examples=6, deadline=None)
@given(rows=ROWS)
def test_what_is_left_out_before_an_alert_fires_is_nothing_but_what_comes_and_goes(kind: str, rows: list) -> None:
    arrivals = read(kind, rows)
    check(replace(KINDS[kind], alerts=(HELD, LONGER)), arrivals, arrivals[-1][0] + HOUR, aparts=(None, 10 * MINUTE))


@pytest.mark.parametrize("kind", CONDITIONS)
@settings(max_examples=6, deadline=None)
@given(rows=ROWS)
def test_looks_at_a_condition_that_are_not_made_would_find_the_same(kind: str, rows: list) -> None:
    target, arrivals = replace(KINDS[kind], alerts=(HELD, FLAPS)), read(kind, rows)
    found = []
    for each in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if each:
                patch.setattr(
                    engine,
                    "look_again",
                    lambda condition, _, now, newest: next_look(now, condition.look_again or HOUR, newest),
                )
            found.append(list(look_by_look(target, arrivals, arrivals[-1][0] + HOUR)))
    for key in {state.key for _, state, _ in found[0]}:
        some, all_of = ([one for one in looks if one[1].key == key] for looks in found)
        assert turning_points(some) == turning_points(all_of)


@pytest.mark.parametrize("late", [0, 7 * SECOND, 150 * SECOND])
@pytest.mark.parametrize("no_data", [None, NoData(45 * SECOND), NoData(90 * SECOND)])
@pytest.mark.parametrize("steps", [(60,), (60,) * 90 + (20,) * 70 + (300,) * 3])
def test_a_sum_that_comes_evenly_late_or_falls_silent_between_readings(
    steps: tuple[int, ...], no_data: NoData | None, late: int
) -> None:
    rng, readings, now = random.Random(11), list[tuple[int, Reading]](), NOON
    for number in range(15 * 60):
        now += steps[number % len(steps)] * SECOND
        readings.append((now + late, Reading(ONE, now, round(rng.gauss(21.5, 0.6), 2))))
    goal = Goal(Measure.SUM, per=HOURLY, at_least=1_285.0)
    check_alerts(room(goal=goal, alerts=ENDS[:2], no_data=no_data), arriving(readings), now + 3 * HOUR)


def test_of_a_sum_of_an_hour_that_is_met_little_is_looked_at_and_nothing_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, evaluated = list[int](), list[int]()
    whole = engine.Instance.evaluate
    monkeypatch.setattr(resting, "glance", counted(looks))
    monkeypatch.setattr(
        engine.Instance, "evaluate", lambda self, *more: (evaluated.append(self.now), whole(self, *more))[1]
    )
    rng, times = random.Random(7), range(NOON, NOON + 24 * HOUR, MINUTE)
    readings = [(at, (Reading(ONE, at, round(rng.gauss(21.5, 0.6), 2)),)) for at in times]
    target = room(goal=Goal(Measure.SUM, per=HOURLY, at_least=1_270.0), alerts=ENDS[:2])
    verdicts = Verdicts(specs_of(target), NOON - SECOND, apart=None, only_alerts=True)
    for _ in verdicts.play(readings):
        pass
    since = NOON + 3 * HOUR  # before, too little is known
    assert sum(at >= since for at in looks) <= 2 * 21 + 6
    assert not [at for at in evaluated if at >= since]


def counted(looks: list[int]) -> Callable[..., object]:
    """What looks at an instance at rest, which notes when it does."""
    looked = resting.glance

    def noted(scene: object, now: int, **more: bool) -> object:
        looks.append(now)
        return looked(scene, now, **more)

    return noted


def test_what_falls_behind_from_look_to_look_is_found_though_each_reading_makes_up_for_it() -> None:
    rng = random.Random(43)
    times = [NOON - HOUR + i * MINUTE + rng.randrange(-2, 3) * SECOND for i in range(180)]
    late = [(at + (2 * SECOND if at % 3 else 0), Reading(ONE, at, 21.0)) for at in times]
    goal = Goal(Measure.COUNT, per=HOURLY, at_least=58.8)
    assert check(room(goal=goal, alerts=ENDS[:1]), arriving(late), times[-1] + HOUR) > 0.4
    rng = random.Random(3)
    known = [(at, Reading(ONE, at, round(rng.gauss(21.5, 0.4), 2))) for at in range(NOON, NOON + 6 * HOUR, MINUTE)]
    goal = Goal(Measure.SUM, per=HOURLY, at_least=1_285.0)
    assert check(room(goal=goal, alerts=ENDS[:1]), arriving(known), NOON + 6 * HOUR) > 0.9


@pytest.mark.parametrize(
    ("bounds", "uneven", "most"),
    [
        ({"at_least": 1_250.0}, 0, 3),
        ({"at_least": 1_330.0}, 0, 15),
        ({"at_most": 1_330.0}, 5, 30),
        ({"at_most": 1_291.0}, 0, 30),
        ({"at_least": 1_289.0}, 5, 50),
    ],
    ids=str,
)
def test_a_sum_of_an_hour_is_not_projected_for_each_of_its_buckets(
    bounds: dict[str, float], uneven: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(resting, "glance", counted(looks))
    rng = random.Random(7)
    times = [NOON + i * MINUTE + rng.randint(-uneven, uneven) * SECOND for i in range(4 * 60)]
    readings = [(at, (Reading(ONE, at, round(rng.gauss(21.5, 0.4), 2)),)) for at in times]
    check(room(goal=Goal(Measure.SUM, per=HOURLY, **bounds), alerts=ENDS[:2]), readings, times[-1] + SECOND)
    hours = [sum(hour <= now < hour + HOUR for now in looks) for hour in range(NOON + HOUR, NOON + 4 * HOUR, HOUR)]
    assert max(hours) <= most


@pytest.mark.parametrize("kind", ["mean", "last of a day", "rolling share", "burns"])
def test_a_period_of_a_regular_series_is_hardly_measured(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(resting, "glance", counted(looks))
    rng, share = random.Random(kind), KINDS["rolling share"].goal
    burns = AlertRule("burns", Sign.BURNING, burn=(BurnRate(2.0, 2 * HOUR, 10 * MINUTE), BurnRate(1.5, HOUR, HOUR)))
    target = room(goal=share, alerts=(burns,)) if kind == "burns" else room(goal=KINDS[kind].goal, alerts=ENDS[:2])
    times = range(NOON, NOON + 12 * HOUR, MINUTE)
    check(target, [(now, (Reading(ONE, now, round(rng.gauss(21.6, 0.3), 2)),)) for now in times], NOON + 13 * HOUR)
    assert len(looks) < len(times) / 2


@pytest.mark.parametrize(
    ("condition", "most"),
    [
        ("avg(temperature, '1h') < 21.7", 0.2),
        ("stddev(temperature, '2h') < 0.4 and quantile(temperature, 0.9, '2h') < 22.2", 0.1),
        ("avg(temperature, '1h') > avg(temperature, '1h', at('2h')) - 0.2", 0.2),
        ("20 < min(temperature, '1h') and not max(temperature, '1h', at('2h')) > 23 and last(temperature) > 20", 0.2),
    ],
)
def test_a_condition_on_a_regular_series_is_hardly_asked(
    condition: str, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(resting, "glance", counted(looks))
    rng, times = random.Random(condition), range(NOON, NOON + 12 * HOUR, MINUTE)
    readings = [(now, (Reading(ONE, now, round(rng.gauss(21.6, 0.3), 2)),)) for now in times]
    check(asks(condition, HELD), readings, NOON + 13 * HOUR, aparts=(None,))
    assert len(looks) < most * len(times)


SLOW = [
    "avg(temperature, '90s') < 22",
    "rate(temperature, '5m') < 0.02 and increase(temperature, '20m') > 0",
    "last(temperature) < 22 or absent(temperature, '3m')",
    "last(temperature) - at(temperature, '7m') < 0.5",
    "changes(temperature, '10m') > 4 and count(temperature, '10m') > 5 and age(temperature) < 80",
    "sum(temperature, '4m') < 90 and sum(temperature, '200m') > 2000 or avg(temperature, '2m', at('3m')) > 22",
]


def noisy(rng: random.Random, *, step: float, odd: float) -> Iterator[tuple[int, Reading]]:
    """Readings now and then late, without a value, known already, or after a pause, and when each arrives."""
    now = NOON
    for _ in range(500):
        now += round(step * SECOND) if rng.random() > odd else rng.choice([1, 20, 700, 900]) * SECOND
        late = rng.choice([0, 0, 1, 30, 200]) * SECOND if rng.random() < odd else 0
        value = rng.choice([None, nan, 0.0, 1e17]) if rng.random() < odd else round(21.7 + rng.gauss(0.0, 0.5), 1)
        yield now, Reading(ONE, now - late, value)
        if rng.random() < odd / 2:
            now += SECOND
            yield now, Reading(ONE, now - SECOND - late, value)


@pytest.mark.parametrize(("step", "odd"), [(60, 0.0), (60, 0.02), (60, 0.2), (47.3, 0.05), (0.4, 0.02)])
@pytest.mark.parametrize("condition", [*SLOW, *CONDITIONS])
def test_what_comes_and_goes_before_an_alert_fires_is_gone_past(condition: str, step: float, odd: float) -> None:
    rng = random.Random(f"{condition} {step} {odd}")
    target = asks(condition, HELD, LONGER) if condition in SLOW else replace(KINDS[condition], alerts=(HELD, LONGER))
    readings = arriving(list(noisy(rng, step=step, odd=odd)))
    check(target, readings, readings[-1][0] + HOUR, aparts=(None, 10 * MINUTE))


@pytest.mark.parametrize("for_", [MINUTE, 2 * MINUTE, 2 * MINUTE + SECOND // 2, 3 * MINUTE])
@pytest.mark.parametrize("late", [0, SECOND // 2, SECOND, -SECOND, -3 * SECOND])
@pytest.mark.parametrize("no_data", [None, NoData(MINUTE), NoData(90 * SECOND)])
def test_what_is_over_just_before_an_alert_fires_leaves_no_trace(for_: int, late: int, no_data: NoData | None) -> None:
    """Two or three readings are out, and the one with which it is over comes early or late."""
    rng, readings, now = random.Random(5), list[tuple[int, Reading]](), NOON
    for number in range(300):
        now += MINUTE
        at = now + (late if number % 9 in {3, 8} else 0)
        value = 25.0 if number % 9 in {1, 2, 5, 6, 7} else 21.0 + rng.random()
        readings.append((at, Reading(ONE, at, value)))
    target = asks("last(temperature) < 22", replace(HELD, for_=for_), no_data=no_data)
    check(target, arriving(readings), now + HOUR, aparts=(None,))


def test_of_what_comes_and_goes_only_the_last_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    evaluate_ = engine.Instance.evaluate
    monkeypatch.setattr(
        engine.Instance, "evaluate", lambda one, *given: (looks.append(one.now), evaluate_(one, *given))[1]
    )
    rng, times = random.Random(3), range(NOON, NOON + 16 * HOUR, MINUTE)
    readings = [(at, (Reading(ONE, at, round(rng.gauss(21.5, 0.6), 2)),)) for at in times]
    target = asks("avg(temperature, '4m') < 21.8", replace(HELD, for_=20 * MINUTE))
    whole = len(list(look_by_look(target, readings, times[-1] + HOUR)))
    looks.clear()
    verdicts = Verdicts(specs_of(target), NOON - SECOND, apart=None)
    said = [*verdicts.begin(), *verdicts.play(readings), *verdicts.wait(times[-1] + HOUR)]
    assert len(looks) < whole / 20
    assert len(said) <= len(looks)


@pytest.mark.parametrize("kind", KINDS)
def test_long_stretches_are_mostly_left_out(kind: str) -> None:
    rng = random.Random(kind)
    readings, value = [], 21.5
    every = 20 * MINUTE if any(rule.when is Sign.UNUSUAL for rule in KINDS[kind].alerts) else MINUTE
    for number in range(400):
        value += rng.gauss(0.0, 0.2) - 0.1 * (value - 21.5) + (rng.random() < 0.01) * 9.0
        if rng.random() > 0.02:
            at = NOON + number * every + rng.choice([0, 0, 0, 0, 0, 5 * SECOND])
            late = rng.choice([0] * 30 + [150 * SECOND])
            readings.append((at, Reading(ONE, at - late, round(value + rng.gauss(0.0, 0.3), 2))))
            if rng.random() < 0.3:
                readings.append((at, Reading(other_of(kind), at, round(value + rng.gauss(0.0, 0.3), 2))))
    check(KINDS[kind], arriving(readings), NOON + 400 * every + 2 * HOUR)


@pytest.mark.parametrize("kind", ["held", "flapping", "unusual", "sum", "avg"])
def test_looks_that_are_so_far_apart_are_said_in_calm_too(kind: str) -> None:
    rng = random.Random(kind)
    readings = [
        (NOON + i * MINUTE, Reading(ONE, NOON + i * MINUTE, round(rng.gauss(21.5, 0.3), 2))) for i in range(240)
    ]
    left_out = check(KINDS[kind], arriving(readings), NOON + 5 * HOUR, aparts=(10 * MINUTE,))
    assert 0.3 < left_out < 0.99


@pytest.mark.parametrize("every", [MINUTE, 10 * MINUTE])
def test_calm_is_left_out_however_far_apart_its_readings_are(every: int) -> None:
    calm = [(NOON + i * every, Reading(ONE, NOON + i * every, 21.0 + i % 2)) for i in range(50)]
    band = room(goal=Goal(at_least=20.0, at_most=23.0), alerts=(HELD,))
    assert check(band, arriving(calm), NOON + 51 * every) > 0.9


@pytest.mark.parametrize("first", [None, 21.0])
def test_a_series_that_joins_later_and_comes_first_by_name_is_asked_from_then_on(first: float | None) -> None:
    early = [(NOON + i * MINUTE, Reading(ONE, NOON + i * MINUTE, first)) for i in range(3)]
    more = [(NOON + i * MINUTE, Reading(OUTSIDE, NOON + i * MINUTE, 25.0)) for i in range(3, 6)]
    last = NOON + HOUR, Reading(ONE, NOON + HOUR, 21.0)
    check(replace(KINDS["joined"], by=()), arriving([*early, *more, last]), NOON + 2 * HOUR)


@pytest.mark.parametrize(
    "target",
    [
        room(combine=Combine.SUM, selector=Selector("temperature"), alerts=(HELD,)),
        asks("avg(temperature, '1h') < 22.5", HELD, combine=Combine.SUM),
    ],
)
def test_another_series_that_joins_a_calm_one_counts_from_then_on(target: Target) -> None:
    times = range(NOON, NOON + 3 * HOUR, MINUTE)
    readings = [(at, Reading(HALL if at > NOON + HOUR and at % HOUR else ONE, at, 21.0)) for at in times]
    assert check(target, arriving(readings), NOON + 4 * HOUR) > 0.3


def test_a_query_that_may_mean_two_series_leaves_a_condition_open_whatever_others_decide() -> None:
    times = range(NOON, NOON + HOUR, MINUTE)
    who = [(ONE, OUTSIDE, HALL if at >= NOON + 20 * MINUTE else ONE)[at // MINUTE % 3] for at in times]
    readings = [(at, Reading(one, at, 21.0)) for at, one in zip(times, who, strict=True)]
    check(asks("last(outside) > 19 or last(temperature) > 50", HELD), arriving(readings), NOON + 2 * HOUR)


def test_a_reading_that_comes_when_it_is_old_is_not_left_out() -> None:
    came = [(NOON, Reading(ONE, NOON, 21.0)), (NOON + 700 * SECOND, Reading(ONE, NOON + 100 * SECOND, 21.0))]
    check(KINDS["absent"], arriving(came), NOON + 4 * HOUR)


def test_a_reading_ahead_of_its_time_makes_no_other_too_old() -> None:
    times = range(NOON, NOON + 20 * MINUTE, 5 * SECOND)
    came = [(at, Reading(ONE, at + (2 * HOUR if at == NOON + MINUTE else 0), 21.0)) for at in times]
    check(asks("50 < count(temperature, '5m') < 61", HELD), arriving(came), times[-1] + HOUR)


def test_readings_of_several_times_that_come_together_are_judged_one_by_one() -> None:
    before = [(NOON, Reading(ONE, NOON, 0.0)), (NOON, Reading(OUTSIDE, NOON, 19.0))]
    then, at = NOON + MINUTE, NOON + 2 * MINUTE
    together = [(at, Reading(ONE, at - late, 0.0)) for late in (0, SECOND)]
    check(KINDS["joined"], arriving([*before, (then, Reading(OUTSIDE, then, 0.0)), *together]), at + HOUR)


def test_what_is_wanted_of_a_rolling_period_changes_as_its_end_comes_there() -> None:
    changes = [(NOON - HOUR, 25.0), (NOON + 62 * SECOND, 20.0)]
    wanted = [(NOON - HOUR, Reading(OUTSIDE, time, value)) for time, value in changes]
    late = [(at + 65 * SECOND, Reading(ONE, at, 22.0)) for at in range(NOON - 50 * MINUTE, NOON + MINUTE, MINUTE)]
    late.append((NOON + 68 * SECOND, Reading(ONE, NOON + MINUTE, 22.0)))
    check(KINDS["wanted, rolling"], arriving([*wanted, *late]), NOON + HOUR)


@pytest.mark.parametrize("bounds", [{"at_least": 1_300.0}, {"at_most": 1_312.0}], ids=str)
def test_what_falls_behind_its_plan_until_the_next_reading_is_found(bounds: dict[str, float]) -> None:
    plan = [(NOON, Reading(OUTSIDE, NOON + number * 5 * MINUTE, 1.0)) for number in range(24)]
    read = [(at, Reading(ONE, at, 21.5)) for at in range(NOON + SECOND, NOON + 2 * HOUR, MINUTE)]
    target = room(goal=Goal(Measure.SUM, per=HOURLY, plan=Selector("outside"), **bounds), alerts=ENDS[:2])
    assert check(target, arriving([*plan, *read]), NOON + 2 * HOUR) > 0.4


@pytest.mark.parametrize("uneven", [0, 20])
@pytest.mark.parametrize(
    "kind",
    [
        room(goal=Goal(Measure.INCREASE, per=RollingPeriod(HOUR), at_least=900.0), alerts=ENDS[1:2]),
        room(goal=Goal(Measure.INCREASE, per=HOURLY, at_least=900.0), alerts=ENDS[:2]),
        room(goal=Goal(Measure.SUM, per=RollingPeriod(20 * MINUTE), at_most=2e5), alerts=ENDS[1:2]),
        asks("rate(temperature, '5m') < 0.4 and increase(temperature, '1h') > 900", HELD),
        asks("increase(temperature, '1h') > 1000 and rate(temperature, '30m') < 1", HELD),
        asks("changes(temperature, '20m') > 10 and sum(temperature, '1h') > 0", HELD),
    ],
    ids=["rolling", "hourly", "sum", "rate", "long", "changes"],
)
def test_a_counter_is_gone_past_as_if_it_were_looked_at(
    kind: Target, uneven: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(resting, "glance", counted(looks))
    rng, count, readings = random.Random(11), 5_000.0, []
    for i in range(9 * 60):
        at = NOON + i * MINUTE + rng.randint(-uneven, uneven) * SECOND
        count = rng.choice([0.0, 30.0]) if rng.random() < 0.004 else count + round(rng.gauss(20.0, 4.0), 2)
        value = None if rng.random() < 0.004 else count
        if i % 200 not in range(100, 108):  # while nothing came
            readings.append((at, (Reading(ONE, at, value),)))
    assert check(kind, readings, readings[-1][0] + HOUR, aparts=(None,)) > 0.7
    made = len({at for at, _ in readings}.intersection(looks)) / len(readings)
    assert made < 0.6


@pytest.mark.parametrize("kind", ["avg", "absent"])
def test_readings_that_are_known_already_come_while_a_series_lets_go_of_its_oldest(kind: str) -> None:
    times = [NOON + i * MINUTE for i in range(100)]
    twice = [(at + again * 7 * SECOND, (Reading(ONE, at, 21.0),)) for at in times for again in (0, 1)]
    check(KINDS[kind], twice, times[-1] + HOUR)
