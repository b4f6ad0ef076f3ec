"""Projections of period goals: as good as on real days, and a function of the readings and the time alone."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.forecast import Forecast
from rules.history import History
from rules.model import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    AlertRule,
    CalendarPeriod,
    Combine,
    FixedPeriod,
    Goal,
    Measure,
    Period,
    Projection,
    Reading,
    Selector,
    Standing,
    Target,
)
from rules.projection import projected
from tests.rules.world import World, at, series

VISITORS = Path(__file__).parents[2] / "agent/demo/data/daily-website-visitors.csv"
X = series("x")
MONTH = CalendarPeriod("month")
WEEK = [120.0, 130.0, 125.0, 120.0, 100.0, 30.0, 20.0]  # from Monday


def target(per: Period = MONTH, measure: Measure = Measure.SUM, zone: str = "UTC", **changes) -> Target:
    goal = Goal(measure, changes.pop("at_least", None), changes.pop("at_most", None), per)
    return Target("t", "T", goal, Selector("x"), zone=zone, **changes)


def weeks(first: str, days: int, zone: str = "UTC", wobble: int = 0) -> list[Reading]:
    start = date.fromisoformat(first)
    dates = (start + timedelta(i) for i in range(days))
    return [
        Reading(X, at(day.isoformat(), zone), WEEK[day.weekday()] + (day.toordinal() * 7919 % (2 * wobble + 1)))
        for day in dates
    ]


def projection(world: World, now: int) -> Projection:
    found = world.look(now).assessment.projection
    assert found is not None
    return found


def test_it_is_off_by_much_less_than_the_linear_pace() -> None:
    """Real days: the bounds are generous, `bench/projection.py` has the figures."""
    with VISITORS.open() as file:
        days = {date.fromisoformat(row["date"]): float(row["unique_visits"]) for row in csv.DictReader(file)}
    totals: dict[date, float] = {}
    for day, value in days.items():
        totals[day.replace(day=1)] = totals.get(day.replace(day=1), 0.0) + value
    world = World(target(zone="America/New_York", at_least=1e9))
    errors: dict[int, list[tuple[float, float]]] = {}
    held = []
    for day, value in days.items():
        now = at((day + timedelta(1)).isoformat(), "America/New_York")
        world.step(now, Reading(X, at(day.isoformat(), "America/New_York"), value))
        found = world.look(now).assessment
        if day.year < 2015 or day >= date(2020, 8, 1) or found.projection is None or (day + timedelta(1)).day == 1:
            continue
        total = totals[day.replace(day=1)]
        month = (day.replace(day=1) + timedelta(31)).replace(day=1) - day.replace(day=1)
        linear = found.value / day.day * month.days
        errors.setdefault(day.day, []).append((abs(found.projection.value - total), abs(linear - total)))
        held.append(found.projection.low <= total <= found.projection.high)
    of_day = {day: [sum(side) for side in zip(*pairs, strict=True)] for day, pairs in errors.items()}
    assert sum(mine for mine, _ in of_day.values()) < 0.7 * sum(pace for _, pace in of_day.values())
    assert max(mine / pace for mine, pace in of_day.values()) < 0.9
    assert 0.75 < sum(held) / len(held) < 0.87


def test_history_gives_a_standing_from_the_first_day() -> None:
    readings = weeks("2026-08-03", 120, wobble=5)
    late = at("2026-12-02")
    usual = sum(reading.value or 0 for reading in readings if at("2026-11-01") <= reading.time < at("2026-12-01"))
    said = {}
    for wanted in (usual * 0.7, usual * 1.3):
        world = World(target(at_least=wanted))
        world.step(late, *(reading for reading in readings if reading.time < late))
        found = world.look(late).assessment
        said[found.standing] = found.projection.chance
    assert set(said) == {Standing.ON_TRACK, Standing.BEHIND}
    assert said[Standing.ON_TRACK] > 0.95
    assert said[Standing.BEHIND] < 0.05


def test_without_history_nothing_is_said_early() -> None:
    world = World(target(at_least=1000))
    world.step(at("2026-12-03"), *weeks("2026-12-01", 2))
    assert world.look(at("2026-12-03")).assessment.standing is Standing.TOO_EARLY
    world.step(at("2026-12-06"), *weeks("2026-12-03", 3))
    found = world.look(at("2026-12-06")).assessment
    assert found.projection.value == pytest.approx(found.value / 5 * 31)


def test_an_interval_that_says_nothing_gives_no_standing() -> None:
    rng = random.Random(3)
    wild = [Reading(X, at("2026-06-01") + i * DAY, rng.expovariate(1.0) ** 3) for i in range(185)]
    now = at("2026-12-03")
    usual = once(target(at_least=1), wild, now).value
    for wanted, standing in ((1.1 * usual, Standing.TOO_EARLY), (10 * usual, Standing.BEHIND)):
        world = World(target(at_least=wanted))
        world.step(now, *wild)
        found = world.look(now).assessment
        assert found.projection.high - found.projection.low > found.projection.value
        assert found.standing is standing


@pytest.mark.parametrize("hours", [0, 6, 12, 23])
def test_a_day_whose_number_is_there_already_is_not_counted_twice(hours: int) -> None:
    readings = weeks("2026-08-03", 100)  # the last is of Tuesday, 10 November
    now = at("2026-11-10") + hours * HOUR
    rest = sum(WEEK[(date(2026, 11, 11) + timedelta(i)).weekday()] for i in range(20))
    world = World(target(at_least=1e9))
    world.step(now, *readings)
    found = world.look(now).assessment
    assert found.projection.value - found.value == pytest.approx(rest, rel=0.03)


def test_a_budget_that_will_be_exceeded_is_behind() -> None:
    readings = weeks("2026-08-03", 120, wobble=5)
    for most, standing in ((2_000, Standing.BEHIND), (4_000, Standing.ON_TRACK)):
        world = World(target(at_most=most))
        world.step(at("2026-12-01"), *readings)
        found = world.look(at("2026-12-01")).assessment
        assert (found.standing, found.value) == (standing, 0.0)
        assert (found.projection.chance > 0.5) == (standing is Standing.ON_TRACK)


def test_a_period_missed_is_spoken_of_before_the_next_one() -> None:
    rule = AlertRule("missed", Standing.MISSED)
    world = World(target(at_least=1e6, alerts=(rule,)))
    world.step(at("2026-10-20"), *weeks("2026-08-03", 78))
    world.step(at("2026-11-30"), *weeks("2026-10-20", 41))
    assert world.step(at("2026-12-01 06:00"), *weeks("2026-11-30", 1)) == ["missed firing"]
    assert world.step(at("2026-12-05 06:00"), *weeks("2026-12-01", 4)) == ["missed resolved"]


def test_a_period_missed_is_spoken_of_no_more_when_the_next_one_is_too_early_again() -> None:
    world = World(target(CalendarPeriod("hour"), at_least=10, alerts=(AlertRule("missed", Standing.MISSED),)))
    for minute in (14, 29, 59):
        world.step(at(f"2026-12-01 00:{minute}"), Reading(X, at(f"2026-12-01 00:{minute}"), 1.0))
    told = world.step(at("2026-12-01 01:00"))
    told += world.step(at("2026-12-01 01:14:51"))
    told += world.step(at("2026-12-01 01:14:55"), Reading(X, at("2026-12-01 01:14:52"), 1.0))
    for second in range(56, 100):
        told += world.step(at("2026-12-01 01:14") + second * SECOND)
    assert told == ["missed firing", "missed resolved"]


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/New_York", "Australia/Sydney"])
@pytest.mark.parametrize("changes", ["2025-10-26", "2025-11-02", "2026-03-08", "2026-03-29", "2026-04-05"])
def test_on_days_the_clocks_change_the_pattern_stays(zone: str, changes: str) -> None:
    day = date.fromisoformat(changes) + timedelta(1)
    after = (day.replace(day=1) + timedelta(31)).replace(day=1)
    world = World(target(zone=zone, at_least=1e9))
    now = at(day.isoformat(), zone)
    world.step(now, *weeks("2025-05-05", (day - date(2025, 5, 5)).days, zone))
    rest = sum(WEEK[(day + timedelta(i)).weekday()] for i in range((after - day).days))
    found = world.look(now).assessment
    assert found.projection.value - found.value == pytest.approx(rest, rel=0.02)


def test_a_day_follows_the_hours_of_the_days_before() -> None:
    hours = [0, 0, 0, 0, 0, 5, 20, 60, 90, 80, 70, 70, 75, 70, 60, 60, 70, 90, 80, 50, 30, 20, 10, 5]
    start = at("2026-11-02")
    readings = [Reading(X, start + i * HOUR, float(hours[i % 24])) for i in range(24 * 14)]
    world = World(target(CalendarPeriod("day"), at_least=1e9))
    world.step(start + 14 * DAY, *readings[: 24 * 13 + 8])
    found = projection(world, start + 13 * DAY + 8 * HOUR)
    assert found.value == pytest.approx(sum(hours), rel=0.1)


# what it follows from


def once(goal: Target, readings: list[Reading], now: int) -> Projection | None:
    world = World(goal)
    world.step(now, *readings)
    return world.look(now).assessment.projection


days = st.dictionaries(st.integers(0, 110), st.floats(0, 1e5) | st.none(), min_size=20, max_size=80)
measures = st.sampled_from([Measure.SUM, Measure.COUNT, Measure.INCREASE])


@settings(max_examples=25, deadline=None)
@given(days, st.randoms(use_true_random=False), measures, st.integers(95, 115))
def test_every_order_of_arrival_gives_the_same(found, rng, measure, looked) -> None:
    goal = target(measure=measure, at_least=1e4)
    readings = [Reading(X, at("2026-08-20") + day * DAY, value) for day, value in found.items()]
    now = max(at("2026-08-20") + looked * DAY, max(reading.time for reading in readings) + HOUR)
    world, ordered = World(goal), World(goal)
    for one in (world, ordered):
        one.look(now - 3 * DAY)  # both are known since then
    shuffled = list(readings)
    rng.shuffle(shuffled)
    for reading in shuffled:
        wrong = Reading(X, reading.time, rng.choice([None, 7.0]))
        for one in (wrong, reading) if rng.random() < 0.3 else (reading, reading):
            world.step(now - rng.randrange(3 * DAY), one)
    ordered.step(now, *sorted(readings))
    assert world.look(now).assessment.projection == ordered.look(now).assessment.projection


@settings(max_examples=25, deadline=None)
@given(days, measures, st.sampled_from([1e2, 1e4, 1e5]))
def test_it_is_within_its_interval_and_never_below_what_is_there(found, measure, wanted) -> None:
    readings = sorted(Reading(X, at("2026-08-20") + day * DAY, value) for day, value in found.items())
    world = World(target(measure=measure, at_least=wanted))
    for reading in readings:
        world.step(reading.time + DAY, reading)
        said = world.look(reading.time + DAY).assessment
        if said.projection is not None and said.projection.low is not None:
            assert said.value <= said.projection.low <= said.projection.value <= said.projection.high
            assert 0.0 <= said.projection.chance <= 1.0


def test_what_fell_in_the_periods_before_is_expected_to_fall_again() -> None:
    """At the beginning of a period, before any of its readings is negative."""
    losses = [Reading(X, at("2026-01-01") + day * DAY, -20.0 - day * 7919 % 10) for day in range(120)]
    world = World(target(CalendarPeriod("week"), at_most=1))
    for reading in losses:
        world.step(reading.time + DAY, reading)
        if reading.time > at("2026-03-01"):
            said = projection(world, reading.time + DAY + HOUR)
            assert said.low < said.value < said.high < 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6), st.floats(-1e5, 1e5), st.floats(0, 1e5), st.booleans())
def test_the_more_is_wanted_the_smaller_the_chance(bounds, mid, half, falls) -> None:
    value = min(mid, 0.0)
    ways = [(Goal(at_least=bound), Goal(at_most=bound)) for bound in sorted(bounds)]
    chances = [[projected(goal, value, mid, half, falls=falls).chance for goal in way] for way in ways]
    for (least, most), (next_least, next_most) in pairwise(chances):
        assert least >= next_least
        assert most <= next_most
    for (least, most), bound in zip(chances, sorted(bounds), strict=True):
        if half > 0 and (falls or bound > value):
            assert least + most == pytest.approx(1.0)
    low, high = min(bounds), max(bounds)
    band = projected(Goal(at_least=low, at_most=high), value, mid, half, falls=falls).chance
    assert band == pytest.approx(max(chances[0][0] + chances[-1][1] - 1.0, 0.0))


def test_a_bound_at_the_edge_of_the_interval_is_met_with_a_chance_of_ten_or_ninety_percent() -> None:
    chances = [projected(Goal(at_least=bound), 0, 100, 20, falls=True).chance for bound in (80, 100, 120)]
    assert chances == pytest.approx([0.9, 0.5, 0.1])


def test_it_is_made_anew_only_when_a_bucket_is_over_or_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    fold = Forecast.fold
    monkeypatch.setattr(Forecast, "fold", lambda self, values: (made.append(len(values)), fold(self, values)))
    world = World(target(at_least=1e9))
    start = at("2026-11-10")
    world.step(start, *weeks("2026-08-03", 99))
    made.clear()
    for minute in range(0, 600, 5):
        world.step(start + minute * MINUTE, Reading(X, start + minute * MINUTE, 1.0))
    assert made == []
    world.step(start + 600 * MINUTE, Reading(X, start + 300 * MINUTE, 9.0))  # revised, in a bucket not over
    assert made == []
    world.step(start + 601 * MINUTE, Reading(X, start - DAY, 9.0))
    assert sum(made) > 90


def minutes(first: int, count: int, seed: int = 1) -> list[Reading]:
    rng = random.Random(seed)
    return [Reading(X, first + i * MINUTE, round(rng.gauss(21.5, 0.5), 2)) for i in range(count)]


def test_of_many_readings_in_a_bucket_each_stands_for_the_time_until_the_next() -> None:
    world, start = World(target(CalendarPeriod("hour"), at_least=1e9)), at("2026-11-10")
    world.step(start, *minutes(start, 30 * 60 + 32))
    newest = start + 30 * HOUR + 31 * MINUTE
    said = [projection(world, newest + later) for later in (0, 1, MINUTE // 2, MINUTE, 2 * MINUTE, 3 * MINUTE - 1)]
    assert len(set(said)) == 1
    assert said[0].value == pytest.approx(60 * 21.5, rel=0.005)
    assert projection(world, newest + 4 * MINUTE).value < said[0].value, "readings are missed"


@pytest.mark.parametrize("most", [10_000, 600, 130])
def test_hour_after_hour_it_says_what_it_says_made_anew(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.tracks.PAST_MOST", most)
    monkeypatch.setattr("rules.projection.PAST_MOST", most)
    goal, start, rng = target(CalendarPeriod("hour"), at_least=1_290.0), at("2026-11-09T20:00:00"), random.Random(2)
    readings = minutes(start, 40 * 60)
    late = set(rng.sample(range(600, 2_300), 8))
    world = World(goal)
    for number, reading in enumerate(readings):
        behind = [readings[one] for one in late if number % 60 == 0 and number - 130 <= one < number - 70]
        world.step(reading.time, *([] if number in late else [reading]), *behind)
        if number > 400 and number % 97 == 0 and number % 60 > 9:  # before, the hour before may count still
            hour = number - number % 60
            came = [one for at, one in enumerate(readings[: number + 1]) if at not in late or at < hour - 70]
            assert world.look(reading.time).assessment.projection == once(goal, came, reading.time)


def test_of_a_dense_series_only_what_is_needed_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.tracks.PAST_MOST", 50)
    monkeypatch.setattr("rules.projection.PAST_MOST", 50)
    start = at("2026-01-01")
    readings = [Reading(X, start + i * 6 * HOUR, WEEK[i // 4 % 7] + i % 5) for i in range(4 * 330)]
    goal, now = target(at_least=1e9), readings[-1].time + HOUR
    world = World(goal)
    for reading in readings:
        world.step(reading.time, reading)
    track = world.history.track(X)
    assert len(track.times) < 2 * (4 * 66 + 50)
    horizon = now - track.horizon
    needed = [r for r in readings if r.time >= horizon] + [r for r in readings if r.time < horizon][-51:]
    again = World(goal)
    again.history = History(again.specs)
    for reading in sorted(needed):
        again.history.add(reading)
    assert projection(again, now) == projection(world, now)
    assert projection(world, now).low is not None


def test_series_that_do_not_add_up_are_projected_by_the_pace() -> None:
    goal = target(at_least=1e9, combine=Combine.MAX)
    world = World(goal)
    readings = weeks("2026-10-01", 45)
    world.step(at("2026-11-15"), *readings, *(Reading(series("x", of="b"), r.time, 1.0) for r in readings))
    found = world.look(at("2026-11-15")).assessment
    assert found.projection == Projection(pytest.approx(found.value / 14 * 30))


def test_series_that_add_up_are_projected_together() -> None:
    readings = weeks("2026-08-03", 104)
    halves = [Reading(series("x", of=of), r.time, r.value / 2) for r in readings for of in ("a", "b")]
    now = at("2026-11-15")
    whole, split = (once(target(at_least=1e9), given_, now) for given_ in (readings, halves))
    assert split.value == pytest.approx(whole.value)
    assert split.high == pytest.approx(whole.high)


def test_a_fixed_period_learns_from_what_was_before_it() -> None:
    span = FixedPeriod(at("2026-11-09"), at("2026-12-07"))
    world = World(target(span, at_least=1e9))
    world.step(at("2026-11-11"), *weeks("2026-08-03", 100))
    assert projection(world, at("2026-11-11")).value == pytest.approx(4 * sum(WEEK), rel=0.01)


def test_of_periods_that_begin_in_the_evening_the_rest_of_that_day_is_not_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[float] = []
    fold = Forecast.fold
    monkeypatch.setattr(Forecast, "fold", lambda self, values: (learned.extend(values), fold(self, values)))
    evening, length = at("2026-11-09") + 20 * HOUR, 10 * DAY
    days = weeks("2026-09-01", 70)
    stray = [Reading(X, evening - number * length + HOUR, 1e6) for number in range(1, 7)]  # as each of them begins
    world = World(target(FixedPeriod(evening, evening + length), at_least=1e9))
    world.step(evening + DAY, *days, *stray)
    assert len(learned) > 60
    before = [reading.value for reading in days if reading.time <= evening]
    assert learned[: len(before)] == before


def test_an_earlier_first_reading_is_another_beginning() -> None:
    """It comes before any day was over that the projector has seen."""
    now = at("2026-06-20")
    early, late = Reading(X, at("2026-06-01"), None), Reading(X, at("2026-06-19"), None)
    one, other = World(target(at_least=300)), World(target(at_least=300))
    one.step(now, early, late)
    other.step(now - 2, late)
    other.step(now - 1, early)
    assert one.look(now).assessment == other.look(now).assessment


def test_an_earlier_first_reading_is_another_beginning_of_hours_too() -> None:
    goal, start = target(CalendarPeriod("hour"), at_least=1_290.0), at("2026-11-09T20:00:00")
    readings, early = minutes(start, 9 * 60 + 30), minutes(start - 3 * HOUR, 150)
    world = World(goal)
    for number, reading in enumerate(readings):
        world.step(reading.time, reading, *(early if number == 475 else ()))
    now = readings[-1].time
    assert world.look(now).assessment.projection == once(goal, [*early, *readings], now)
