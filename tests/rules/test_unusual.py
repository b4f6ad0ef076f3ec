"""What is usual and what is not, learned one reading at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.codec import decode, encode
from rules.model import (
    DAY,
    HOUR,
    LARGEST,
    MINUTE,
    SECOND,
    Against,
    Assessment,
    Finding,
    Goal,
    Selector,
    Standing,
    Target,
    Usual,
)
from rules.periods import to_local
from rules.unusual import learn
from rules.words import describe, how_unusual
from tests.rules.world import at

MONDAY = at("2026-01-05T00:00:00")
ZONE = "Europe/Amsterdam"
VISITORS = Target("t", "Visitors", None, Selector("visitors"), zone=ZONE, unit="visitors")


def taught(pairs: Iterable[tuple[int, float]], zone: str = "UTC", usual: Usual | None = None) -> Usual:
    for time, value in pairs:
        usual = learn(usual, "x", zone, time, value)
    assert usual is not None
    return usual


def found(pairs: Iterable[tuple[int, float]], zone: str = "UTC", usual: Usual | None = None) -> list[Finding]:
    """Every finding, of those readings of which anything is found."""
    out = []
    for time, value in pairs:
        usual = learn(usual, "x", zone, time, value)
        if usual and usual.finding and usual.time == time:
            out.append(usual.finding)
    return out


def alarms(findings: Sequence[Finding]) -> list[int]:
    """When something began to be unusual, and how often after it."""
    return [finding.time for finding in findings if finding.score >= 0.5]


def noisy(value: Callable[[int], float], start: int, days: float, step: int = 5 * MINUTE, seed: int = 1) -> list:
    noise = random.Random(seed)
    times = range(start, start + int(days * DAY), step)
    return [(time, value(time) * (1 + noise.uniform(-0.1, 0.1))) for time in times]


def shop(zone: str) -> Callable[[int], float]:
    """Visitors of a shop: quiet at night, most at noon by the wall clock, half on Sundays."""

    def value(time: int) -> float:
        local = to_local(time, zone)
        noon = math.cos((local.hour + local.minute / 60 - 12) / 24 * 2 * math.pi)
        return (110 + 90 * noon) * (0.5 if local.weekday() == 6 else 1)

    return value


def test_nothing_is_found_before_enough_was_seen() -> None:
    few = found([(MONDAY + n * DAY, 10.0 + n % 3) for n in range(29)])
    short = found(noisy(lambda _: 100.0, MONDAY, 1.9))
    both = found([(MONDAY + n * DAY, 10.0 + n % 3) for n in range(40)])
    fast = found([(MONDAY + n * 10 * SECOND, 10.0 + n % 3) for n in range(6 * 60 * 48)])
    assert (few, short) == ([], [])
    assert [finding.unusual for finding in both] == [None] * 11
    assert fast == []


@pytest.mark.parametrize("value", [0.0, 5.0, -3.25, 1e-9, LARGEST, -LARGEST])
@pytest.mark.parametrize("step", [10 * SECOND, 5 * MINUTE, HOUR, DAY])
def test_equal_values_are_never_unusual(value: float, step: int) -> None:
    findings = found([(MONDAY + n * step, value) for n in range(1000)])
    assert [finding for finding in findings if finding.unusual or finding.score] == []


def test_a_first_error_after_weeks_of_none_is_unusual_and_one_that_comes_each_day_is_not() -> None:
    calm = [(MONDAY + n * HOUR, 0.0) for n in range(24 * 21)]
    first = found([*calm, (MONDAY + 21 * DAY, 4.0)])[-1]
    daily = [(MONDAY + n * HOUR, 4.0 if n % 24 == 9 else 0.0) for n in range(24 * 60)]
    late = [time for time in alarms(found(daily)) if time > MONDAY + 14 * DAY]
    assert first.unusual is not None
    assert how_unusual(VISITORS, first).startswith("4 visitors, far above ")
    assert late == []


def test_counts_near_zero_raise_few_false_alarms() -> None:
    counts = random.Random(3)
    pairs = [(MONDAY + n * HOUR, float(sum(counts.random() < 0.02 for _ in range(50)))) for n in range(24 * 90)]
    assert len(alarms(found(pairs))) <= 5  # a quarter


@pytest.mark.parametrize("seed", range(5))
def test_noise_raises_few_false_alarms(seed: int) -> None:
    noise = random.Random(seed)
    pairs = [(MONDAY + n * HOUR, noise.gauss(50, 3)) for n in range(24 * 180)]
    assert len(alarms(found(pairs))) <= 6  # half a year


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Amsterdam", at("2026-02-16T00:00:00", "Europe/Amsterdam")),  # clocks forward on 29 March
        ("America/New_York", at("2026-09-28T00:00:00", "America/New_York")),  # clocks back on 1 November
        ("UTC", at("2026-02-16T00:00:00")),
    ],
)
def test_the_usual_is_that_of_the_hour_of_the_week_by_the_wall_clock(zone: str, start: int) -> None:
    value = shop(zone)
    usual = taught(noisy(value, start, 42), zone)
    after = start + 43 * DAY  # a day after the first on another offset; not a Sunday
    calm = found(noisy(value, usual.time + 5 * MINUTE, 2, seed=2), zone, usual)
    until = (after + 3 * HOUR - usual.time - 5 * MINUTE) / DAY
    night = found([*noisy(value, usual.time + 5 * MINUTE, until, seed=2), (after + 3 * HOUR, 190.0)], zone, usual)[-1]
    assert alarms(calm) == []
    assert night.unusual is not None
    assert night.expected == pytest.approx(value(after + 3 * HOUR), rel=0.25)
    assert value(after + 12 * HOUR) > 150  # so the same value at noon is nothing


def test_what_is_unusual_is_said_in_words() -> None:
    start = at("2026-02-16T00:00:00", ZONE)
    usual = taught(noisy(shop(ZONE), start, 36 + 14 / 24), ZONE)
    time = usual.time + 5 * MINUTE
    finding = found([(time, 3.1 * shop(ZONE)(time))], ZONE, usual)[-1]
    said = how_unusual(VISITORS, finding)
    assert finding.unusual is Against.HOUR
    assert "times the usual for a Tuesday 14:00 (" in said
    times = float(said.partition(", ")[2].split()[0])
    assert times == pytest.approx(3.1, abs=0.3)


HOURLY = Finding(at("2026-01-06T14:20:00", ZONE), 250.0, 0.7, Against.HOUR, 80.0, 19.0, 5 * MINUTE)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "250 visitors, 3.1 times the usual for a Tuesday 14:00 (80)"),
        ({"gap": DAY, "time": at("2026-01-06T00:00:00", ZONE)}, "250 visitors, 3.1 times the usual for a Tuesday (80)"),
        ({"value": 12_000.0}, "12,000 visitors, 150 times the usual for a Tuesday 14:00 (80)"),
        ({"value": 8.0}, "8 visitors, 10 % of the usual for a Tuesday 14:00 (80)"),
        ({"value": 0.0}, "0 visitors, far below the usual for a Tuesday 14:00 (61 to 99)"),
        ({"value": 105.0}, "105 visitors, far above the usual for a Tuesday 14:00 (61 to 99)"),
        ({"expected": 0.0, "edge": 0.0}, "250 visitors, far above the usual for a Tuesday 14:00 (0)"),
        ({"expected": 10.0}, "250 visitors, far above the usual for a Tuesday 14:00 (up to 29)"),
        ({"expected": 10.0, "value": -20.0}, "-20 visitors, far below the usual for a Tuesday 14:00 (-9 to 29)"),
        ({"expected": -80.0}, "250 visitors, far above the usual for a Tuesday 14:00 (-99 to -61)"),
        ({"unusual": Against.BEFORE}, "250 visitors, 3.1 times what the last readings led to expect (80)"),
        (
            {"unusual": Against.BEFORE, "value": 30.0},
            "30 visitors, 37.5 % of what the last readings led to expect (80)",
        ),
    ],
)
def test_words(changed: dict, said: str) -> None:
    assert how_unusual(VISITORS, replace(HOURLY, **changed)) == said


def test_an_outlier_is_over_when_values_are_as_expected_again_and_does_not_become_usual() -> None:
    usual = taught(noisy(shop("UTC"), MONDAY, 21))
    spike = usual.time + 5 * MINUTE
    findings = found([(spike, 900.0), *noisy(shop("UTC"), spike + 5 * MINUTE, 1, seed=5)], usual=usual)
    assert findings[0].unusual
    assert not any(finding.unusual for finding in findings[12:])
    again = taught([(spike, 900.0), *noisy(shop("UTC"), spike + 5 * MINUTE, 7, seed=5)], usual=usual)
    same_hour = found([(again.time + 5 * MINUTE, shop("UTC")(spike))], usual=again)[-1]
    assert same_hour.expected == pytest.approx(shop("UTC")(spike), rel=0.2)


@pytest.mark.parametrize(("step", "days"), [(5 * MINUTE, 14), (HOUR, 28), (DAY, 120)])
def test_a_new_level_that_lasts_becomes_usual_after_a_while(step: int, days: int) -> None:
    usual = taught(noisy(lambda _: 100.0, MONDAY, days, step))
    later = found(noisy(lambda _: 300.0, usual.time + step, days, step, seed=8), usual=usual)
    assert later[0].unusual
    stayed = sum(1 for finding in later if finding.unusual)
    assert stayed >= min(5, len(later))
    assert not any(finding.unusual for finding in later[-len(later) // 4 :])
    assert later[-1].expected == pytest.approx(300, rel=0.15)


def test_what_was_said_is_no_news() -> None:
    """The same spike an hour later is no second alarm; a much larger one is."""
    calm = noisy(lambda _: 100.0, MONDAY, 14)
    usual = taught(calm)
    more = noisy(lambda _: 100.0, usual.time + 5 * MINUTE, 1, seed=3)
    same = [(time, 250.0 if n in {0, 24} else value) for n, (time, value) in enumerate(more)]
    larger = [(time, 250.0 if n == 0 else 90_000.0 if n == 24 else value) for n, (time, value) in enumerate(more)]
    assert alarms(found(same, usual=usual)) == [more[0][0]]
    assert more[24][0] in alarms(found(larger, usual=usual))


def test_the_days_of_the_week_are_told_apart() -> None:
    usual = taught(noisy(shop("UTC"), MONDAY, 5 * 7 + 5.5))
    saturday = found([(usual.time + 5 * MINUTE, 200.0)], usual=usual)[-1]
    sunday = found([(usual.time + DAY, 100.0)], usual=usual)[-1]
    assert (saturday.expected, sunday.expected) == (pytest.approx(200, rel=0.1), pytest.approx(100, rel=0.1))


def test_readings_that_come_fast_raise_no_more_false_alarms() -> None:
    noise = random.Random(7)
    fast = found([(MONDAY + n * 10 * SECOND, math.exp(noise.gauss(0, 0.3))) for n in range(6 * 60 * 24 * 5)])
    assert len(alarms(fast)) <= 1


def test_what_is_usual_for_its_hour_is_never_unusual_however_it_came_there() -> None:
    """Back after an outage of half a day; and after a day without any reading."""
    usual = taught(noisy(shop("UTC"), MONDAY, 28))
    down = [(usual.time + n * 5 * MINUTE, 0.0) for n in range(1, 150)]
    back = noisy(shop("UTC"), down[-1][0] + 5 * MINUTE, 0.5, seed=4)
    assert not any(finding.unusual for finding in found([*down, *back], usual=usual) if finding.time >= back[0][0])
    assert not any(finding.unusual for finding in found(noisy(shop("UTC"), usual.time + 8 * HOUR, 1), usual=usual))


def test_what_left_its_level_is_over_once_it_is_usual_for_its_hour() -> None:
    usual = taught(noisy(lambda _: 100.0, MONDAY, 14, HOUR))
    hour, before = replace(usual.from_hour, edge=50.0), replace(usual.from_before, edge=2.0)
    left = Finding(usual.time, 160.0, 0.6, Against.BEFORE, 130.0, 2.0, HOUR, usual.time, 1, 30.0)
    left_it = replace(usual, from_hour=hour, from_before=before, recent=30.0, finding=left)
    over = found([(usual.time + HOUR, 100.0)], usual=left_it)[-1]
    still = found([(usual.time + HOUR, 160.0)], usual=left_it)[-1]
    assert (over.unusual, still.unusual) == (None, Against.BEFORE)


VALUES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-LARGEST, LARGEST),
    st.sampled_from([0.0, 1.0, math.nan, 1e308, -1e308, 5e-324]),
    st.integers(0, 3).map(float),
)
PAIRS = st.lists(st.tuples(st.integers(0, 3 * HOUR // SECOND), VALUES), max_size=120).map(
    lambda gaps: [(MONDAY + SECOND * sum(gap for gap, _ in gaps[: n + 1]), value) for n, (_, value) in enumerate(gaps)]
)


@settings(deadline=None)
@given(pairs=PAIRS, cut=st.integers(0, 120))
def test_it_is_bounded_finite_and_the_same_after_any_restart(pairs: list[tuple[int, float]], cut: int) -> None:
    usual: Usual | None = None
    through: Usual | None = None
    for n, (time, value) in enumerate(pairs):
        if n == cut and usual is not None:
            usual = decode(Usual, encode(usual))
        usual = learn(usual, "x", "Europe/Amsterdam", time, value)
        through = learn(through, "x", "Europe/Amsterdam", time, value)
        assert usual == through
        if usual is None:
            continue
        assert len(encode(usual)) < 3000
        numbers = [usual.seen, usual.pace, usual.level, usual.recent, usual.bar, usual.from_hour.edge]
        numbers += [usual.from_before.edge, usual.from_hour.excess, usual.from_before.excess]
        if usual.finding:
            numbers += [usual.finding.expected, usual.finding.edge, usual.finding.shift]
            assert 0 <= usual.finding.score < 1
        assert all(math.isfinite(number) for number in numbers)


@given(st.floats(allow_nan=True), st.integers(-10 * DAY, 0))
def test_what_is_not_newer_or_no_number_teaches_nothing(value: float, back: int) -> None:
    usual = USUAL
    assert learn(usual, "x", "UTC", usual.time + back, value) is usual
    assert learn(usual, "x", "UTC", usual.time + DAY, math.nan) is usual
    assert learn(usual, "x", "UTC", usual.time + DAY, math.inf) is usual


USUAL = taught(noisy(shop("UTC"), MONDAY, 4, HOUR))


def test_two_days_are_48_hours_on_a_day_of_23() -> None:
    start = at("2026-03-28T12:00:00", ZONE)
    findings = found(noisy(lambda _: 10.0, start, 3), ZONE)
    assert findings[0].time - start == timedelta(days=2) // timedelta(microseconds=1)


def test_a_goal_says_what_is_unusual_beside_it() -> None:
    target = Target("t", "Room", Goal(at_least=20, at_most=500), Selector("x"), zone=ZONE)
    assessment = Assessment(Standing.IN_BAND, value=250.0, at_least=20, at_most=500, finding=HOURLY)
    assert describe(target, assessment, MONDAY) == (
        "in band: 250, wanted 20 to 500; unusual: 250, 3.1 times the usual for a Tuesday 14:00 (80)"
    )
